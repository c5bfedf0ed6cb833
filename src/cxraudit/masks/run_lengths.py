"""Masks as run lengths: pairs of start and length, starts counted from 1, row by row.

The layout of CheXmask (Gaggion et al. 2024): ``"3 2 10 1"`` are the pixels 3, 4 and 10 of an image that is
read like text.
"""

import numpy as np
from numpy.typing import NDArray

from cxraudit.errors import DataError, shown

Mask = NDArray[np.bool_]
"""True inside, shape (height, width)."""


def decode(text: str, size: tuple[int, int]) -> Mask:
    """Return the mask that run lengths describe.

    Parameters
    ----------
    text : str
        Pairs of start and length, separated by blanks; nothing for a mask without a pixel.
    size : tuple of int
        Width and height of the mask in pixels.

    Raises
    ------
    DataError
        If the text is no list of pairs, or a run lies outside of the image or overlaps the one before.

    Examples
    --------
    >>> decode("3 2", (2, 2)).astype(int).tolist()
    [[0, 0], [1, 1]]
    """
    width, height = size
    starts, stops = _runs(text, width * height)
    edges = np.zeros(width * height + 1, dtype=np.int8)
    np.add.at(edges, starts, 1)
    np.add.at(edges, stops, -1)
    return np.cumsum(edges[:-1], dtype=np.int8).astype(bool).reshape(height, width)


def _runs(text: str, n_pixels: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first pixel of each run, and the one behind its last, counted from 0."""
    words = text.split()
    if not all(word.isascii() and word.isdigit() and len(word) < 12 for word in words):
        wrong = next(w for w in words if not (w.isascii() and w.isdigit() and len(w) < 12))
        raise DataError(f"{shown(wrong)} is no whole number above 0")
    numbers = np.array(words, dtype=np.int64)
    if numbers.size % 2:
        raise DataError(f"{numbers.size:,} numbers are no pairs of start and length")
    starts, lengths = numbers[::2] - 1, numbers[1::2]
    stops = starts + lengths
    if (starts < 0).any() or (lengths < 1).any():
        raise DataError("starts are counted from 1, and a length is at least 1")
    if (stops > n_pixels).any():
        raise DataError(f"a run ends at pixel {stops.max():,} of {n_pixels:,}")
    if (starts[1:] < stops[:-1]).any():
        raise DataError("runs overlap, or are not in order")
    return starts, stops


def encode(mask: Mask) -> str:
    """Return the run lengths of a mask; `decode` gives it back.

    Examples
    --------
    >>> encode(np.array([[False, True], [True, False]]))
    '2 2'
    """
    padded = np.zeros(mask.size + 2, dtype=np.int8)
    padded[1:-1] = mask.ravel()
    changes = np.flatnonzero(np.diff(padded))
    starts, stops = changes[::2], changes[1::2]
    return " ".join(
        f"{start + 1} {stop - start}" for start, stop in zip(starts, stops, strict=True)
    )
