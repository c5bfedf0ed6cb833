"""A folder that ``save_pretrained`` of transformers wrote, checked before anything of it is used.

Only data are read: sizes from ``config.json``, weights from safetensors, steps of the preprocessing from
``preprocessor_config.json``. What requires code of its own is refused, and so is what a network could
not use, before memory is allocated.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cxraudit.errors import DataError, short, shown
from cxraudit.models import untrusted
from cxraudit.models.base import ModelCard

CONFIG, WEIGHTS, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
PREPROCESSOR, PROCESSOR = "preprocessor_config.json", "processor_config.json"
TOKENIZERS = (("tokenizer.json",), ("vocab.json", "merges.txt"), ("vocab.txt",), ("spiece.model",))
"""Files that define a tokenizer: one of these groups."""
TOKENIZER_CONFIGS = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")
PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json")
OPEN_CLIP = "open_clip_config.json"
ADAPTER = "adapter_config.json"

TOKENIZER_FILES = (*TOKENIZER_CONFIGS, *(name for group in TOKENIZERS for name in group))
NAMES = (CONFIG, INDEX, PREPROCESSOR, PROCESSOR, *TOKENIZER_FILES)
"""All files that can be used, besides those of the weights."""

PUBLISHED = "Use the files as they were published together."
HOW_TO = "see help(cxraudit.ImageTextModel) in Python"

DEFAULT_SIDE = 224
DEFAULTS = {
    "clip": {"projection_dim": 512, "image_size": DEFAULT_SIDE},
    "siglip": {"hidden_size": 768, "image_size": DEFAULT_SIDE},
    "dinov2": {"hidden_size": 768, "image_size": DEFAULT_SIDE},
}
"""Kind of model → what its configuration has where the file, as older versions wrote it, says nothing."""

COUNTS = {
    "vocab_size": 2_000_000,
    "hidden_size": 16_384,
    "intermediate_size": 65_536,
    "projection_dim": 16_384,
    "projection_size": 16_384,
    "num_hidden_layers": 256,
    "num_attention_heads": 256,
    "max_position_embeddings": 8_192,
    "image_size": 2_048,
    "patch_size": 256,
    "num_channels": 4,
    "mlp_ratio": 16,
}
"""Whole number in a configuration → its largest value; the least is 1."""
CHANNELS = 3
"""Channels of the images that the networks take."""
OTHERS = (
    "hidden_act",
    "layer_norm_eps",
    "vision_use_head",
    "qkv_bias",
    "use_swiglu_ffn",
)
TOKEN_IDS = ("pad_token_id", "bos_token_id", "eos_token_id")
"""What else of a configuration is used. Everything that does not shape the network is left out: kinds of
attention and quantisation can name code to be downloaded."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """The part of ``config.json`` that shapes the network."""

    kind: str
    """``clip``, ``siglip`` or ``dinov2``."""
    text: Mapping[str, Any]
    """Empty for a model of images alone."""
    vision: Mapping[str, Any]
    top: Mapping[str, Any]
    input_size: int | None = None
    """Side of the images that the preprocessing gives; None: it has to give `trained_size`."""

    @property
    def trained_size(self) -> int:
        """Side of the images that the positions among the weights are for."""
        return self.vision.get("image_size", DEFAULTS[self.kind]["image_size"])

    @property
    def image_size(self) -> int:
        """Side of the images the network takes."""
        return self.input_size or self.trained_size

    @property
    def embedding_dim(self) -> int:
        """Width of the embeddings."""
        defaults = DEFAULTS[self.kind]
        if self.kind == "clip":
            return self.top.get("projection_dim", defaults["projection_dim"])
        return self.vision.get("hidden_size", defaults["hidden_size"])


IMAGE_TEXT, IMAGES = ("clip", "siglip"), ("dinov2",)
"""Kinds of models of images and texts, and of images alone."""
PREFIXES = {**dict.fromkeys(IMAGE_TEXT, "hf-clip"), **dict.fromkeys(IMAGES, "hf-image")}
"""Kind → what a model of it is named with."""


def read_configuration(
    folder: Path, where: str, kinds: Sequence[str] = IMAGE_TEXT
) -> Configuration:
    """Read ``config.json`` of a model of one of some kinds.

    Raises
    ------
    DataError
        If it is missing or damaged, is that of another kind of model, requires code of its own, or has
        sizes that no network has.
    """
    path = folder / CONFIG
    if not path.is_file():
        _explain_open_clip(folder, where)
        raise DataError(
            f"'{where}' is no model in transformers' format: {CONFIG} is missing. Name the folder that "
            "contains it."
        )
    data = _without_code(path)
    kind = data.get("model_type")
    if not isinstance(kind, str) or kind not in kinds:
        reader = PREFIXES[kinds[0]]
        other = PREFIXES.get(kind) if isinstance(kind, str) else None
        remedy = f"Use {other}:PATH" if other else f"Write an adapter for it ({HOW_TO})"
        named = f"the model_type {short(kind)}" if isinstance(kind, str) else "no model_type"
        raise DataError(f"'{where}' has {named}; {reader} reads {', '.join(kinds)}. {remedy}.")
    for key in ("text_config", "vision_config"):
        if kind in IMAGE_TEXT and key in data and data[key] is None:
            raise DataError(f"{path}: {key} is null. {PUBLISHED}")
    if "quantization_config" in data:
        raise DataError(f"{path}: quantised weights are not read. Use those in full precision.")
    if kind in IMAGES:
        return Configuration(kind, {}, _clean(path, "", data), {})
    return Configuration(
        kind,
        _clean(path, "text_config", _section(path, data, "text_config")),
        _clean(path, "vision_config", _section(path, data, "vision_config")),
        _clean(path, "", {k: data[k] for k in ("projection_dim",) if k in data}),
    )


def _section(path: Path, data: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a part of a configuration; an older name of it is preferred, as transformers does."""
    found: dict[str, Any] = {}
    for key in (name, f"{name}_dict"):
        part = data.get(key)
        if part is not None and not isinstance(part, dict):
            raise DataError(f"{path}: {key} is no object. {PUBLISHED}")
        found.update(part or {})
    return found


