"""RAD-DINO (Pérez-García et al. 2025): DINOv2 ViT-B/14 at 518 pixels, of images alone."""

from pathlib import Path

from cxraudit.models import hf_image
from cxraudit.models.base import ImageModel, ModelCard, WeightFile

HUB = "https://huggingface.co/microsoft/rad-dino"
FILES = ("config.json", "model.safetensors", "preprocessor_config.json")

CARD = ModelCard(
    name="rad-dino",
    summary="RAD-DINO, DINOv2 ViT-B/14 trained on radiographs without texts; images alone",
    weights=HUB,
    license="MIT",
    embedding_dim=768,
    image_size=518,
    trained_on=frozenset({"brax", "chexpert", "mimic-cxr", "nih-cxr14", "padchest"}),
    reference="Pérez-García et al. 2025, Nature Machine Intelligence, doi:10.1038/s42256-024-00965-w",
    transform=hf_image.TRANSFORM.format("dinov2"),
    needs=hf_image.NEEDS,
    files=tuple(WeightFile(name=name, url=f"{HUB}/resolve/main/{name}") for name in FILES),
    prompts="none: it has no text side",
    text_side=False,
)


def load(
    *, device: str = "auto", precision: str = "fp32", folder: Path | None = None
) -> ImageModel:
    """Load the files of the hub."""
    return hf_image.published(CARD, device=device, precision=precision, folder=folder)
