"""A chest drain inserted into an image, and its control perturbation.

The drain has the usual position on upright frontal images, from the lateral chest wall over the mid lung
to the apex: a curved tube as wide as a 28–32 Fr drain on a 43 cm image (2 % of the width), with two
radiopaque walls. It adds brightness, as overlying objects do, and changes no other pixel. Its position
does not depend on the anatomy of the image, and is not plausible on lateral or rotated images.

The control perturbation applies the same changes of grey level to as many pixels, arranged as a round
patch below the diaphragm: neither the shape nor the position of a drain. In bright regions, as they are
there, the patch is darker, like gas in the bowel; elsewhere it is brighter.
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
"""Longer side in pixels at which the tube is drawn, before it is resized to the image."""


def insert_drain(grey: Grey, rng: np.random.Generator) -> Grey:
    """Return the image with an inserted chest drain; side and course are random."""
    return np.minimum(grey + _tube(grey.shape, rng), 1).astype(np.float32)


def insert_control(grey: Grey, rng: np.random.Generator) -> Grey:
    """Return the image with the changes of `insert_drain` as a round patch below the diaphragm."""
    changes = insert_drain(grey, rng) - grey
    amounts = np.sort(changes[changes > 0])[::-1]
    height, width = grey.shape
    across, down = rng.uniform(0.3, 0.7) * width, rng.uniform(0.88, 0.93) * height
    y, x = np.ogrid[:height, :width]
    distance = ((y - down) ** 2 + (x - across) ** 2).ravel()
    patch = np.argsort(distance, kind="stable")[: amounts.size]
    perturbed = grey.ravel().copy()
    sign = -1 if perturbed[patch].mean() > 0.5 else 1
    perturbed[patch] = np.clip(perturbed[patch] + sign * amounts, 0, 1)
    return perturbed.reshape(grey.shape)


def _tube(shape: tuple[int, ...], rng: np.random.Generator) -> Grey:
    """Return the brightness added by a tube, in the shape of the image."""
    height, width = shape
    side = 1 if rng.random() < 0.5 else -1
    # Positions in half image widths and heights from the centre; the left of the patient is at x > 0.
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
