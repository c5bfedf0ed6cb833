"""Findings and devices, drawn into a chest with their radiographic signs."""

from collections.abc import Callable
from math import ceil

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import binary_dilation

from cxraudit.phantom.anatomy import (
    Anatomy,
    Canvas,
    Plane,
    clouds,
    draw_chest,
    expose,
    mediastinum,
    place,
    step,
)
from cxraudit.phantom.cohort import Radiograph
from cxraudit.streams import Stream, patient_generator


def render(image: Radiograph) -> NDArray[np.uint8]:
    """Draw one image.

    Every part of the image has a random stream of its own, identified by seed, patient, image and
    part. The image with one finding, device or effect removed is therefore otherwise identical.

    Returns
    -------
    numpy.ndarray of uint8, shape (image_size, image_size)
        Grey levels; dense structures are bright.
    """
    canvas = draw_chest(image, anatomy_of(image))
    for finding, draw in DRAW.items():
        if finding in image.findings:
            draw(canvas, _generator(image, finding), side_of(image, finding), image)
    if image.drain and image.drain_visibility > 0:
        _insert_drain(canvas, image)
    if image.view_position == "AP":
        draw_leads(canvas, _generator(image, "leads"), image)
    return expose(image, canvas)


def anatomy_of(image: Radiograph) -> Anatomy:
    """Return the anatomy of an image with its findings, of which two change its shape."""
    enlarged, raised = 0.0, [0.0, 0.0]
    if "Cardiomegaly" in image.findings:
        enlarged = image.contrast * float(_generator(image, "Cardiomegaly").uniform(0.16, 0.34))
    if "Atelectasis" in image.findings:
        raised[side_of(image, "Atelectasis")] = 0.07 * image.contrast
    return place(image, enlarged=enlarged, raised=(raised[0], raised[1]))


def drawn_regions(image: Radiograph) -> dict[str, NDArray[np.bool_]]:
    """Return where the structures of an image are drawn.

    Returns
    -------
    dict
        ``left-lung`` and ``right-lung`` (of the patient) but for what heart and great vessels cover;
        ``heart``; and ``drain`` where one is drawn. Lungs and drain include their blurred border, also
        where it lies on the heart.
    """
    canvas = draw_chest(image, anatomy_of(image))
    solid, heart, _ = mediastinum(canvas.anatomy, canvas.x, canvas.y)
    right, left = (lung * (1 - solid) > FAINTEST for lung in canvas.lungs)
    found = {"left-lung": left & ~right, "right-lung": right, "heart": heart > 0.5}
    if image.drain and image.drain_visibility > 0:
        before = canvas.density.copy()
        _insert_drain(canvas, image)
        drain = np.abs(canvas.density - before) > 0
        found["drain"] = binary_dilation(drain, iterations=ceil(image.image_size / 256))
    return found


FAINTEST = 0.05
"""Share of a lung in a pixel, above which the pixel is part of it."""


def _insert_drain(canvas: Canvas, image: Radiograph) -> None:
    # The drain is on the side of the finding that it treats.
    cause = "Pneumothorax" if "Pneumothorax" in image.findings else "Pleural Effusion"
    draw_drain(canvas, _generator(image, "drain"), side_of(image, cause), image)


_PARTS = (
    "Atelectasis",
    "Cardiomegaly",
    "Consolidation",
    "Pleural Effusion",
    "Pneumonia",
    "Pneumothorax",
    "drain",
    "leads",
)


SIDES_SHORT = ("R", "L")
"""Right and left side of the patient; right is image left."""


def _generator(image: Radiograph, part: str) -> np.random.Generator:
    return patient_generator(
        Stream.PHANTOM_FINDING, image.seed, image.patient, image.number, _PARTS.index(part)
    )


def side_of(image: Radiograph, finding: str) -> int:
    """Return the side of a finding: 0 right, 1 left; the same in all images of a patient."""
    rng = patient_generator(Stream.PHANTOM_SIDE, image.seed, image.patient, _PARTS.index(finding))
    return int(rng.integers(2))


