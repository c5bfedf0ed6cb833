"""A chest drain inserted into a frontal radiograph, and its two controls.

**drain**: a tube of 28–32 Fr (2.8 % of the width of both lungs, about 10 mm of 36 cm) from the skin through
the lateral chest wall at the level of the fourth to sixth rib space, and within the lung towards apex or
base. It has two faint walls and a radiopaque line, which is interrupted at the last side hole.

**control-outside**: the same tube, moved and turned to a place within the body and outside the lungs whose
grey levels are most like those under the drain.

**control-edge**: an edge as long as the tube within a lung, like that of a fold of skin: brighter on its
lateral side, darker on its medial side, fading away from it. The step is as high as the mean contrast of the
tube. The polarity is the opposite of a pneumothorax, which is dark laterally.

All three change an image by the same L2 norm. They are applied to the same images: those with body, lungs
and room for all of them. Where dense tissue is bright already, less is added, so that nothing saturates.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from scipy.interpolate import CubicSpline

from cxraudit.errors import NotAppliedError
from cxraudit.perturb.anatomy import Mask, Thorax, find_thorax
from cxraudit.perturb.strokes import (
    Arc,
    Change,
    Points,
    Tube,
    Values,
    draw,
    lengths,
    resampled,
)
from cxraudit.schema import CONTROL_EDGE, CONTROL_OUTSIDE

DRAIN = "drain"
DEVICES = (DRAIN, CONTROL_OUTSIDE, CONTROL_EDGE)
"""The inserted device and its controls."""

WIDTH = 0.028
"""Diameter of the tube as a share of the width of both lungs."""
WALL, LUMEN, LINE = 0.11, 0.05, 0.20
"""Brightness of 1 added by the walls of the tube, between them, and by the radiopaque line."""
STEP = 0.10
"""Height of the edge."""
FADE, REACH = 4.0, 8.0
"""Widths of the tube over which the edge fades, and where it ends."""
ROOM = 0.3
"""Below white, where less is added the brighter it is."""

APICAL = 0.75
"""Share of drains towards the apex."""
ATTEMPTS = 12
"""Courses tried before an image is left out."""
_STRONGEST = 1.6
"""Factor by which a control can be made stronger to have the norm of the drain."""
_FEWEST = 200
"""Pixels of the working image that lungs have at least."""


def _tube(left: Values, start: Values, end: Values) -> Values:
    """Return the profile of the tube; its start is the tip. See `strokes.Profile`."""
    beyond = np.maximum(np.maximum(-start, -end), 0)
    away = np.hypot(left, beyond)
    hole = (start > 4) & (start < 5.3)
    line = (np.abs(left - 0.12) < 0.09) & ~hole & (beyond == 0)
    return np.where(away < 0.5, np.where(line, LINE, np.where(away > 0.36, WALL, LUMEN)), 0.0)


def _edge(left: Values, start: Values, end: Values) -> Values:
    """Return the profile of the edge, which is brighter on its left."""
    away = np.minimum(np.abs(left) / REACH, 1)
    ends = np.clip(np.minimum(start, end) / 3, 0, 1)
    fading = np.exp(-np.abs(left) / FADE) * (1 - away**2)
    return STEP / 2 * np.tanh(left / 0.5) * fading * ends


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """Where the device and its controls are, in pixels of the working image."""

    drain: Tube
    outside: Tube
    edge: Arc

    def change(self, name: str, size: tuple[int, int], scale: float) -> Change:
        """Return the change by one of `DEVICES` of an image that is larger by a factor."""
        if name == CONTROL_EDGE:
            return draw(size, self.edge.scaled(scale), _edge, reach=REACH)
        tube = self.drain if name == DRAIN else self.outside
        return draw(size, tube.scaled(scale), _tube, reach=0.5)


def insert(
    image: Image.Image, name: str, rng: np.random.Generator, lungs: Mask | None = None
) -> Image.Image:
    """Return a frontal radiograph with a chest drain or one of its controls.

    Parameters
    ----------
    image : PIL.Image.Image
        8-bit grey.
    name : str
        One of `DEVICES`.
    rng : numpy.random.Generator
        Side and course; in the same state for all devices of one image.
    lungs : numpy.ndarray of bool, optional
        Mask of both lungs in the shape of the image; default: estimated.

    Raises
    ------
    NotAppliedError
        If no plausible pair of lungs is found, or the drain or a control has no room.
    """
    thorax = find_thorax(image, lungs)
    if thorax is None:
        raise NotAppliedError("no plausible pair of lungs is found in the image")
    placed = place(thorax, rng)
    if placed is None:
        raise NotAppliedError("there is no room for the drain and both controls in the image")
    grey = np.asarray(image)
    if thorax.inverted:
        grey = 255 - grey
    change = placed.change(name, image.size, thorax.scale)
    factor = 1.0
    if name != DRAIN:
        target = _norm(grey, placed.change(DRAIN, image.size, thorax.scale), 1.0)
        factor = _factor(grey, change, target)
    changed = grey.copy()
    changed[change.rows, change.columns] = _added(grey, change, factor)
    return Image.fromarray(255 - changed if thorax.inverted else changed)


def _added(grey: NDArray[np.uint8], change: Change, factor: float) -> NDArray[np.uint8]:
    """Return the grey levels of the changed pixels."""
    before = grey[change.rows, change.columns].astype(np.float32)
    room = np.minimum((255 - before) / np.float32(255 * ROOM), 1)
    added = np.where(change.added > 0, change.added * room, change.added)
    return np.rint(np.clip(before + 255 * factor * added, 0, 255)).astype(np.uint8)


def _norm(grey: NDArray[np.uint8], change: Change, factor: float) -> float:
    before = grey[change.rows, change.columns].astype(np.float32)
    return float(np.linalg.norm(_added(grey, change, factor) - before))


def _factor(grey: NDArray[np.uint8], change: Change, target: float) -> float:
    """Return the factor with which a change has a norm, within 1 % if that is possible."""
    factor = 1.0
    for _ in range(8):
        norm = _norm(grey, change, factor)
        if norm == 0 or abs(norm / target - 1) < 0.01:
            break
        factor *= target / norm
    return factor


def place(thorax: Thorax, rng: np.random.Generator) -> Placed | None:
    """Place a drain and its controls.

    Returns
    -------
    Placed or None
        None if there is no room for all of them.
    """
    rows, columns = np.nonzero(thorax.lungs)
    if rows.size < _FEWEST:
        return None
    box = _Box(int(rows.min()), int(rows.max()) + 1, int(columns.min()), int(columns.max()) + 1)
    width = WIDTH * (box.right - box.left)
    depth = ndimage.distance_transform_edt(np.pad(thorax.lungs, 1))[1:-1, 1:-1]
    soft = _soft_tissue(thorax, width)
    for _ in range(ATTEMPTS):
        curve = _course(thorax, depth, box, width, rng)
        outside = None if curve is None else _elsewhere(curve, soft, thorax.grey)
        if curve is None or outside is None:
            continue
        edge = _arc_within(depth, float(lengths(curve)[-1]), box.middle, width, rng)
        if edge is None:
            continue
        placed = Placed(Tube(curve, width), Tube(outside, width), edge)
        if _equal(placed, thorax.grey):
            return placed
    return None


def _equal(placed: Placed, working: Values) -> bool:
    """Whether the controls can change an image as much as the drain."""
    grey = np.rint(working * 255).astype(np.uint8)
    size = grey.shape[1], grey.shape[0]
    target = _norm(grey, placed.change(DRAIN, size, 1.0), 1.0)
    for name in (CONTROL_OUTSIDE, CONTROL_EDGE):
        change = placed.change(name, size, 1.0)
        factor = _factor(grey, change, target)
        if factor > _STRONGEST or abs(_norm(grey, change, factor) / target - 1) > 0.02:
            return False
    return True


@dataclass(frozen=True, slots=True)
class _Box:
    """Around both lungs, in pixels of the working image."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def middle(self) -> float:
        return (self.left + self.right) / 2

    def level(self, share: float) -> float:
        """Return the y of a share of the way from apex to base."""
        return self.top + share * (self.bottom - self.top)


