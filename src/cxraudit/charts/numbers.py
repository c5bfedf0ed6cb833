"""The numbers of a picture as a table: of its lines and points, which show none beside them."""

import pandas as pd

from cxraudit.charts.spec import Chart, Line, Plane
from cxraudit.formatting import bounds, decimal

_MOST = 25
"""Rows per line; of longer lines, evenly spaced ones."""


def numbers_of(chart: Chart) -> pd.DataFrame:
    """Return one row per point of every line and every point of a picture.

    Parameters
    ----------
    chart : Chart
        Rows, flows and clouds have no rows here.

    Returns
    -------
    pandas.DataFrame
        Text; empty if there is nothing. Of lines with many points, evenly spaced ones.
    """
    planes = [panel for panel in chart.panels if isinstance(panel, Plane)]
    rows = [
        {**_place(plane, line.name), **row}
        for plane in planes
        for line in plane.lines
        if line.counted
        for row in _of_line(plane, line)
    ]
    rows += [
        {
            **_place(plane, point.name),
            plane.x.label: decimal(point.x),
            f"interval of {plane.x.label}": bounds(point.low_x, point.high_x),
            plane.y.label: decimal(point.y),
            f"interval of {plane.y.label}": bounds(point.low_y, point.high_y),
        }
        for plane in planes
        for point in plane.points
    ]
    return pd.DataFrame(rows)


def _place(plane: Plane, name: str) -> dict[str, str]:
    """Return the first columns of a row; those that are of a finding can be filtered by it."""
    return {"finding" if plane.finding else "panel": plane.title, "name": name}


def _of_line(plane: Plane, line: Line) -> list[dict[str, str]]:
    names, ends = dict(plane.x.ticks), line.ends
    every = -(-len(line.x) // _MOST)
    return [
        {
            plane.x.label: names.get(x, f"{x:.4g}"),
            plane.y.label: decimal(y, 3),
            "interval": bounds(*ends[x], 3) if x in ends else "",
        }
        for x, y in list(zip(line.x, line.y, strict=True))[::every]
    ]
