"""``open_clip_config.json`` of open_clip (3.3): sizes and options, checked before anything is built.

Only what changes an embedding is kept. An option that is not read here is refused when it is set, since
the embeddings would be those of another network.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BeforeValidator, Strict

from cxraudit.errors import DataError
from cxraudit.models import untrusted
from cxraudit.validation import Described, validated

CONFIG = "open_clip_config.json"
WEIGHTS = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
    "open_clip_pytorch_model.pth",
)
"""Names of the weights, in the order in which open_clip prefers them."""
PUBLISHED = "Use the files as they were published together."
SEE = "cxraudit models --help"

Count = Annotated[int, Ge(1), Le(256)]
Width = Annotated[int, Ge(1), Le(16_384)]
Ratio = Annotated[float, Gt(0), Le(16)]
Token = Annotated[int, Ge(0), Le(2_000_000)]
Off = Literal[False] | None
"""An option that must not be set."""
Level = Annotated[float, Ge(0), Le(1)]
Deviation = Annotated[float, Ge(0.01), Le(1)]


def _square(value: Any) -> Any:
    """Return the side of a square that is given by two sides."""
    if isinstance(value, list) and len(value) == 2 and value[0] == value[1]:
        return value[0]
    return value


Side = Annotated[int, Ge(1), Le(2_048), BeforeValidator(_square)]
Patch = Annotated[int, Ge(1), Le(256), BeforeValidator(_square)]


def _three(value: Any) -> Any:
    """Return one number per channel."""
    return value if isinstance(value, list) else [value] * 3


class Activation(Described):
    """Options of the activation."""

    approximate: Literal["none", "tanh"] = "none"


class Norm(Described):
    """Options of the layer norms."""

    eps: Annotated[float, Gt(0), Lt(0.1)] = 1e-5


class Tower(Described):
    """What both towers have."""

    mlp_ratio: Ratio = 4.0
    ls_init_value: float | None = None
    act_kwargs: Activation | None = None
    norm_kwargs: Norm | None = None
    output_tokens: Off = False
    block_type: Literal["default"] | None = None
    qk_norm: Off = False
    scaled_cosine_attn: Off = False
    scale_heads: Off = False
    scale_attn_inner: Off = False
    scale_attn: Off = False
    scale_fc: Off = False


class Vision(Tower):
    """The image tower: OpenAI's ViT, its ResNet (four numbers of layers), or a ViT of timm."""

    layers: Count | Annotated[tuple[Count, Count, Count, Count], Strict(False)] = 12
    width: Width = 768
    head_width: Width = 64
    patch_size: Patch | None = 16
    image_size: Side = 224
    no_ln_pre: bool = False
    final_ln_after_pool: bool = False
    pool_type: Literal["tok", "avg"] = "tok"
    pos_embed_type: Literal["learnable", "sin_cos_2d"] = "learnable"
    attentional_pool: Off = False
    patch_dropout: float = 0.0
    attn_pooler_queries: int = 256
    attn_pooler_heads: int = 8
    timm_model_name: str | None = None
    timm_model_pretrained: bool = False
    timm_pool: Literal["", "token", "avg", "map"] = "avg"
    timm_proj: Literal["linear", "mlp", "none"] = "linear"
    timm_proj_bias: bool = False
    timm_drop: float = 0.0
    timm_drop_path: float | None = None


class Tokens(Described):
    """Options of the tokenizer."""

    clean: Literal["lower", "canonicalize", "whitespace"] | None = None
    strip_sep_token: bool = False
    reduction_mask: Literal[""] = ""


class Text(Tower):
    """The text tower: CLIP's transformer, or a BERT of transformers."""

    context_length: Annotated[int, Ge(2), Le(8_192)] = 77
    vocab_size: Annotated[int, Ge(3), Le(2_000_000)] = 49_408
    hf_tokenizer_name: str | None = None
    tokenizer_mode: Literal[""] | None = None
    tokenizer_kwargs: Tokens | None = None
    width: Width = 512
    heads: Count = 8
    layers: Count = 12
    embed_cls: Off = False
    pad_id: Token = 0
    eos_id: Token = 2
    no_causal_mask: bool = False
    final_ln_after_pool: bool = False
    pool_type: Literal["argmax", "eos", "first", "last"] = "argmax"
    proj_bias: bool = False
    proj_type: Literal["linear", "none"] = "linear"
    hf_model_name: str | None = None
    hf_model_pretrained: bool = True
    hf_proj_type: Literal["linear", "mlp"] | None = "mlp"
    hf_pooler_type: Literal["cls_last_hidden_state_pooler", "cls_pooler", "mean_pooler"] = (
        "mean_pooler"
    )


