"""Synthetic radiographs drawn again with one thing changed: the exact counterfactual."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
from PIL import Image

from cxraudit.datasets.base import Dataset
from cxraudit.errors import DataError
from cxraudit.phantom.cohort import images
from cxraudit.phantom.findings import render
from cxraudit.phantom.releases import DRAWN, JPEG_QUALITY
from cxraudit.phantom.spec import PhantomSpec

REDRAWN = {"drain-added": True, "drain-removed": False}
"""Edits that exist for synthetic radiographs only: the image as it would be with, or without, a drain."""


def redrawn(dataset: Dataset, drain: bool) -> Callable[[Image.Image, str], Image.Image]:
    """Return an edit that draws each image of a made-up release again, with or without a drain.

    Nothing else differs: every part of a synthetic radiograph has a random stream of its own.

    Raises
    ------
    DataError
        If the data set is not made up, or its images were moved.
    """
    file = dataset.root / DRAWN
    if dataset.truth is None or not file.is_file():
        raise DataError(
            f"{dataset.root} is no made-up release with {DRAWN}: its images cannot be drawn again."
        )
    table = pd.read_parquet(file)
    spec = PhantomSpec(**dataset.truth["spec"])
    by_path = dict(zip(table["path"], images(spec, table), strict=True))
    drawn = {}
    for image_id, path in zip(dataset.images["image_id"], dataset.images["path"], strict=True):
        place = Path(path)
        inside = place.is_relative_to(dataset.root)
        name = str(place.relative_to(dataset.root)) if inside else ""
        if name not in by_path:
            raise DataError(f"{path} is not where {file} says: its image cannot be drawn again.")
        drawn[image_id] = (by_path[name], place.suffix)

    def edit(image: Image.Image, image_id: str) -> Image.Image:
        known, suffix = drawn[image_id]
        picture = Image.fromarray(render(replace(known, drain=drain)))
        if suffix == ".png":
            return picture
        stored = io.BytesIO()
        picture.save(stored, format="JPEG", quality=JPEG_QUALITY)
        with Image.open(stored) as again:
            again.load()
            return again

    return edit
