"""Decision curves: net benefit over threshold probabilities of every group of one attribute."""

from typing import Any

import pandas as pd

from cxraudit.charts.look import palette
from cxraudit.charts.scale import axis, limits
from cxraudit.charts.spec import Axis, Chart, Guide, Line, Plane
from cxraudit.datasets.base import NO_GROUP, ordered_groups
from cxraudit.metrics import METRICS
from cxraudit.schema import FLAG_ALL, Analysis, records
from cxraudit.vocabulary import attribute_name


def decision_curves(results: pd.DataFrame, attribute: str) -> Chart:
    """Show the net benefit of every group against the threshold probability, one panel per finding.

    Solid lines are those of the model, dashed ones of flagging every image of the group; flagging none is 0.
    Net benefits far below 0 are beyond the axis.

    Parameters
    ----------
    results : pandas.DataFrame
        A results table of one data set, model and prompt set that has decision curves by `attribute`; see
        `cxraudit.schema.Analysis`.
    attribute : str
        Which attribute's groups to show.

    Returns
    -------
    cxraudit.charts.Chart
    """
    rows = results[
        (results["analysis"] == Analysis.DECISION_CURVE) & (results["attribute"] == attribute)
    ]
    known = [group for group in ordered_groups(attribute, rows["group"]) if group not in NO_GROUP]
    x = axis("threshold probability", *limits(rows["at"]), most=4)
    planes = tuple(
        _plane(finding, x, records(rows[rows["finding"] == finding]), known)
        for finding in dict.fromkeys(rows["finding"])
    )
    groups = [(_line([], group, palette(k), ""), group) for k, group in enumerate(known)]
    return Chart(
        title=f"Net benefit by {attribute_name(attribute)}",
        bands=(planes,),
        legend=(*groups, (_line([], FLAG_ALL, "grey", FLAG_ALL), FLAG_ALL)),
        note="Line at 0: flag none.",
        attribute=attribute_name(attribute),
    )


def _plane(finding: str, x: Axis, rows: list[dict[str, Any]], groups: list[str]) -> Plane:
    lines = tuple(
        _line([row for row in rows if row["group"] == group], group, palette(k), condition)
        for k, group in enumerate(groups)
        for condition in ("", FLAG_ALL)
    )
    highest = max([0.0, *(y for line in lines for y in line.y if pd.notna(y))])
    return Plane(
        title=finding,
        finding=finding,
        x=x,
        y=axis(METRICS["net_benefit"].label, -0.25 * highest - 0.01, 1.05 * highest + 0.01),
        lines=lines,
        across=(Guide(0, name="flag none"),),
    )


def _line(rows: list[dict[str, Any]], group: str, colour: str, condition: str) -> Line:
    own = sorted((row["at"], row["value"]) for row in rows if row["condition"] == condition)
    return Line(
        name=f"{group}: {condition}" if condition else group,
        x=tuple(at for at, _ in own),
        y=tuple(value for _, value in own),
        colour=colour,
        dashed=bool(condition),
        width=1.3,
        # The table of decision curves has them.
        counted=False,
    )
