"""A model in the format of open_clip: ``open-clip:PATH`` or ``open-clip:OWNER/NAME`` of the hub.

The folder has ``open_clip_config.json`` and the weights. Transform and tokens are those of open_clip 3.3,
whose key names the networks have.
"""

import string
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from cxraudit.errors import DataError
from cxraudit.models import hf_folder, hub, untrusted, user_card, weights
from cxraudit.models import open_clip_folder as layout
from cxraudit.models._torch import tokens
from cxraudit.models._torch.adapter import TorchAdapter
from cxraudit.models._torch.hf_tokenizer import hf_tokenizer
from cxraudit.models._torch.levels import EightBitInput, levels_of, normalised_tones
from cxraudit.models._torch.pixels import (
    BICUBIC,
    BILINEAR,
    centre_crop,
    eight_bit,
    resize_short,
)
from cxraudit.models.base import Entry, ImageTextModel, Levels, ModelCard
from cxraudit.models.open_clip_folder import PUBLISHED, Configuration, Model, Text, Vision

PREFIX = "open-clip:"
SAMPLES = ("Chest Pneumothorax", "Chest No findings", "no pleural effusion " * 300)
HEADS = {768: 12, 1024: 16}
"""Width of a BERT → its heads, of the sizes base and large; others have to say it in ``config.json``."""
BERT_EPS, PAD = 1e-12, 0


def entry(name: str) -> Entry:
    """Return card and loader of a model named ``open-clip:…``; only its configuration is read.

    Raises
    ------
    DataError
        If there is no such model, or it is none that is read.
    """
    where = name.removeprefix(PREFIX)
    folder = hub.folder_of(where, layout.CONFIG)
    configuration = layout.read(folder, where)
    card = user_card.card_of_folder(
        PREFIX,
        name,
        folder,
        summary=f"{_kind(configuration.model_cfg)} in the format of open_clip",
        embedding_dim=configuration.model_cfg.embed_dim,
        image_size=configuration.model_cfg.vision_cfg.image_size,
        transform=_transform(configuration),
        needs=("torch", "safetensors", "transformers", "ftfy"),
    )
    return Entry(card, partial(load, card, where, folder, configuration))


def _kind(model: Model) -> str:
    vision, text = model.vision_cfg, model.text_cfg
    if vision.timm_model_name:
        image = vision.timm_model_name
    elif isinstance(vision.layers, tuple):
        image = "ResNet"
    else:
        image = f"ViT of {vision.layers} layers"
    return f"{image} and {text.hf_model_name or f'a text transformer of {text.layers} layers'}"


def _transform(configuration: Configuration) -> str:
    steps, side = configuration.preprocess_cfg, configuration.model_cfg.vision_cfg.image_size
    numbers = ", ".join(f"{value:g}" for value in (*steps.mean, *steps.std))
    fill = f" on {steps.fill_color}" if steps.resize_mode == "longest" else ""
    kind = "bilinear" if steps.interpolation == "bilinear" else "bicubic"
    return f"8-bit; {steps.resize_mode} {side} {kind}{fill}; RGB; mean and std {numbers}; v1"


def resized(image: Image.Image, side: int, steps: layout.Preprocess) -> Levels:
    """Return an image as open_clip resizes and crops it, (1, side, side), of colours 3."""
    image = eight_bit(image)
    kind = BILINEAR if steps.interpolation == "bilinear" else BICUBIC
    if steps.resize_mode == "squash":
        image = image.resize((side, side), kind)
    elif steps.resize_mode == "longest":
        ratio = max(n / side for n in image.size)
        width, height = (max(round(n / ratio), 1) for n in image.size)
        image = _padded(image.resize((width, height), kind), side, steps.fill_color)
    else:
        image = centre_crop(resize_short(image, side, kind), side)
    return levels_of(image)


def _padded(image: Image.Image, side: int, fill: int) -> Image.Image:
    """Return an image in the middle of a square of one grey level; an odd pixel is on the far side."""
    colour: Any = fill if image.mode == "L" else (fill,) * 3
    square = Image.new(image.mode, (side, side), colour)
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return square


class OpenClip(EightBitInput, TorchAdapter):
    """Towers, transform and tokens by the configuration."""

    configuration: Configuration
    tokenize: Callable[[str], list[int]]

    def levels(self, image: Image.Image) -> Levels:
        """Resize and crop as the configuration says; (1, side, side), of colours 3."""
        side = self.configuration.model_cfg.vision_cfg.image_size
        return resized(image, side, self.configuration.preprocess_cfg)

    def image_features(self, batch: Any) -> Any:  # noqa: D102
        return self.network.visual(batch)

    def token_ids(self, text: str) -> list[int]:  # noqa: D102
        with tokens.readable():
            return self.tokenize(text)

    def text_features(self, rows: Sequence[list[int]]) -> Any:  # noqa: D102
        import torch

        return self.network.text.encode_text(torch.tensor(rows, device=self.device))