def _across(canvas: Canvas, side: int) -> Plane:
    """Return the distance from the midline, positive on the given side."""
    return canvas.x if side else -canvas.x


def _atelectasis(canvas: Canvas, rng: np.random.Generator, side: int, image: Radiograph) -> None:
    """Draw plate-like bands above an elevated diaphragm, with basal volume loss."""
    u, base = _across(canvas, side), canvas.anatomy.base
    for k in range(int(rng.integers(2, 4))):
        slope, level = rng.normal(0.12, 0.12), base - 0.20 - 0.11 * k + rng.normal(0, 0.03)
        across = canvas.y - level - slope * (u - 0.4)
        along = np.exp(-np.square(np.square((u - rng.uniform(0.32, 0.48)) / 0.20)))
        canvas.density[...] += (
            image.contrast
            * rng.uniform(0.13, 0.20)
            * np.exp(-((across / 0.020) ** 2))
            * along
            * canvas.lungs[side]
        )
    haze = step(canvas.y - base + 0.22, 0.05) * canvas.lungs[side]
    canvas.density[...] += 0.06 * image.contrast * haze


def _consolidation(canvas: Canvas, rng: np.random.Generator, side: int, image: Radiograph) -> None:
    """Draw one dense lobar opacity with an irregular margin and air bronchograms."""
    u = _across(canvas, side)
    upper = rng.random() < 0.4
    cx, cy = rng.uniform(0.36, 0.48), (-0.32 if upper else 0.16) + rng.normal(0, 0.05)
    radius = rng.uniform(0.17, 0.25)
    edge = 1 - np.sqrt(((u - cx) / radius) ** 2 + ((canvas.y - cy) / (1.15 * radius)) ** 2)
    body = step(edge + 0.22 * clouds(rng, image.image_size, 10, 20), 0.10)
    angle = np.arctan2(canvas.y - cy, u - 0.10) + 0.25 * clouds(rng, image.image_size, 7, 14)
    airways = np.square(np.square(np.clip(np.cos(13 * angle), 0, 1)))
    canvas.density[...] += (
        image.contrast * rng.uniform(0.22, 0.32) * body * (1 - 0.35 * airways) * canvas.lungs[side]
    )


def _pneumonia(canvas: Canvas, rng: np.random.Generator, side: int, image: Radiograph) -> None:
    """Draw several patchy, poorly defined opacities, often in both lungs."""
    fluff = clouds(rng, image.image_size, 12, 24, 48)
    for k in range(int(rng.integers(4, 7))):
        which = side if k < 3 else int(rng.integers(2))
        u = _across(canvas, which)
        cx, cy = rng.uniform(0.25, 0.55), rng.uniform(-0.45, 0.32)
        r2 = ((u - cx) ** 2 + (canvas.y - cy) ** 2) / rng.uniform(0.09, 0.14) ** 2
        patch = np.exp(-r2) * np.clip(1 + 0.5 * fluff, 0, None)
        canvas.density[...] += (
            image.contrast * rng.uniform(0.10, 0.17) * patch * canvas.lungs[which]
        )


def _effusion(canvas: Canvas, rng: np.random.Generator, side: int, image: Radiograph) -> None:
    """Draw fluid in the costophrenic angle with a meniscus along the chest wall."""
    u, base = _across(canvas, side), canvas.anatomy.base
    level = base - rng.uniform(0.02, 0.24)
    wall = np.exp(-np.clip(canvas.rims[side], 0, None) / 0.16)
    surface = level + 0.10 - 0.34 * wall
    fluid = step(canvas.y - surface, 0.014) * step(u - 0.05, 0.03)
    # Fluid is as dense as the abdomen, so that it obscures the diaphragm and adds nothing to
    # structures that are already dense.
    room = np.clip(1.0 - canvas.density, 0, None)
    canvas.density[...] += image.contrast * 0.9 * room * fluid * canvas.lungs[side]


