"""From stored values to grey levels, by the transformations of DICOM PS3.3 C.11 and C.7.6.3.

Pure functions of arrays. A value passes the modality transformation (slope and intercept, or a table), then
the VOI transformation (a window or a table) onto the range from 0 (black) to 1 (white).
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Lut:
    """A look-up table; values outside of it take its first or last entry (C.11.1.1.1)."""

    first: int
    """The value that the first entry belongs to."""
    entries: NDArray[np.uint16]
    white: int
    """The largest value that an entry can have."""

    def __call__(self, values: Values) -> Values:
        """Return the entries of values; a value between two entries takes the nearer one."""
        places = np.clip(np.rint(values) - self.first, 0, len(self.entries) - 1)
        return self.entries[places.astype(np.int64)].astype(np.float64)


@dataclass(frozen=True, slots=True)
class Rescale:
    """Slope and intercept (C.11.1.1.2)."""

    slope: float = 1.0
    intercept: float = 0.0

    def __call__(self, values: Values) -> Values:
        """Return slope × value + intercept."""
        return values * self.slope + self.intercept


class VoiFunction(StrEnum):
    """The functions of a window (C.11.2.1.2 and C.11.2.1.3)."""

    LINEAR = "LINEAR"
    LINEAR_EXACT = "LINEAR_EXACT"
    SIGMOID = "SIGMOID"


@dataclass(frozen=True, slots=True)
class Window:
    """Centre and width of the values that are distinguished."""

    centre: float
    width: float
    function: VoiFunction = VoiFunction.LINEAR

    @property
    def valid(self) -> bool:
        """Whether the width is one that the function allows."""
        least = 1 if self.function is VoiFunction.LINEAR else np.nextafter(0, 1)
        return bool(np.isfinite(self.centre) and least <= self.width < np.inf)

    def __call__(self, values: Values) -> Values:
        """Return values from 0 (black) to 1 (white)."""
        if self.function is VoiFunction.SIGMOID:
            with np.errstate(over="ignore"):
                return 1 / (1 + np.exp(-4 * (values - self.centre) / self.width))
        linear = self.function is VoiFunction.LINEAR
        centre, width = self.centre - 0.5 * linear, self.width - linear
        ends = centre - width / 2, centre + width / 2
        ramp = (values - centre) / (width or 1) + 0.5
        return np.where(values <= ends[0], 0, np.where(values > ends[1], 1, ramp))


@dataclass(frozen=True, slots=True)
class Ramp:
    """From the least to the largest value, where a file states no window; one value alone is black."""

    low: float
    high: float

    @classmethod
    def of(cls, pixels: NDArray[Any], modality: Callable[[Values], Values]) -> "Ramp":
        """Return the range of pixels after the modality transformation."""
        if not pixels.size:
            return cls(0, 0)
        # Of a straight line, the ends are those of the stored values.
        some = pixels if isinstance(modality, Lut) else np.array([pixels.min(), pixels.max()])
        shown = modality(some.astype(np.float64))
        return cls(float(shown.min()), float(shown.max()))

    def __call__(self, values: Values) -> Values:
        """Return values from 0 (black) to 1 (white)."""
        if not self.high > self.low:
            return np.zeros(values.shape)
        return (values - self.low) / (self.high - self.low)


def grey_levels(
    values: Values,
    modality: Callable[[Values], Values],
    voi: Callable[[Values], Values],
    *,
    inverted: bool,
) -> NDArray[np.uint8]:
    """Return the grey level of stored values, from 0 (black) to 255 (white).

    Parameters
    ----------
    values : numpy.ndarray
        Those of the pixels, or all that are possible.
    modality, voi : callable
        The two transformations; the second one gives values from 0 to 1.
    inverted : bool
        Whether large values are black (MONOCHROME1).
    """
    shares = voi(modality(values))
    grey = np.rint(np.clip(shares, 0, 1) * 255).astype(np.uint8)
    return 255 - grey if inverted else grey


def luminance(colours: NDArray[Any], white: int) -> NDArray[np.uint8]:
    """Return the luminance of RGB values 0…white, shape (…, 3), as grey levels (ITU-R BT.601)."""
    weighted = colours.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    return np.rint(np.clip(weighted * (255 / white), 0, 255)).astype(np.uint8)


def rgb_from_ybr(ybr: NDArray[Any], white: int, *, partial: bool) -> Values:
    """Convert YCbCr values 0…white to RGB in the same range (C.7.6.3.1.2).

    Parameters
    ----------
    ybr : numpy.ndarray
        Shape (…, 3).
    white : int
        The largest value.
    partial : bool
        Whether Y has the range 16–235 and Cb and Cr 16–240 of 256 (YBR_PARTIAL), or the full range.
    """
    level = (white + 1) / 256
    y, cb, cr = (ybr[..., k].astype(np.float64) for k in range(3))
    cb, cr = cb - 128 * level, cr - 128 * level
    if partial:
        y, cb, cr = (
            (y - 16 * level) * (white / (219 * level)),
            *(c * (white / (224 * level)) for c in (cb, cr)),
        )
    red, blue = y + 1.402 * cr, y + 1.772 * cb
    green = (y - 0.299 * red - 0.114 * blue) / 0.587
    return np.clip(np.stack([red, green, blue], axis=-1), 0, white)
