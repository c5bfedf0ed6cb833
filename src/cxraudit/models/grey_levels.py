"""Control model: the image embedding is the distribution of grey levels of the image, and nothing else.

What a probe decodes from it is decodable from exposure and contrast alone: a baseline for the probes of
other models. Position and shape have no influence. Two embeddings lie √2 times the Hellinger distance of
their smoothed distributions apart. Processing by a publisher is part of the distribution: the histograms of
MIMIC-CXR-JPG are equalised (Johnson et al. 2019).

Text embeddings are those of the null model, so no prompt has a meaning. A score is the projection of the
distribution on an arbitrary direction. It is not independent of the image, as that of the null model is:
its AUROC can lie above or below chance level where a finding is associated with exposure or contrast.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cxraudit.images import to_grey
from cxraudit.models.base import Embeddings, ImageTextModel, ModelCard, Pixels
from cxraudit.models.random import RandomModel

_TEXTS = RandomModel()
_LEVELS = 256
_BINS = _TEXTS.card.embedding_dim
_WIDTH = _LEVELS / _BINS
"""Grey levels per bin, and the standard deviation of the kernel they are smoothed with."""

CARD = ModelCard(
    name="grey-levels",
    summary="control model: the distribution of grey levels, no prompt has a meaning; no torch needed",
    weights="none",
    license="Apache-2.0",
    embedding_dim=_BINS,
    image_size=16,  # squared, the number of grey levels: the input is their distribution
    trained_on=frozenset(),
    reference="this package",
    transform=f"grey; share of pixels at each of 256 levels; {_BINS} bins, Gaussian SD {_WIDTH:g}; v1",
)


def _kernel() -> NDArray[np.float64]:
    """Return how each level is spread over the bins, shape (256, n_bins); rows sum to 1."""
    centres = (np.arange(_BINS) + 0.5) * _WIDTH - 0.5
    away = (np.arange(_LEVELS)[:, None] - centres) / _WIDTH
    weights = np.exp(-0.5 * away**2)
    return weights / weights.sum(axis=1, keepdims=True)


class GreyLevels:
    """See `ImageTextModel`."""

    card = CARD
    logit_scale = 1.0
    fingerprint = hashlib.sha256(CARD.transform.encode()).hexdigest()
    _smooth = _kernel()

    def preprocess(self, image: Image.Image) -> Pixels:
        """Return the share of pixels at each grey level, black first, shape (1, 16, 16)."""
        counts = np.asarray(to_grey(image).histogram(), dtype=np.float32)
        return (counts / counts.sum()).reshape(1, CARD.image_size, CARD.image_size)

    def encode_images(self, pixels: Pixels) -> Embeddings:
        """Smooth the distributions and return the square roots of their bins."""
        shares = pixels.reshape(len(pixels), _LEVELS).astype(np.float64)
        bins = shares @ self._smooth
        return np.sqrt(bins / bins.sum(axis=1, keepdims=True)).astype(np.float32)

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """Draw one unit vector per text, as the null model does."""
        return _TEXTS.encode_texts(texts)


def load() -> ImageTextModel:
    """Return the model; there is nothing to read."""
    return GreyLevels()