def _pneumothorax(canvas: Canvas, rng: np.random.Generator, side: int, image: Radiograph) -> None:
    """Draw a thin pleural line inside the chest wall; the space beyond is dark, without markings."""
    visible = image.contrast * image.pneumothorax_contrast
    depth = rng.uniform(0.14, 0.34)
    apical = np.clip(0.75 - canvas.y, 0, 2) / 1.2
    border = canvas.rims[side] - depth * apical
    gap = step(-border, 0.02) * canvas.lungs[side]
    canvas.density[...] -= visible * gap * (0.075 + 0.055 * canvas.markings)
    line = np.exp(-((border / 0.030) ** 2)) * canvas.lungs[side] * step(0.45 - canvas.y, 0.1)
    canvas.density[...] += 0.12 * visible * line


DRAW: dict[str, Callable[[Canvas, np.random.Generator, int, Radiograph], None]] = {
    "Atelectasis": _atelectasis,
    "Consolidation": _consolidation,
    "Pneumonia": _pneumonia,
    "Pneumothorax": _pneumothorax,
    "Pleural Effusion": _effusion,
}
"""Findings that are added to a normal chest. Cardiomegaly is not: the heart itself is enlarged."""


def draw_drain(canvas: Canvas, rng: np.random.Generator, side: int, image: Radiograph) -> None:
    """Draw a chest drain: a tube with two radiopaque walls, from the lateral chest wall to the apex."""
    sign = 1 if side else -1
    wall = (sign * (canvas.anatomy.width + 0.17), rng.uniform(0.18, 0.38))
    bend = (sign * rng.uniform(0.46, 0.60), rng.uniform(-0.05, 0.12))
    tip = (sign * rng.uniform(0.16, 0.32), rng.uniform(-0.66, -0.42))
    curve = [
        tuple(
            (1 - t) ** 2 * a + 2 * t * (1 - t) * b + t**2 * c
            for a, b, c in zip(wall, bend, tip, strict=True)
        )
        for t in np.linspace(0, 1, 40)
    ]
    tube = _stroke(curve, image.image_size, 0.040)
    core = _stroke(curve, image.image_size, 0.020)
    canvas.density[...] += image.drain_visibility * (0.34 * tube - 0.20 * core)


def draw_leads(canvas: Canvas, rng: np.random.Generator, image: Radiograph) -> None:
    """Draw thin monitoring leads with electrodes, as on most bedside radiographs."""
    for _ in range(int(rng.integers(0, 4))):
        start = (rng.uniform(-0.8, 0.8), 1.0)
        end = (rng.uniform(-0.6, 0.6), rng.uniform(-0.5, 0.3))
        via = (rng.uniform(-0.7, 0.7), rng.uniform(0.2, 0.8))
        curve = [
            tuple(
                (1 - t) ** 2 * a + 2 * t * (1 - t) * b + t**2 * c
                for a, b, c in zip(start, via, end, strict=True)
            )
            for t in np.linspace(0, 1, 30)
        ]
        canvas.density[...] += 0.13 * _stroke(curve, image.image_size, 0.010)
        disc = np.sqrt((canvas.x - end[0]) ** 2 + (canvas.y - end[1]) ** 2)
        canvas.density[...] += 0.16 * step(0.032 - disc, 0.006)


def _stroke(points: list[tuple[float, ...]], size: int, width: float) -> Plane:
    """Return an antialiased line of a width in half image widths, with values in [0, 1]."""
    scale = 3
    picture = Image.new("L", (size * scale, size * scale))
    pixels = [((px + 1) / 2 * size * scale, (py + 1) / 2 * size * scale) for px, py in points]
    ImageDraw.Draw(picture).line(
        pixels, fill=255, width=max(round(width / 2 * size * scale), 1), joint="curve"
    )
    small = picture.resize((size, size), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float32) / 255
