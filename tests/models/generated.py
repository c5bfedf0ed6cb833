"""Checkpoint files in the published layouts with generated weights, and images to go with them.

Every tensor depends on its name, shape and type alone. The original code was run with the same weights,
so its embeddings can be compared with ours to the last decimal; `digest` shows that the weights are the
same. ``manifests.json.gz`` holds the names, shapes and types of the published files; ``canonical/`` the
results of the original code.
"""

import gzip
import hashlib
import json
import math
import re
import sys
import types
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from cxraudit.models._torch.tokens import bpe_lists

HERE = Path(__file__).parent
PROMPTS = ("Chest Pneumothorax", "Chest No findings")
LAST_DIMENSION_FIRST = re.compile(
    r"(^|\.)(text_projection|image_projection|visual\.proj|vision\.proj)$"
)
TABLE = re.compile(
    r"(_embedding|_embeddings|embed_tokens|token_embedding|wte|wpe)\.weight$"
    r"|(positional_embedding|position_embeddings|class_embedding|pos_embed|cls_token|mask_token"
    r"|relative_position_bias_table)$"
)
TIED = {
    "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
    "cls.predictions.decoder.bias": "cls.predictions.bias",
}
SALT = {"biovil-t": "biovil-t/"}
PARTS = {
    "biomedclip": {"open_clip_pytorch_model.bin": "biomedclip"},
    "biovil": {
        "biovil_image_resnet50_proj_size_128.pt": "biovil_image",
        "pytorch_model.bin": "cxr_bert",
    },
    "biovil-t": {
        "biovil_t_image_model_proj_size_128.pt": "biovil_t_image",
        "pytorch_model.bin": "cxr_bert",
    },
    "chexzero": {"clip_weights.pt": "chexzero"},
    "cxrclip-r50": {"r50_mcc.tar": "cxrclip_r50"},
    "cxrclip-swint": {"swint_mcc.tar": "cxrclip_swint"},
    "medclip-resnet": {"pytorch_model.bin": "medclip_resnet"},
    "medclip-vit": {"pytorch_model.bin": "medclip_vit"},
    "medimageinsight": {"vision_model/medimageinsigt-v1.0.0.pt": "medimageinsight"},
}
"""Model → file → manifest."""


@cache
def manifests() -> dict[str, dict[str, tuple[list[int], str]]]:
    """Return manifest → name of each tensor → shape and type."""
    return json.loads(gzip.decompress((HERE / "manifests.json.gz").read_bytes()))


def canonical(model: str) -> dict[str, np.ndarray]:
    """Return the results of the original code."""
    with np.load(HERE / "canonical" / f"{model.replace('-', '_')}.npz") as file:
        return dict(file)


def tensor(name: str, shape: list[int], dtype: str, salt: str = "") -> np.ndarray:
    """Return the tensor of a name."""
    for tied, source in TIED.items():
        if name.endswith(tied):
            name = name.removesuffix(tied) + source
    last = name.rsplit(".", 1)[-1]
    if dtype.startswith("int"):
        return _whole(last, shape).astype(dtype)
    seed = int.from_bytes(hashlib.sha256((salt + name).encode()).digest()[:8], "big")
    n = np.random.Generator(np.random.PCG64(seed)).standard_normal(tuple(shape))
    values = np.asarray(_scaled(name, last, tuple(shape), n), dtype=np.float32)
    return values.astype(dtype)


def _whole(last: str, shape: list[int]) -> np.ndarray:
    if last == "position_ids":
        return np.broadcast_to(np.arange(shape[-1]), shape).copy()
    if last == "relative_position_index":
        side = math.isqrt(shape[0])
        y, x = np.divmod(np.arange(shape[0]), side)
        differences = [v[:, None] - v[None, :] + side - 1 for v in (y, x)]
        return differences[0] * (2 * side - 1) + differences[1]
    return np.zeros(shape)


def _scaled(name: str, last: str, shape: tuple[int, ...], n: np.ndarray) -> Any:
    if last == "running_mean":
        return 0.1 * n
    if last == "running_var":
        return 1 + 0.1 * np.abs(n)
    if not shape:
        return np.full(shape, math.log(1 / 0.07) if last == "logit_scale" else 0.02 * float(n))
    if (TABLE.search(name) and len(shape) < 4) or "bias" in last:
        return 0.02 * n
    if len(shape) == 1:
        return 1 + 0.1 * n if last in ("weight", "gamma", "scale", "g") else 0.02 * n
    fan_in = shape[0] if LAST_DIMENSION_FIRST.search(name) else math.prod(shape[1:])
    return n / math.sqrt(fan_in)


def digest(manifest: str, salt: str = "") -> str:
    """Return the hash of all weights of a manifest."""
    found = hashlib.sha256()
    for name, (shape, dtype) in manifests()[manifest].items():
        found.update(name.encode())
        found.update(np.ascontiguousarray(tensor(name, shape, dtype, salt)).tobytes())
    return found.hexdigest()


def state(manifest: str, salt: str = "") -> dict[str, Any]:
    """Return the state dict of a manifest."""
    import torch

    return {
        name: torch.from_numpy(tensor(name, shape, dtype, salt))
        for name, (shape, dtype) in manifests()[manifest].items()
    }


