"""Body and lungs of a frontal chest radiograph, estimated from the image itself.

Good enough to place a device in it, and for nothing else. The lungs are a pair of shapes of fixed
proportions, whose position and size are those with the highest correlation with the image; lateral walls
and diaphragm are then moved to edges of the image. The proportions are medians over the masks of 50
radiographs of ChestX-ray14 that two physicians checked (CheXmask, Gaggion et al. 2024).

There is no estimate where no plausible pair of lungs is found: in other parts of the body, images without
contrast, and most lateral views.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

Mask = NDArray[np.bool_]
Plane = NDArray[np.float32]
Points = NDArray[np.float64]

SIDE = 128
"""Longer side in pixels of the working image."""
PLAUSIBLE = 0.45
"""Correlation of a pair of lungs with the image, below which there is none."""

_FITTED = 32
"""Side in pixels of the image that the pair of lungs is fitted to."""
_FLAT = 0.04
"""Rows and columns at the border whose grey levels vary by less are no part of the radiograph."""

_HEIGHTS = (0, 0.02, 0.06, 0.1, 0.14, 0.18, 0.22, 0.3, 0.38, 0.5, 0.62, 0.74, 0.86, 1)
"""Shares of the way from apex to base, at which these half widths are given:"""
_LATERAL = (0.3, 0.44, 0.56, 0.65, 0.71, 0.755, 0.79, 0.84, 0.865, 0.9, 0.93, 0.965, 0.99, 1)
_MEDIAL = (
    (0.25, 0.17, 0.12, 0.1, 0.1, 0.1, 0.1, 0.12, 0.16, 0.2, 0.25, 0.27, 0.3, 0.32),
    (0.3, 0.24, 0.18, 0.15, 0.15, 0.15, 0.18, 0.26, 0.26, 0.33, 0.47, 0.6, 0.64, 0.66),
)
"""Of the right and the left lung of the patient, which are image left and image right."""
_ACROSS = (0.2, 0.3, 0.5, 0.65, 0.75, 0.85, 0.9, 0.95, 1)
"""Distances from the midline in half widths, at which these heights of the diaphragm are given:"""
_FLOOR = (
    (0.78, 0.79, 0.8, 0.81, 0.82, 0.86, 0.9, 0.95, 1),
    (0.82, 0.82, 0.83, 0.84, 0.86, 0.9, 0.92, 0.96, 1),
)
_ASPECT = 1.93
"""Height of the lungs in half widths."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Position and size of a pair of lungs, in shares of an image from -1 to 1."""

    midline: float
    apex: float
    width: float
    """Half width at the base."""
    height: float


@dataclass(frozen=True, slots=True, eq=False)
class Thorax:
    """Where body and lungs are, in pixels of the working image."""

    scale: float
    """Pixels of the image per pixel of the working image."""
    grey: Plane
    """The working image, from 0 to 1, dense tissue bright."""
    inverted: bool
    """Whether dense tissue is dark in the image."""
    body: Mask
    lungs: Mask


def find_thorax(image: Image.Image, lungs: Mask | None = None) -> Thorax | None:
    """Estimate body and lungs of a frontal radiograph.

    Parameters
    ----------
    image : PIL.Image.Image
        8-bit grey.
    lungs : numpy.ndarray of bool, optional
        Mask of both lungs in the shape of the image, to be used instead of an estimate.

    Returns
    -------
    Thorax or None
        None if no plausible pair of lungs is found.
    """
    scale, grey = _working(image)
    box = _content(grey)
    if box is None:
        return None
    views = [
        *(_View(grey, box, air, inverted=False) for air in _airs(grey[box])),
        _View(1 - grey, box, _airs(1 - grey[box])[0], inverted=True),
    ]
    pairs, scores = _fit([view.tissue for view in views])
    best = int(scores.argmax())
    if scores[best] < PLAUSIBLE and lungs is None:
        return None
    return views[best].thorax(scale, pairs[best], lungs)


def _working(image: Image.Image) -> tuple[float, Plane]:
    """Return the factor by which an image is larger than its working image, and that, from 0 to 1."""
    scale = max(max(image.size) / SIDE, 1.0)
    size = (max(round(image.width / scale), 1), max(round(image.height / scale), 1))
    small = image.resize(size, Image.Resampling.BOX, reducing_gap=2.0)
    return scale, np.asarray(small, dtype=np.float32) / np.float32(255)


def find_content(image: Image.Image) -> Mask:
    """Estimate where an image shows something: within uniform margins, without air around the body.

    Parameters
    ----------
    image : PIL.Image.Image
        8-bit grey.

    Returns
    -------
    numpy.ndarray of bool
        In the shape of the image; true everywhere where no margins are found.
    """
    _, grey = _working(image)
    box = _content(grey)
    if box is None:
        return np.ones(image.size[::-1], dtype=bool)
    found = np.zeros(grey.shape, dtype=bool)
    found[box] = ~_airs(grey[box])[1]
    picture = Image.fromarray(found).resize(image.size, Image.Resampling.NEAREST)
    return np.asarray(picture, dtype=bool)


