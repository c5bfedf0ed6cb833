"""Read masks from a table or a folder."""

from collections.abc import Iterable
from os import PathLike
from pathlib import Path

from cxraudit.errors import ConfigError, DataError
from cxraudit.masks.base import Masks, names_of
from cxraudit.masks.pictures import read_pictures
from cxraudit.masks.tables import read_table_of_masks

MINIMUM_QUALITY = 0.7
"""Dice RCA (mean) below which the authors of CheXmask advise against a mask (Gaggion et al. 2024)."""


def read_masks(
    path: str | PathLike[str],
    *,
    image_ids: Iterable[str] | None = None,
    minimum_quality: float = MINIMUM_QUALITY,
) -> Masks:
    """Read masks of lungs, heart or other regions.

    Parameters
    ----------
    path : str or path
        A table of CheXmask (``.csv``, ``.csv.gz``: an image per row, run lengths of ``Left Lung``,
        ``Right Lung`` and ``Heart``), a table with the columns ``image_id``, ``region``, ``rle``,
        ``height``, ``width`` (a mask per row), or a folder of pictures ``<image_id>_<region>.png`` or
        ``<region>/<image_id>.png``, in which what is not black is inside.
    image_ids : iterable of str, optional
        Images whose masks are kept; default: all. Tables have hundreds of thousands of images.
    minimum_quality : float
        Masks with a lower ``Dice RCA (Mean)``, or with none, are not used.

    Returns
    -------
    Masks
        With a notice of every kind of mask that is not used. Names of images are those of the table or
        file; an image is found by its id with or without leading folders and the ending of an image file.

    Raises
    ------
    DataError
        If there is no such file or folder, it has another layout, an image is there twice, or run lengths
        are no pairs or lie outside of the image.
    ConfigError
        If the minimum quality is not between 0 and 1.
    """
    if not 0 <= minimum_quality <= 1:
        raise ConfigError(f"minimum_quality must be between 0 and 1, got {minimum_quality}.")
    source = Path(path)
    wanted = None if image_ids is None else names_of(map(str, image_ids))
    if source.is_dir():
        return read_pictures(source, wanted)
    if not source.is_file():
        raise DataError(
            f"{source} is missing. Name a table of masks (.csv, .csv.gz or .parquet), or a folder of "
            "pictures."
        )
    return read_table_of_masks(source, wanted, minimum_quality)
