"""Error rates at the threshold: true against false positive rate of every group of one attribute."""

from typing import Any

import numpy as np
import pandas as pd

from cxraudit.charts.look import Look, palette
from cxraudit.charts.scale import axis, limits
from cxraudit.charts.spec import Axis, Chart, Guide, Legend, Plane, Point
from cxraudit.datasets.base import NO_GROUP, ordered_groups
from cxraudit.figures.words import interval_label, missing_because
from cxraudit.formatting import bounds, decimal
from cxraudit.metrics import METRICS
from cxraudit.schema import COMPLEMENT, OVERALL, Analysis, is_level, records
from cxraudit.vocabulary import attribute_name

_Y, _X = METRICS["tpr"], METRICS["fpr"]
_RATES = ("value", "low", "high", "reasons")
_SHAPES = ("circle", "square", "diamond", "triangle", "triangle down")
"""One shape for every round through the colours."""
_COLOURS = 7


def error_rates(results: pd.DataFrame, attribute: str) -> Chart:
    """Show TPR against FPR of every group at the threshold, one panel per finding.

    Bars are the intervals of both rates, lines the rates of all patients. Marks of groups without a
    difference from all other groups, such as unknown ones, are hollow. A group without one of the rates
    has no mark; the panel says why.

    Parameters
    ----------
    results : pandas.DataFrame
        A results table of one data set, model and prompt set that has rates at a threshold by
        `attribute`; see `cxraudit.schema.RESULT_COLUMNS`.
    attribute : str
        Which attribute's groups to show.

    Returns
    -------
    cxraudit.charts.Chart
    """
    rows = results[
        (results["analysis"] == Analysis.OPERATING_POINT)
        & results["metric"].isin([_Y.name, _X.name])
    ]
    own = rows[rows["attribute"] == attribute]
    levels = _both_rates(own[is_level(own)])
    overall = _both_rates(rows[(rows["attribute"] == OVERALL) & is_level(rows)])
    gaps = own[own["reference"] == COMPLEMENT]
    compared = set(zip(gaps["finding"], gaps["group"], strict=True))
    looks = _looks(ordered_groups(attribute, levels["group"]))
    x, y = (_axis(metric.label, levels, end) for metric, end in ((_X, "x"), (_Y, "y")))
    planes = tuple(
        _plane(
            finding,
            x,
            y,
            records(levels[levels["finding"] == finding]),
            records(overall[overall["finding"] == finding]),
            looks,
            compared,
        )
        for finding in dict.fromkeys(levels["finding"])
    )
    return Chart(
        title=f"{_Y.label} and {_X.label} by {attribute_name(attribute)}",
        bands=(planes,),
        legend=_legend(looks, {group for _, group in compared}),
        note=f"Bars: {interval_label(own)}; lines: all patients.",
        attribute=attribute_name(attribute),
    )


def _both_rates(levels: pd.DataFrame) -> pd.DataFrame:
    """Return one row per finding and group with both rates; NaN where there is one only."""
    key = ["finding", "group"]
    of_y, of_x = (levels[levels["metric"] == m.name][[*key, *_RATES]] for m in (_Y, _X))
    return of_y.merge(of_x, how="left", on=key, suffixes=("_y", "_x"))


def _looks(groups: list[str]) -> dict[str, Look]:
    """Return group → its look; groups that are never compared are grey."""
    known = [group for group in groups if group not in NO_GROUP]
    looks = {
        group: Look(palette(k), _SHAPES[k // _COLOURS % len(_SHAPES)])
        for k, group in enumerate(known)
    }
    return {group: looks.get(group, Look("grey")) for group in groups}


def _axis(label: str, levels: pd.DataFrame, end: str) -> Axis:
    """Show the rates that occur, and nothing beyond 0 and 1."""
    drawn = levels[[f"value_{end}", f"low_{end}", f"high_{end}"]].to_numpy(dtype="float64").ravel()
    low, high = limits(drawn.tolist())
    return axis(label, max(low, -0.02), min(high, 1.02))


def _plane(
    finding: str,
    x: Axis,
    y: Axis,
    levels: list[dict[str, Any]],
    overall: list[dict[str, Any]],
    looks: dict[str, Look],
    compared: set[tuple[str, str]],
) -> Plane:
    points: list[Point] = []
    missing: list[str] = []
    for row in levels:
        if not np.isfinite([row["value_x"], row["value_y"]]).all():
            why = missing_because(f"{row['reasons_y']} {row['reasons_x']}") or "undefined"
            missing.append(f"{row['group']}: {why}")
            continue
        look = looks[row["group"]]
        points.append(
            Point(
                name=row["group"],
                x=row["value_x"],
                y=row["value_y"],
                low_x=row["low_x"],
                high_x=row["high_x"],
                low_y=row["low_y"],
                high_y=row["high_y"],
                look=Look(look.colour, look.shape, hollow=(finding, row["group"]) not in compared),
                text="; ".join(
                    f"{metric.label} {decimal(row[f'value_{end}'])} "
                    f"({bounds(row[f'low_{end}'], row[f'high_{end}'])})"
                    for metric, end in ((_Y, "y"), (_X, "x"))
                ),
            )
        )
    return Plane(
        title=finding,
        finding=finding,
        x=x,
        y=y,
        points=tuple(points),
        upright=_guides(overall, "value_x"),
        across=_guides(overall, "value_y"),
        notes=tuple(missing),
    )


def _guides(overall: list[dict[str, Any]], value: str) -> tuple[Guide, ...]:
    return tuple(
        Guide(row[value], name=f"all patients: {decimal(row[value])}")
        for row in overall
        if np.isfinite(row[value])
    )


def _legend(looks: dict[str, Look], compared: set[str]) -> Legend:
    return tuple(
        (look, group)
        if group in compared
        else (Look(look.colour, look.shape, hollow=True), f"{group} (not compared)")
        for group, look in looks.items()
    )
