"""Folders of pictures: one per image and region; what is not black is inside."""

from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cxraudit.errors import DataError
from cxraudit.files import sha256
from cxraudit.images import read_image
from cxraudit.masks.base import Masks, Stored, region_name, variants, without_ending
from cxraudit.masks.run_lengths import Mask
from cxraudit.notices import PERTURBED_IMAGES, about_images

ENDINGS = (".png", ".tif", ".tiff", ".bmp")
"""Of pictures that keep every value; JPEG does not."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A mask in a file of its own."""

    path: Path

    @property
    def digest(self) -> str:
        """Hash of the file."""
        return sha256(self.path)

    def read(self) -> Mask:
        """Return the pixels that are not black."""
        image = read_image(self.path)
        if image.mode not in (
            "1",
            "L",
            "I",
            "F",
            "I;16",
        ):  # colours of a palette; transparency says nothing
            image = image.convert("RGB")
        levels = np.asarray(image)
        return np.asarray(levels > 0 if levels.ndim == 2 else levels.any(axis=2), dtype=bool)


def read_pictures(folder: Path, wanted: Set[str] | None) -> Masks:
    """Read a folder; `wanted` are the names of images, as `cxraudit.masks.base.names_of` gives them."""
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and path.suffix.lower() in ENDINGS and not path.name.startswith(".")
    )
    if not files:
        raise DataError(
            f"{folder} holds no picture ({', '.join(ENDINGS)}). Name masks <image_id>_<region>.png or "
            "<region>/<image_id>.png."
        )
    images: dict[str, dict[str, Stored]] = {}
    unnamed: list[str] = []
    for path in files:
        try:
            image, region = _named(path.relative_to(folder))
        except DataError:
            unnamed.append(path.name)
            continue
        if wanted is not None and wanted.isdisjoint(variants(image)):
            continue
        if region in images.setdefault(image, {}):
            raise DataError(
                f"{folder} holds two masks of the region '{region}' of {image}, the second is {path.name}. "
                "Keep one of them."
            )
        images[image][region] = Picture(path)
    if len(unnamed) == len(files):
        raise DataError(
            f"no picture in {folder} is named <image_id>_<region>.png or <region>/<image_id>.png; the first "
            f"is {unnamed[0]}."
        )
    notices = []
    if unnamed:
        sentence = "Pictures that name no region are not used."
        notices.append(about_images(sentence, unnamed, PERTURBED_IMAGES))
    return Masks(folder.name, images, notices=tuple(notices))


def _named(path: Path) -> tuple[str, str]:
    """Return the image and the region of a picture, from its folders or the end of its name."""
    if len(path.parts) > 1:
        region, *rest = path.parts
        return without_ending("/".join(rest)), region_name(region)
    image, found, region = path.stem.rpartition("_")
    if not (found and image):
        raise DataError("no region")
    if image.lower().endswith(("_left", "_right")) and region.lower() in ("lung", "lungs"):
        image, _, side = image.rpartition("_")
        region = f"{side} lung"
    return image, region_name(region)
