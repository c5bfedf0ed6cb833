"""Sorted differences between the mean embedding of a group and that of all other groups."""

import pandas as pd

from cxraudit.charts.look import palette
from cxraudit.charts.scale import axis, limits
from cxraudit.charts.spec import Chart, Line, Plane
from cxraudit.formatting import column_name

_MOST = 120
"""Dimensions of a line; of more, evenly spaced ones: the line is sorted, and so smooth."""


def centroid_curves(curves: pd.DataFrame) -> Chart:
    """Show the sorted centroid differences of one model with their simultaneous bands.

    Parameters
    ----------
    curves : pandas.DataFrame
        Of one model; see `cxraudit.audits.result.Audit.curves`.

    Returns
    -------
    cxraudit.charts.Chart
    """
    x = axis("dimension, sorted", *limits(curves["rank"]), most=4)
    drawn = curves[["value", "low", "high"]].to_numpy(dtype="float64").ravel()
    y = axis("|difference of the means|", *limits(drawn.tolist()))
    planes = []
    for attribute, own in curves.groupby("attribute", sort=False):
        lines = tuple(
            _line(str(group), part, palette(number))
            for number, (group, part) in enumerate(own.groupby("group", sort=False))
        )
        planes.append(
            Plane(
                title=column_name(str(attribute)),
                x=x,
                y=y,
                lines=lines,
                names=tuple((line, line.name) for line in lines),
            )
        )
    return Chart(title="Sorted differences of the means of groups", bands=(tuple(planes),))


def _line(group: str, part: pd.DataFrame, colour: str) -> Line:
    kept = part.iloc[:: -(-len(part) // _MOST)]
    return Line(
        name=group,
        x=tuple(kept["rank"]),
        y=tuple(kept["value"]),
        low=tuple(kept["low"]),
        high=tuple(kept["high"]),
        colour=colour,
    )
