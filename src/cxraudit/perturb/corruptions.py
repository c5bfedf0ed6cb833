"""Image corruptions in five severities, which are as strong for images of any size.

Models see images at about 224 pixels. What is added (noise, traces of JPEG) is therefore defined at a
shorter side of `SEEN` pixels and enlarged to the image; all else is relative to the shorter side or to the
grey levels. An image that is smaller cannot show all of it: see `scripts/measure_corruptions.py`.

=============  ======================================================================================
noise          quantum mottle, stronger in dense regions; its standard deviation is that at `SEEN` pixels
blur           motion and unsharpness: Gaussian, σ as a share of the shorter side
contrast       low contrast: grey levels moved towards their mean
exposure       under- or overexposure (random per image): a power of the grey levels
jpeg           lossy storage: the traces of JPEG of decreasing quality at `SEEN` pixels
rotation       rotation by some degrees, clockwise or not at random; empty corners are black
downsampling   low resolution: reduced to a shorter side in pixels, and enlarged again
markers        burnt-in letters and words at the edges: one to five, of increasing size
=============  ======================================================================================
"""

import io
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

SEVERITIES = (1, 2, 3, 4, 5)
SEEN = 224
"""Shorter side in pixels at which strengths are defined."""

NOISE = (0.01, 0.02, 0.035, 0.055, 0.08)
BLUR = (0.002, 0.004, 0.007, 0.011, 0.016)
CONTRAST = (0.8, 0.65, 0.5, 0.35, 0.25)
EXPOSURE = (1.2, 1.45, 1.8, 2.3, 3.0)
QUALITY = (50, 35, 22, 13, 7)
DEGREES = (2.0, 5.0, 9.0, 14.0, 20.0)
SHORTER_SIDE = (160, 112, 80, 56, 40)
MARKER_SIZE = (0.04, 0.05, 0.06, 0.07, 0.08)
WORDS = ("L", "R", "AP", "PORTABLE", "SUPINE", "ERECT", "ICU", "MOBILE", "SITTING")

Corruption = Callable[[Image.Image, int, np.random.Generator], Image.Image]
Values = NDArray[np.float32]


def _grey(values: NDArray[np.floating]) -> Image.Image:
    return Image.fromarray(np.round(np.clip(values, 0, 1) * 255).astype(np.uint8))


def _values(image: Image.Image) -> Values:
    return np.asarray(image, dtype=np.float32) / np.float32(255)


def _fitted(size: tuple[int, int], shorter: int) -> tuple[int, int]:
    """Return a size of the same proportions with some shorter side."""
    scale = shorter / min(size)
    return max(round(size[0] * scale), 1), max(round(size[1] * scale), 1)


def seen(values: Values) -> Values:
    """Return an image at the shorter side at which strengths are defined."""
    size = _fitted((values.shape[1], values.shape[0]), SEEN)
    return _resized(values, size)


def _resized(values: Values, size: tuple[int, int]) -> Values:
    """Resize an image; smaller images are means over pixels, as in the preprocessing of most models."""
    picture = Image.fromarray(np.asarray(values, dtype=np.float32))
    return np.asarray(picture.resize(size, Image.Resampling.BICUBIC), dtype=np.float32)


def _noise(image: Image.Image, severity: int, rng: np.random.Generator) -> Image.Image:
    width, height = _fitted(image.size, SEEN)
    grain = rng.standard_normal((height, width)).astype(np.float32)
    mottle = _resized(grain, image.size)
    mottle = mottle / seen(mottle).std()
    values = _values(image)
    return _grey(values + NOISE[severity - 1] * (0.5 + values) * mottle)


def _blur(image: Image.Image, severity: int, rng: np.random.Generator) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(BLUR[severity - 1] * min(image.size)))


def _contrast(image: Image.Image, severity: int, rng: np.random.Generator) -> Image.Image:
    values = _values(image)
    mean = values.mean()
    return _grey(mean + CONTRAST[severity - 1] * (values - mean))


def _exposure(image: Image.Image, severity: int, rng: np.random.Generator) -> Image.Image:
    power = EXPOSURE[severity - 1]
    return _grey(_values(image) ** (power if rng.random() < 0.5 else 1 / power))


def _jpeg(image: Image.Image, severity: int, rng: np.random.Generator) -> Image.Image:
    small = image.resize(_fitted(image.size, SEEN), Image.Resampling.BICUBIC)
    stored = io.BytesIO()
    small.save(stored, format="JPEG", quality=QUALITY[severity - 1])
    with Image.open(stored) as again:
        traces = _values(again) - _values(small)
    return _grey(_values(image) + _resized(traces, image.size))


def _rotation(image: Image.Image, severity: int, rng: np.random.Generator) -> Image.Image:
    sign = 1 if rng.random() < 0.5 else -1
    return image.rotate(sign * DEGREES[severity - 1], Image.Resampling.BICUBIC)


def _downsampling(image: Image.Image, severity: int, rng: np.random.Generator) -> Image.Image:
    shorter = SHORTER_SIDE[severity - 1]
    if shorter >= min(image.size):
        return image
    small = image.resize(_fitted(image.size, shorter), Image.Resampling.BOX)
    return small.resize(image.size, Image.Resampling.BICUBIC)


def _markers(image: Image.Image, severity: int, rng: np.random.Generator) -> Image.Image:
    marked = image.copy()
    pen = ImageDraw.Draw(marked)
    width, height = image.size
    font = ImageFont.load_default(size=max(MARKER_SIZE[severity - 1] * min(image.size), 6))
    for _ in range(severity):
        word = WORDS[int(rng.integers(len(WORDS)))]
        across = rng.uniform(0.02, 0.2) if rng.random() < 0.5 else rng.uniform(0.7, 0.9)
        down = rng.uniform(0.02, 0.2) if rng.random() < 0.5 else rng.uniform(0.75, 0.92)
        pen.text((across * width, down * height), word, fill=235, font=font)
    return marked


CORRUPTIONS: dict[str, Corruption] = {
    "noise": _noise,
    "blur": _blur,
    "contrast": _contrast,
    "exposure": _exposure,
    "jpeg": _jpeg,
    "rotation": _rotation,
    "downsampling": _downsampling,
    "markers": _markers,
}
"""Name → (8-bit grey image, severity 1–5, random stream) → 8-bit grey image of the same size."""
