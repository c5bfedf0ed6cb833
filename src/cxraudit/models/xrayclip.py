"""XrayCLIP and XraySigLIP (Chen et al. 2024): four pretrained pairs of towers, each tuned by two losses."""

from functools import partial
from pathlib import Path

from cxraudit.models import hf_clip
from cxraudit.models.base import Entry, ImageTextModel, ModelCard, WeightFile

HUB = "https://huggingface.co/StanfordAIMI/"
COMMON = ("config.json", "model.safetensors", "preprocessor_config.json", "tokenizer_config.json")
WORDS = {"clip": ("vocab.json", "merges.txt"), "siglip": ("spiece.model",)}
"""Kind → files of the tokenizer."""
TRAINED_ON = frozenset(
    {"brax", "chexpert", "mimic-cxr", "nih-cxr14", "padchest", "other radiographs (CheXinstruct)"}
)
"""The data sets of CheXinstruct: which of them these checkpoints were trained on is not published."""


def _load(
    card: ModelCard, *, device: str = "auto", precision: str = "fp32", folder: Path | None = None
) -> ImageTextModel:
    return hf_clip.published(card, device=device, precision=precision, folder=folder)


def _entry(name: str, loss: str, towers: str, kind: str, dim: int, side: int) -> Entry:
    hub = f"{HUB}Xray{loss}__{towers}"
    card = ModelCard(
        name=name,
        summary=f"Xray{loss}, {towers.replace('__', ' of ')} tuned on radiographs and reports",
        weights=hub,
        license="CC BY-NC 4.0",
        embedding_dim=dim,
        image_size=side,
        trained_on=TRAINED_ON,
        reference="Chen et al. 2024, arXiv:2401.12208",
        transform=hf_clip.TRANSFORM.format(kind),
        needs=hf_clip.NEEDS,
        files=tuple(
            WeightFile(name=file, url=f"{hub}/resolve/main/{file}")
            for file in (*COMMON, *WORDS[kind])
        ),
        prompts=f"not published; at most {77 if kind == 'clip' else 64} tokens",
    )
    return Entry(card, partial(_load, card))


TOWERS = {
    "b16": ("vit-b-16__laion2b-s34b-b88k", "clip", 512, 224),
    "l14": ("vit-l-14__laion2b-s32b-b82k", "clip", 768, 224),
    "siglip-b16-512": ("vit-b-16-siglip-512__webli", "siglip", 768, 512),
    "siglip-l16-384": ("vit-l-16-siglip-384__webli", "siglip", 1024, 384),
}
"""Short name → name on the hub, layout of the files, width of embeddings, side of images."""

CLIP_B16, CLIP_L14, CLIP_SIGLIP_B16, CLIP_SIGLIP_L16 = (
    _entry(f"xrayclip-{short}", "CLIP", *facts) for short, facts in TOWERS.items()
)
SIGLIP_B16, SIGLIP_L14, SIGLIP_SIGLIP_B16, SIGLIP_SIGLIP_L16 = (
    _entry(f"xraysiglip-{short}", "SigLIP", *facts) for short, facts in TOWERS.items()
)
