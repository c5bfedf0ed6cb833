"""One look for all figures: colours that colour-blind readers can distinguish, and bare axes."""

import io
import math
import warnings
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator
from numpy.typing import NDArray

from cxraudit.files import write_atomic, write_text
from cxraudit.folders import claim
from cxraudit.formatting import fitted, interval_name, listed
from cxraudit.schema import Reason
from cxraudit.stats.estimate import Verdict

XML = '<?xml version="1.0" encoding="utf-8" standalone="no"?>\n'
INK, MUTED, LINE = "#1d2733", "#66727f", "#cdd5de"
RED, VIOLET, BROWN, OCHRE, BLUE, GREEN = (
    "#c8451b",
    "#6a4c93",
    "#8f5a3c",
    "#b07a00",
    "#0b6fa4",
    "#2f7d4f",
)
GREY, PALE_GREY, BAND = "#7b8794", "#b4bcc5", "#eef2f6"
DARK_GREY = "#444f5a"

GAP = "\u2003" * 3
"""Room between two labels on one line; ordinary blanks would become one in SVG."""

PALETTE = (BLUE, RED, OCHRE, VIOLET, GREEN, BROWN, DARK_GREY)
"""Of groups, models and findings, in this order."""

WORSE, BETTER = "disparity: worse", "disparity: better"
"""A disparity is drawn by its direction."""

COLOURS: dict[str, str] = {
    WORSE: RED,
    BETTER: VIOLET,
    Verdict.UNCLEAR_SIZE: BROWN,
    Verdict.SMALL: OCHRE,
    Verdict.EQUIVALENT: BLUE,
    Verdict.INCONCLUSIVE: GREY,
    Verdict.UNDEFINED: PALE_GREY,
    "": INK,
}
"""Kind of mark → colour; a kind is a verdict, `WORSE`, `BETTER`, or nothing where none was given."""
MARKERS: dict[str, str] = {
    WORSE: "D",
    BETTER: "^",
    Verdict.UNCLEAR_SIZE: "d",
    Verdict.SMALL: "s",
    Verdict.EQUIVALENT: "o",
    Verdict.INCONCLUSIVE: "o",
    Verdict.UNDEFINED: "x",
    "": "o",
}
HOLLOW = (Verdict.INCONCLUSIVE, Verdict.UNDEFINED)
"""Verdicts differ in shape as well as in colour; these are drawn hollow."""

_REASONS = {
    Reason.SUPPRESSED: "hidden: too few patients",
    Reason.NO_IMAGES: "no images",
    Reason.NO_POSITIVES: "no positives",
    Reason.NO_NEGATIVES: "no negatives",
    Reason.TOO_FEW_PATIENTS: "too few patients",
    Reason.TOO_FEW_RUNS: "too few training runs",
    Reason.TOO_FEW_RESAMPLES: "too few resamples",
}


def kind_of(verdict: str, value: float) -> str:
    """Return the kind of mark for a verdict on a difference that is better above zero."""
    if verdict == Verdict.DISPARITY:
        return WORSE if value < 0 else BETTER
    return verdict


def colour_of(verdict: str) -> str:
    """Return the colour of a verdict where direction is not drawn."""
    return COLOURS[kind_of(verdict, -1)]


def interval_label(rows: pd.DataFrame) -> str:
    """Return what the intervals of some rows are called, by their own level: ``95 % interval``."""
    levels = sorted(rows["confidence_level"].dropna().unique())
    return listed([interval_name(level) for level in levels]) if levels else "interval"


def margin_of(rows: pd.DataFrame) -> float:
    """Return the margin that some rows were judged with; NaN if none."""
    margins = rows["margin"].dropna()
    return float(margins.iloc[0]) if len(margins) else math.nan


def shade_margin(axes: Axes, margin: float) -> None:
    """Shade the differences within a margin; nothing if there is none."""
    if math.isfinite(margin):
        axes.axvspan(-margin, margin, color=BAND, zorder=0)


def missing_because(reasons: str) -> str:
    """Return why a value is missing, from the reasons of its row."""
    return next((words for reason, words in _REASONS.items() if reason in reasons.split()), "")


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
    # A dollar sign in the name of a group is a dollar sign.
    "text.parse_math": False,
    "text.usetex": False,
}


