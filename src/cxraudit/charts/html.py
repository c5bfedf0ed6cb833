"""A picture as HTML: fluid, its text at the size of the page's text, its numbers as text.

Rows are a table of which every cell is a small SVG with positions in percent, beside the numbers; planes are
SVGs whose lines are stretched and whose text is not. Names are escaped by the templates.
"""

import base64
import io
import math
import zlib
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files

import jinja2
import numpy as np
from markupsafe import Markup

from cxraudit.charts.look import COLOURS, SHAPES
from cxraudit.charts.spec import Axis, Chart, Cloud, Histogram, Line, Mark, Plane, Row, Rows
from cxraudit.formatting import bounds, decimal

_PIXELS = 340
"""Width and height of the picture of a cloud."""
_DOT = (
    (0, 0),
    (0, 1),
    (1, 0),
    (1, 1),
    (0, -1),
    (-1, 0),
    (1, -1),
    (-1, 1),
    (0, 2),
    (1, 2),
    (2, 0),
    (2, 1),
)
"""Pixels of a point, around it."""
_PALER = 0.3
"""Share of white in the colours of a cloud, so that lines above it are seen."""
_MARKED = 12
"""Lines of no more points have a mark with its numbers at each."""


def to_html(chart: Chart, identifier: str, caption: str) -> Markup:
    """Return a picture as an HTML element.

    Parameters
    ----------
    chart : Chart
        What to draw.
    identifier : str
        Unique on the page; ids within the picture follow from it.
    caption : str
        What is drawn, for those who do not see it.

    Returns
    -------
    markupsafe.Markup
    """
    return Markup(_template().render(drawn=chart, id=_short_id(identifier), caption=caption))


