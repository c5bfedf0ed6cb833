"""Draw a chest drain into an image that has none, and the sham that is its control.

The drain is drawn where drains lie on upright frontal images: from the lateral chest wall over the mid
lung to the apex, a curved tube as wide as a 28–32 Fr drain on a 43 cm image (2 % of the width), with two
radio-opaque walls. It adds brightness to what is there, as overlying objects do, and changes no other
pixel. It does not know the anatomy of the image; on lateral or rotated images it lies somewhere.

The sham takes the very same changes, pixel by pixel, and lays them down as a round patch below the
diaphragm: as many pixels, changed by as much, without the shape or place of a drain. Where the image is
bright, as it is there, the patch is darker, like gas in the bowel; elsewhere brighter.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Grey = NDArray[np.float32]

WALLS, LUMEN = 0.30, 0.12
"""Brightness added by the walls of the tube, and between them, of 1."""
OUTER, INNER = 0.020, 0.010
"""Width of the tube and of its lumen, as shares of the image's width."""
FINEST = 1024
"""Side of the picture the tube is drawn in, before it is fitted to the image."""


def draw_drain(grey: Grey, rng: np.random.Generator) -> Grey:
    """Return the image with a chest drain; on which side, and how it lies, is drawn at random."""
    return np.minimum(grey + _tube(grey.shape, rng), 1).astype(np.float32)


def draw_sham(grey: Grey, rng: np.random.Generator) -> Grey:
    """Return the image with the changes of `draw_drain` as a round patch below the diaphragm."""
    changes = draw_drain(grey, rng) - grey
    size = np.sort(changes[changes > 0])[::-1]
    height, width = grey.shape
    across, down = rng.uniform(0.3, 0.7) * width, rng.uniform(0.88, 0.93) * height
    y, x = np.ogrid[:height, :width]
    distance = ((y - down) ** 2 + (x - across) ** 2).ravel()
    patch = np.argsort(distance, kind="stable")[: size.size]
    changed = grey.ravel().copy()
    sign = -1 if changed[patch].mean() > 0.5 else 1
    changed[patch] = np.clip(changed[patch] + sign * size, 0, 1)
    return changed.reshape(grey.shape)


def _tube(shape: tuple[int, ...], rng: np.random.Generator) -> Grey:
    """Return the brightness a tube adds, shape of the image."""
    height, width = shape
    side = 1 if rng.random() < 0.5 else -1
    # Places as shares of half the image, from its middle: the patient's left is at the right.
    wall = (side * rng.uniform(0.78, 0.88), rng.uniform(0.18, 0.38))
    bend = (side * rng.uniform(0.46, 0.60), rng.uniform(-0.05, 0.12))
    tip = (side * rng.uniform(0.16, 0.32), rng.uniform(-0.66, -0.42))
    along = np.linspace(0, 1, 60)[:, None]
    curve = (
        (1 - along) ** 2 * np.array(wall)
        + 2 * along * (1 - along) * np.array(bend)
        + along**2 * np.array(tip)
    )
    scale = FINEST / max(height, width)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    points = [((x + 1) / 2 * size[0], (y + 1) / 2 * size[1]) for x, y in curve]
    outer, inner = (_stroke(points, size, share * size[0]) for share in (OUTER, INNER))
    added = WALLS * outer - (WALLS - LUMEN) * np.minimum(inner, outer)
    fitted = Image.fromarray(added.astype(np.float32)).resize(
        (width, height), Image.Resampling.BOX if scale >= 1 else Image.Resampling.BILINEAR
    )
    return np.asarray(fitted, dtype=np.float32)


def _stroke(points: list[tuple[float, float]], size: tuple[int, int], width: float) -> Grey:
    picture = Image.new("L", size)
    ImageDraw.Draw(picture).line(points, fill=255, width=max(round(width), 1), joint="curve")
    return np.asarray(picture, dtype=np.float32) / np.float32(255)
