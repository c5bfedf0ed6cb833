"""Lines with a profile, added to an image along a curve; only the pixels near the curve are computed.

A profile gives the brightness that is added at a point, from its signed distance to the curve and from
how far along the curve it lies. It is evaluated at several points per pixel where the line is thin, so
that each pixel has its share of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.spatial import cKDTree

Points = NDArray[np.floating]
"""Points (x, y) in pixels of the image, shape (n, 2); the first pixel extends from 0 to 1."""
Values = NDArray[np.floating]

Profile = Callable[[Values, Values, Values], Values]
"""(distance to the left of the curve, length from its start, length to its end) → added brightness; all in
widths of the line, the lengths negative beyond the ends. Left is that of someone walking along the curve
in an image whose y axis points down: towards smaller x where y grows."""

_FINEST = 8
"""Points per width of the line, at least."""
_MOST = 6
"""Points per pixel and direction, at most."""


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """Brightness that is added to some pixels."""

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    added: Values


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Where points lie along a line, and how that changes with x and y."""

    left: Values
    """Distance to the left of the curve, in pixels."""
    start: Values
    """Length from the start of the curve."""
    length: float
    """Of the whole curve."""
    left_by: Points
    """Change of `left` per pixel in x and in y."""
    start_by: Points
    """Change of `start` per pixel in x and in y."""

    def beside(self, dx: float, dy: float) -> tuple[Values, Values, Values]:
        """Return the arguments of a profile, in pixels, for the points moved by less than a pixel."""
        left = self.left + (self.left_by[..., 0] * dx + self.left_by[..., 1] * dy)
        start = self.start + (self.start_by[..., 0] * dx + self.start_by[..., 1] * dy)
        return left, start, self.length - start


class Line(Protocol):
    """A line of some width in an image."""

    @property
    def width(self) -> float:
        """In pixels of the image."""

    def cover(self, pen: ImageDraw.ImageDraw, reach: float) -> None:
        """Fill all pixels that may be at most `reach` pixels away, with 1."""

    def places(self, at: Points) -> Places:
        """Return where some points lie."""


@dataclass(frozen=True, slots=True, eq=False)
class Tube:
    """A line along any smooth curve."""

    curve: Points
    width: float

    def scaled(self, factor: float) -> "Tube":
        """Return the line in an image that is larger by a factor."""
        return Tube(self.curve * factor, self.width * factor)

    def cover(self, pen: ImageDraw.ImageDraw, reach: float) -> None:
        """See `Line`."""
        wide = ceil(2 * reach + 2)
        points = [(float(x), float(y)) for x, y in self.curve]
        pen.line(points, fill=1, width=wide, joint="curve")
        for x, y in (points[0], points[-1]):
            pen.ellipse((x - wide / 2, y - wide / 2, x + wide / 2, y + wide / 2), fill=1)

    def places(self, at: Points) -> Places:
        """See `Line`."""
        dense = resampled(self.curve, max(self.width / 6, 0.5))
        tangents = np.gradient(dense, axis=0)
        tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
        along = lengths(dense)
        _, nearest = cKDTree(dense).query(at)
        away, tangent = at - dense[nearest], tangents[nearest]
        forward = (away * tangent).sum(axis=1)
        left = tangent[:, 0] * away[:, 1] - tangent[:, 1] * away[:, 0]
        beside = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
        return Places(left, along[nearest] + forward, float(along[-1]), beside, tangent)


@dataclass(frozen=True, slots=True, eq=False)
class Arc:
    """A line along a flat arc, a parabola over a chord; for flat arcs distances are nearly exact."""

    start: Points
    end: Points
    sagitta: float
    """Height of the arc to its left, in pixels."""
    width: float

    def scaled(self, factor: float) -> "Arc":
        """Return the line in an image that is larger by a factor."""
        return Arc(
            self.start * factor, self.end * factor, self.sagitta * factor, self.width * factor
        )

    def cover(self, pen: ImageDraw.ImageDraw, reach: float) -> None:
        """See `Line`."""
        forward, leftwards, _ = self._frame()
        side = leftwards * (reach + abs(self.sagitta))
        a, b = self.start - forward * reach, self.end + forward * reach
        corners = (a + side, b + side, b - side, a - side)
        pen.polygon([(float(x), float(y)) for x, y in corners], fill=1)

    def places(self, at: Points) -> Places:
        """See `Line`."""
        forward, leftwards, length = self._frame()
        # Twice as fast in 32 bits, and the edge covers many pixels.
        frame = np.stack([forward, leftwards], axis=1).astype(at.dtype)
        start, left = ((at - self.start.astype(at.dtype)) @ frame).T
        from_middle = 2 * start / length - 1
        bow = self.sagitta * (1 - from_middle**2)
        slope = (-4 * self.sagitta / length) * from_middle
        along = frame[:, 0]
        return Places(left - bow, start, length, frame[:, 1] - slope[:, None] * along, along)

    def _frame(self) -> tuple[Points, Points, float]:
        chord = self.end - self.start
        length = float(np.linalg.norm(chord))
        forward = chord / length
        return forward, np.array([-forward[1], forward[0]]), length


def draw(size: tuple[int, int], line: Line, profile: Profile, *, reach: float) -> Change:
    """Return the change of an image by a line.

    Parameters
    ----------
    size : tuple of int
        Width and height of the image.
    line : Line
        Where it runs.
    profile : callable
        See `Profile`.
    reach : float
        Distance from the line in its widths, beyond which nothing is added.
    """
    rows, columns = _pixels(size, line, reach * line.width + 1)
    fine = int(np.clip(ceil(_FINEST / line.width), 1, _MOST))
    offsets = (np.arange(fine) + 0.5) / fine
    total = np.zeros(rows.size, dtype=np.float32)
    places = line.places(np.stack([columns + 0.5, rows + 0.5], axis=1).astype(np.float32))
    for dy in offsets - 0.5:
        for dx in offsets - 0.5:
            total += profile(*(one / line.width for one in places.beside(dx, dy)))
    kept = total != 0
    return Change(rows[kept], columns[kept], total[kept] / fine**2)


def _pixels(
    size: tuple[int, int], line: Line, reach: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return rows and columns of the pixels of an image that may be near a line."""
    picture = Image.new("L", size)
    line.cover(ImageDraw.Draw(picture), reach)
    rows, columns = np.nonzero(np.asarray(picture))
    return rows, columns


def lengths(curve: Points) -> Points:
    """Return the length of a curve from its start to each of its points."""
    return np.r_[0.0, np.linalg.norm(np.diff(curve, axis=0), axis=1).cumsum()]


def resampled(curve: Points, spacing: float) -> Points:
    """Return points of equal distance on a curve, its ends included."""
    along = lengths(curve)
    at = np.linspace(0, along[-1], max(ceil(along[-1] / spacing), 1) + 1)
    return np.stack([np.interp(at, along, curve[:, k]) for k in (0, 1)], axis=1)
