"""Masks of synthetic radiographs, from what was drawn: they are known, not segmented."""

import json
from dataclasses import asdict, dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cxraudit.datasets.base import Dataset
from cxraudit.files import digest
from cxraudit.masks import Mask, Masks
from cxraudit.phantom.cohort import Radiograph
from cxraudit.phantom.findings import drawn_regions
from cxraudit.phantom.redraw import drawn_images

VERSION = 1
"""Version of the masks, part of their hash."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """The mask of one structure of a synthetic radiograph."""

    image: Radiograph
    region: str

    @property
    def digest(self) -> str:
        """Hash of what the image was drawn from."""
        return digest([json.dumps(asdict(self.image), sort_keys=True), self.region, VERSION])

    def read(self) -> Mask:
        """Draw the structure."""
        side = self.image.image_size
        bits = np.unpackbits(_regions(self.image)[self.region], count=side * side)
        return bits.reshape(side, side).astype(bool)


@lru_cache(maxsize=128)
def _regions(image: Radiograph) -> dict[str, NDArray[np.uint8]]:
    """Return the structures of an image as bits; several perturbations of one batch of images use them."""
    return {name: np.packbits(mask) for name, mask in drawn_regions(image).items()}


def drawn_masks(dataset: Dataset) -> Masks:
    """Return the masks of a synthetic release: both lungs, the heart, and the chest drain where there is one.

    Raises
    ------
    DataError
        If the data set is not synthetic, or an image is not where the release has it.
    """
    images = {}
    for image_id, (image, _) in drawn_images(dataset).items():
        has_drain = image.drain and image.drain_visibility > 0
        regions = ("left-lung", "right-lung", "heart", *(("drain",) if has_drain else ()))
        images[image_id] = {region: Drawn(image, region) for region in regions}
    return Masks("the drawing", images)
