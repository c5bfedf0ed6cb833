"""Grey levels of decoded images: one range for every depth, eight bits, and images without contrast.

**Range.** A file with 16 or 32 bits per value often holds 10, 12 or 14 bits. Divided by the range of the
container, such an image is nearly black. Therefore values are scaled by the range of the bits really
used: the smallest of 2⁸ − 1, 2⁹ − 1, … that is not below the largest value. Values that use the highest
of 16 bits are not changed.

**Nearly black or white.** At least 90 % of the pixels lie within 16 of 256 grey levels of black or white.
Among 639 radiographs of ChestX-ray14 the largest shares were 68 % and 54 %.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cxraudit.images.notes import ImageNote

DEEP = ("I", "I;16", "I;16B", "I;16L", "I;16N", "F")
"""Modes with more than 8 bits per value."""

FULL = 65535
"""White in 16 bits."""

_FEWEST_BITS = 8
_NEAR = 16
"""Grey levels from black or white that count as nearly black or white."""
_SHARE = 0.9
_SAMPLE = 64
"""Rows and columns at least that the share is estimated from; more would slow decoding down."""


def bits_used(largest: int) -> int:
    """Return the bits of the smallest range that holds a value, at least 8."""
    return max(_FEWEST_BITS, int(largest).bit_length())


def full_range(image: Image.Image) -> tuple[Image.Image, tuple[ImageNote, ...]]:
    """Scale an image of more than 8 bits to the full range of 16 bits.

    Integers are scaled by the range of the bits used. Real numbers up to 1 are scaled by 1, other real
    numbers like integers. Images with negative values have no black of their own: they are stretched
    from minimum to maximum.

    Raises
    ------
    ValueError
        If a value is infinite or not a number.
    """
    values = np.asarray(image)
    if not np.isfinite(values).all():
        raise ValueError("it holds values that are infinite or not a number")
    low, high = values.min(), values.max()
    bits = bits_used(int(np.ceil(high)))
    if values.dtype.kind == "f" or low < 0:
        white = 1.0 if high <= 1 else 2.0**bits - 1
        black, white = (float(low), float(high)) if low < 0 else (0.0, white)
        return _scaled(values, black, white), (ImageNote.RANGE_GUESSED,)
    if bits == 16:
        return Image.fromarray(values.astype(np.uint16)), ()
    if bits > 16:
        return _scaled(values, 0.0, 2.0**bits - 1), (ImageNote.FEW_BITS,)
    table = _sixteen_bits(np.arange(2.0**bits), 0.0, 2.0**bits - 1)
    return Image.fromarray(table[values]), (ImageNote.FEW_BITS,)


def _scaled(values: NDArray[np.generic], black: float, white: float) -> Image.Image:
    return Image.fromarray(_sixteen_bits(values.astype(np.float64), black, white))


def _sixteen_bits(values: NDArray[np.float64], black: float, white: float) -> NDArray[np.uint16]:
    if not white > black:
        return np.zeros(values.shape, dtype=np.uint16)
    return np.rint((values - black) * (FULL / (white - black))).astype(np.uint16)


def to_grey(image: Image.Image) -> Image.Image:
    """Return an 8-bit grey image.

    Images of more than 8 bits are stretched from their minimum to their maximum, so that it makes no
    difference how many of the bits they use. Transparency is dropped, not blended: the RGBA images of
    ChestX-ray14 have the same grey value in every channel and are opaque. Colour becomes luminance.
    """
    if image.mode in DEEP:
        values = np.asarray(image, dtype=np.float32)
        return _stretched(values, float(values.min()), float(values.max()))
    if image.mode in ("P", "PA", "LA", "RGBA", "CMYK"):
        image = image.convert("RGB")
    return image.convert("L")


def _stretched(values: NDArray[np.float32], low: float, high: float) -> Image.Image:
    """Map low…high to 0…255, rounded; an image of one value becomes black."""
    if not high > low:
        return Image.fromarray(np.zeros(values.shape, dtype=np.uint8))
    scaled = (values - np.float32(low)) * np.float32(255 / (high - low))
    return Image.fromarray(np.round(np.clip(scaled, 0, 255)).astype(np.uint8))


def sampled(image: Image.Image) -> Image.Image:
    """Return every k-th row and column, at least 64 of each where there are as many."""
    width, height = (side // max(1, side // _SAMPLE) for side in image.size)
    if (width, height) == image.size:
        return image
    return image.resize((width, height), Image.Resampling.NEAREST)


def tone(image: Image.Image) -> tuple[ImageNote, ...]:
    """Return a note if an image is nearly black, nearly white or without contrast.

    Images of 16 bits count if they are so by `to_grey` or in the full range of 16 bits, since models
    differ in which they use.
    """
    sample = sampled(image)
    if image.mode not in DEEP:
        return _tone(to_grey(sample).histogram())
    whole, few = np.asarray(image), np.asarray(sample, dtype=np.float32)
    stretched = _stretched(few, float(whole.min()), float(whole.max()))
    return _tone(stretched.histogram()) or _tone(_stretched(few, 0, FULL).histogram())


def _tone(histogram: list[int]) -> tuple[ImageNote, ...]:
    enough = _SHARE * sum(histogram)
    if sum(histogram[: _NEAR + 1]) >= enough:
        return (ImageNote.NEARLY_BLACK,)
    if sum(histogram[-_NEAR - 1 :]) >= enough:
        return (ImageNote.NEARLY_WHITE,)
    return (ImageNote.NO_CONTRAST,) if len(histogram) - histogram.count(0) < 3 else ()