def _content(grey: Plane) -> tuple[slice, slice] | None:
    """Return rows and columns without uniform margins; None if little is left."""
    found = []
    for axis in (1, 0):
        ordered = np.sort(grey, axis=axis)
        few = grey.shape[axis] // 20
        spread = ordered.take(-few - 1, axis=axis) - ordered.take(few, axis=axis)
        varied = np.flatnonzero(spread > _FLAT)
        if varied.size < _FITTED:
            return None
        found.append(slice(int(varied[0]), int(varied[-1]) + 1))
    return found[0], found[1]


class _View:
    """A working image under one polarity, with one estimate of the air around the body."""

    def __init__(self, grey: Plane, box: tuple[slice, slice], air: Mask, *, inverted: bool) -> None:
        self.grey, self.box, self.air, self.inverted = grey, box, air, inverted
        inside = grey[box]
        self.tissue = np.where(air, np.median(inside[~air]) if not air.all() else 0, inside).astype(
            np.float32
        )

    def thorax(self, scale: float, pair: Pair, given: Mask | None) -> Thorax:
        """Return body and lungs in the coordinates of the working image."""
        # Where the fit is best without air, the air that was found may reach into the lungs.
        air = self.air if self.air.any() else _airs(self.grey[self.box])[-2]
        body = np.zeros(self.grey.shape, dtype=bool)
        body[self.box] = ~air
        reach = max(round(0.05 * pair.width * self.tissue.shape[1]), 1)
        lungs = np.zeros(self.grey.shape, dtype=bool)
        if given is None:
            lungs[self.box] = self._lungs(pair)
        else:
            picture = Image.fromarray(given).resize(lungs.shape[::-1], Image.Resampling.NEAREST)
            lungs = np.asarray(picture, dtype=bool)
        return Thorax(
            scale,
            self.grey,
            self.inverted,
            body | ndimage.binary_dilation(lungs, iterations=reach),
            lungs,
        )

    def _lungs(self, pair: Pair) -> Mask:
        """Move the lateral walls and the diaphragm of the pair to edges of the image; return the lungs."""
        height, width = self.tissue.shape
        smooth = ndimage.gaussian_filter(self.tissue, 0.8)
        middle, apex = (pair.midline + 1) / 2 * width, (pair.apex + 1) / 2 * height
        half, tall = pair.width / 2 * width, pair.height / 2 * height
        down = np.linspace(0.02, 1, 30)
        across = np.linspace(0.1, 1, 24)
        found = np.zeros(smooth.shape, dtype=bool)
        y, x = np.mgrid[:height, :width] + 0.5
        for sign, medial, floor in zip((-1, 1), _MEDIAL, _FLOOR, strict=True):
            out = np.interp(down, _HEIGHTS, _LATERAL)
            lateral = out + _moved(
                smooth, middle + sign * half * out, apex + tall * down, (sign * half, 0.0), 0.2
            )
            deep = np.interp(across, _ACROSS, floor)
            base = deep + _moved(
                smooth, middle + sign * half * across, apex + tall * deep, (0.0, tall), 0.2
            )
            t, u = (y - apex) / tall, sign * (x - middle) / half
            wall = np.interp(t, down, lateral)
            bottom = np.interp(u, across, base)
            inner = np.interp(t, _HEIGHTS, medial)
            found |= (t > 0) & (t < bottom) & (u > inner) & (u < wall)
        return found


def _moved(
    image: Plane, x: Points, y: Points, outwards: tuple[float, float], reach: float
) -> Points:
    """Return how far the points of a border move outwards to a smooth edge from dark to bright.

    Shares of `outwards` between -reach and reach, for each point (x, y).
    """
    step = 0.02
    n, margin = round(reach / step), 5
    shares = np.arange(-n - margin, n + margin + 1) * step
    at = [(p[:, None] + shares * o).ravel() for p, o in ((y, outwards[1]), (x, outwards[0]))]
    values = ndimage.map_coordinates(image, np.array(at) - 0.5, order=1, mode="nearest")
    values = values.reshape(len(x), -1)
    total = np.cumsum(np.pad(values, ((0, 0), (1, 0))), axis=1)
    k = np.arange(margin, margin + 2 * n + 1)
    outer = (total[:, k + 4] - total[:, k]) / 4
    inner = (total[:, k] - total[:, k - 5]) / 5
    gain = (outer - inner) / (values.std() + 1e-6) - 12 * shares[k] ** 2
    path = shares[k][_path(ndimage.gaussian_filter1d(gain, 1, axis=0))]
    return np.asarray(ndimage.gaussian_filter1d(path, 1.5, mode="nearest"), dtype=np.float64)


