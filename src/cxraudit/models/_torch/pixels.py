"""Steps of the published preprocessing: Pillow operations with torchvision's arithmetic, bit for bit."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cxraudit.models.base import Pixels

BICUBIC, BILINEAR = Image.Resampling.BICUBIC, Image.Resampling.BILINEAR

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def eight_bit(image: Image.Image) -> Image.Image:
    """Return an image as L or RGB.

    16-bit images are scaled by 255/65535: the published code saturates them at 255, which gives a
    white image, or refuses them. `cxraudit.images.decode_image` has brought images that use fewer bits
    to the full range. Transparency is dropped and palettes are resolved.
    """
    if image.mode in ("I", "I;16", "I;16B", "I;16L"):
        values = np.asarray(image, dtype=np.int64)
        return Image.fromarray(((np.clip(values, 0, 65535) + 128) // 257).astype(np.uint8))
    if image.mode == "F":
        return Image.fromarray(np.clip(np.round(np.asarray(image)), 0, 255).astype(np.uint8))
    if image.mode in ("L", "RGB"):
        return image
    return image.convert("L" if image.mode in ("1", "LA", "La") else "RGB")


def resize_short(image: Image.Image, side: int, filter_: Image.Resampling) -> Image.Image:
    """Resize so that the shorter side is `side`; the longer one is truncated to whole pixels."""
    width, height = image.size
    short, long = min(image.size), int(side * max(image.size) / min(image.size))
    if short == side:
        return image
    return image.resize((side, long) if width <= height else (long, side), filter_)


def centre_crop(image: Image.Image, side: int) -> Image.Image:
    """Crop the centre; halves are rounded to even, as Python rounds."""
    left, top = (round((n - side) / 2.0) for n in image.size)
    return image.crop((left, top, left + side, top + side))


def to_array(image: Image.Image) -> NDArray[np.float32]:
    """Return float32 values in [0, 1], shape (channels, height, width)."""
    values = np.asarray(image, dtype=np.float32) / np.float32(255)
    return np.ascontiguousarray(values[None] if values.ndim == 2 else values.transpose(2, 0, 1))


def normalise(
    values: NDArray[np.float32], mean: tuple[float, ...], std: tuple[float, ...]
) -> Pixels:
    """Return (values − mean) / std per channel, in float32."""
    centre, scale = (np.array(v, dtype=np.float32)[:, None, None] for v in (mean, std))
    return (values - centre) / scale


def resize_tensorflow(image: Image.Image, side: int) -> Image.Image:
    """Resize to a square as ``tf.image.resize`` of TensorFlow 2 does, bilinear without antialiasing.

    Each pixel of the result lies between four of the image, however much smaller it is; values are
    truncated to whole numbers, as ``astype(uint8)`` does.
    """
    values = np.asarray(image, dtype=np.float32)
    if values.shape[:2] == (side, side):
        return image
    (top, bottom, down), (left, right, along) = (_between(n, side) for n in values.shape[:2])
    extra = (1,) * (values.ndim - 2)
    down, along = down.reshape(-1, 1, *extra), along.reshape(1, -1, *extra)
    upper, lower = values[top], values[bottom]
    upper = upper[:, left] + (upper[:, right] - upper[:, left]) * along
    lower = lower[:, left] + (lower[:, right] - lower[:, left]) * along
    return Image.fromarray((upper + (lower - upper) * down).astype(np.uint8))


def _between(
    size: int, side: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """Return the two pixels that each of the result lies between, and how far from the first; float32."""
    scale = np.float32(size) / np.float32(side)
    half = np.float32(0.5)
    places = (np.arange(side, dtype=np.float32) + half) * scale - half
    first = np.floor(places)
    low = np.maximum(first.astype(np.intp), 0)
    high = np.minimum(np.ceil(places).astype(np.intp), size - 1)
    return low, high, places - first
