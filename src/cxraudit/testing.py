"""Contract checks for authors of models and data sets; the tests of this package run them, too.

Each raises `AssertionError` with the violation, so they can be called from any test runner.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import cast

import numpy as np
from PIL import Image

from cxraudit.datasets.base import Dataset
from cxraudit.errors import TextError
from cxraudit.models.base import EightBitModel, Embeddings, ImageModel, ImageTextModel, stacked
from cxraudit.schema import IMAGE_COLUMNS

LONG = "There is a right pleural effusion. " * 200
"""A text longer than any published model takes."""


def _demand(condition: object, message: str) -> None:
    if not condition:
        raise AssertionError(message)


def sample_images(n: int = 9, *, seed: int = 0) -> list[Image.Image]:
    """Return small images in the common modes: L, RGB, RGBA and 16-bit."""
    rng = np.random.default_rng(seed)
    images = []
    for number in range(n):
        grey = rng.integers(0, 256, size=(90 + 7 * number, 100), dtype=np.uint8)
        image = Image.fromarray(grey)
        if number % 4 == 3:
            images.append(Image.fromarray(grey.astype(np.uint16) * 200))
        else:
            images.append(image.convert(("L", "RGB", "RGBA")[number % 4]))
    return images


def check_model(model: ImageModel, images: Sequence[Image.Image] | None = None) -> None:
    """Check that a model keeps the contract of `ImageTextModel`, or of `ImageModel` without a text side.

    Rows are float32, of unit norm and of the width of the card; an image has the same embedding in any
    order and in any batch, to 1e-6, and so has a text, also in the paper protocol; a long text is embedded or
    refused by a `TextError`; images in eight bits, where the model takes them, give the same; every image
    mode is accepted; inputs are not modified.

    Parameters
    ----------
    model : ImageModel
        The model to check.
    images : sequence of PIL.Image.Image, optional
        At least three different images; default: `sample_images`.
    """
    _demand(isinstance(model, ImageModel), f"{model!r} lacks methods of ImageModel")
    images = list(images) if images is not None else sample_images()
    width = model.card.embedding_dim
    pixels = np.stack([model.preprocess(image) for image in images])
    _demand(pixels.dtype == np.float32, f"preprocess must return float32, got {pixels.dtype}")
    before = pixels.copy()
    together = model.encode_images(pixels)
    _demand(np.array_equal(before, pixels), "encode_images modified its input")
    _check_rows(together, len(images), width)
    order = np.random.default_rng(1).permutation(len(images))
    _same(together[order], model.encode_images(pixels[order]), "the order of the images")
    for size in {1, 2, len(images) - 1, len(images)}:
        parts = [model.encode_images(pixels[i : i + size]) for i in range(0, len(images), size)]
        _same(together, np.concatenate(parts), f"a batch size of {size}")
    if isinstance(model, EightBitModel):
        levels = stacked([model.levels(image) for image in images])
        _same(together, model.encode_images(levels), "whether images are scaled before")
    if model.card.text_side:
        _demand(isinstance(model, ImageTextModel), f"{model!r} lacks methods of ImageTextModel")
        _check_texts(cast("ImageTextModel", model))
    _demand(model.fingerprint, "fingerprint must not be empty")


def _check_texts(model: ImageTextModel) -> None:
    _demand(
        np.isfinite(model.logit_scale) and model.logit_scale > 0, "logit_scale must be positive"
    )
    # A published wrapper may leave texts as they are, about 10 long, so that differences are larger.
    unit = model.card.protocol != "paper"
    texts = ["Chest Pneumothorax", "Chest No findings", "There is a right pleural effusion." * 6]
    embedded = model.encode_texts(texts)
    _check_rows(embedded, len(texts), model.card.embedding_dim, unit=unit)
    tolerance = 1e-6 if unit else 1e-6 * float(np.linalg.norm(embedded, axis=1).max())
    _same(embedded[::-1], model.encode_texts(texts[::-1]), "the order of the texts", tolerance)
    alone = np.concatenate([model.encode_texts([text]) for text in texts])
    _same(embedded, alone, "the other texts", tolerance)
    with suppress(TextError):
        _check_rows(model.encode_texts([LONG]), 1, model.card.embedding_dim, unit=unit)


def _check_rows(rows: Embeddings, n: int, width: int, *, unit: bool = True) -> None:
    _demand(rows.shape == (n, width), f"expected shape {(n, width)}, got {rows.shape}")
    _demand(rows.dtype == np.float32, f"embeddings must be float32, got {rows.dtype}")
    norms = np.linalg.norm(rows, axis=1)
    _demand(np.isfinite(norms).all() and (norms > 0).all(), f"rows must be numbers, got {norms}")
    _demand(
        not unit or np.allclose(norms, 1, atol=1e-5),
        f"rows must have unit norm, got {norms.min()}–{norms.max()}",
    )


def _same(first: Embeddings, second: Embeddings, what: str, tolerance: float = 1e-6) -> None:
    difference = float(np.abs(first - second).max())
    _demand(difference <= tolerance, f"embeddings depend on {what} (difference {difference:.1e})")


def check_dataset(dataset: Dataset) -> None:
    """Check that groups are named and never missing, beyond what `Dataset` checks itself."""
    images = dataset.images
    for column in (*IMAGE_COLUMNS, *dataset.attributes, *dataset.shortcuts):
        _demand(images[column].notna().all(), f"{column} has missing values; use 'unknown'")
    for column in dataset.shortcuts:
        values = set(images[column])
        _demand(values <= {"yes", "no", "unknown"}, f"{column} holds {sorted(values)}")
    for column in dataset.attributes:
        named = all(isinstance(value, str) and value != "" for value in images[column])
        _demand(named, f"{column} must hold group names")
    _demand(dataset.findings, "a data set needs at least one finding")