def style() -> str:
    """Return the style of pictures, for a page that has some."""
    text = (files("cxraudit.charts.templates") / "chart.css").read_text(encoding="utf-8")
    colours = " ".join(f".k-{name} {{ color:{colour}; }}" for name, colour in COLOURS.items())
    return f"{text}{colours}\n"


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("cxraudit.charts"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["kind"] = _kind
    return environment.get_template(
        "chart.html.j2",
        globals={
            "at": at,
            "has": math.isfinite,
            "shapes": SHAPES,
            "is_tall": is_tall,
            "with_words": with_words,
            "hover": hover,
            "outline": outline,
            "polyline": polyline,
            "band": band,
            "dots": dots,
            "lines_of": lines_of,
            "picture": picture,
            "up": up,
            "span": span,
            "kind": _kind,
        },
    )


def _short_id(identifier: str) -> str:
    """Return an id that every row of a picture repeats."""
    return f"c{zlib.crc32(identifier.encode()):x}-"


def _kind(one: object) -> str:
    return type(one).__name__


def at(axis: Axis, value: float) -> str:
    """Return where a value lies on an axis, in percent; values beyond it lie at its end.

    Examples
    --------
    >>> at(Axis("", -1, 1), 0.5), at(Axis("", -1, 1), 9)
    ('75', '100')
    """
    return _short(_share(axis, value))


def up(axis: Axis, value: float) -> str:
    """Return where a value lies below the upper end of a vertical axis, in percent."""
    return _short(100 - _share(axis, value))


def span(axis: Axis, low: float, high: float) -> str:
    """Return how much of an axis lies between two values, in percent."""
    return _short(_share(axis, high) - _share(axis, low))


def _share(axis: Axis, value: float) -> float:
    return 100 * min(max((value - axis.low) / (axis.high - axis.low), 0.0), 1.0)


def _short(percent: float) -> str:
    return f"{percent:.1f}".removesuffix(".0")


def is_tall(row: Row) -> bool:
    """Return whether a row shows a distribution."""
    return any(mark and (mark.histogram or mark.dots) for mark in row.cells)


def with_words(panel: Rows) -> list[bool]:
    """Return which columns have verdicts beside their numbers."""
    rows = [row for part in panel.parts for row in part.rows]
    return [
        any((mark := row.cells[place]) and mark.words for row in rows)
        for place in range(len(panel.columns))
    ]


def hover(row: Row, mark: Mark) -> str:
    """Return the words of a mark that is pointed at."""
    parts = [part for part in (mark.text or mark.why, mark.words, mark.hover) if part]
    return f"{row.name}: {'; '.join(parts)}"


def outline(histogram: Histogram, axis: Axis) -> str:
    """Return a distribution as a path in a square of 100 by 100."""
    edges = [at(axis, edge) for edge in histogram.edges]
    steps = [
        f"{'L' if place else 'M'}{left} {100 - 100 * height:.3g}H{right}"
        for place, (left, right, height) in enumerate(
            zip(edges[:-1], edges[1:], histogram.heights, strict=True)
        )
    ]
    return f"{''.join(steps)}V100H{edges[0]}z"


def _y(panel: Plane, value: float) -> str:
    """Return where a value lies below the upper end of the vertical axis, in thousandths."""
    share = (value - panel.y.low) / (panel.y.high - panel.y.low)
    return f"{1000 * (1 - min(max(share, -5.0), 6.0)):.0f}"


def _x(panel: Plane, value: float) -> str:
    share = (value - panel.x.low) / (panel.x.high - panel.x.low)
    return f"{1000 * min(max(share, -5.0), 6.0):.0f}"


def polyline(panel: Plane, x: Sequence[float], y: Sequence[float]) -> list[str]:
    """Return the points of a line, one text per stretch without missing values."""
    stretches: list[list[str]] = [[]]
    for across, upright in zip(x, y, strict=True):
        if math.isfinite(across) and math.isfinite(upright):
            stretches[-1].append(f"{_x(panel, across)},{_y(panel, upright)}")
        elif stretches[-1]:
            stretches.append([])
    return [" ".join(points) for points in stretches if points]


def band(panel: Plane, line: Line) -> str:
    """Return the outline of a line's band; empty without one."""
    ends = list(line.ends.items())
    forth = [f"{_x(panel, x)},{_y(panel, high)}" for x, (_, high) in ends]
    back = [f"{_x(panel, x)},{_y(panel, low)}" for x, (low, _) in reversed(ends)]
    return " ".join(forth + back)


def dots(panel: Plane, line: Line) -> Iterator[tuple[str, str, str]]:
    """Yield place and words of the points of a short line."""
    if len(line.x) > _MARKED or not line.counted:
        return
    names, ends = dict(panel.x.ticks), line.ends
    for x, y in zip(line.x, line.y, strict=True):
        if math.isfinite(y) and panel.y.low <= y <= panel.y.high:
            interval = f" ({bounds(*ends[x])})" if x in ends else ""
            words = (
                f"{line.name}, {panel.x.label} {names.get(x, f'{x:.3g}')}: {decimal(y)}{interval}"
            )
            yield at(panel.x, x), up(panel.y, y), words


def lines_of(panel: Plane) -> Iterator[tuple[str, str, str, str]]:
    """Yield the error bars of points: ends along both axes, in percent."""
    for point in panel.points:
        x, y = at(panel.x, point.x), up(panel.y, point.y)
        if math.isfinite(point.low_x):
            yield at(panel.x, point.low_x), at(panel.x, point.high_x), y, y
        if math.isfinite(point.low_y):
            yield x, x, up(panel.y, point.low_y), up(panel.y, point.high_y)


def picture(panel: Plane) -> str:
    """Return the cloud of a plane as the address of a small PNG; empty without one."""
    return "" if panel.cloud is None else _png(panel.cloud, panel.x, panel.y)


def _png(cloud: Cloud, x: Axis, y: Axis) -> str:
    from PIL import Image

    # Points that all lie on one another leave an axis without extent.
    wide, high = (max(axis.high - axis.low, np.finfo(float).tiny) for axis in (x, y))
    column = np.rint((cloud.x - x.low) / wide * (_PIXELS - 1)).astype(int)
    row = np.rint((y.high - cloud.y) / high * (_PIXELS - 1)).astype(int)
    drawn = np.zeros((_PIXELS, _PIXELS), dtype=np.uint8)
    down, right = (np.array(one) for one in zip(*_DOT, strict=True))
    rows, columns = (row[:, None] + down).ravel(), (column[:, None] + right).ravel()
    colours = np.repeat(cloud.number + 1, len(_DOT))
    inside = (rows >= 0) & (rows < _PIXELS) & (columns >= 0) & (columns < _PIXELS)
    drawn[rows[inside], columns[inside]] = colours[inside]
    image = Image.fromarray(drawn, mode="P")
    shown = ["#ffffff", *(COLOURS[name] for name in cloud.colours)]
    image.putpalette([level for colour in shown for level in _levels(colour)])
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True, transparency=0, bits=_bits(len(shown)))
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _bits(n: int) -> int:
    return next(bits for bits in (1, 2, 4, 8) if n <= 2**bits)


def _levels(colour: str) -> Iterator[int]:
    for place in (1, 3, 5):
        level = int(colour[place : place + 2], 16)
        yield round(level + _PALER * (255 - level))