def load(
    card: ModelCard,
    where: str,
    folder: Path,
    configuration: Configuration,
    *,
    device: str = "auto",
    precision: str = "fp32",
) -> ImageTextModel:
    """Load weights and tokenizer, each checked against the configuration."""
    named = (*layout.WEIGHTS, *hf_folder.TOKENIZER_FILES, hf_folder.CONFIG)
    folder = hub.whole(where, folder, [layout.CONFIG, *named], layout.CONFIG)
    path = _weights(folder, where)
    model = configuration.model_cfg
    state = _state(path)
    bert = _bert_of(folder, model.text_cfg, state, path)
    used = [path, folder / layout.CONFIG]
    if model.text_cfg.hf_tokenizer_name:
        hf_folder.require_tokenizer(folder, where)
        used += [folder / n for n in hf_folder.TOKENIZER_FILES if (folder / n).is_file()]
    if bert and (folder / hf_folder.CONFIG).is_file():
        used.append(folder / hf_folder.CONFIG)
    fault = f"'{where}' has a configuration that makes no network"
    with untrusted.one_sentence(fault, PUBLISHED):
        network = weights.filled(
            partial(_network, model, bert), path, state, tolerated=_tolerated(model.text_cfg)
        )
    adapter = OpenClip(
        card,
        network,
        device=device,
        precision=precision,
        fingerprint=weights.combined(hub.digests(sorted(used)), card.transform),
        logit_scale=weights.plausible_scale(network.logit_scale, path),
    )
    adapter.configuration = configuration
    steps = configuration.preprocess_cfg
    adapter.tones = normalised_tones(steps.mean, steps.std)
    adapter.tokenize = _tokenizer(folder, where, model.text_cfg)
    words = bert["vocabulary"] if bert else model.text_cfg.vocab_size
    _check_tokens(adapter, where, words, model.text_cfg)
    return adapter


def _tolerated(text: Text) -> str:
    """Return which tensors may be in a file without being used."""
    pooler = "" if text.hf_pooler_type == "cls_pooler" else r"|^text\.transformer\.pooler\."
    return r"position_ids$|^attn_mask$|^text\.attn_mask$" + (pooler if text.hf_model_name else "")


def _weights(folder: Path, where: str) -> Path:
    for name in layout.WEIGHTS:
        if (folder / name).is_file():
            return folder / name
    raise DataError(
        f"'{where}' has no weights: {layout.WEIGHTS[0]} (or {', '.join(layout.WEIGHTS[1:])}) is missing. "
        f"{PUBLISHED}"
    )


def _state(path: Path) -> dict[str, Any]:
    """Read tensors under the names of a model with two towers, as open_clip does."""
    state = weights.read_state(path)
    nested = state.get("state_dict")
    if isinstance(nested, dict):
        state = nested
    names = [name for name in state if isinstance(name, str)]
    if names and names[0].startswith("module."):
        state = {
            name.removeprefix("module.") if isinstance(name, str) else name: value
            for name, value in state.items()
        }
    if "text_projection" in state or "positional_embedding" in state:
        state = {_in_text(name): value for name, value in state.items()}
    for name in ("logit_scale", "logit_bias"):
        if getattr(state.get(name), "shape", None) == (1,):
            state[name] = state[name].reshape(())
    return state


TEXT_PARTS = (
    "text_projection",
    "positional_embedding",
    "token_embedding",
    "transformer",
    "ln_final",
)
"""Parts that the file of a plain CLIP has beside the image tower, not under ``text``."""


def _in_text(name: Any) -> Any:
    return f"text.{name}" if isinstance(name, str) and name.startswith(TEXT_PARTS) else name


def _network(model: Model, bert: Mapping[str, int] | None) -> Any:
    """Build both towers."""
    import torch
    from torch import nn

    net: Any = nn.Module()
    net.visual = _image_tower(model)
    net.text = _bert(model, bert) if bert else _text_tower(model)
    net.logit_scale = nn.Parameter(torch.empty(()))
    if model.init_logit_bias is not None:
        net.logit_bias = nn.Parameter(torch.empty(()))
    return net


