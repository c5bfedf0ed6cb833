"""The style of matplotlib figures, whatever the user's settings: bare axes; and their files."""

import io
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator
from numpy.typing import NDArray

from cxraudit.charts.look import COLOURS
from cxraudit.charts.look import PALETTE as NAMES
from cxraudit.formatting import fitted

XML = '<?xml version="1.0" encoding="utf-8" standalone="no"?>\n'
INK, MUTED, LINE, PALE_GREY = (COLOURS[name] for name in ("ink", "muted", "line", "pale-grey"))
PALETTE = tuple(COLOURS[name] for name in NAMES)
"""Of groups, models and findings, in this order."""

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


PIXELS_PER_INCH = 150
"""Of a PNG."""
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


def png(figure: Figure) -> bytes:
    """Return a figure of which `svg` was made as a PNG; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    with house_style():
        figure.savefig(
            buffer,
            format="png",
            dpi=PIXELS_PER_INCH,
            facecolor="white",
            metadata={"Software": None},
        )
    return buffer.getvalue()


def pdf(figure: Figure) -> bytes:
    """Return a figure of which `svg` was made as a PDF; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    with house_style():
        figure.savefig(
            buffer, format="pdf", metadata=dict.fromkeys(("CreationDate", "Creator", "Producer"))
        )
    return buffer.getvalue()
