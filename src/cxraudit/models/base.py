"""Interface of a model: facts in a `ModelCard`, behaviour in an `ImageModel` or `ImageTextModel`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.float32]
"""Model input, shape (channels, height, width), or a batch of it."""

Levels = NDArray[np.uint8]
"""Model input before it is scaled, in eight bits; one channel if all are equal."""

Embeddings = NDArray[np.float32]
"""Unit-norm rows, shape (n_items, embedding_dim)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightFile:
    """One file of a published checkpoint, below the folder of the model."""

    name: str
    """Path, or a pattern where published names differ."""
    size: int | None = None
    """In bytes, if published."""
    sha256: str = ""
    md5: str = ""
    url: str = ""
    """Address of a direct download; empty if it must be downloaded by hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirk:
    """A deviation of the published wrapper from the model's authors; part of the paper protocol."""

    what: str
    source: str


def published_quirks(file: str, *whats: str) -> tuple[Quirk, ...]:
    """Return the deviations of one file of the published code (Sourget et al. 2025)."""
    return tuple(Quirk(what=what, source=f"{file} of clip_cxr_fairness") for what in whats)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """Facts about one checkpoint, as written into every manifest and report."""

    name: str
    summary: str
    """One line, as `cxraudit models` lists it."""
    weights: str
    """Address of the weights."""
    license: str
    embedding_dim: int
    image_size: int
    """Side in pixels of the input of the image encoder."""
    trained_on: frozenset[str] | None = None
    """Data sets it was trained on, by the names that cxraudit has for them, so that an audit can report an
    overlap; empty: on no radiographs; None: not known."""
    reference: str
    transform: str
    """Name and version of the preprocessing; part of the fingerprint of stored embeddings."""
    needs: tuple[str, ...] = ()
    """Optional packages it imports."""
    files: tuple[WeightFile, ...] = ()
    """Files in the model's folder; empty if none are needed."""
    prompts: str = ""
    """Form of the prompts its authors use."""
    quirks: tuple[Quirk, ...] = ()
    protocol: str = "native"
    """``native``: as its authors run it. ``paper``: as the published wrapper ran it, with its `quirks`.
    ``tf-resize``: as its authors resize images for their evaluations, where that differs."""
    text_side: bool = True
    """Whether it embeds texts, too: without them there is no zero-shot score, and heads are fitted."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One of several checkpoints of a module; the same two names as in a module with one."""

    CARD: ModelCard
    load: Callable[..., "ImageModel"]


LOCATION = "location"
"""Attribute of a model that lies in a folder of the user's: how to load it again, since its name says only
what the folder is called."""


@runtime_checkable
class ImageModel(Protocol):
    """An encoder of images.

    The caller decodes each image once and passes the same image to every model; everything that
    differs between checkpoints (grey levels, resizing, tokens) is done by the model. Labels, prompts,
    batches and files are up to the caller.
    """

    @property
    def card(self) -> ModelCard:
        """Facts about the checkpoint."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hash of the weights and of the transform; equal fingerprints mean equal embeddings."""
        ...

    def preprocess(self, image: Image.Image) -> Pixels:
        """Convert one decoded image, in the mode it is stored in, to model input."""
        ...

    def encode_images(self, pixels: Pixels) -> Embeddings:
        """Embed a batch, shape (n, channels, height, width); row i depends on image i only."""
        ...


@runtime_checkable
class EightBitModel(ImageModel, Protocol):
    """An encoder that also takes images in eight bits, and scales them where it computes.

    Its `encode_images` gives the same embeddings of a batch of `levels` as of `preprocess`, which takes four
    to twelve times the memory.
    """

    def levels(self, image: Image.Image) -> Levels:
        """Convert one decoded image to the size of the model input, in eight bits."""
        ...


def model_input(model: ImageModel, image: Image.Image) -> Pixels | Levels:
    """Return what a model takes of an image, in as few bytes as it can."""
    return model.levels(image) if isinstance(model, EightBitModel) else model.preprocess(image)


def stacked(inputs: Sequence[Pixels | Levels]) -> Any:
    """Return a batch of model input; one channel beside several stands for equal ones."""
    channels = max(one.shape[0] for one in inputs)
    return np.stack(
        [
            np.broadcast_to(one, (channels, *one.shape[1:])) if one.dtype == np.uint8 else one
            for one in inputs
        ]
    )


@runtime_checkable
class ImageTextModel(ImageModel, Protocol):
    """A CLIP-style pair of encoders with a shared embedding space."""

    @property
    def logit_scale(self) -> float:
        """Factor on the cosine similarity before the softmax, as trained."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """Tokenize and embed; rows in the order of `texts`, none of which depends on another text.

        Rows have unit norm, except in the paper protocol of a model whose published wrapper does not
        normalise them.

        Raises
        ------
        TextError
            If the model takes no text like one of these, for instance since it is too long.
        """
        ...
