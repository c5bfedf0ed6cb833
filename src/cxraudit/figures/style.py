"""One look for all figures: colours that colour-blind readers tell apart, and quiet axes."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cxraudit.files import write_atomic, write_text

XML = '<?xml version="1.0" encoding="utf-8" standalone="no"?>\n'
INK, MUTED, LINE = "#1d2733", "#66727f", "#cdd5de"

PALETTE = ("#0b6fa4", "#c8451b", "#b07a00", "#6a4c93", "#2f7d4f", "#8f5a3c", "#444f5a")
"""Of groups, models and findings, in this order."""

WORSE, BETTER = "disparity: worse", "disparity: better"

COLOURS = {
    WORSE: "#c8451b",
    BETTER: "#6a4c93",
    "real, size unclear": "#8f5a3c",
    "within margin": "#b07a00",
    "equivalent": "#0b6fa4",
    "inconclusive": "#7b8794",
    "undefined": "#b4bcc5",
    "": "#1d2733",
}
MARKERS = {
    WORSE: "D",
    BETTER: "^",
    "real, size unclear": "d",
    "within margin": "s",
    "equivalent": "o",
    "inconclusive": "o",
    "undefined": "x",
    "": "o",
}
HOLLOW = ("inconclusive", "undefined")
"""Shape as well as colour tells verdicts apart; hollow is *cannot tell*."""


def shown_as(verdict: str, value: float) -> str:
    """Return the kind of mark for a verdict: a disparity is drawn by its direction."""
    if verdict == "disparity":
        return WORSE if value < 0 else BETTER
    return verdict


_RC = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.titlecolor": INK,
    "xtick.color": MUTED,
    "ytick.color": INK,
    "svg.hashsalt": "cxraudit",
    "svg.fonttype": "none",
}


@contextmanager
def house_style() -> Iterator[None]:
    """Draw with our settings, whatever the user's are."""
    with mpl.rc_context(_RC):
        yield


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure in inches that belongs to no window."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def quiet(axes: Axes, *, keep: str = "bottom") -> None:
    """Leave only the named spines ("bottom", "left", "bottom left")."""
    for side, spine in axes.spines.items():
        spine.set_visible(side in keep)
    axes.tick_params(length=0)


def close_grid(grid: NDArray[Any], n: int, *, x: str = "", y: str = "") -> None:
    """Hide the panels of a grid that nothing was drawn in; name the axes at its edges."""
    for axes in list(grid.flat)[n:]:
        axes.set_visible(False)
    for axes in grid[-1] if x else ():
        axes.set_xlabel(x)
    for row in grid if y else ():
        row[0].set_ylabel(y)


def mark(
    axes: Axes, y: float, value: float, low: float, high: float, kind: str, *, why: str = ""
) -> None:
    """Draw one estimate with its interval, or say why there is none."""
    colour = COLOURS[kind]
    if not np.isfinite(value):
        if why:
            axes.text(
                0.02,
                y,
                why,
                transform=axes.get_yaxis_transform(),
                color=MUTED,
                va="center",
                fontsize=8,
                style="italic",
            )
        return
    if np.isfinite(low):
        axes.plot([low, high], [y, y], color=colour, lw=1.6, solid_capstyle="round", zorder=2)
    axes.plot(
        [value],
        [y],
        marker=MARKERS[kind],
        ms=5.2,
        color=colour,
        zorder=3,
        markerfacecolor="white" if kind in HOLLOW else colour,
        markeredgewidth=1.3,
    )


def svg(figure: Figure) -> str:
    """Return a figure as an SVG element; the same figure gives the same text."""
    buffer = io.StringIO()
    with house_style():
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def save(figure: Figure, folder: Path, name: str) -> str:
    """Write a figure as SVG and as PNG; return the SVG element."""
    element = svg(figure)
    figure.set_layout_engine("none")  # it is laid out; doing it again takes as long as drawing
    write_text(folder / f"{name}.svg", f"{XML}{element}")
    with house_style():
        write_atomic(
            folder / f"{name}.png",
            lambda path: figure.savefig(path, format="png", dpi=150, facecolor="white"),
        )
    return element