def _clean(path: Path, name: str, section: Mapping[str, Any]) -> dict[str, Any]:
    """Return what shapes the network, each number checked."""
    for key, largest in COUNTS.items():
        value = section.get(key)
        if value is not None and not (_is_whole(value) and 1 <= value <= largest):
            raise DataError(
                f"{path}: {_place(key, name)} is {shown(value)}; it must be a whole number from 1 to "
                f"{largest:,}. {PUBLISHED}"
            )
    for key in TOKEN_IDS:
        value = section.get(key)
        if value is not None and not (_is_whole(value) and value >= 0):
            raise DataError(f"{path}: {_place(key, name)} is {shown(value)}, no token. {PUBLISHED}")
    epsilon = section.get("layer_norm_eps")
    if epsilon is not None and not (_is_number(epsilon) and 0 < epsilon < 0.1):
        raise DataError(
            f"{path}: {_place('layer_norm_eps', name)} is {shown(epsilon)}; it must be above 0 and below "
            f"0.1. {PUBLISHED}"
        )
    channels = section.get("num_channels")
    if channels not in (None, CHANNELS):
        raise DataError(
            f"{path}: {_place('num_channels', name)} is {channels}; images of {CHANNELS} are read. "
            f"{PUBLISHED}"
        )
    width, heads = section.get("hidden_size"), section.get("num_attention_heads")
    if width and heads and width % heads:
        raise DataError(
            f"{path}: {_place('hidden_size', name)} is {width}, which cannot be split into {heads} heads. "
            f"{PUBLISHED}"
        )
    if section.get("vision_use_head") is False:
        raise DataError(
            f"{path}: {_place('vision_use_head', name)} is false; a model without that head has no "
            f"embedding of an image. {PUBLISHED}"
        )
    used = (*COUNTS, *TOKEN_IDS, *OTHERS)
    return {key: section[key] for key in used if section.get(key) is not None}


def _place(key: str, section: str) -> str:
    """Return a key and the part of the file that it is in."""
    return f"{key} in {section}" if section else key


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value


def _without_code(path: Path) -> dict[str, Any]:
    """Read a configuration; refuse one that requires code of its own."""
    data = untrusted.read_json(path, remedy=PUBLISHED)
    for part in (data, *(value for value in data.values() if isinstance(value, dict))):
        if required := [key for key in ("auto_map", "trust_remote_code") if part.get(key)]:
            raise DataError(
                f"{path} requires code of its own ({required[0]}), which is never run. Write an adapter "
                f"for the model ({HOW_TO})."
            )
    return data


def _explain_open_clip(folder: Path, where: str) -> None:
    """Say what can be done with a folder in the format of open_clip."""
    path = folder / OPEN_CLIP
    if not path.is_file():
        return
    described = str(untrusted.read_json(path, remedy=PUBLISHED))
    if "BiomedNLP" in described or "BiomedCLIP" in described:
        raise DataError(
            f"'{where}' is BiomedCLIP in the format of open_clip, which the model biomedclip reads. Use "
            "--model biomedclip; cxraudit models biomedclip names its files and their folder."
        )
    raise DataError(f"'{where}' is in the format of open_clip ({OPEN_CLIP}). Use open-clip:PATH.")


