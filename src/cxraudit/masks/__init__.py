"""Masks of the regions of an image, such as lungs and heart, from tables, pictures or the drawing itself.

========  ===================================================================
module    masks of
========  ===================================================================
tables    CheXmask, and tables with one run-length mask per row
pictures  folders of pictures, in which what is not black is inside
========  ===================================================================

A mask is never guessed: an image without one, or whose mask has another shape, is left out with the reason.
"""

from cxraudit.masks.base import (
    BOX,
    DERIVED,
    HEART,
    LUNGS,
    WIDER,
    Mask,
    Masks,
    Stored,
    region_name,
    write_masks,
)
from cxraudit.masks.read import MINIMUM_QUALITY, read_masks

__all__ = [
    "BOX",
    "DERIVED",
    "HEART",
    "LUNGS",
    "MINIMUM_QUALITY",
    "WIDER",
    "Mask",
    "Masks",
    "Stored",
    "read_masks",
    "region_name",
    "write_masks",
]
