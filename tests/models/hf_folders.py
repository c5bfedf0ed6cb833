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


def write_folder(kind: str, folder: Path) -> Path:
    """Write weights, configuration, preprocessing and tokenizer of a small model."""
    import torch
    import transformers

    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    words = [*list(bpe_lists()[0])[: N_WORDS - 2], "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {word: number for number, word in enumerate(words)}
    transformers.CLIPTokenizer(vocab=vocabulary, merges=[]).save_pretrained(folder)
    ends = {"bos_token_id": N_WORDS - 2, "eos_token_id": N_WORDS - 1}
    vision = {**SMALL, "image_size": 64, "patch_size": 16}
    text = {**SMALL, "vocab_size": N_WORDS, "max_position_embeddings": 16, **ends}
    if kind == "clip":
        config = transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=24)
        model: Any = transformers.CLIPModel(config)
        processor: Any = transformers.CLIPImageProcessorPil(
            size={"shortest_edge": 64}, crop_size=64
        )
    else:
        model = transformers.SiglipModel(
            transformers.SiglipConfig(text_config=text, vision_config=vision)
        )
        processor = transformers.SiglipImageProcessorPil(size={"height": 64, "width": 64})
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
