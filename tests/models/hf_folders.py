"""Small CLIP and SigLIP in transformers' format, as PubMedCLIP and MedSigLIP are published."""

import json
from pathlib import Path
from typing import Any

from cxraudit.models._torch.tokens import bpe_lists

SMALL = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}
N_WORDS = 514
"""The bytes, within a word and at its end, and the two special tokens: no merges."""


def vocabulary() -> dict[str, int]:
    """Return the words of the tokenizer."""
    words = [*list(bpe_lists()[0])[: N_WORDS - 2], "<|startoftext|>", "<|endoftext|>"]
    return {word: number for number, word in enumerate(words)}


def write_folder(
    kind: str, folder: Path, *, dim: int | None = None, length: int = 16, **sizes: int
) -> Path:
    """Write weights, configuration, preprocessing and tokenizer of a small model.

    `dim` is the width of embeddings, `length` the tokens of a text; `sizes` are of the image tower.
    """
    import torch
    import transformers

    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    transformers.CLIPTokenizer(vocab=vocabulary(), merges=[]).save_pretrained(folder)
    ends = {"bos_token_id": N_WORDS - 2, "eos_token_id": N_WORDS - 1}
    own = {"hidden_size": dim, "num_hidden_layers": 1} if dim and kind == "siglip" else {}
    vision = {**SMALL, "image_size": 64, "patch_size": 16, **own, **sizes}
    side = vision["image_size"]
    text = {**SMALL, "vocab_size": N_WORDS, "max_position_embeddings": length, **ends, **own}
    if kind == "clip":
        config = transformers.CLIPConfig(
            text_config=text, vision_config=vision, projection_dim=dim or 24
        )
        model: Any = transformers.CLIPModel(config)
        processor: Any = transformers.CLIPImageProcessorPil(
            size={"shortest_edge": side}, crop_size=side
        )
    else:
        model = transformers.SiglipModel(
            transformers.SiglipConfig(text_config=text, vision_config=vision)
        )
        processor = transformers.SiglipImageProcessorPil(size={"height": side, "width": side})
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def change(path: Path, **changes: Any) -> None:
    """Change keys of a JSON file; a dotted key is one of an object in it, and ... removes it."""
    content = json.loads(path.read_text())
    for key, value in changes.items():
        *outer, last = key.split("__")
        place = content
        for name in outer:
            place = place[name]
        if value is ...:
            del place[last]
        else:
            place[last] = value
    path.write_text(json.dumps(content))


PUBLISHED: dict[str, tuple[str, dict[str, int], int]] = {
    "medsiglip-448": ("siglip", {"image_size": 448, "patch_size": 112}, 1152),
    "rad-dino": ("dinov2", {"image_size": 518, "patch_size": 74}, 768),
    "xrayclip-b16": ("clip", {"image_size": 224, "patch_size": 56}, 512),
    "xrayclip-l14": ("clip", {"image_size": 224, "patch_size": 56}, 768),
    "xraysiglip-siglip-b16-512": ("siglip", {"image_size": 512, "patch_size": 128}, 768),
    "xraysiglip-siglip-l16-384": ("siglip", {"image_size": 384, "patch_size": 96}, 1024),
}
"""Name → kind, sizes of the image tower that differ from `SMALL`, width of embeddings."""


def write_published(name: str, folder: Path) -> Path:
    """Write a small model in the layout of a published one: with its images and embeddings, few layers."""
    kind, vision, width = PUBLISHED[name]
    if kind == "dinov2":
        return write_dinov2(folder, hidden_size=width, num_hidden_layers=1, mlp_ratio=1, **vision)
    return write_folder(kind, folder, dim=width, length=64 if kind == "siglip" else 77, **vision)


def write_dinov2(folder: Path, **options: Any) -> Path:
    """Write weights, configuration and preprocessing of a DINOv2; residuals are scaled by all channels."""
    import torch
    import transformers

    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    sizes = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "patch_size": 14}
    config = transformers.Dinov2Config(**{**sizes, "image_size": 70, **options})
    model = transformers.Dinov2Model(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    model.save_pretrained(folder)
    side = config.image_size
    levels = {"image_mean": [0.5307] * 3, "image_std": [0.2583] * 3}
    transformers.BitImageProcessorPil(
        size={"shortest_edge": side}, crop_size=side, **levels
    ).save_pretrained(folder)
    return folder
