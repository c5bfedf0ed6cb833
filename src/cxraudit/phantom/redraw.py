"""Exact counterfactuals: synthetic radiographs drawn again with one property changed."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
from PIL import Image

from cxraudit.datasets.base import Dataset
from cxraudit.errors import ConfigError, DataError
from cxraudit.phantom.cohort import Radiograph, radiographs
from cxraudit.phantom.findings import render
from cxraudit.phantom.releases import DRAWN, JPEG_QUALITY
from cxraudit.phantom.spec import PhantomSpec

REDRAWN = {"drain-added": True, "drain-removed": False}
"""Perturbations of synthetic radiographs only → whether the image is drawn with a chest drain."""


def redrawn(dataset: Dataset, drain: bool) -> Callable[[Image.Image, str], Image.Image]:
    """Return a perturbation that draws each image of a synthetic release with, or without, a drain.

    The drain is all that changes, since every part of a synthetic radiograph has a random stream of
    its own.

    Parameters
    ----------
    dataset : Dataset
        A synthetic release.
    drain : bool
        Whether the images are drawn with a drain.

    Returns
    -------
    callable
        (image, image_id) → image; the input image is ignored. The result is encoded and decoded
        like the file of the release.

    Raises
    ------
    DataError
        If the data set is not synthetic, or an image is not where the release has it.
    """
    drawn = drawn_images(dataset)

    def draw(image: Image.Image, image_id: str) -> Image.Image:
        radiograph, suffix = drawn[image_id]
        picture = Image.fromarray(render(replace(radiograph, drain=drain)))
        return _as_stored(picture, suffix)

    return draw


def drawn_images(dataset: Dataset) -> dict[str, tuple[Radiograph, str]]:
    """Return what each image of a synthetic release was drawn from, and the ending of its file.

    Parameters
    ----------
    dataset : Dataset
        A synthetic release.

    Returns
    -------
    dict
        image_id → (content, ending).

    Raises
    ------
    DataError
        If the data set is not synthetic, or an image is not where the release has it.
    """
    # A cohort that was read back has its images only; they lie below the release.
    root = next(
        (at for at in (dataset.root, *dataset.root.parents) if (at / DRAWN).is_file()), None
    )
    if dataset.truth is None or root is None:
        raise DataError(
            f"'{dataset.name}' is no synthetic release with {DRAWN}: its images cannot be drawn again."
        )
    table = _drawn(root / DRAWN)
    try:
        spec = PhantomSpec(**dataset.truth["spec"])
    except (TypeError, ConfigError) as error:
        raise DataError(
            f"'{dataset.name}' was drawn by another version of cxraudit ({error}): its images cannot be "
            "drawn again."
        ) from None
    by_path = dict(zip(table["path"], radiographs(spec, table), strict=True))
    drawn = {}
    for image_id, name in zip(dataset.images["image_id"], dataset.images["path"], strict=True):
        path = Path(name)
        relative = str(path.relative_to(root)) if path.is_relative_to(root) else ""
        if relative not in by_path:
            raise DataError(
                f"{path.name} is not an image of the release: it cannot be drawn again."
            )
        drawn[image_id] = (by_path[relative], path.suffix)
    return drawn


def _drawn(file: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(file)
    except (ValueError, OSError) as error:
        raise DataError(f"{file} is damaged ({error}): its images cannot be drawn again.") from None


def _as_stored(picture: Image.Image, suffix: str) -> Image.Image:
    """Return an image as it is read from a file of the release."""
    if suffix == ".png":
        return picture
    encoded = io.BytesIO()
    picture.save(encoded, format="JPEG", quality=JPEG_QUALITY)
    with Image.open(encoded) as decoded:
        decoded.load()
        return decoded