def _blocks(tower: Vision | Text, quick: bool) -> Any:
    from cxraudit.models._torch.towers.clip import Kind

    norm, act = tower.norm_kwargs, tower.act_kwargs
    exact = act.approximate if act else "none"
    return Kind(
        eps=norm.eps if norm else 1e-5,
        gelu="quick" if quick else exact,
        ratio=tower.mlp_ratio,
        scaled=tower.ls_init_value is not None,
    )


def _image_tower(model: Model) -> Any:
    from cxraudit.models._torch.towers.clip import VisionTransformer
    from cxraudit.models._torch.towers.clip_resnet import ClipResNet

    vision = model.vision_cfg
    if vision.timm_model_name:
        return _timm_tower(model)
    if isinstance(vision.layers, tuple):
        heads = vision.width * 32 // vision.head_width
        return ClipResNet(vision.image_size, vision.width, vision.layers, heads, model.embed_dim)
    assert vision.patch_size is not None
    return VisionTransformer(
        vision.image_size,
        vision.patch_size,
        vision.width,
        vision.layers,
        vision.width // vision.head_width,
        model.embed_dim,
        kind=_blocks(vision, model.quick_gelu),
        norm_first=not vision.no_ln_pre,
        average=vision.pool_type == "avg",
        pool_first=vision.final_ln_after_pool,
    )


def _timm_tower(model: Model) -> Any:
    from collections import OrderedDict

    from torch import nn

    from cxraudit.models._torch.towers.vit import Mlp, VisionTransformer

    vision, dim = model.vision_cfg, model.embed_dim
    parts = layout.timm_name(vision)
    assert parts is not None
    width, layers, heads, hidden = layout.SIZES[parts["size"]]
    pool = "map" if parts["siglip"] else "avg" if vision.timm_pool == "avg" else "token"
    trunk = VisionTransformer(
        side=vision.image_size,
        patch=int(parts["patch"]),
        width=width,
        layers=layers,
        heads=heads,
        hidden=hidden,
        pool=pool,
        gelu="tanh" if parts[0].partition(".")[0] in layout.SIGLIP_TANH else "none",
    )
    layer: dict[str, Any] = {}
    if vision.timm_proj == "linear":
        layer = {"proj": nn.Linear(width, dim, vision.timm_proj_bias)}
    elif vision.timm_proj == "mlp":
        layer = {"mlp": Mlp(width, 2 * dim, dim, bias=vision.timm_proj_bias)}
    towers: dict[str, Any] = {"trunk": trunk, "head": nn.Sequential(OrderedDict(layer))}
    return nn.Sequential(OrderedDict(towers))


def _text_tower(model: Model) -> Any:
    from cxraudit.models._torch.towers.clip import TextTransformer

    text = model.text_cfg
    return TextTransformer(
        text.vocab_size,
        text.context_length,
        text.width,
        text.layers,
        text.heads,
        model.embed_dim if text.proj_type == "linear" else None,
        kind=_blocks(text, model.quick_gelu),
        pool=text.pool_type,
        end=text.eos_id,
        causal=not text.no_causal_mask,
        bias=text.proj_bias,
    )


def _bert(model: Model, sizes: Mapping[str, int]) -> Any:
    from cxraudit.models._torch.towers.pooled_bert import PooledBert

    text = model.text_cfg
    return PooledBert(
        sizes, model.embed_dim, projection=text.hf_proj_type, pooler=text.hf_pooler_type
    )


BERT = "text.transformer."
LAYER = BERT + "encoder.layer.{}.intermediate.dense.weight"


def _bert_of(
    folder: Path, text: Text, state: Mapping[str, Any], path: Path
) -> dict[str, int] | None:
    """Return the sizes of a BERT by its tensors; the configuration names only where it came from."""
    if text.hf_model_name is None:
        return None
    words = _shape(state, BERT + "embeddings.word_embeddings.weight", path)
    positions = _shape(state, BERT + "embeddings.position_embeddings.weight", path)
    hidden = _shape(state, LAYER.format(0), path)
    width = words[1]
    layers = 0
    while LAYER.format(layers) in state:
        layers += 1
    heads = _heads(folder, width, path)
    if positions[0] < text.context_length:
        raise DataError(
            f"{path} has {positions[0]} positions; context_length is {text.context_length} "
            f"({layout.CONFIG}). {PUBLISHED}"
        )
    return {
        "vocabulary": words[0],
        "width": width,
        "layers": layers,
        "heads": heads,
        "hidden": hidden[0],
        "positions": positions[0],
    }