def _course(
    thorax: Thorax, depth: Values, box: _Box, width: float, rng: np.random.Generator
) -> Points | None:
    """Draw a course from tip to skin; None if it does not stay within the lung, or there is no skin."""
    sign = 1 if rng.random() < 0.5 else -1
    apical = rng.random() < APICAL
    entry_y = box.level(rng.uniform(0.52, 0.72) if apical else rng.uniform(0.52, 0.6))
    tip_y = box.level(rng.uniform(0.16, 0.34) if apical else rng.uniform(0.72, 0.8))
    share = rng.uniform(0.5, 0.68) if apical else rng.uniform(0.4, 0.55)
    slope = np.deg2rad(rng.uniform(25, 50) if apical else rng.uniform(20, 35))
    bow = rng.uniform(0.02, 0.08)
    wall, wall_at_tip = (_wall(thorax.lungs, y, sign, box.middle) for y in (entry_y, tip_y))
    if wall is None or wall_at_tip is None:
        return None
    half = abs(wall - box.middle)
    entry = np.array([wall, entry_y])
    tip = np.array([box.middle + (wall_at_tip - box.middle) * share, tip_y])
    skin = _skin(thorax.body, entry, np.array([sign * np.cos(slope), np.sin(slope)]), half)
    if skin is None:
        return None
    if apical:  # along the lateral wall
        bend = (entry + tip) / 2 + np.array([sign * half * bow, 0])
    else:  # over the diaphragm
        bend = entry + (tip - entry) * np.array([0.5, 0.15])
    knots = np.array([tip, bend, entry, skin])
    along = lengths(knots)
    curve = CubicSpline(along, knots, bc_type="natural")(np.linspace(0, along[-1], 60))
    rows, columns = _pixels(resampled(curve, 1.0))
    n_inside = int(along[2] - 2 * width)
    deep = depth[rows[:n_inside], columns[:n_inside]]
    return curve if deep[0] > width and (deep > 0).all() else None