def write_checkpoint(model: str, folder: Path) -> Path:
    """Write the files of a model into `folder` in the published layout.

    PubMedBERT's vocabulary is replaced by CXR-BERT's, as in the canonical values.
    """
    import torch
    from safetensors.torch import save_file

    for file, manifest in PARTS[model].items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        weights = state(manifest, SALT.get(model, ""))
        if manifest == "cxr_bert":  # one storage under two names, as in the real file
            for tied, source in TIED.items():
                weights[tied] = weights[source]
        if model == "medimageinsight":
            save_file(weights, path)
        elif model.startswith("cxrclip"):
            _save_with_configuration(weights, path)
        else:
            torch.save(weights, path)
    if model in ("biovil", "biovil-t", "biomedclip"):
        (folder / "vocab.txt").write_bytes((HERE / "cxr_bert_vocab.txt").read_bytes())
    if model == "medimageinsight":
        tokenizer = folder / "language_model" / "clip_tokenizer_4.16.2"
        tokenizer.mkdir(parents=True)
        vocabulary, merges = bpe_lists()
        (tokenizer / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
        (tokenizer / "merges.txt").write_text(
            "#version: 0.2\n" + "\n".join(merges) + "\n", encoding="utf-8"
        )
    return folder


def _save_with_configuration(weights: dict[str, Any], path: Path) -> None:
    """Save as CXR-CLIP's trainer does: with a list of omegaconf and its parents in the configuration."""
    import torch

    names = (
        "omegaconf",
        "omegaconf.listconfig",
        "omegaconf.dictconfig",
        "omegaconf.nodes",
        "omegaconf.base",
    )
    modules = {name: types.ModuleType(name) for name in names}

    def new(module: str, kind: str, **fields: Any) -> Any:
        found = getattr(modules[module], kind, None)
        if found is None:
            found = type(kind, (), {"__module__": module, "__qualname__": kind})
            setattr(modules[module], kind, found)
        instance = found()
        instance.__dict__.update(fields)
        return instance

    facts = {"ref_type": Any, "optional": True, "key": "scale", "resolver_cache": defaultdict(dict)}
    parent = new(
        "omegaconf.dictconfig",
        "DictConfig",
        _parent=None,
        _metadata=new("omegaconf.base", "ContainerMetadata", object_type=dict, **facts),
    )
    scale = new(
        "omegaconf.listconfig",
        "ListConfig",
        _parent=parent,
        _metadata=new("omegaconf.base", "ContainerMetadata", object_type=list, **facts),
    )
    scale._content = [
        new(
            "omegaconf.nodes",
            "AnyNode",
            _val=value,
            _parent=scale,
            _metadata=new("omegaconf.base", "Metadata", **facts),
        )
        for value in (0.8, 1.1)
    ]
    saved = {
        "model": weights,
        "epoch": 15,
        "train_loss": 1.0,
        "optimizer": {
            "state": {0: {"step": torch.tensor(30000.0)}},
            "param_groups": [{"lr": 5e-5}],
        },
        "scheduler": {"last_epoch": 30000},
        "config": {"base": {"text_max_length": 256}, "transform": {"train": {"scale": scale}}},
    }
    sys.modules.update(modules)
    try:
        torch.save(saved, path)
    finally:
        for name in names:
            del sys.modules[name]


SIZES = {
    "g1024": (1024, 1024, "L"),
    "g2544x3056": (2544, 3056, "L"),
    "g390x320": (390, 320, "L"),
    "g224": (224, 224, "L"),
    "u16_512": (512, 512, "I;16"),
    "rgb300x400": (300, 400, "RGB"),
    "g256x260": (256, 260, "L"),
    "g181x150": (181, 150, "L"),
}


def image(name: str) -> Image.Image:
    """Return one of the images of the reference run: blobs on a slope, with noise."""
    width, height, mode = SIZES[name]
    if mode == "RGB":
        bands = [_quantised(_field(f"{name}/{c}", width, height), 255) for c in "rgb"]
        return Image.fromarray(np.stack(bands, axis=-1).astype(np.uint8))
    field = _field(name, width, height)
    if mode == "I;16":
        x = (np.arange(width) + 0.5)[None, :] / width
        return Image.fromarray(
            _quantised(field * np.where(x < 0.25, 0.004, 1.0), 65535).astype(np.uint16)
        )
    return Image.fromarray(_quantised(field, 255).astype(np.uint8))


def _quantised(field: np.ndarray, top: int) -> np.ndarray:
    return np.floor(np.clip(field, 0.0, 1.0) * top + 0.5)


def _field(name: str, width: int, height: int) -> np.ndarray:
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    rng = np.random.Generator(np.random.PCG64(seed))
    parameters = rng.integers(0, 1 << 20, size=(15, 5)).astype(np.float64) / float(1 << 20)
    y = (np.arange(height, dtype=np.float64) + 0.5)[:, None] / height
    x = (np.arange(width, dtype=np.float64) + 0.5)[None, :] / width
    slope = parameters[0]
    field = 0.25 + 0.3 * (slope[0] - 0.5) * x + 0.3 * (slope[1] - 0.5) * y + 0.2 * x * (1 - y)
    for cx, cy, rx, ry, strength in parameters[1:]:
        u, v = (x - cx) / (0.05 + 0.35 * rx), (y - cy) / (0.05 + 0.35 * ry)
        inside = np.maximum(1.0 - u * u - v * v, 0.0)
        field = field + (1.4 * strength - 0.45) * inside * inside
    return (
        field + 0.03 * rng.integers(-1000, 1001, size=(height, width)).astype(np.float64) / 1000.0
    )