def _path(gain: Points) -> NDArray[np.intp]:
    """Return the column per row with the largest total gain, where neighbours differ by 1 at most."""
    n_rows, n = gain.shape
    padded = np.full(n + 2, -np.inf)
    before = np.lib.stride_tricks.sliding_window_view(padded, 3)
    came = np.zeros((n_rows, n), dtype=np.intp)
    columns = np.arange(n)
    best = gain[0]
    for row in range(1, n_rows):
        padded[1:-1] = best
        came[row] = columns + before.argmax(axis=1) - 1
        best = before.max(axis=1) + gain[row]
    path = np.empty(n_rows, dtype=np.intp)
    path[-1] = best.argmax()
    for row in range(n_rows - 1, 0, -1):
        path[row - 1] = came[row, path[row]]
    return path


def _airs(grey: Plane) -> list[Mask]:
    """Return estimates of the air around the body: what is dark and connected to the border, and none."""
    width = grey.shape[1]
    border = np.zeros(grey.shape, dtype=bool)
    border[:, [0, -1]] = True
    border[0, : width // 3] = border[0, -(width // 3) :] = True
    smooth = ndimage.gaussian_filter(grey, 0.5)
    threshold = _otsu(grey)
    found = []
    for level in (threshold, threshold / 2):
        dark = smooth < level
        found.append(ndimage.binary_propagation(border & dark, mask=dark))
    return [*found, np.zeros(grey.shape, dtype=bool)]


def _otsu(grey: Plane) -> float:
    """Return the threshold with the largest variance between what is darker and brighter (Otsu 1979)."""
    counts, edges = np.histogram(grey, 64)
    centres = (edges[1:] + edges[:-1]) / 2
    share = counts.cumsum() / counts.sum()
    part = (counts * centres).cumsum() / counts.sum()
    between = (part[-1] * share - part) ** 2 / np.maximum(share * (1 - share), 1e-9)
    return float(centres[between[:-1].argmax()])


@lru_cache(maxsize=1)
def _pairs() -> tuple[list[Pair], Plane, Plane, Plane, Points]:
    """Return pairs of lungs, their images (unit norm, mean 0), where these are defined, and penalties."""
    axis = (np.arange(_FITTED) + 0.5) / _FITTED * 2 - 1
    x, y = (plane.ravel() for plane in np.meshgrid(axis, axis))
    grid = product(
        np.linspace(-0.24, 0.24, 7),
        np.linspace(-1.0, -0.3, 8),
        np.linspace(0.42, 0.98, 8),
        np.linspace(0.75, 1.8, 8),
    )
    pairs = [Pair(*map(float, each)) for each in grid if each[1] + 0.8 * each[3] < 1]
    drawn = np.stack([_drawn(pair, x, y) for pair in pairs]).astype(np.float32)
    used = (drawn != 0).astype(np.float32)
    n_used = used.sum(axis=1)
    drawn -= used * (drawn.sum(axis=1) / n_used)[:, None]
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    unusual = [
        0.3 * np.log(pair.height / pair.width / _ASPECT) ** 2 + 0.5 * pair.midline**2
        for pair in pairs
    ]
    return pairs, drawn, used, n_used, np.array(unusual)


def _drawn(pair: Pair, x: Points, y: Points) -> Points:
    """Draw a pair of lungs (-1) and what surrounds it within the chest (1); 0 elsewhere."""
    u, t = (x - pair.midline) / pair.width, (y - pair.apex) / pair.height
    side = np.abs(u)
    lateral = np.interp(t, _HEIGHTS, _LATERAL)
    right, left = (np.interp(t, _HEIGHTS, border) for border in _MEDIAL)
    medial = np.where(u < 0, right, left)
    right, left = (np.interp(side, _ACROSS, border) for border in _FLOOR)
    floor = np.where(u < 0, right, left)
    lung = (t > 0) & (t < floor) & (side < lateral) & (side > medial)
    around = (
        ((t > 0) & (t < 1) & (side >= lateral) & (side < lateral + 0.15))
        | ((t > 0) & (t < floor) & (side <= medial))
        | ((t >= floor) & (t < floor + 0.25) & (side < 0.95))
        | ((t <= 0) & (t > -0.12) & (side < 0.6))
    )
    return np.where(lung, -1.0, np.where(around, 1.0, 0.0))


def _fit(tissues: list[Plane]) -> tuple[list[Pair], Points]:
    """Return the pair of lungs with the highest correlation with each image, and that correlation."""
    pairs, drawn, used, n, unusual = _pairs()
    size = (_FITTED, _FITTED)
    small = [Image.fromarray(tissue).resize(size, Image.Resampling.BOX) for tissue in tissues]
    values = np.stack([np.asarray(one, dtype=np.float32).ravel() for one in small], axis=1)
    mean = used @ values / n[:, None]
    variance = used @ values**2 / n[:, None] - mean**2
    scores = drawn @ values / np.sqrt(np.maximum(variance, 1e-6) * n[:, None])
    best = (scores - unusual[:, None]).argmax(axis=0)
    return [pairs[k] for k in best], scores[best, np.arange(len(tissues))]