def _shape(state: Mapping[str, Any], name: str, path: Path) -> tuple[int, ...]:
    shape = tuple(getattr(state.get(name), "shape", ()))
    if len(shape) != 2:
        raise DataError(
            f"{path} has no table {name}, which the BERT that {layout.CONFIG} names has. {PUBLISHED}"
        )
    return shape


def _heads(folder: Path, width: int, path: Path) -> int:
    """Return the number of heads: of a configuration of the BERT beside it, or by its width."""
    file = folder / hf_folder.CONFIG
    stated = untrusted.read_json(file, remedy=PUBLISHED) if file.is_file() else {}
    if stated.get("model_type") != "bert":
        if width in HEADS:
            return HEADS[width]
        raise DataError(
            f"{path} has a BERT of width {width}, whose number of heads is not in {layout.CONFIG}. Put "
            f"the {hf_folder.CONFIG} of its text model beside it."
        )
    wanted: dict[str, Any] = {
        "layer_norm_eps": BERT_EPS,
        "hidden_act": "gelu",
        "pad_token_id": PAD,
        "position_embedding_type": "absolute",
    }
    for key, value in wanted.items():
        if stated.get(key, value) != value:
            raise DataError(
                f"{file}: {key} is {str(stated[key])[:40]}; BERTs are read with {value}. {PUBLISHED}"
            )
    heads = stated.get("num_attention_heads", 12)
    if not isinstance(heads, int) or isinstance(heads, bool) or heads < 1 or width % heads:
        raise DataError(
            f"{file}: num_attention_heads is {str(heads)[:40]}; the width is {width}. {PUBLISHED}"
        )
    return heads


def canonical(text: str) -> str:
    """Return a text as SigLIP is trained on: lower case, without ASCII punctuation, single spaces."""
    bare = text.replace("_", " ").translate(str.maketrans("", "", string.punctuation))
    return " ".join(bare.lower().split())


CLEAN: Mapping[str, Callable[[str], str]] = {
    "lower": lambda text: " ".join(tokens.clean(text).split()).lower(),
    "canonicalize": lambda text: canonical(tokens.clean(text)),
    "whitespace": lambda text: " ".join(tokens.clean(text).split()),
}


def _tokenizer(folder: Path, where: str, text: Text) -> Callable[[str], list[int]]:
    """Return the function from a text to its tokens, padded to the length of the tower."""
    options = text.tokenizer_kwargs or layout.Tokens()
    if text.hf_tokenizer_name:
        published = hf_tokenizer(folder, where)
        clean = CLEAN[options.clean or "whitespace"]
        separator = published.sep_token_id if options.strip_sep_token else None

        def by_files(given: str) -> list[int]:
            made = published(
                clean(given),
                padding="max_length",
                truncation=True,
                max_length=text.context_length,
            )["input_ids"]
            return [0 if one == separator else one for one in made]

        return by_files
    if text.vocab_size != tokens.CLIP[0] or options.clean == "whitespace":
        raise DataError(
            f"'{where}' has {text.vocab_size:,} words and no hf_tokenizer_name; the tokenizer of CLIP has "
            f"{tokens.CLIP[0]:,} and is read with clean 'lower' or 'canonicalize'. {PUBLISHED}"
        )
    pairs = tokens.BytePairs(*tokens.bpe_lists(), CLEAN[options.clean or "lower"])

    def by_merges(given: str) -> list[int]:
        made = tokens.truncated(pairs(given), text.context_length)
        return [*made, *[0] * (text.context_length - len(made))]

    return by_merges


def _check_tokens(adapter: OpenClip, where: str, words: int, text: Text) -> None:
    """Refuse a tokenizer that gives what the tower has no row for."""
    with untrusted.one_sentence(f"'{where}' has a tokenizer that does not run", PUBLISHED):
        rows = np.array([adapter.token_ids(sample) for sample in SAMPLES])
    faults = []
    if rows.shape != (len(SAMPLES), text.context_length):
        faults.append(f"texts do not become {text.context_length} tokens")
    elif rows.min() < 0 or rows.max() >= words:
        faults.append(f"it has a word with number {rows.max():,}; the network has {words:,}")
    elif (rows[0] == rows[1]).all():
        faults.append("different texts have the same tokens")
    elif text.pool_type == "eos" and not text.hf_model_name and text.eos_id not in rows[0]:
        faults.append(f"texts have no token {text.eos_id}, which stands for them")
    if faults:
        raise DataError(f"'{where}' has a tokenizer of another model: {faults[0]}. {PUBLISHED}")
