"""Null model: embeddings are drawn from a hash of the pixels, independent of the content of an image.

Any audit can include it: its results are at chance level.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
from PIL import Image

from cxraudit.images import to_grey
from cxraudit.models.base import Embeddings, ImageTextModel, ModelCard, Pixels

CARD = ModelCard(
    name="random",
    summary="null model: embeddings drawn from a hash of the image; no torch needed",
    weights="none",
    license="Apache-2.0",
    embedding_dim=64,
    image_size=32,
    trained_on=frozenset(),
    reference="this package",
    transform="grey; 32x32 bicubic; v1",
)


def _from_hash(data: bytes) -> Embeddings:
    seed = int.from_bytes(hashlib.sha256(data).digest()[:8], "big")
    vector = np.random.default_rng(seed).standard_normal(CARD.embedding_dim)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


class RandomModel:
    """See `ImageTextModel`."""

    card = CARD
    logit_scale = 1.0
    fingerprint = hashlib.sha256(CARD.transform.encode()).hexdigest()

    def preprocess(self, image: Image.Image) -> Pixels:
        """Grey, 32×32: enough to distinguish images."""
        small = to_grey(image).resize((CARD.image_size, CARD.image_size), Image.Resampling.BICUBIC)
        return np.asarray(small, dtype=np.float32)[None]

    def encode_images(self, pixels: Pixels) -> Embeddings:
        """Draw one unit vector per image."""
        rows = [_from_hash(image.astype(np.uint8).tobytes()) for image in pixels]
        return np.stack(rows) if rows else np.empty((0, CARD.embedding_dim), dtype=np.float32)

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """Draw one unit vector per text."""
        rows = [_from_hash(text.encode()) for text in texts]
        return np.stack(rows) if rows else np.empty((0, CARD.embedding_dim), dtype=np.float32)


def load() -> ImageTextModel:
    """Return the model; there is nothing to read."""
    return RandomModel()
