"""Image corruptions in five severities; strengths are relative to the size and grey levels of the image.

=============  ======================================================================================
noise          quantum mottle, stronger in dense regions; grain size 1/256 of the shorter side
blur           motion and unsharpness: Gaussian, σ as a share of the shorter side
contrast       low contrast: grey levels moved towards their mean
exposure       under- or overexposure (random per image): a power of the grey levels
jpeg           lossy storage: JPEG of decreasing quality, at the size of the image
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

NOISE = (0.01, 0.02, 0.035, 0.055, 0.08)
BLUR = (0.002, 0.004, 0.007, 0.011, 0.016)
CONTRAST = (0.8, 0.65, 0.5, 0.35, 0.25)
EXPOSURE = (1.2, 1.45, 1.8, 2.3, 3.0)
QUALITY = (60, 40, 25, 15, 8)
DEGREES = (2.0, 5.0, 9.0, 14.0, 20.0)
SHORTER_SIDE = (192, 128, 96, 64, 48)
MARKER_SIZE = (0.04, 0.05, 0.06, 0.07, 0.08)
GRAIN = 256
WORDS = ("L", "R", "AP", "PORTABLE", "SUPINE", "ERECT", "ICU", "MOBILE", "SITTING")

Corruption = Callable[[Image.Image, int, np.random.Generator], Image.Image]


def _grey(values: NDArray[np.floating]) -> Image.Image:
    return Image.fromarray(np.round(np.clip(values, 0, 1) * 255).astype(np.uint8))


def _values(image: Image.Image) -> NDArray[np.float32]:
    return np.asarray(image, dtype=np.float32) / np.float32(255)


def _noise(image: Image.Image, severity: int, rng: np.random.Generator) -> Image.Image:
    width, height = image.size
    scale = GRAIN / min(width, height)
    grain = rng.standard_normal((round(height * scale), round(width * scale))).astype(np.float32)
    mottle = np.asarray(Image.fromarray(grain).resize(image.size, Image.Resampling.BICUBIC))
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
    stored = io.BytesIO()
    image.save(stored, format="JPEG", quality=QUALITY[severity - 1])
    with Image.open(stored) as again:
        again.load()
        return again


def _rotation(image: Image.Image, severity: int, rng: np.random.Generator) -> Image.Image:
    sign = 1 if rng.random() < 0.5 else -1
    return image.rotate(sign * DEGREES[severity - 1], Image.Resampling.BICUBIC)


def _downsampling(image: Image.Image, severity: int, rng: np.random.Generator) -> Image.Image:
    scale = SHORTER_SIDE[severity - 1] / min(image.size)
    if scale >= 1:
        return image
    small = (max(round(image.size[0] * scale), 1), max(round(image.size[1] * scale), 1))
    return image.resize(small, Image.Resampling.BOX).resize(image.size, Image.Resampling.BICUBIC)


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