def _pixels(points: Points) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    at = np.floor(points).astype(np.intp)
    return at[..., 1], at[..., 0]


def _wall(lungs: Mask, y: float, sign: int, middle: float) -> float | None:
    """Return x of the lateral border of one lung at a level."""
    columns = np.flatnonzero(lungs[int(y)])
    columns = columns[(columns + 0.5 - middle) * sign > 0]
    if not columns.size:
        return None
    return float(columns[-1] + 1 if sign > 0 else columns[0])


def _skin(body: Mask, entry: Points, outwards: Points, farthest: float) -> Points | None:
    """Return where a way out of the chest leaves body or image; None if it does not, or at once."""
    way = entry + outwards * np.arange(int(farthest) + 1)[:, None]
    rows, columns = _pixels(way)
    inside = (rows >= 0) & (rows < body.shape[0]) & (columns >= 0) & (columns < body.shape[1])
    inside[inside] = body[rows[inside], columns[inside]]
    first = int(inside.argmin())
    return None if inside.all() or first < 3 else way[first - 1]


def _soft_tissue(thorax: Thorax, width: float) -> Mask:
    """Return where the body is away from the lungs, and not as dark as they are."""
    near = ndimage.binary_dilation(thorax.lungs, iterations=max(round(1.5 * width), 1))
    of_lungs = np.median(thorax.grey[thorax.lungs])
    around = thorax.grey[thorax.body & ~thorax.lungs]
    dark = ndimage.uniform_filter(thorax.grey, 5) < (of_lungs + np.median(around)) / 2
    return ndimage.binary_erosion(
        thorax.body & ~near & ~dark, iterations=max(round(0.6 * width), 1)
    )


