"""A picture as a matplotlib figure, for files."""

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch
from matplotlib.transforms import Bbox

from cxraudit.charts.house import (
    INK,
    LINE,
    MUTED,
    PIXELS_PER_INCH,
    despine,
    fit_texts,
    heading,
    house_style,
    new_figure,
    vertical_lines,
)
from cxraudit.charts.look import COLOURS, Look
from cxraudit.charts.spec import (
    Axis,
    Chart,
    Column,
    Flow,
    Guide,
    Line,
    Mark,
    Panel,
    Plane,
    Point,
    Row,
    Rows,
)

WIDTH = 9.6
"""Of a figure, in inches."""
_MARKERS = {
    "circle": "o",
    "square": "s",
    "diamond": "D",
    "narrow diamond": "d",
    "triangle": "^",
    "triangle down": "v",
    "plus": "P",
    "cross": "x",
    "none": "",
}
_LINE, _HEADING, _TALL = 0.215, 1.1, 2.4
"""Inches of a row; lines of a heading, and of a row with a distribution."""
_DIGITS = 6
_PER_LINE = 4
"""Planes side by side."""


def draw(chart: Chart) -> Figure:
    """Draw a picture as a figure that belongs to no window.

    Parameters
    ----------
    chart : Chart
        What to draw.

    Returns
    -------
    matplotlib.figure.Figure
    """
    bands = [line for band in chart.bands for line in _lines(band)]
    heights = [max(map(_height, band)) for band in bands]
    with house_style():
        figure = new_figure(WIDTH, 0.75 + sum(heights) + 0.2 * len(chart.legend) / 4)
        below = figure.subfigures(len(bands), 1, height_ratios=heights, squeeze=False)[:, 0]
        for part, band in zip(below, bands, strict=True):
            _band(part, band)
        _legend(figure, chart)
        heading(figure, chart.title)
    # Room for text is that of the PNG: at fewer pixels its letters are narrower.
    figure.set_dpi(PIXELS_PER_INCH)
    _lay_out(figure)
    return figure


def _lay_out(figure: Figure) -> None:
    """Lay a figure out once, at places without the last digits, which differ from call to call."""
    fit_texts(figure)
    with house_style():
        figure.draw_without_rendering()
    figure.set_layout_engine(None)
    for place in figure.findobj(SubFigure):
        box = place.bbox_relative
        box.set_points(np.round(box.get_points(), _DIGITS))
    for axes in figure.axes:
        axes.set_position(Bbox(np.round(axes.get_position().get_points(), _DIGITS)))


def _lines(band: Sequence[Panel]) -> list[Sequence[Panel]]:
    """Return the panels of a band, as many beside each other as there is room for."""
    if len(band) <= _PER_LINE:
        return [band]
    columns = next(n for n in (4, 3) if n == 3 or len(band) % 4 == 0 or len(band) > 6)
    return [band[k : k + columns] for k in range(0, len(band), columns)]


def _height(panel: Panel) -> float:
    if isinstance(panel, Flow):
        return 0.82 * len(panel.steps)
    if isinstance(panel, Plane):
        return 2.5
    rows = sum(_HEADING * bool(part.title) + sum(map(_lines_of, part.rows)) for part in panel.parts)
    return max(1.2, 1.0 + 0.2 * bool(panel.title) + _LINE * rows)


def _lines_of(row: Row) -> float:
    tall = any(mark and (mark.histogram or mark.dots) for mark in row.cells)
    return _TALL if tall else 1.0


def _band(parts: Figure | SubFigure, band: Sequence[Panel]) -> None:
    widths = [2.1 if isinstance(panel, Rows) and len(band) > 1 else 1 for panel in band]
    if len(band) == 1:
        places = [parts]
    else:
        places = list(parts.subfigures(1, len(band), width_ratios=widths, squeeze=False)[0])
    for place, panel in zip(places, band, strict=True):
        if isinstance(panel, Rows):
            _rows(place, panel)
        elif isinstance(panel, Plane):
            _plane(place.subplots(), panel)
        else:
            _flow(place.subplots(), panel)


def _legend(figure: Figure, chart: Chart) -> None:
    handles = [_handle(look, text) for look, text in chart.legend]
    note = "\n".join(textwrap.wrap(chart.note, 130))
    if handles or note:
        figure.legend(
            handles=handles,
            title=note,
            loc="outside lower left",
            ncols=max(1, min(len(handles), 5)),
            frameon=False,
            fontsize=8,
            title_fontsize=8,
            alignment="left",
            handletextpad=0.3,
        )


def _handle(look: Look | Line, text: str) -> Line2D:
    if isinstance(look, Line):
        style = "--" if look.dashed else "-"
        return Line2D([], [], ls=style, lw=look.width, color=COLOURS[look.colour], label=text)
    return Line2D([], [], ls="", ms=5, label=text, **_marker(look))


