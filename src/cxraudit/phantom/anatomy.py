"""A chest radiograph drawn from parametric anatomy.

Every structure is a smooth function on a square grid with x from -1 (image left, the right side of the
patient) to 1 and y from -1 (top) to 1. Structures add to the attenuation (soft tissue, bone) or subtract
from it (air); a tone curve, noise and 8-bit rounding turn attenuation into grey levels. No part of a real
image is used.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from cxraudit.phantom.cohort import Radiograph
from cxraudit.streams import Stream, patient_generator

Plane = NDArray[np.floating]


@dataclass(frozen=True, slots=True, kw_only=True)
class Anatomy:
    """Position and size of the structures of one image; lengths in half image widths."""

    width: float
    """Half width of the rib cage."""
    apex: float
    base: float
    """y of the lung apex and of the mean diaphragm."""
    heart: float
    """Half width of the heart."""
    heart_x: float
    knob: float
    mediastinum: float
    rib_spacing: float
    rib_phase: float
    rib_strength: float
    breast: float
    """Size of the breast shadow; 0 for none."""
    tilt: float
    shift: float
    raised: tuple[float, float]
    """Elevation of each half of the diaphragm: (right, left side of the patient)."""
    texture: int
    """Seed of the lung markings, the same for all images of a patient."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """The image being drawn, with the maps that determine where findings are placed."""

    x: Plane
    y: Plane
    density: Plane
    lungs: tuple[Plane, Plane]
    """Soft masks of the lungs in [0, 1]: (right, left side of the patient)."""
    rims: tuple[Plane, Plane]
    """Distance from the outer border of each lung: 0 at the border, 1 in the middle of the lung."""
    markings: Plane
    """Vessels and texture, which are part of the density inside the lungs."""
    anatomy: Anatomy


@lru_cache(maxsize=4)
def grid(size: int) -> tuple[Plane, Plane]:
    """Return x and y of the pixel centres, each of shape (size, size)."""
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1
    x, y = np.meshgrid(axis, axis)
    return x, y


def step(value: Plane, softness: float) -> Plane:
    """Return a smooth step from 0 to 1 at value 0, of width `softness`."""
    return 0.5 + 0.5 * np.tanh(value / (2 * softness))


def clouds(rng: np.random.Generator, size: int, *cells: int) -> Plane:
    """Return smooth noise of about unit variance, one octave per number of cells."""
    total = np.zeros((size, size), dtype=np.float32)
    for n in cells:
        coarse = Image.fromarray(rng.normal(size=(n, n)).astype(np.float32))
        total += np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC))
    return total / (0.75 * len(cells) ** 0.5)


def place(
    image: Radiograph, *, enlarged: float = 0.0, raised: tuple[float, float] = (0, 0)
) -> Anatomy:
    """Return the anatomy of one image.

    Build, heart, ribs, breasts and lung markings are random per patient; inspiration, tilt and shift
    are random per image.

    Parameters
    ----------
    image : Radiograph
        The image to draw.
    enlarged : float
        Relative enlargement of the heart.
    raised : tuple of float
        Elevation of the diaphragm by a finding: (right, left side of the patient).
    """
    per_patient = patient_generator(Stream.PHANTOM_ANATOMY, image.seed, image.patient)
    per_image = patient_generator(Stream.PHANTOM_POSE, image.seed, image.patient, image.number)
    male = image.sex == "male"
    old = min(max((image.age - 50) / 40, 0.0), 1.0)
    supine = image.view_position == "AP"
    width = per_patient.normal(0.72 if male else 0.68, 0.035)
    heart = (
        width * min(max(per_patient.normal(0.455, 0.028), 0.38), 0.52) * (1.06 if supine else 1.0)
    )
    return Anatomy(
        width=width + per_image.normal(0, 0.008),
        apex=-0.80 + per_patient.normal(0, 0.03),
        base=(0.42 if supine else 0.52) + per_patient.normal(0, 0.03) + per_image.normal(0, 0.03),
        heart=heart * (1 + enlarged),
        heart_x=0.10 + per_patient.normal(0, 0.012) + 0.14 * width * enlarged,
        knob=0.075 + 0.035 * old + per_patient.normal(0, 0.008),
        mediastinum=0.13 + 0.03 * supine + per_patient.normal(0, 0.01),
        rib_spacing=0.178 + per_patient.normal(0, 0.007),
        rib_phase=per_patient.uniform(0, 1),
        rib_strength=(1.0 - 0.55 * old) * per_patient.uniform(0.85, 1.15),
        breast=0.0 if male else per_patient.uniform(0.6, 1.2),
        tilt=per_image.normal(0, 0.03),
        shift=per_image.normal(0, 0.02),
        raised=(
            0.05 + per_patient.normal(0, 0.015) + raised[0],
            per_patient.normal(0, 0.015) + raised[1],
        ),
        texture=int(per_patient.integers(2**31)),
    )


def draw_chest(image: Radiograph, anatomy: Anatomy) -> Canvas:
    """Draw a normal chest: thorax, lungs, mediastinum, heart, diaphragm, bones and soft tissue."""
    size = image.image_size
    gx, gy = grid(size)
    x = gx - anatomy.shift + anatomy.tilt * gy
    y = gy - 0.5 * anatomy.tilt * gx
    width, side = anatomy.width, np.abs(x)

    shoulders = step(y + 0.99 - 0.55 * np.clip(side - 0.20, 0, None), 0.015)
    trunk = width + 0.15 + 0.03 * y + 0.45 * step(-0.05 - y, 0.10)
    neck = step(0.26 - side, 0.02)
    body = np.maximum(step(trunk - side, 0.012) * shoulders, neck)

    # The rib cage narrows towards the apex; each lung is inside it and above the diaphragm.
    height = np.clip((y - anatomy.apex) / (anatomy.base + 0.45 - anatomy.apex), 0, 1)
    above = 1 - height
    cage = width * (1 - above * above * above) ** 0.55
    texture = np.random.default_rng(anatomy.texture)
    markings = _markings(texture, x, y, size)
    lungs: list[Plane] = []
    rims: list[Plane] = []
    for sign, lift in ((-1, anatomy.raised[0]), (1, anatomy.raised[1])):
        u = sign * x
        middle = 0.52 * width
        dome = (
            anatomy.base
            - lift
            + 0.36 * ((u - 0.85 * middle) / width) ** 2 * (1 + 1.3 * (u > middle))
        )
        outer = cage - u
        inner = u - 0.06
        below = dome - y
        rim = np.minimum(np.minimum(outer, (y - anatomy.apex) * 0.9), 4.0)
        lungs.append(step(outer, 0.012) * step(inner, 0.02) * step(below, 0.010))
        rims.append(np.clip(rim / (0.5 * width), -1, 2))
    lung = np.maximum(*lungs)

    density = 0.98 * body
    density += 0.10 * body * step(y - 0.1, 0.25)
    density -= 0.60 * lung * (1 - 0.10 * step(y - 0.1, 0.3))

    chest = step(cage + 0.035 - side, 0.012)
    density += 0.17 * anatomy.rib_strength * _ribs(anatomy, side, y) * chest * step(y + 0.86, 0.03)
    density += (
        0.10
        * np.exp(-(((side - cage - 0.015) / 0.022) ** 2))
        * step(y + 0.7, 0.1)
        * step(0.75 - y, 0.1)
    )
    clavicle = -0.66 - 0.10 * (side - 0.1) + 0.16 * (side - 0.35) ** 2
    bone = (
        np.exp(-(((y - clavicle) / 0.026) ** 2)) * step(side - 0.08, 0.02) * step(0.78 - side, 0.03)
    )
    density += 0.15 * bone * body
    spine = np.exp(-np.square(np.square(x / 0.085)))
    density += spine * (0.09 + 0.05 * np.cos(2 * np.pi * y / 0.105)) * anatomy.rib_strength

    solid, heart, trachea = mediastinum(anatomy, x, y)
    density += lung * (0.43 * solid + 0.055 * markings * (1 - solid)) + 0.05 * heart
    density -= 0.12 * trachea
    if anatomy.breast:
        for sign in (-1, 1):
            r2 = ((sign * x - 0.42) / (0.34 * anatomy.breast)) ** 2 + (
                (y - 0.40) / (0.36 * anatomy.breast)
            ) ** 2
            density += 0.13 * body * step(1 - r2, 0.12)
    if image.view_position == "PA":
        bubble = ((x - 0.38) / 0.13) ** 2 + ((y - anatomy.base - 0.20) / 0.07) ** 2
        density -= 0.16 * step(1 - bubble, 0.2) * (1 - lung)
    return Canvas(x, y, density, (lungs[0], lungs[1]), (rims[0], rims[1]), markings, anatomy)


def _ribs(anatomy: Anatomy, side: Plane, y: Plane) -> Plane:
    """Return posterior ribs as a periodic pattern of descending bands, and faint anterior ribs."""
    back = (y - 0.30 * np.square(side / anatomy.width)) / anatomy.rib_spacing + anatomy.rib_phase
    front = (y + 0.42 * (side / anatomy.width)) / anatomy.rib_spacing + anatomy.rib_phase + 0.3
    bands = np.exp(-np.square(np.square((back - np.round(back)) / 0.17)))
    edges = np.exp(-(((np.abs(back - np.round(back)) - 0.17) / 0.045) ** 2))
    faint = np.exp(-np.square(np.square((front - np.round(front)) / 0.2))) * step(side - 0.25, 0.05)
    return 0.55 * bands + 0.30 * edges + 0.22 * faint


def _markings(rng: np.random.Generator, x: Plane, y: Plane, size: int) -> Plane:
    """Return vessels that radiate from each hilum, and a fine texture."""
    warp, patchy = clouds(rng, size, 5, 11), clouds(rng, size, 9, 18)
    fine = clouds(rng, size, 24, 48)
    total = 0.5 * fine
    for sign in (-1, 1):
        dx, dy = sign * x - 0.20, y + 0.02
        radius = np.sqrt(dx * dx + dy * dy) + 1e-3
        angle = np.arctan2(dy, dx) + 0.22 * warp
        spokes = np.square(np.square(np.clip(np.cos(9 * angle + rng.uniform(0, 6)), 0, 1)))
        vessels = spokes * np.clip(1 + patchy, 0, 2) * np.exp(-radius / 0.30)
        hilum = np.exp(-np.square(radius / 0.10)) * np.clip(1 + 0.5 * patchy, 0, 2)
        total = total + np.where(sign * x > 0, 1.9 * vessels + 2.0 * hilum, 0)
    return total


def mediastinum(anatomy: Anatomy, x: Plane, y: Plane) -> tuple[Plane, Plane, Plane]:
    """Return masks of all soft tissue (heart, great vessels, aortic knob), the heart, and the trachea."""
    band = step(anatomy.mediastinum + 0.05 * (y + 0.3) ** 2 - np.abs(x - 0.02), 0.018)
    band *= step(anatomy.base + 0.25 - y, 0.05)
    # The heart is egg-shaped, with the apex to the lower left side of the patient.
    cx, cy = anatomy.heart_x, anatomy.base - 0.62 * anatomy.heart
    u = (x - cx) * 0.94 + (y - cy) * 0.34
    v = -(x - cx) * 0.34 + (y - cy) * 0.94
    shape = np.sqrt((u / anatomy.heart) ** 2 + (v / ((0.76 + 0.12 * u) * anatomy.heart)) ** 2)
    heart = step(1 - shape, 0.04)
    knob = step(
        1 - np.sqrt(((x - 0.13) / anatomy.knob) ** 2 + ((y + 0.42) / (1.1 * anatomy.knob)) ** 2),
        0.10,
    )
    trachea = step(0.042 - np.abs(x - 0.005), 0.012) * step(-0.32 - y, 0.03) * step(y + 1.05, 0.03)
    return np.maximum(np.maximum(0.92 * band, heart), 0.9 * knob), heart, trachea


def expose(image: Radiograph, canvas: Canvas, *, marker: bool = True) -> NDArray[np.uint8]:
    """Return an 8-bit image of the attenuation: exposure, tone curve, blur, quantum noise, side marker."""
    rng = patient_generator(Stream.PHANTOM_NOISE, image.seed, image.patient, image.number)
    size = image.image_size
    supine = image.view_position == "AP"
    density = canvas.density + rng.normal(0, 0.03) + rng.normal(0, 0.02) * canvas.x
    tone = 1 / (1 + np.exp(-(density - 0.66) * rng.normal(5.2 if not supine else 4.7, 0.2)))
    tone = gaussian_filter(tone, size / 512)
    grain = rng.standard_normal((size, size), dtype=np.float32)
    noise = 0.6 * clouds(rng, size, size // 2) + grain
    tone = tone + noise * (0.012 if not supine else 0.017)
    pixels = np.clip(np.round(8 + 240 * tone), 0, 255).astype(np.uint8)
    if marker:
        picture = Image.fromarray(pixels)
        ImageDraw.Draw(picture).text(
            (0.93 * size, 0.07 * size), "L", fill=245, font_size=max(size // 18, 8), anchor="mm"
        )
        pixels = np.asarray(picture)
    return pixels