def _elsewhere(curve: Points, allowed: Mask, grey: Values) -> Points | None:
    """Move, turn and mirror a curve to where it is allowed, and grey levels are most like those under it."""
    few = resampled(curve, 4.0)
    centre = (few.max(axis=0) + few.min(axis=0)) / 2
    height, width = grey.shape
    like = grey[_pixels(np.clip(few, 0, (width - 1, height - 1)))].mean()
    y, x = np.mgrid[2:height:4, 2:width:4]
    shifts = np.stack([x.ravel(), y.ravel()], axis=1)
    best: tuple[float, Points] | None = None
    for angle in np.arange(12) * np.pi / 6:
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        for mirror in (1.0, -1.0):
            motion = turn * (mirror, 1.0)
            at = _pixels_at(few @ motion.T - motion @ centre, shifts, allowed)
            if at is None:
                continue
            chosen, rows, columns = at
            unlike = np.abs(grey[rows, columns].mean(axis=1) - like)
            k = int(unlike.argmin())
            if best is None or unlike[k] < best[0]:
                best = float(unlike[k]), (curve - centre) @ motion.T + chosen[k]
    return None if best is None else best[1]


def _pixels_at(
    shape: Points, shifts: NDArray[np.intp], allowed: Mask
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]] | None:
    """Return the shifts with which all points of a shape are allowed, and rows and columns of these."""
    columns, rows = np.floor(shape).astype(np.intp).T
    x, y = shifts.T
    height, width = allowed.shape
    within = (x + columns.min() >= 0) & (x + columns.max() < width)
    within &= (y + rows.min() >= 0) & (y + rows.max() < height)
    chosen = shifts[within]
    # Ends and middle first: they exclude most places.
    for part in (slice(None, None, max(len(shape) // 2, 1)), slice(None)):
        at = chosen[:, 1:] + rows[part], chosen[:, :1] + columns[part]
        fits = allowed[at].all(axis=1)
        chosen = chosen[fits]
    return (chosen, at[0][fits], at[1][fits]) if fits.any() else None


def _arc_within(
    depth: Values, length: float, middle: float, width: float, rng: np.random.Generator
) -> Arc | None:
    """Draw an arc of some length that lies within a lung, at up to 35 degrees from the vertical."""
    allowed = depth > max(0.8 * width, 1)
    y, x = np.nonzero(allowed[::3, ::3])
    shifts = np.stack([x * 3, y * 3], axis=1)
    along = np.linspace(-0.5, 0.5, max(int(length / 4), 8)) * length
    found: list[tuple[float, Points, NDArray[np.intp]]] = []
    for bent in (0.0, 0.06, -0.06):
        sagitta = bent * length
        bow = sagitta * (1 - (2 * along / length) ** 2)
        for degrees in range(-35, 36, 7):
            angle = np.deg2rad(90 + degrees)
            forward = np.array([np.cos(angle), np.sin(angle)])
            leftwards = np.array([-forward[1], forward[0]])
            at = _pixels_at(along[:, None] * forward + bow[:, None] * leftwards, shifts, allowed)
            if at is not None:
                found.append((sagitta, forward * length / 2, at[0]))
    if not found:
        return None
    last = np.cumsum([len(one[2]) for one in found])
    chosen = int(rng.integers(last[-1]))
    k = int(np.searchsorted(last, chosen, side="right"))
    sagitta, half, centres = found[k]
    centre = centres[chosen - int(last[k])]
    if centre[0] > middle:  # the left side, which is brighter, is the lateral one
        return Arc(centre + half, centre - half, -sagitta, width)
    return Arc(centre - half, centre + half, sagitta, width)