def _marker(look: Look) -> dict[str, Any]:
    colour = COLOURS[look.colour]
    return {
        "marker": _MARKERS[look.shape],
        "color": colour,
        "markerfacecolor": "white" if look.hollow else colour,
        "markeredgewidth": 1.3,
    }


def _set(axes: Axes, axis: Axis, *, upright: bool = False) -> None:
    ticks, names = [at for at, _ in axis.ticks], [name for _, name in axis.ticks]
    if upright:
        axes.set_ylim(axis.low, axis.high)
        axes.set_yticks(ticks, names)
        axes.set_ylabel(axis.label, fontsize=8)
    else:
        axes.set_xlim(axis.low, axis.high)
        axes.set_xticks(ticks, names)
        axes.set_xlabel(axis.label, fontsize=8)


def _guide(axes: Axes, guide: Guide, *, upright: bool) -> None:
    style = {"color": COLOURS[guide.colour], "lw": 1.0, "ls": (0, (4, 3)) if guide.dashed else "-"}
    (axes.axvline if upright else axes.axhline)(guide.at, zorder=1, **style)


def _rows(place: Figure | SubFigure, panel: Rows) -> None:
    grid = place.subplots(1, len(panel.columns), sharey=True, squeeze=False)[0]
    y = 0.0
    names: list[tuple[float, str]] = []
    for part in panel.parts:
        if part.title:
            grid[0].annotate(
                part.title,
                (0, y),
                xytext=(-4, 0),
                xycoords=grid[0].get_yaxis_transform(),
                textcoords="offset points",
                ha="right",
                va="center",
                fontweight="bold",
            )
            y += 1
        top = y - 0.5
        for row in part.rows:
            tall = _lines_of(row)
            y += tall - 1
            names.append((y, f"{row.name}  ({row.note})" if row.note else row.name))
            for axes, mark in zip(grid, row.cells, strict=True):
                if mark:
                    _mark(axes, y, mark, tall)
            y += 1
        for axes, guide in zip(grid, part.guides, strict=False):
            if guide:
                axes.plot(
                    [guide.at] * 2, [top, y - 0.5], color=COLOURS[guide.colour], lw=1, zorder=1
                )
        y += 0.1
    grid[0].set_ylim(y - 0.4, -1.0)
    grid[0].set_yticks([at for at, _ in names], [name for _, name in names], fontsize=8)
    for axes, column in zip(grid, panel.columns, strict=True):
        _column(axes, column)
    if panel.title:
        place.suptitle(panel.title, x=0.01, ha="left", fontsize=10, fontweight="bold")


def _column(axes: Axes, column: Column) -> None:
    _set(axes, column.axis)
    axes.set_title(textwrap.fill(column.title, 34), loc="left", fontsize=8.5, color=MUTED)
    if np.isfinite(column.margin):
        axes.axvspan(-column.margin, column.margin, color=COLOURS["band"], zorder=0)
    for guide in column.guides:
        _guide(axes, guide, upright=True)
    left, right = column.ends
    if left:
        axes.set_xlabel(f"{column.axis.label}\n← {left}\u2003\u2003\u2003{right} →", fontsize=8)
    despine(axes)
    vertical_lines(axes)
    axes.tick_params(labelsize=8)


def _mark(axes: Axes, y: float, mark: Mark, tall: float) -> None:
    colour = COLOURS[mark.look.colour]
    beside = axes.get_yaxis_transform()
    if mark.histogram:
        edges, heights = (np.array(one) for one in (mark.histogram.edges, mark.histogram.heights))
        top = y - 0.35 - (tall - 1) * heights
        base = y - 0.35
        axes.fill_between(
            np.repeat(edges, 2)[1:-1], base, np.repeat(top, 2), color=colour, alpha=0.5, lw=0
        )
    if mark.dots:
        at = y - 0.3 - np.linspace(0, tall - 1, len(mark.dots))
        axes.scatter(mark.dots, at, s=11, color=COLOURS["blue"], alpha=0.75, lw=0)
        ringed = np.isin(mark.dots, mark.ringed)
        axes.scatter(
            np.array(mark.dots)[ringed], at[ringed], s=34, facecolor="none", edgecolor=INK, lw=1.1
        )
    if not np.isfinite(mark.value):
        axes.text(
            0.02,
            y,
            mark.why,
            transform=beside,
            color=MUTED,
            va="center",
            fontsize=8,
            style="italic",
        )
        return
    for low, high, width in (
        (mark.low_simultaneous, mark.high_simultaneous, 0.6),
        (mark.low, mark.high, 1.6),
    ):
        if np.isfinite(low):
            axes.plot([low, high], [y, y], color=colour, lw=width, solid_capstyle="round", zorder=2)
    if np.isfinite(mark.before):
        axes.plot([mark.before, mark.value], [y, y], color=colour, lw=1.6, zorder=2)
        axes.plot([mark.before], [y], "|", color=colour, ms=9)
    axes.plot([mark.value], [y], ms=5.2, zorder=3, **_marker(mark.look))
    words = f"{mark.text}  {mark.words}" if mark.words else mark.text
    axes.text(1.01, y, words, transform=beside, va="center", fontsize=7.5, color=INK)


