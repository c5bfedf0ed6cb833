"""MedSigLIP (Sellergren et al. 2025): SigLIP SO400M/14 at 448 pixels, tuned on medical images.

The processor on the hub resizes with Pillow. Its authors' quick start says that their evaluations resize
with TensorFlow, bilinear and without antialiasing, which is the protocol ``tf-resize``.
"""

from dataclasses import replace
from pathlib import Path

from PIL import Image

from cxraudit.errors import ConfigError
from cxraudit.models import hf_clip
from cxraudit.models._torch.pixels import eight_bit, resize_tensorflow
from cxraudit.models.base import ImageTextModel, Levels, ModelCard, WeightFile

SIDE = 448
PROTOCOLS = ("native", "tf-resize")
FILES = ("config.json", "model.safetensors", "preprocessor_config.json")

CARD = ModelCard(
    name="medsiglip-448",
    summary="MedSigLIP, SigLIP SO400M/14 at 448 pixels tuned on medical images and texts",
    weights="https://huggingface.co/google/medsiglip-448 (with its tokenizer, after accepting the terms)",
    license="Health AI Developer Foundations terms of use",
    embedding_dim=1152,
    image_size=SIDE,
    trained_on=frozenset({"mimic-cxr", "other medical images"}),
    reference="Sellergren et al. 2025, arXiv:2507.05201",
    transform=hf_clip.TRANSFORM.format("siglip"),
    needs=hf_clip.NEEDS,
    files=tuple(WeightFile(name=name) for name in FILES),
    prompts="a sentence, such as 'a chest X-ray with {finding}'; at most 64 tokens",
)
TRANSFORM = (
    f"8-bit; RGB; {SIDE} x {SIDE} as tf.image.resize, bilinear, truncated; then {CARD.transform}"
)


class MedSiglipTensorflow(hf_clip.HfClip):
    """Images resized as in its authors' evaluations."""

    def levels(self, image: Image.Image) -> Levels:
        """Resized to the side, then by the model's image processor."""
        return super().levels(resize_tensorflow(eight_bit(image), self.card.image_size))


def load(
    *,
    protocol: str = "native",
    device: str = "auto",
    precision: str = "fp32",
    folder: Path | None = None,
) -> ImageTextModel:
    """Load the files of the hub, with one of two ways to resize images."""
    if protocol not in PROTOCOLS:
        raise ConfigError(
            f"protocol of {CARD.name} must be {' or '.join(PROTOCOLS)}, got '{protocol}'."
        )
    other = protocol == "tf-resize"
    return hf_clip.published(
        replace(CARD, protocol=protocol, transform=TRANSFORM if other else CARD.transform),
        MedSiglipTensorflow if other else hf_clip.HfClip,
        device=device,
        precision=precision,
        folder=folder,
    )