class Model(Described):
    """``model_cfg``."""

    embed_dim: Width
    vision_cfg: Vision
    text_cfg: Text
    quick_gelu: bool = False
    init_logit_scale: float | None = None
    init_logit_bias: float | None = None
    nonscalar_logit_scale: bool = False
    custom_text: bool = False


class Preprocess(Described):
    """The part of ``preprocess_cfg`` that open_clip reads; the size is that of the image tower."""

    mode: Literal["RGB"] = "RGB"
    mean: Annotated[tuple[Level, Level, Level], Strict(False), BeforeValidator(_three)] = (
        0.48145466,
        0.4578275,
        0.40821073,
    )
    std: Annotated[
        tuple[Deviation, Deviation, Deviation], Strict(False), BeforeValidator(_three)
    ] = (0.26862954, 0.26130258, 0.27577711)
    interpolation: Literal["bicubic", "bilinear", "random"] = "bicubic"
    resize_mode: Literal["shortest", "longest", "squash"] = "shortest"
    fill_color: Annotated[int, Ge(0), Le(255)] = 0


class Configuration(Described):
    """A whole file."""

    model_cfg: Model
    preprocess_cfg: Preprocess = Preprocess()


TIMM = re.compile(
    r"vit_(?P<size>[a-z0-9]+)_patch(?P<patch>\d+)(?P<siglip>_siglip)?_(?P<side>\d+)(?:\.\w+)?"
)
PLAIN = (
    "vit_tiny_patch16_224",
    "vit_tiny_patch16_384",
    "vit_small_patch32_224",
    "vit_small_patch32_384",
    "vit_small_patch16_224",
    "vit_small_patch16_384",
    "vit_small_patch8_224",
    "vit_base_patch32_224",
    "vit_base_patch32_384",
    "vit_base_patch16_224",
    "vit_base_patch16_384",
    "vit_base_patch8_224",
    "vit_large_patch32_224",
    "vit_large_patch32_384",
    "vit_large_patch16_224",
    "vit_large_patch16_384",
    "vit_large_patch14_224",
    "vit_huge_patch14_224",
)
SIGLIP = (
    "vit_base_patch16_siglip_224",
    "vit_base_patch16_siglip_256",
    "vit_base_patch16_siglip_384",
    "vit_base_patch16_siglip_512",
    "vit_large_patch16_siglip_256",
    "vit_large_patch16_siglip_384",
    "vit_so400m_patch14_siglip_224",
    "vit_so400m_patch14_siglip_378",
    "vit_so400m_patch14_siglip_384",
)
SIGLIP_TANH = (
    "vit_base_patch32_siglip_256",
    "vit_large_patch16_siglip_512",
    "vit_so400m_patch16_siglip_256",
    "vit_so400m_patch16_siglip_384",
    "vit_so400m_patch16_siglip_512",
)
"""Those whose GELU timm approximates with tanh: nothing but their names says so."""
SIZES: Mapping[str, tuple[int, int, int, int]] = {
    "tiny": (192, 12, 3, 768),
    "small": (384, 12, 6, 1536),
    "base": (768, 12, 12, 3072),
    "large": (1024, 24, 16, 4096),
    "huge": (1280, 32, 16, 5120),
    "so400m": (1152, 27, 16, 4304),
}
"""Name of a size in timm → width, layers, heads, width of the feed-forward."""