def weight_files(folder: Path, where: str) -> dict[Path, list[str] | None]:
    """Return the files of the weights, each with the names of the tensors to take from it; None: all.

    Raises
    ------
    DataError
        If there are none, they are pickles, or the index names files outside of the folder.
    """
    if (folder / ADAPTER).is_file():
        raise DataError(
            f"'{where}' has an adapter beside its weights ({ADAPTER}), which is not applied. Merge it into "
            "the weights and save the whole model."
        )
    if (folder / WEIGHTS).is_file():
        return {folder / WEIGHTS: None}
    if (folder / INDEX).is_file():
        return _sharded(folder)
    if pickles := [name for name in PICKLES if (folder / name).is_file()]:
        raise DataError(
            f"'{where}' has its weights as a pickle ({pickles[0]}), which could run code and is not read. "
            "Load it in transformers, if you trust it, and save it with save_pretrained, which writes "
            f"{WEIGHTS}."
        )
    _explain_open_clip(folder, where)
    raise DataError(f"'{where}' has no weights: {WEIGHTS} is missing. {PUBLISHED}")


def _sharded(folder: Path) -> dict[Path, list[str] | None]:
    path = folder / INDEX
    named = untrusted.read_json(path, remedy=PUBLISHED).get("weight_map")
    if not isinstance(named, dict) or not named:
        raise DataError(f"{path} has no weight_map. {PUBLISHED}")
    files: dict[Path, list[str] | None] = {}
    for tensor, name in named.items():
        if (
            not isinstance(name, str)
            or Path(name).name != name
            or not name.endswith(".safetensors")
        ):
            raise DataError(
                f"{path} names {str(name)[:60]!r}, which is no safetensors file of the folder. {PUBLISHED}"
            )
        tensors = files.setdefault(folder / name, [])
        assert tensors is not None
        tensors.append(tensor)
    return files


def named_weights(folder: Path, files: Mapping[Path, object]) -> Path:
    """Return the file that messages name: that of the weights, or the index of several."""
    return folder / (WEIGHTS if folder / WEIGHTS in files else INDEX)


def as_published(card: ModelCard, folder: Path, kinds: Sequence[str]) -> Configuration:
    """Read the configuration of a published model, and compare its sizes with the card.

    Raises
    ------
    DataError
        As `read_configuration`, or if sizes differ.
    """
    found = read_configuration(folder, str(folder), kinds)
    sizes = (found.image_size, found.embedding_dim)
    if sizes != (card.image_size, card.embedding_dim):
        raise DataError(
            f"{folder / CONFIG} has images of {sizes[0]} pixels and embeddings of {sizes[1]}; {card.name} "
            f"has {card.image_size} and {card.embedding_dim}. Use the published files, or name the folder "
            f"by {PREFIXES[found.kind]}:PATH."
        )
    return found


def used_files(folder: Path, where: str) -> list[Path]:
    """Return all files that an embedding depends on, sorted by name."""
    present = {folder / name for name in NAMES if (folder / name).is_file()}
    return sorted(present | set(weight_files(folder, where)))


def require_tokenizer(folder: Path, where: str) -> None:
    """Check the files of a tokenizer, as far as that can be done without reading it.

    Raises
    ------
    DataError
        If there is none, a file is no file of a tokenizer, or one requires code of its own.
    """
    groups = [group for group in TOKENIZERS if all((folder / name).is_file() for name in group)]
    if not groups:
        raise DataError(f"'{where}' has no tokenizer: {TOKENIZERS[0][0]} is missing. {PUBLISHED}")
    for group in groups:
        for name in group:
            untrusted.first_bytes(folder / name, remedy=PUBLISHED)
            if name.endswith(".json"):
                untrusted.read_json(folder / name, remedy=PUBLISHED)
    for name in TOKENIZER_CONFIGS:
        if (folder / name).is_file():
            _without_code(folder / name)


FAMILIES = {"clip": ("CLIP",), "siglip": ("Siglip",), "dinov2": ("Bit",)}
STEPS = ("do_resize", "do_center_crop", "do_rescale", "do_normalize", "do_convert_rgb")
"""Steps of the preprocessing that are carried out."""
FIELDS = (*STEPS, "size", "crop_size", "resample", "rescale_factor", "image_mean", "image_std")


def read_preprocessor(folder: Path, where: str, configuration: Configuration) -> dict[str, Any]:
    """Read the steps of the preprocessing.

    Raises
    ------
    DataError
        If they are missing or damaged, are those of another family, or do not give what the network takes.
    """
    path, data = _preprocessing(folder, where)
    if faults := list(_faults(data, configuration)):
        raise DataError(f"{path}: {faults[0]}. {PUBLISHED}")
    return {key: data[key] for key in FIELDS if key in data}