def _plane(axes: Axes, panel: Plane) -> None:
    if panel.cloud is not None:
        colours = np.array([COLOURS[name] for name in panel.cloud.colours])
        axes.scatter(
            panel.cloud.x,
            panel.cloud.y,
            c=colours[panel.cloud.number].tolist(),
            s=7,
            alpha=0.55,
            lw=0,
            rasterized=True,
        )
    for guides, upright in ((panel.upright, True), (panel.across, False)):
        for guide in guides:
            _guide(axes, guide, upright=upright)
    for line in panel.lines:
        colour = COLOURS[line.colour]
        if line.ends:
            low, high = zip(*line.ends.values(), strict=True)
            axes.fill_between(list(line.ends), low, high, color=colour, alpha=0.14, lw=0)
        axes.plot(
            line.x,
            line.y,
            "--" if line.dashed else "-",
            color=colour,
            lw=line.width,
            marker="o" if line.dots else "",
            ms=3,
        )
    for point in panel.points:
        _point(axes, point)
    _set(axes, panel.x)
    _set(axes, panel.y, upright=True)
    axes.set_title(panel.title, loc="left", fontsize=10, fontweight="bold")
    axes.text(
        0.98,
        0.03,
        "\n".join(panel.notes),
        transform=axes.transAxes,
        ha="right",
        va="bottom",
        color=MUTED,
        fontsize=7,
        style="italic",
    )
    if panel.names:
        axes.legend(
            handles=[_handle(look, text) for look, text in panel.names], frameon=False, fontsize=7
        )
    despine(axes, keep="bottom left")
    if panel.y.label:
        axes.set_ylabel(textwrap.fill(panel.y.label, 26), fontsize=8)
    if panel.x.ticks:
        axes.grid(color=LINE, lw=0.5)
        axes.set_axisbelow(True)
    axes.tick_params(labelsize=8)


def _point(axes: Axes, point: Point) -> None:
    colour = COLOURS[point.look.colour]
    axes.plot([point.low_x, point.high_x], [point.y] * 2, color=colour, lw=1.2, alpha=0.7)
    axes.plot([point.x] * 2, [point.low_y, point.high_y], color=colour, lw=1.2, alpha=0.7)
    axes.plot([point.x], [point.y], ms=5, zorder=3, **_marker(point.look))


_BOX = 0.62
"""Height of a box; its distance from the next is 1."""


def _flow(axes: Axes, panel: Flow) -> None:
    """Draw what every step left as CONSORT does."""
    axes.set_axis_off()
    axes.set_xlim(0, 10)
    axes.set_ylim(0.5 - len(panel.steps), 0.5)
    for number, step in enumerate(panel.steps):
        y, last = -float(number), number == len(panel.steps) - 1
        _box(axes, y, f"{step.name}\n{step.left}", bold=last)
        if not last:
            arrow = {"arrowstyle": "-|>", "color": MUTED, "lw": 1.2}
            axes.annotate("", (2.4, y - 1 + _BOX / 2), (2.4, y - _BOX / 2), arrowprops=arrow)
        if number:
            reason = textwrap.shorten(step.reason, 52, placeholder="…")
            axes.plot([2.4, 5.15], [y + 0.5] * 2, color=MUTED if step.out else LINE, lw=1.2)
            axes.text(
                5.25,
                y + 0.5,
                f"{reason}\n{step.out}" if step.out else f"{reason}: none",
                va="center",
                fontsize=8.8,
                linespacing=1.35,
                color="#8a2d10" if step.out else MUTED,
            )


def _box(axes: Axes, y: float, text: str, *, bold: bool) -> None:
    axes.add_patch(
        FancyBboxPatch(
            (0.1, y - _BOX / 2),
            4.6,
            _BOX,
            boxstyle="round,pad=0,rounding_size=0.08",
            facecolor="#dce8f2" if bold else COLOURS["band"],
            edgecolor=MUTED,
            lw=1,
        )
    )
    axes.text(
        2.4,
        y,
        text,
        va="center",
        ha="center",
        fontsize=9.2,
        linespacing=1.4,
        fontweight="bold" if bold else "normal",
    )
