"""Draw findings and devices into a chest, as a radiologist would recognise them."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from cxraudit.phantom.anatomy import Canvas, Plane, clouds, draw_chest, expose, place, step
from cxraudit.phantom.cohort import Radiograph

Stream = np.random.Generator


def render(image: Radiograph) -> NDArray[np.uint8]:
    """Draw one image.

    The same image with a finding, a drain or an effect taken away differs in nothing else: every
    part of the picture has its own random stream, keyed by (seed, patient, image, part).

    Returns
    -------
    numpy.ndarray of uint8, shape (image_size, image_size)
        White is dense, as on an image.
    """
    enlarged, raised = 0.0, [0.0, 0.0]
    if "Cardiomegaly" in image.findings:
        enlarged = image.contrast * float(_stream(image, "Cardiomegaly").uniform(0.16, 0.34))
    if "Atelectasis" in image.findings:
        raised[side_of(image, "Atelectasis")] = 0.07 * image.contrast
    canvas = draw_chest(image, place(image, enlarged=enlarged, raised=(raised[0], raised[1])))
    for finding, draw in DRAW.items():
        if finding in image.findings:
            draw(canvas, _stream(image, finding), side_of(image, finding), image)
    if image.drain and image.drain_visibility > 0:
        # A drain goes to the side of what it drains.
        cause = "Pneumothorax" if "Pneumothorax" in image.findings else "Pleural Effusion"
        draw_drain(canvas, _stream(image, "drain"), side_of(image, cause), image)
    if image.view_position == "AP":
        draw_leads(canvas, _stream(image, "leads"), image)
    return expose(image, canvas)


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
"""The patient's right is image left."""


def _stream(image: Radiograph, part: str) -> Stream:
    return np.random.default_rng([image.seed, image.patient, 4, image.number, _PARTS.index(part)])


def side_of(image: Radiograph, finding: str) -> int:
    """Return 0 for the patient's right lung (image left) or 1 for the left; stable over images."""
    return int(
        np.random.default_rng([image.seed, image.patient, 5, _PARTS.index(finding)]).integers(2)
    )


def _across(canvas: Canvas, side: int) -> Plane:
    """Return the distance from the midline, positive on the chosen side."""
    return canvas.x if side else -canvas.x


def _atelectasis(canvas: Canvas, rng: Stream, side: int, image: Radiograph) -> None:
    """Plate-like bands above a raised diaphragm, with some basal volume loss."""
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


def _consolidation(canvas: Canvas, rng: Stream, side: int, image: Radiograph) -> None:
    """One dense lobar opacity with an uneven edge and air bronchograms."""
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


def _pneumonia(canvas: Canvas, rng: Stream, side: int, image: Radiograph) -> None:
    """Several fluffy, ill-defined patches, often in both lungs."""
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


def _effusion(canvas: Canvas, rng: Stream, side: int, image: Radiograph) -> None:
    """Fluid in the angle with a meniscus that climbs the chest wall."""
    u, base = _across(canvas, side), canvas.anatomy.base
    level = base - rng.uniform(0.02, 0.24)
    wall = np.exp(-np.clip(canvas.rims[side], 0, None) / 0.16)
    surface = level + 0.10 - 0.34 * wall
    fluid = step(canvas.y - surface, 0.014) * step(u - 0.05, 0.03)
    # Fluid is as dense as the abdomen below, so it hides the diaphragm's edge and adds nothing
    # to what is dense already.
    room = np.clip(1.0 - canvas.density, 0, None)
    canvas.density[...] += image.contrast * 0.9 * room * fluid * canvas.lungs[side]


def _pneumothorax(canvas: Canvas, rng: Stream, side: int, image: Radiograph) -> None:
    """A thin pleural line inside the chest wall; beyond it black and without markings."""
    visible = image.contrast * image.pneumothorax_contrast
    depth = rng.uniform(0.14, 0.34)
    apical = np.clip(0.75 - canvas.y, 0, 2) / 1.2
    border = canvas.rims[side] - depth * apical
    gap = step(-border, 0.02) * canvas.lungs[side]
    canvas.density[...] -= visible * gap * (0.075 + 0.055 * canvas.markings)
    line = np.exp(-((border / 0.030) ** 2)) * canvas.lungs[side] * step(0.45 - canvas.y, 0.1)
    canvas.density[...] += 0.12 * visible * line


DRAW: dict[str, Callable[[Canvas, Stream, int, Radiograph], None]] = {
    "Atelectasis": _atelectasis,
    "Consolidation": _consolidation,
    "Pneumonia": _pneumonia,
    "Pneumothorax": _pneumothorax,
    "Pleural Effusion": _effusion,
}
"""What is painted onto the chest. Cardiomegaly is not painted: the heart itself is drawn larger."""


def draw_drain(canvas: Canvas, rng: Stream, side: int, image: Radiograph) -> None:
    """A chest drain: a tube with two radio-opaque walls from the lateral chest wall to the apex."""
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


def draw_leads(canvas: Canvas, rng: Stream, image: Radiograph) -> None:
    """Thin monitoring wires with electrodes, as most bedside images have."""
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
    """Draw a line of the given width (half image widths), antialiased, with values in [0, 1]."""
    scale = 3
    picture = Image.new("L", (size * scale, size * scale))
    pixels = [((px + 1) / 2 * size * scale, (py + 1) / 2 * size * scale) for px, py in points]
    ImageDraw.Draw(picture).line(
        pixels, fill=255, width=max(round(width / 2 * size * scale), 1), joint="curve"
    )
    small = picture.resize((size, size), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float32) / 255