LONGEST_LABEL, LONGEST_LINE = 60, 140
"""Characters of a label beside an axis, and of a line of any other text; more are cut in the middle."""


@contextmanager
def house_style() -> Generator[None, None, None]:
    """Draw with our settings, whatever the user's are."""
    with mpl.rc_context(_RC), warnings.catch_warnings():
        # Of names in scripts the font lacks, which are boxes in the PNG and complete in the SVG, and of
        # labels that leave too little room for the panels.
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        warnings.filterwarnings("ignore", "constrained_layout not applied", UserWarning)
        yield


def fit_texts(figure: Figure) -> None:
    """Shorten the texts of a figure that are too long to be drawn; names come from a user's table."""
    for text in figure.findobj(Text):
        text.set_text(fitted(text.get_text(), LONGEST_LINE))
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            if isinstance(axis.get_major_locator(), FixedLocator):
                labels = [label.get_text() for label in axis.get_ticklabels()]
                short = [fitted(label, LONGEST_LABEL) for label in labels]
                if short != labels:
                    axis.set_ticklabels(short)


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure in inches that belongs to no window."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def despine(axes: Axes, *, keep: str = "bottom") -> None:
    """Leave only the named spines ("bottom", "left", "bottom left"), without tick marks."""
    for side, spine in axes.spines.items():
        spine.set_visible(side in keep)
    axes.tick_params(length=0)


def vertical_lines(axes: Axes) -> None:
    """Draw a faint grid along the horizontal axis, behind everything."""
    axes.grid(axis="x", color=LINE, lw=0.6)
    axes.set_axisbelow(True)


def close_grid(grid: NDArray[Any], n: int, *, x: str = "", y: str = "") -> None:
    """Hide the panels of a grid that nothing was drawn in; name the axes at its edges."""
    for axes in list(grid.flat)[n:]:
        axes.set_visible(False)
    for axes in grid[-1] if x else ():
        axes.set_xlabel(x)
    for row in grid if y else ():
        row[0].set_ylabel(y)


def heading(figure: Figure, text: str) -> None:
    """Write the title of a figure at its left."""
    figure.suptitle(text, x=0.01, ha="left", fontsize=12, fontweight="bold")


def mark(
    axes: Axes, y: float, value: float, low: float, high: float, kind: str, *, why: str = ""
) -> None:
    """Draw one estimate with its interval, or write why there is none."""
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


def mark_difference(
    axes: Axes, y: float, row: Mapping[str, Any], kind: str, *, why: str = ""
) -> None:
    """Draw a difference: its own interval thick, the one that holds for all comparisons at once thin.

    The kind of mark follows the thin one.
    """
    low, high = row["low_simultaneous"], row["high_simultaneous"]
    if np.isfinite(low):
        axes.plot([low, high], [y, y], color=COLOURS[kind], lw=0.6, zorder=2)
    mark(axes, y, row["value"], row["low"], row["high"], kind, why=why)


def thin_label(rows: pd.DataFrame) -> str:
    """Say what the thin line of `mark_difference` is; nothing if no row has one."""
    known = rows["low_simultaneous"].notna().any()
    return " (thin: for all comparisons at once)" if known else ""


def svg(figure: Figure) -> str:
    """Return a figure as an SVG element; the same figure gives the same text."""
    buffer = io.StringIO()
    fit_texts(figure)
    with house_style():
        if figure.get_layout_engine():
            # Once: a figure with a layout engine is laid out four times by one `savefig`.
            figure.draw_without_rendering()
            figure.set_layout_engine(None)
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def save(figure: Figure, folder: Path, name: str) -> str:
    """Write a figure as SVG and as PNG; return the SVG element.

    Raises
    ------
    DataError
        If the folder holds a file of that name that cxraudit did not write.
    """
    element = svg(figure)
    image = png(figure)
    claim(folder / f"{name}.svg", folder / f"{name}.png")
    write_text(folder / f"{name}.svg", f"{XML}{element}")
    write_atomic(folder / f"{name}.png", lambda path: path.write_bytes(image))
    return element


def png(figure: Figure) -> bytes:
    """Return a figure of which `svg` was made as a PNG; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    with house_style():
        figure.savefig(
            buffer, format="png", dpi=150, facecolor="white", metadata={"Software": None}
        )
    return buffer.getvalue()
