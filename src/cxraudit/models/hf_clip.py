"""Any CLIP or SigLIP in transformers' format: ``hf-clip:PATH`` or ``hf-clip:OWNER/NAME`` of the hub.

MedSigLIP, PubMedCLIP and similar models need no adapter: preprocessing, tokenizer and sizes are read from
the files beside the weights (`cxraudit.models.hf_folder`), which are checked before they are used.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from cxraudit.errors import DataError, shown
from cxraudit.models import hf_folder, hub, untrusted, user_card, weights
from cxraudit.models._torch import tokens
from cxraudit.models._torch.adapter import TorchAdapter
from cxraudit.models._torch.hf_tokenizer import hf_tokenizer, silent
from cxraudit.models._torch.levels import EightBitInput, Tones, tones_by
from cxraudit.models._torch.pixels import eight_bit
from cxraudit.models.base import Entry, ImageTextModel, Levels, ModelCard, Pixels

PREFIX = "hf-clip:"
LEGACY_END = 2
"""Configurations of before 2023 have this id of the end token; transformers then takes the largest id."""
SAMPLES = ("Chest Pneumothorax", "Chest No findings", "no pleural effusion " * 300)
PUBLISHED = hf_folder.PUBLISHED
TRANSFORM = "{}; as its preprocessor_config.json says; v1"
NEEDS = ("torch", "safetensors", "transformers")


def entry(name: str) -> Entry:
    """Return card and loader of a model named ``hf-clip:…``; only its configuration is read.

    Raises
    ------
    DataError
        If there is no such model, or it is not a CLIP or SigLIP.
    """
    where = name.removeprefix(PREFIX)
    folder = hub.folder_of(where, hf_folder.CONFIG)
    configuration = hf_folder.read_configuration(folder, where)
    card = user_card.card_of_folder(
        PREFIX,
        name,
        folder,
        summary=f"{configuration.kind} in transformers' format",
        embedding_dim=configuration.embedding_dim,
        image_size=configuration.image_size,
        transform=TRANSFORM.format(configuration.kind),
        needs=NEEDS,
    )
    return Entry(card, partial(load, card, where, folder, configuration))


class HfClip(EightBitInput, TorchAdapter):
    """Image processor and tokenizer are those published with the model."""

    processor: Any
    tokenizer: Any
    length: int

    def levels(self, image: Image.Image) -> Levels:
        """RGB, resized and cropped by the model's image processor."""
        return resized(self.processor, image)

    def image_features(self, batch: Any) -> Any:  # noqa: D102
        return _features(self.network.get_image_features(pixel_values=batch))

    def token_ids(self, text: str) -> Any:
        """Return what the tokenizer makes of a text: ids and, where it makes one, a mask."""
        with tokens.readable():
            return self.tokenizer(
                text, padding="max_length", truncation=True, max_length=self.length
            )

    def text_features(self, rows: Sequence[Any]) -> Any:  # noqa: D102
        import torch

        inputs = {key: torch.tensor([row[key] for row in rows]) for key in rows[0]}
        inputs = {key: value.to(self.device) for key, value in inputs.items()}
        return _features(self.network.get_text_features(**inputs))


def resized(processor: Any, image: Image.Image) -> Levels:
    """Return an image as the published image processor resizes and crops it, before it is scaled."""
    image = eight_bit(image)
    found = processor(
        images=image.convert("RGB"), do_rescale=False, do_normalize=False, return_tensors="np"
    )["pixel_values"][0]
    return np.ascontiguousarray(found[:1] if image.mode == "L" else found, dtype=np.uint8)


def tones_of(processor: Any) -> Tones:
    """Return what the published image processor makes of each grey level, after resizing."""

    def scaled(ramp: Image.Image) -> Pixels:
        colours = ramp.convert("RGB")
        return processor(
            images=colours, do_resize=False, do_center_crop=False, return_tensors="np"
        )["pixel_values"][0]

    return tones_by(scaled)


def _features(output: Any) -> Any:
    return getattr(output, "pooler_output", output)


def load(
    card: ModelCard,
    where: str,
    folder: Path,
    configuration: hf_folder.Configuration,
    *,
    adapter: type[HfClip] = HfClip,
    device: str = "auto",
    precision: str = "fp32",
) -> ImageTextModel:
    """Load weights, image processor and tokenizer, each checked against the others."""
    names = [*hf_folder.NAMES, hf_folder.WEIGHTS, "model-*-of-*.safetensors"]
    folder = hub.whole(where, folder, names, hf_folder.CONFIG)
    steps = hf_folder.read_preprocessor(folder, where, configuration)
    files = hf_folder.weight_files(folder, where)
    hf_folder.require_tokenizer(folder, where)
    network = _network(where, configuration)
    path = hf_folder.named_weights(folder, files)
    weights.load_strictly(network, read_state(files), path, tolerated=r"position_ids$")
    _place_positions(network)
    model = adapter(
        card,
        network,
        device=device,
        precision=precision,
        fingerprint=weights.combined(
            hub.digests(hf_folder.used_files(folder, where)), card.transform
        ),
        logit_scale=weights.plausible_scale(network.logit_scale, path),
    )
    model.processor = processor_of(where, configuration, steps)
    model.tones = tones_of(model.processor)
    model.tokenizer = hf_tokenizer(folder, where)
    model.length = network.config.text_config.max_position_embeddings
    _check_tokens(model, where, configuration.kind)
    return model


