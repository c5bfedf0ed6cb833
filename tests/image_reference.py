"""Grey levels by the formulas of the standards, pixel by pixel and independent of the package.

DICOM PS3.3: C.11.1 modality, C.11.2 VOI, C.7.5.1.1.2 padding, C.7.6.3.1 colours. PNG: ISO/IEC 15948.
"""

import math

import numpy as np


def rounded(shares):
    """0…1 → 0…255."""
    return np.floor(np.clip(np.asarray(shares, dtype=float), 0, 1) * 255 + 0.5).astype(int)


def luminance(red, green, blue):
    """ITU-R BT.601."""
    return 0.299 * red + 0.587 * green + 0.114 * blue


def looked_up(value, first, entries):
    """C.11.1.1.1: below the first mapped value the first entry, beyond the last one the last entry."""
    if value < first:
        return entries[0]
    return entries[min(round(value) - first, len(entries) - 1)]


def windowed(x, centre, width, function):
    """C.11.2.1.2.1, C.11.2.1.3.1 and C.11.2.1.3.2, onto 0…1."""
    if function == "SIGMOID":
        exponent = -4 * (x - centre) / width
        return 0.0 if exponent > 700 else 1 / (1 + math.exp(exponent))
    if function == "LINEAR_EXACT":
        if x <= centre - width / 2:
            return 0.0
        return 1.0 if x > centre + width / 2 else (x - centre) / width + 0.5
    if x <= centre - 0.5 - (width - 1) / 2:
        return 0.0
    if x > centre - 0.5 + (width - 1) / 2:
        return 1.0
    return (x - (centre - 0.5)) / (width - 1) + 0.5


def grey_of(
    stored,
    *,
    slope=1.0,
    intercept=0.0,
    modality=None,
    window=None,
    voi=None,
    padding=None,
    inverted=False,
):
    """Grey levels of stored values, an array of Python's own arithmetic.

    Parameters
    ----------
    stored : numpy.ndarray
        The true stored values.
    slope, intercept : float
        The rescale.
    modality : (int, sequence)
        First value mapped and entries, in place of the rescale.
    window : (float, float, str)
        Centre, width and function.
    voi : (int, sequence, int)
        First value mapped, entries and white, in place of the window.
    padding : numpy.ndarray of bool
        Pixels that are padding.
    inverted : bool
        MONOCHROME1.
    """
    shown = {}
    for value in np.unique(stored).tolist():
        shown[value] = (
            value * slope + intercept if modality is None else looked_up(value, *modality)
        )
    shares = {}
    if voi is not None:
        first, entries, white = voi
        shares = {v: looked_up(x, first, entries) / white for v, x in shown.items()}
    elif window is not None:
        shares = {v: windowed(x, *window) for v, x in shown.items()}
    else:
        used = stored if padding is None else stored[~padding]
        present = [shown[value] for value in np.unique(used).tolist()]
        low, high = min(present), max(present)
        shares = {v: (x - low) / (high - low) if high > low else 0 for v, x in shown.items()}
    found = np.vectorize(shares.__getitem__, otypes=[float])(stored)
    grey = rounded(1 - found if inverted else found)
    return grey if padding is None else np.where(padding, 0, grey)


def rgb_of_ybr(ybr, white=255):
    """C.7.6.3.1.2: the inverse of Y = .299 R + .587 G + .114 B, C_B = −.1687 R − .3313 G + .5 B + ½, …."""
    middle = (white + 1) / 2
    forward = np.array(
        [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]
    )
    centred = ybr.astype(float) - [0, middle, middle]
    return np.clip(centred @ np.linalg.inv(forward).T, 0, white)
