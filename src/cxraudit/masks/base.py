"""Masks of images by name, whatever they are stored as."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path, PurePosixPath
from typing import Protocol

import numpy as np
import pandas as pd
from PIL import Image

from cxraudit.errors import DataError, NotAppliedError, short
from cxraudit.files import digest, write_table
from cxraudit.folders import claim
from cxraudit.masks.run_lengths import Mask, encode
from cxraudit.notices import Notice

LEFT_LUNG, RIGHT_LUNG = "left-lung", "right-lung"
"""Of the patient: the left lung is at the right of the image."""
LUNGS, HEART = "lungs", "heart"
"""Both lungs together, and the heart."""
BOX, WIDER, NARROWER = "lung-box", "wider-lungs", "narrower-lungs"
DERIVED = (BOX, WIDER, NARROWER)
"""Regions made of the lungs, of which no file gives masks."""

SAME_SHAPE = 0.01
"""Relative difference of two ratios of width and height, up to which a mask is resized to its image."""

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_COMMON = {"lung": LUNGS, "both-lungs": LUNGS, "lung-left": LEFT_LUNG, "lung-right": RIGHT_LUNG}


def region_name(text: object, where: str = "a mask") -> str:
    """Return the name of a region: lower case, with hyphens.

    Parameters
    ----------
    text : object
        As a table or a file has it, such as ``Left Lung``.
    where : str
        What it is the name in, for the message.

    Raises
    ------
    DataError
        If it holds other characters than letters, digits, blanks, hyphens and underscores, or is too long.

    Examples
    --------
    >>> region_name("Left Lung"), region_name("lung")
    ('left-lung', 'lungs')
    """
    name = re.sub(r"[\s_]+", "-", str(text).strip()).lower()
    if not _NAME.fullmatch(name):
        raise DataError(
            f"{where} names the region '{short(text)}'. Name regions with at most 40 letters, digits and "
            "hyphens, such as lungs, left-lung, right-lung or heart."
        )
    return _COMMON.get(name, name)


def own_name(text: object, where: str) -> str:
    """Return the name of a region that a file gives masks of, which is none of those made of the lungs.

    Raises
    ------
    DataError
        As `region_name`, and if it is one of `DERIVED`.
    """
    name = region_name(text, where)
    if name in DERIVED:
        raise TakenNameError(
            f"{where} names a region '{name}', which is made of the masks of the lungs here. Give the region "
            "another name."
        )
    return name


class TakenNameError(DataError):
    """A region is named like one that is made of the lungs."""


class Stored(Protocol):
    """One mask, as it is stored."""

    @property
    def digest(self) -> str:
        """Hash of all that the mask depends on."""

    def read(self) -> Mask:
        """Return the mask in its own size.

        Raises
        ------
        DataError
            If it cannot be read.
        """


def variants(name: str) -> Iterator[str]:
    """Yield what an image may be called elsewhere: without leading folders, and without its ending."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    for first in range(len(parts)):
        whole = "/".join(parts[first:])
        yield whole
        if (bare := without_ending(whole)) != whole:
            yield bare


_ENDING = re.compile(r"\.(png|jpe?g|dcm|dicom|tiff?|bmp)$", re.IGNORECASE)


def without_ending(name: str) -> str:
    """Return a name without the ending of an image file."""
    return _ENDING.sub("", name)


def names_of(image_ids: Iterable[str]) -> frozenset[str]:
    """Return what images are called in files of masks: their ids, with and without an ending."""
    return frozenset(name for one in image_ids for name in (one, without_ending(one)))