def _preprocessing(folder: Path, where: str) -> tuple[Path, dict[str, Any]]:
    """Return the file that holds the steps of the preprocessing, and what it says of them."""
    path = folder / PREPROCESSOR
    if path.is_file():
        data: Any = _without_code(path)
    elif (folder / PROCESSOR).is_file():
        path = folder / PROCESSOR
        data = _without_code(path).get("image_processor")
    else:
        raise DataError(f"'{where}' lacks {PREPROCESSOR}. {PUBLISHED}")
    if not isinstance(data, dict):
        raise DataError(f"{path} has no image processor. {PUBLISHED}")
    return path, data


def as_prepared(folder: Path, where: str, configuration: Configuration) -> Configuration:
    """Return the configuration of a network that takes images of the size that its preprocessing gives.

    It is for networks whose positions are interpolated: DINOv2 are published with positions for 518 pixels
    and a preprocessing that crops to 224.

    Raises
    ------
    DataError
        If the preprocessing is missing or damaged, or its images are not square.
    """
    path, data = _preprocessing(folder, where)
    key = "crop_size" if _is_cropped(data, configuration.kind) else "size"
    value = data.get(key) or DEFAULT_SIDE
    first, *others = _sides(value) or [None]
    largest = COUNTS["image_size"]
    if not (_is_whole(first) and 1 <= first <= largest) or any(n != first for n in others):
        raise DataError(
            f"{path}: {key} is {shown(value)}; images that are read are square, with 1 to {largest:,} pixels "
            f"a side. {PUBLISHED}"
        )
    return replace(configuration, input_size=first)


def _is_cropped(data: Mapping[str, Any], kind: str) -> bool:
    return bool(data.get("do_center_crop", kind != "siglip"))


def _sides(value: object) -> list[Any]:
    """Return the numbers of a size, which is one number or an object of several."""
    sides = value.values() if isinstance(value, dict) else [value]
    return [n for n in sides if n is not None]


def _faults(data: Mapping[str, Any], configuration: Configuration) -> Iterator[str]:
    """Yield what is wrong with the steps of a preprocessing."""
    family = FAMILIES[configuration.kind]
    kind = data.get("image_processor_type", data.get("feature_extractor_type"))
    if kind is not None and not str(kind).startswith(family):
        yield f"{short(kind)} does not belong to a {configuration.kind}"
    for key, value in data.items():
        if key.startswith("do_") and not isinstance(value, (bool, type(None))):
            yield f"{key} must be true or false"
        elif key.startswith("do_") and value and key not in STEPS:
            yield f"the step {key[:40]} is not known"
    for step in ("do_resize", "do_rescale"):
        if data.get(step) is False:
            yield f"without {step} images do not have the size and range that the network takes"
    if not _is_resampling(data.get("resample")):
        yield f"resample is {shown(data['resample'])}; it must be 0 to 5"
    factor = data.get("rescale_factor")
    if factor is not None and not (_is_number(factor) and abs(255 * factor - 1) < 1e-3):
        yield f"rescale_factor is {shown(factor)}; it must be the number 1/255"
    for key, least in (("image_mean", 0.0), ("image_std", 0.01)):
        values = data.get(key)
        if values is not None and not _are_levels(values, least):
            yield f"{key} must be three numbers from {least:g} to 1, one per channel"
    yield from _size_faults(data, configuration)


def _is_resampling(value: object) -> bool:
    return value is None or (_is_whole(value) and value in range(6))


def _are_levels(values: object, least: float) -> bool:
    return (
        isinstance(values, list)
        and len(values) == 3
        and all(_is_number(value) and least <= value <= 1 for value in values)
    )


def _size_faults(data: Mapping[str, Any], configuration: Configuration) -> Iterator[str]:
    """Yield what is wrong with the sizes: resized to that of the network, or to more and cropped."""
    side, largest = configuration.image_size, COUNTS["image_size"]
    cropped = _is_cropped(data, configuration.kind)
    for key in ("crop_size", "size"):
        value = data.get(key) or DEFAULT_SIDE
        numbers = _sides(value)
        if isinstance(value, dict) and not (
            {"height", "width"} <= {*value} or "shortest_edge" in value
        ):
            yield f"{key} is {shown(value)}; it must have height and width, or shortest_edge"
        elif not all(_is_whole(n) for n in numbers):
            yield f"{key} is {shown(value)}; it must be of whole numbers"
        elif key == "crop_size" and cropped and any(n != side for n in numbers):
            yield f"images are cropped to {min(numbers)}; the network takes {side} × {side} ({CONFIG})"
        elif key == "size" and any(n < side or n > largest for n in numbers):
            yield f"images are resized to {min(numbers)}; " + (
                f"the network takes {side} × {side} pixels ({CONFIG})"
                if configuration.input_size is None
                else f"from {side}, to which they are cropped, to {largest:,} pixels are read"
            )
