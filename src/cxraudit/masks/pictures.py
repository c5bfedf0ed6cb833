"""Folders of pictures: one per image and region; what is not black is inside."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from cxraudit.errors import DataError, short
from cxraudit.files import sha256
from cxraudit.images import read_image
from cxraudit.masks.base import Masks, Stored, TakenNameError, own_name, variants, without_ending
from cxraudit.masks.run_lengths import Mask
from cxraudit.notices import PERTURBED_IMAGES, about_images

ENDINGS = (".png", ".tif", ".tiff", ".bmp")
"""Of pictures that keep every value; JPEG does not."""
OTHER_ENDINGS = (".jpg", ".jpeg", ".gif", ".webp", ".dcm")
"""Of pictures that are counted, and not used."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A mask in a file of its own."""

    path: Path

    @property
    def digest(self) -> str:
        """Hash of the file."""
        return sha256(self.path)

    def read(self) -> Mask:
        """Return the pixels that are not black; in a picture of one colour, those that are not transparent.

        Raises
        ------
        DataError
            If it cannot be read, or colour and transparency draw different masks.
        """
        drawn, seen = self._drawn()
        if drawn is None:
            return seen
        if seen.all() or np.array_equal(drawn, seen):
            return drawn
        raise DataError("its colours and its transparency draw different masks")

    def is_transparency(self) -> bool:
        """Tell whether the transparency alone draws the mask; False if the picture cannot be read."""
        try:
            with Image.open(self.path) as image:
                if not image.has_transparency_data:
                    return False
            return self._drawn()[0] is None
        except (OSError, ValueError, SyntaxError, DataError):
            return False

    def _drawn(self) -> tuple[Mask | None, Mask]:
        """Return what is not black, None if it is of one colour and partly transparent; and what is seen."""
        image = read_image(self.path)
        if image.mode in ("1", "L", "I", "F", "I;16"):
            levels = np.asarray(image)
            return levels > 0, np.ones(levels.shape, dtype=bool)
        levels = np.asarray(image.convert("RGBA"))
        colours, seen = levels[..., :3], levels[..., 3] > 0
        of_one_colour = bool((colours == colours[:1, :1]).all())
        if of_one_colour and not seen.all():
            return None, seen
        return np.asarray(colours.any(axis=2), dtype=bool), seen


def read_pictures(folder: Path, wanted: Set[str] | None) -> Masks:
    """Read a folder; `wanted` are the names of images, as `cxraudit.masks.base.names_of` gives them."""
    everything = sorted(
        path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")
    )
    files = [path for path in everything if path.suffix.lower() in ENDINGS]
    other = [path.name for path in everything if path.suffix.lower() in OTHER_ENDINGS]
    if not files:
        raise DataError(
            f"{folder} holds no picture ({', '.join(ENDINGS)}){_beside(other)}. Name masks "
            "<image_id>_<region>.png or <region>/<image_id>.png."
        )
    images: dict[str, dict[str, Stored]] = {}
    unnamed: list[str] = []
    transparent: list[str] = []
    for path in files:
        try:
            image, region = _named(path.relative_to(folder), str(path))
        except TakenNameError:
            raise
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
        images[image][region] = picture = Picture(path)
        if picture.is_transparency():
            transparent.append(path.name)
    if len(unnamed) == len(files):
        raise DataError(
            f"no picture in {folder} is named <image_id>_<region>.png or <region>/<image_id>.png; the first "
            f"is {unnamed[0]}."
        )
    notices = []
    if unnamed:
        sentence = "Pictures that name no region are not used."
        notices.append(about_images(sentence, unnamed, PERTURBED_IMAGES))
    if other:
        sentence = f"Pictures of masks that are not {', '.join(ENDINGS)} are not used."
        notices.append(about_images(sentence, other, PERTURBED_IMAGES))
    if transparent:
        sentence = "Pictures of one colour are masks by their transparency: what is seen is inside."
        notices.append(about_images(sentence, transparent, PERTURBED_IMAGES))
    return Masks(folder.name, images, notices=tuple(notices))


def _beside(other: Sequence[str]) -> str:
    """Name the first picture of another kind."""
    return f"; {short(other[0])} does not keep every value" if other else ""


def _named(path: Path, where: str) -> tuple[str, str]:
    """Return the image and the region of a picture, from its folders or the end of its name."""
    if len(path.parts) > 1:
        region, *rest = path.parts
        return without_ending("/".join(rest)), own_name(region, where)
    image, found, region = path.stem.rpartition("_")
    if not (found and image):
        raise DataError("no region")
    if image.lower().endswith(("_left", "_right")) and region.lower() in ("lung", "lungs"):
        image, _, side = image.rpartition("_")
        region = f"{side} lung"
    return image, own_name(region, where)
