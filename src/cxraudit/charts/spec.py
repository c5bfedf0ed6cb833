"""What a picture shows, as plain data: no technique, no pixels, no statistics.

A `Chart` has bands of panels, one below the other. A panel is of one of three kinds: `Rows` (marks with
intervals in named rows), `Plane` (lines, points and clouds on two numeric axes) or `Flow` (what each
filter left).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cxraudit.charts.look import PLAIN, Look

Tick = tuple[float, str]
NONE = math.nan


@dataclass(frozen=True, slots=True)
class Axis:
    """A numeric axis."""

    label: str
    low: float
    high: float
    ticks: tuple[Tick, ...] = ()


@dataclass(frozen=True, slots=True)
class Guide:
    """A line across a panel at one value."""

    at: float
    colour: str = "muted"
    dashed: bool = False
    name: str = ""


@dataclass(frozen=True, slots=True)
class Histogram:
    """How values are distributed, drawn above a mark."""

    edges: tuple[float, ...]
    heights: tuple[float, ...]
    """One fewer than edges, on a scale shared by the panel: at most 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One value in a row, with what is known of its error."""

    value: float
    """NaN where there is none; `why` says why."""
    low: float = NONE
    high: float = NONE
    low_simultaneous: float = NONE
    high_simultaneous: float = NONE
    """Ends of the interval that holds for all comparisons at once: thin."""
    before: float = NONE
    """Where an arrow to the value begins."""
    look: Look = PLAIN
    text: str = ""
    """The numbers, as they stand beside the mark."""
    words: str = ""
    """The verdict."""
    why: str = ""
    hover: str = ""
    """Further numbers of the row."""
    dots: tuple[float, ...] = ()
    """Single values that the mark is the mean of."""
    ringed: tuple[float, ...] = ()
    """Of these, the ones to look at."""
    histogram: Histogram | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of marks that share an axis."""

    title: str
    axis: Axis
    guides: tuple[Guide, ...] = ()
    margin: float = NONE
    """Half the width of the shaded band around zero."""
    ends: tuple[str, str] = ("", "")
    """What lies in the direction of either end."""
    short: str = ""
    """What a number is called where there is little room; empty for the title."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row, such as a group."""

    name: str
    cells: tuple[Mark | None, ...]
    """One per column."""
    note: str = ""
    """Behind the name, such as a count."""
    finding: str = ""
    verdict: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Rows under one heading, such as a finding."""

    title: str
    rows: tuple[Row, ...]
    guides: tuple[Guide | None, ...] = ()
    """Of these rows only, one per column."""
    finding: str = ""
    attribute: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Marks with intervals in named rows."""

    columns: tuple[Column, ...]
    parts: tuple[Part, ...]
    names: str = "group"
    """What the rows are."""
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line, with a band around it where there is an interval."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    colour: str = "ink"
    dashed: bool = False
    width: float = 1.5
    dots: bool = False
    """Whether its points are marked."""
    counted: bool = True
    """Whether its numbers belong into a table; not those of a density."""

    @property
    def ends(self) -> dict[float, tuple[float, float]]:
        """The interval at each place that has one; a line can begin before its band."""
        places = self.x[len(self.x) - len(self.low) :]
        between = zip(places, self.low, self.high, strict=True)
        return {x: (low, high) for x, low, high in between if math.isfinite(low + high)}


Legend = tuple[tuple[Look | Line, str], ...]
"""Marks and lines with their names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A point, with intervals along both axes."""

    name: str
    x: float
    y: float
    low_x: float = NONE
    high_x: float = NONE
    low_y: float = NONE
    high_y: float = NONE
    look: Look = PLAIN
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cloud:
    """Many points of a few colours, later ones above earlier ones."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    colours: tuple[str, ...]
    number: NDArray[np.integer]
    """Which of the colours each point has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """Lines, points and clouds on two axes."""

    title: str
    x: Axis
    y: Axis
    lines: tuple[Line, ...] = ()
    points: tuple[Point, ...] = ()
    cloud: Cloud | None = None
    across: tuple[Guide, ...] = ()
    """Horizontal lines."""
    upright: tuple[Guide, ...] = ()
    """Vertical lines."""
    names: Legend = ()
    """A legend of this panel alone."""
    notes: tuple[str, ...] = ()
    """Why something is missing."""
    finding: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a flow."""

    name: str
    left: str
    """How many are left."""
    reason: str = ""
    out: str = ""
    """How many were left out; empty if none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """What every step left."""

    steps: tuple[Step, ...]


Panel = Rows | Plane | Flow


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A picture."""

    title: str
    bands: tuple[tuple[Panel, ...], ...]
    legend: Legend = ()
    note: str = ""
    """What marks, bars and bands are."""
    attribute: str = ""
    """Display name of what its groups are of; empty if of no single attribute."""

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All panels, in reading order."""
        return tuple(panel for band in self.bands for panel in band)