def read(folder: Path, where: str) -> Configuration:
    """Read the configuration of a folder.

    Raises
    ------
    DataError
        If it is missing, no JSON, or that of a model that is not read.
    ConfigError
        If a key is unknown or a value is none that is read, with all that are.
    """
    path = folder / CONFIG
    if not path.is_file():
        raise DataError(
            f"'{where}' is no model in the format of open_clip: {CONFIG} is missing. Name the folder that "
            "contains it, or use hf-clip:PATH for one that contains config.json."
        )
    data = untrusted.read_json(path, remedy=PUBLISHED)
    model = data.get("model_cfg")
    if not isinstance(model, dict):
        raise DataError(f"{path} has no model_cfg. {PUBLISHED}")
    if "multimodal_cfg" in model:
        raise DataError(
            f"'{where}' is a CoCa (multimodal_cfg), which is not read; open-clip reads models of two "
            "towers. Encode its images elsewhere, and audit the embeddings."
        )
    steps = data.get("preprocess_cfg")
    if steps is not None and not isinstance(steps, dict):
        raise DataError(f"{path}: preprocess_cfg is no object. {PUBLISHED}")
    # Its size is that of the image tower, whatever is written here, and null is what the tower has.
    given = {key: v for key, v in (steps or {}).items() if v is not None and key != "size"}
    found = validated(Configuration, {"model_cfg": model, "preprocess_cfg": given}, path, see=SEE)
    if fault := _fault(found.model_cfg):
        raise DataError(f"{path}: {fault}. {PUBLISHED}")
    return found


def timm_name(vision: Vision) -> re.Match[str] | None:
    """Return the parts of the name of a ViT of timm, if it is one that is read."""
    name = vision.timm_model_name or ""
    known = name.partition(".")[0] in {*PLAIN, *SIGLIP, *SIGLIP_TANH}
    return TIMM.fullmatch(name) if known else None


def _fault(model: Model) -> str:
    """Return what no network has, or none that is read; empty if nothing."""
    faults = (_of_timm(model), _of_own(model.vision_cfg), _of_bert(model), _of_text(model))
    return next(filter(None, faults), "")


def _of_timm(model: Model) -> str:
    vision = model.vision_cfg
    if vision.timm_model_name is None:
        return ""
    parts = timm_name(vision)
    name = vision.timm_model_name[:60]
    if parts is None:
        return (
            f"the image tower {name!r} of timm is not read; read are plain ViTs (vit_base_patch16_224, "
            "vit_large_patch16_224 …) and those of SigLIP (vit_base_patch16_siglip_224 …)"
        )
    if int(parts["side"]) != vision.image_size:
        return f"image_size is {vision.image_size}; {name} takes {parts['side']}"
    if parts["siglip"] and vision.timm_pool not in ("", "map"):
        return f"timm_pool is {vision.timm_pool!r}; {name} has 'map'"
    if not parts["siglip"] and vision.timm_pool == "map":
        return f"timm_pool is 'map', which {name} does not have"
    if vision.timm_proj == "none" and not (parts["siglip"] and vision.timm_pool == "map"):
        return "timm_proj is 'none', which is read for towers of SigLIP with timm_pool 'map'"
    width = SIZES[parts["size"]][0]
    if vision.timm_proj == "none" and width != model.embed_dim:
        return f"embed_dim is {model.embed_dim}; {name} without a projection has {width}"
    return ""


def _of_own(vision: Vision) -> str:
    if vision.timm_model_name is not None:
        return ""
    if isinstance(vision.layers, tuple):
        if vision.width % 2 or (vision.width * 32) % vision.head_width:
            return f"width {vision.width} cannot be split into heads of {vision.head_width}"
        return "" if vision.image_size >= 32 else "image_size is below 32"
    if vision.patch_size is None or vision.patch_size > vision.image_size:
        return f"patch_size is {vision.patch_size}; images have {vision.image_size} pixels"
    if vision.width % vision.head_width:
        return f"width {vision.width} cannot be split into heads of {vision.head_width}"
    return ""


def _of_bert(model: Model) -> str:
    text = model.text_cfg
    if text.hf_model_name is None:
        return ""
    if not text.hf_tokenizer_name:
        return "text_cfg has hf_model_name, but no hf_tokenizer_name"
    if "bert" not in text.hf_model_name.lower() or re.search(
        r"roberta|distil|albert|deberta|mobilebert|modernbert", text.hf_model_name.lower()
    ):
        return (
            f"the text tower {text.hf_model_name[:60]!r} is not read; read are BERTs (BertModel of "
            "transformers)"
        )
    return ""


def _of_text(model: Model) -> str:
    text = model.text_cfg
    if text.hf_model_name is not None:
        return ""
    if text.width % text.heads:
        return f"text_cfg: width {text.width} cannot be split into {text.heads} heads"
    if text.proj_type == "none" and text.width != model.embed_dim:
        return f"embed_dim is {model.embed_dim}; texts without a projection have {text.width}"
    return ""
