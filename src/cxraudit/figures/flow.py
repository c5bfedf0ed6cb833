"""The flow diagram: how many images, studies and patients every filter kept, as CONSORT draws it."""

import textwrap
from numbers import Integral
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from cxraudit.figures.style import LINE, MUTED, house_style, new_figure
from cxraudit.formatting import counted
from cxraudit.schema import records

_NOUNS = {
    "images": ("image", "images"),
    "studies": ("study", "studies"),
    "patients": ("patient", "patients"),
}
_STEP = 1.0
_BOX = 0.62


def flow_diagram(flow: pd.DataFrame) -> Figure:
    """Draw what every filter excluded and kept.

    Parameters
    ----------
    flow : pandas.DataFrame
        As `cxraudit.datasets.base.flow` returns it: the release, then one row per step.

    Returns
    -------
    matplotlib.figure.Figure
    """
    steps = records(flow)
    # Where every image is a study of its own, a second number says nothing.
    what = [w for w in _NOUNS if w != "studies" or not (flow["studies"] == flow["images"]).all()]
    with house_style():
        figure = new_figure(9.2, 0.45 + 0.82 * len(steps))
        axes = figure.subplots()
        axes.set_axis_off()
        axes.set_xlim(0, 10)
        axes.set_ylim(-_STEP * len(steps) + 0.5, 0.5)
        for number, step in enumerate(steps):
            y = -_STEP * number
            last = number == len(steps) - 1
            name = "In the tables of the release" if number == 0 else str(step["step"])
            _box(axes, 0.1, y, 4.6, f"{name}\n{_counts(step, what)}", bold=last)
            if not last:
                axes.annotate(
                    "",
                    (2.4, y - _STEP + _BOX / 2),
                    (2.4, y - _BOX / 2),
                    arrowprops={"arrowstyle": "-|>", "color": MUTED, "lw": 1.2},
                )
            if number:
                _excluded(axes, y + _STEP / 2, step, what)
    return figure


def _excluded(axes: Axes, y: float, step: dict[str, Any], what: list[str]) -> None:
    """Draw what a step excluded, to the right of the arrow between two boxes."""
    nothing = isinstance(step["images_out"], Integral) and not step["images_out"]
    reason = textwrap.shorten(str(step["reason"]), 52, placeholder="…")
    text = f"{reason}: none" if nothing else f"{reason}\n{_counts(step, what, '_out')}"
    axes.plot([2.4, 5.15], [y, y], color=LINE if nothing else MUTED, lw=1.2, solid_capstyle="butt")
    axes.text(
        5.25,
        y,
        text,
        va="center",
        ha="left",
        fontsize=8.8,
        linespacing=1.35,
        color=MUTED if nothing else "#8a2d10",
    )


def _box(axes: Axes, x: float, y: float, width: float, text: str, *, bold: bool) -> None:
    axes.add_patch(
        FancyBboxPatch(
            (x, y - _BOX / 2),
            width,
            _BOX,
            boxstyle="round,pad=0,rounding_size=0.08",
            facecolor="#eef2f6" if not bold else "#dce8f2",
            edgecolor=MUTED,
            lw=1,
        )
    )
    axes.text(
        x + width / 2,
        y,
        text,
        va="center",
        ha="center",
        fontsize=9.2,
        linespacing=1.4,
        fontweight="bold" if bold else "normal",
    )


def _counts(step: dict[str, Any], what: list[str], suffix: str = "") -> str:
    numbers = ((step[f"{name}{suffix}"], *_NOUNS[name]) for name in what)
    return " · ".join(
        counted(int(n), one, several) if isinstance(n, Integral) else f"{several} hidden"
        for n, one, several in numbers
    )
