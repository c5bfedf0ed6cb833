"""phantom-clip: a small model trained on synthetic radiographs, to check the audit's calibration.

It has two planted faults, which come from its training images alone: it relies on chest drains, and it
is worse for patients of 80 and over. For its counterpart phantom-clip-clean, drains were independent of
pneumothorax and findings equally clear at every age. Neither was trained on real patients.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cxraudit.errors import DataError
from cxraudit.images import to_grey
from cxraudit.models import untrusted, weights
from cxraudit.models.base import Embeddings, Entry, ImageTextModel, ModelCard, Pixels

if TYPE_CHECKING:
    from cxraudit.models.phantom_clip.network import PhantomClip

FOLDER = Path(__file__).parent
CLEAN_FOLDER = FOLDER / "clean"

CARD = ModelCard(
    name="phantom-clip",
    summary="control model trained on synthetic radiographs; relies on drains, worse at 80+, by design",
    weights="in the package (reproduced by scripts/train_phantom_clip.py)",
    license="Apache-2.0",
    embedding_dim=128,
    image_size=128,
    trained_on=frozenset({"phantom:seed=1907"}),
    reference="this package",
    transform="grey; 128x128 bicubic; standardised per image; v1",
    needs=("torch", "safetensors"),
)

CLEAN_CARD = replace(
    CARD,
    name="phantom-clip-clean",
    summary="control model trained on synthetic radiographs without the shortcut and the age effect",
    weights="in the package (reproduced by scripts/train_phantom_clip.py --clean)",
)


def prepare(pixels: NDArray[np.uint8]) -> Pixels:
    """Standardise one grey image: (h, w) → (1, h, w) with mean 0 and variance 1."""
    grey = pixels.astype(np.float32)
    return ((grey - grey.mean()) / (grey.std() + 1.0))[None]


class PhantomClipModel:
    """Adapter of both checkpoints; see `ImageTextModel`."""

    def __init__(
        self, card: ModelCard, network: "PhantomClip", vocabulary: dict[str, int], fingerprint: str
    ) -> None:
        self.card = card
        self._network = network
        self._vocabulary = vocabulary
        self.fingerprint = fingerprint
        self.logit_scale = float(network.log_scale.detach().exp())

    def preprocess(self, image: Image.Image) -> Pixels:
        """Grey, 128×128, standardised."""
        size = (CARD.image_size, CARD.image_size)
        return prepare(np.asarray(to_grey(image).resize(size, Image.Resampling.BICUBIC)))

    def encode_images(self, pixels: Pixels) -> Embeddings:
        """Embed a batch of shape (n, 1, 128, 128)."""
        import torch

        with torch.inference_mode():
            return self._network.image(torch.from_numpy(pixels)).numpy()

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts; words outside the training vocabulary count as one unknown word."""
        import torch

        from cxraudit.models.phantom_clip.network import tokenize

        with torch.inference_mode():
            return self._network.text(tokenize(texts, self._vocabulary)).numpy()


def load(folder: Path = FOLDER, card: ModelCard = CARD) -> ImageTextModel:
    """Load the shipped weights, or those a training run wrote to `folder`."""
    from cxraudit.models.phantom_clip.network import PhantomClip

    file = folder / "vocabulary.json"  # the shipped models share one
    vocabulary = _vocabulary(file if file.is_file() else FOLDER / file.name)
    path = folder / "weights.safetensors"
    network = PhantomClip(len(vocabulary) + 2)
    weights.load_strictly(network, weights.read_safetensors(path), path)
    weights.plausible_scale(network.log_scale, path)
    digest = hashlib.sha256(path.read_bytes() + CARD.transform.encode()).hexdigest()
    return PhantomClipModel(card, network, vocabulary, digest)


def _vocabulary(path: Path) -> dict[str, int]:
    """Return word → token; 0 is padding and 1 any other word."""
    found = untrusted.read_json(path)
    ids = {value for value in found.values() if isinstance(value, int)}
    if ids != set(range(2, len(found) + 2)):
        raise DataError(f"{path} does not number its words from 2 on. {untrusted.AGAIN}")
    return found


def load_clean() -> ImageTextModel:
    """Load the counterpart without the planted faults."""
    return load(CLEAN_FOLDER, CLEAN_CARD)


CLEAN = Entry(CLEAN_CARD, load_clean)