@dataclass(frozen=True, slots=True, eq=False)
class Masks:
    """The masks of some images."""

    source: str
    """Where they come from, for people."""
    images: Mapping[str, Mapping[str, Stored]]
    """Name of an image → region → its mask."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Name of an image → why its masks are not used."""
    notices: tuple[Notice, ...] = ()
    """What was found on reading them."""
    _names: dict[str, str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Index the names of images by what they may be called elsewhere."""
        names: dict[str, str] = {}
        for name in (*self.images, *self.left_out):
            for variant in variants(name):
                names[variant] = _SEVERAL if names.get(variant, name) != name else name
        names.update((name, name) for name in (*self.images, *self.left_out))
        object.__setattr__(self, "_names", names)

    @property
    def regions(self) -> tuple[str, ...]:
        """Names of the regions that at least one image has, sorted; both lungs together are one, too."""
        found = {region for one in self.images.values() for region in one}
        if {LEFT_LUNG, RIGHT_LUNG} <= found:
            found.add(LUNGS)
        return tuple(sorted(found))

    def find(self, image_id: str) -> str:
        """Return the name that an image has here; empty if it has none, or several could be meant."""
        found = self._names.get(image_id) or self._names.get(without_ending(image_id), "")
        return "" if found == _SEVERAL else found

    def of(self, image_id: str, region: str, size: tuple[int, int]) -> Mask:
        """Return the mask of a region of an image.

        Parameters
        ----------
        image_id : str
            Id of the image.
        region : str
            Name of the region.
        size : tuple of int
            Width and height of the image in pixels.

        Returns
        -------
        numpy.ndarray of bool, shape (height, width)
            True inside. A mask of another size is resized if it has the same shape (`SAME_SHAPE`).

        Raises
        ------
        NotAppliedError
            If there is none, it is not used, it is empty, or it has another shape than the image. Both lungs
            are empty if one of them is, and are not known if one mask stands for each of them.
        """
        found = fitted(self._read(image_id, region), region, size)
        if not found.any():
            raise NotAppliedError(f"the mask of the region '{region}' is empty")
        return found

    def _read(self, image_id: str, region: str) -> Mask:
        name = self.find(image_id)
        if name in self.left_out:
            raise NotAppliedError(self.left_out[name])
        stored = self.images.get(name, {})
        if region in stored:
            return _readable(stored[region], region)
        if region == LUNGS and LEFT_LUNG in stored and RIGHT_LUNG in stored:
            left, right = (_readable(stored[side], side) for side in (LEFT_LUNG, RIGHT_LUNG))
            if not (left.any() and right.any()):
                side = RIGHT_LUNG if left.any() else LEFT_LUNG
                raise NotAppliedError(
                    f"the mask of the region '{side}' is empty: one lung is not both"
                )
            if left.shape != right.shape:
                raise NotAppliedError("the masks of the left and the right lung differ in size")
            if np.array_equal(left, right):
                raise NotAppliedError("the masks of the left and the right lung are the same")
            return left | right
        if region == LUNGS and (LEFT_LUNG in stored or RIGHT_LUNG in stored):
            side = RIGHT_LUNG if LEFT_LUNG in stored else LEFT_LUNG
            raise NotAppliedError(f"there is no mask of the region '{side}': one lung is not both")
        known = "" if name else " by this name, or several could be meant"
        raise NotAppliedError(f"there is no mask of the region '{region}'{known}")

    def fingerprint(self, image_ids: Iterable[str], regions: Sequence[str]) -> str:
        """Return the hash of all that the masks of some images and regions depend on."""
        wanted = {*regions, *((LEFT_LUNG, RIGHT_LUNG) if LUNGS in regions else ())}
        return digest(
            [
                [image_id, self.left_out.get(name, ""), sorted(of_image.items())]
                for image_id in sorted(image_ids)
                for name in [self.find(image_id)]
                for of_image in [
                    {r: one.digest for r, one in self.images.get(name, {}).items() if r in wanted}
                ]
            ]
        )

    def resized(self, sizes: Mapping[str, tuple[int, int]], region: str) -> list[str]:
        """Return the images whose mask of a region has another size, and the same shape.

        Parameters
        ----------
        sizes : mapping of str to tuple of int
            Id of an image → its width and height.
        region : str
            Name of the region.
        """
        found = []
        for image_id, size in sizes.items():
            try:
                mask = self._read(image_id, region)
                fitted(mask, region, size)
            except NotAppliedError:
                continue
            if mask.shape[::-1] != size:
                found.append(image_id)
        return found


_SEVERAL = "\0"
"""In place of a name: more than one image may be meant."""


def _readable(stored: Stored, region: str) -> Mask:
    try:
        return stored.read()
    except DataError as error:
        reason = str(error).rstrip(".")
        raise NotAppliedError(
            f"the mask of the region '{region}' cannot be read: {reason}"
        ) from None


def fitted(mask: Mask, region: str, size: tuple[int, int]) -> Mask:
    """Return a mask in the size of its image: as it is, or resized without new values.

    Raises
    ------
    NotAppliedError
        If width and height are in another ratio.
    """
    width, height = size
    if mask.shape == (height, width):
        return mask
    ratio = mask.shape[1] / mask.shape[0] / (width / height)
    if abs(ratio - 1) > SAME_SHAPE:
        raise NotAppliedError(
            f"the mask of the region '{region}' has another shape than the image: "
            f"{mask.shape[1]:,} × {mask.shape[0]:,} and {width:,} × {height:,} pixels; it may be that of a "
            "padded or cropped image"
        )
    picture = Image.fromarray(mask.astype(np.uint8)).resize(size, Image.Resampling.NEAREST)
    return np.asarray(picture) > 0


def write_masks(masks: Masks, path: str | PathLike[str]) -> Path:
    """Write masks as a table of run lengths, which `read_masks` reads.

    Parameters
    ----------
    masks : Masks
        From `read_masks`, or the drawn ones of a synthetic release.
    path : str or path
        A ``.csv``, ``.csv.gz`` or ``.parquet``.

    Raises
    ------
    DataError
        If a mask cannot be read, or the file is there and cxraudit did not write it.
    """
    file = Path(path)
    rows = []
    for name, of_image in masks.images.items():
        for region, stored in of_image.items():
            mask = stored.read()
            height, width = mask.shape
            rows.append((name, region, encode(mask), height, width))
    columns = ["image_id", "region", "rle", "height", "width"]
    claim(file)
    return write_table(pd.DataFrame(rows, columns=columns), file)