def _network(where: str, configuration: hf_folder.Configuration) -> Any:
    """Build the network without memory, and check that both towers run and have equal widths."""
    import torch
    import transformers
    from transformers.activations import ACT2FN

    for section in ("text_config", "vision_config"):
        part = configuration.text if section == "text_config" else configuration.vision
        named = part.get("hidden_act", "gelu")
        if not isinstance(named, str) or named not in ACT2FN:
            raise DataError(
                f"'{where}' has hidden_act {shown(named)} in {section}, which is no activation of "
                f"transformers. {PUBLISHED}"
            )
    classes: dict[str, Any] = {
        "clip": (transformers.CLIPConfig, transformers.CLIPModel),
        "siglip": (transformers.SiglipConfig, transformers.SiglipModel),
    }
    as_config, as_model = classes[configuration.kind]
    side, width = configuration.image_size, configuration.embedding_dim
    fault = f"'{where}' has a configuration that makes no {configuration.kind}"
    with untrusted.one_sentence(fault, PUBLISHED), torch.device("meta"), torch.no_grad(), silent():
        config = as_config(
            text_config=dict(configuration.text),
            vision_config=dict(configuration.vision),
            **configuration.top,
        )
        network = as_model(config)
        images = _features(network.get_image_features(pixel_values=torch.empty(1, 3, side, side)))
        length = config.text_config.max_position_embeddings
        ids = torch.zeros(1, length, dtype=torch.int64)
        texts = _features(network.get_text_features(input_ids=ids))
        shapes = [tuple(images.shape), tuple(texts.shape)]
        if shapes != [(1, width)] * 2:
            raise ValueError(f"embeddings of images and texts have shapes {shapes}")
    return network


def read_state(files: Mapping[Path, list[str] | None]) -> dict[str, Any]:
    """Read the tensors of all files."""
    state: dict[str, Any] = {}
    for path, names in files.items():
        found = weights.read_safetensors(path)
        absent = [name for name in names or () if name not in found]
        if absent:
            raise DataError(
                f"{path} lacks {len(absent)} tensors that the index says it has (first {absent[0]}). "
                f"{PUBLISHED}"
            )
        state.update(found if names is None else {name: found[name] for name in names})
    return state


def _place_positions(network: Any) -> None:
    """Fill the positions 0, 1, 2 …, which are not in the file and were built without memory."""
    import torch

    for module in network.modules():
        for name, buffer in list(module.named_buffers(recurse=False)):
            if buffer.device.type == "meta":
                assert name == "position_ids", name
                setattr(module, name, torch.arange(buffer.shape[-1]).expand(1, -1))


def processor_of(where: str, configuration: hf_folder.Configuration, steps: dict[str, Any]) -> Any:
    """Build the image processor, and check on an image what comes out."""
    import transformers

    classes: dict[str, Any] = {
        "clip": transformers.CLIPImageProcessorPil,
        "siglip": transformers.SiglipImageProcessorPil,
        "dinov2": transformers.BitImageProcessorPil,
    }
    side = configuration.image_size
    fault = f"'{where}' has a preprocessing that cannot be carried out"
    with untrusted.one_sentence(fault, PUBLISHED):
        processor = classes[configuration.kind].from_dict(steps)
        sample = Image.linear_gradient("L").resize((300, 200)).convert("RGB")
        pixels = np.asarray(processor(images=sample, return_tensors="np")["pixel_values"])
        if pixels.shape != (1, 3, side, side) or not np.isfinite(pixels).all():
            raise ValueError(
                f"images become {pixels.shape[1:]}, the network takes {(3, side, side)}"
            )
    return processor


def _check_tokens(model: HfClip, where: str, kind: str) -> None:
    """Refuse a tokenizer whose words and special tokens are not those of the network."""
    text = model.network.config.text_config
    with untrusted.one_sentence(f"'{where}' has a tokenizer that does not run", PUBLISHED):
        ids = sorted(set(model.tokenizer.get_vocab().values()))
        rows = [list(model.token_ids(sample)["input_ids"]) for sample in SAMPLES]
        end = model.tokenizer.eos_token_id
    expected = text.eos_token_id if text.eos_token_id != LEGACY_END else text.vocab_size - 1
    faults = []
    if ids != list(range(text.vocab_size)):
        last = f"{len(ids):,} words, the last with number {max(ids, default=-1):,}"
        faults.append(f"it has {last}; the network has {text.vocab_size:,}")
    if any(len(row) != model.length for row in rows):
        faults.append(f"texts do not become {model.length} tokens")
    if kind == "clip" and not all(expected in row for row in rows):
        faults.append(f"texts do not end with token {expected}, as the network expects, but {end}")
    if rows[0] == rows[1]:
        faults.append("different texts have the same tokens")
    if faults:
        raise DataError(f"'{where}' has a tokenizer of another model: {faults[0]}. {PUBLISHED}")


def published(card: ModelCard, adapter: type[HfClip] = HfClip, **options: Any) -> ImageTextModel:
    """Load a published model from the folder of its name; `options` as of `load`, and `folder`.

    Raises
    ------
    DataError
        If a file is missing, or its sizes are not those of the card.
    """
    folder = options.pop("folder", None) or weights.folder_of(card)
    weights.find_all(card, folder)
    configuration = hf_folder.as_published(card, folder, hf_folder.IMAGE_TEXT)
    return load(card, str(folder), folder, configuration, adapter=adapter, **options)
