"""What a model is to cxraudit: facts in a `ModelCard`, behaviour in an `ImageTextModel`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.float32]
"""Model input, shape (channels, height, width), or a batch of it."""

Embeddings = NDArray[np.float32]
"""Unit-norm rows, shape (n_items, embedding_dim)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightFile:
    """One file of a published checkpoint, below the folder of the model."""

    name: str
    """Path, or a pattern where published names differ."""
    size: int | None = None
    """Bytes, where known."""
    sha256: str = ""
    md5: str = ""
    url: str = ""
    """Where it can be downloaded without asking; empty if somebody has to click."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirk:
    """Something the published wrapper does that the model's authors do not; in the paper protocol."""

    what: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """Facts about one checkpoint, as written into every manifest and report."""

    name: str
    summary: str
    """One sentence a reader of `cxraudit models` chooses by."""
    weights: str
    """Where the weights come from."""
    license: str
    embedding_dim: int
    image_size: int
    """Side in pixels of what the image encoder sees."""
    trained_on: frozenset[str]
    """Data sets it has seen, so that an audit can say so."""
    reference: str
    transform: str
    """Name and version of the preprocessing; part of the fingerprint of stored embeddings."""
    needs: tuple[str, ...] = ()
    """Optional dependencies it imports."""
    files: tuple[WeightFile, ...] = ()
    """What has to lie in the model's folder; empty if nothing."""
    prompts: str = ""
    """How its authors ask."""
    quirks: tuple[Quirk, ...] = ()
    protocol: str = "native"
    """``native``: as its authors run it. ``paper``: as the published wrapper ran it, quirks and all."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A checkpoint in the registry, where a module holds several: the same two names as a module."""

    CARD: ModelCard
    load: Callable[..., "ImageTextModel"]


@runtime_checkable
class ImageTextModel(Protocol):
    """A CLIP-style pair of encoders with a shared embedding space.

    The caller decodes each image once and hands the same picture to every model; everything that
    differs between checkpoints (grey levels, resizing, tokens) happens in here. Labels, prompts,
    batches and files are the caller's.
    """

    @property
    def card(self) -> ModelCard:
        """Facts about the checkpoint."""
        ...

    @property
    def logit_scale(self) -> float:
        """Factor on the cosine similarity before the softmax, as trained."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hash of the weights and of the transform: the same embeddings, the same fingerprint."""
        ...

    def preprocess(self, image: Image.Image) -> Pixels:
        """Turn one decoded image, in the mode it is stored in, into model input."""
        ...

    def encode_images(self, pixels: Pixels) -> Embeddings:
        """Embed a batch, shape (n, channels, height, width); row i depends on image i only."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """Tokenize and embed; rows in the order of `texts`.

        Unit rows that do not depend on each other, but for the paper protocol, which keeps what the
        published wrappers did.
        """
        ...
