"""What reference labels of a subset make of a gap: as observed, and estimated in four ways."""

import math
from dataclasses import replace
from typing import Any

import pandas as pd

from cxraudit.charts.look import PLAIN, Look
from cxraudit.charts.spec import Chart, Column, Guide, Mark, Part, Row, Rows
from cxraudit.figures.forest import gap_axis, legend_of
from cxraudit.figures.words import difference_mark, interval_label, kind_of_gap, margin_of
from cxraudit.formatting import bounds
from cxraudit.schema import (
    BOTH_LABELS,
    BOUNDS,
    BOUNDS_AS_ESTIMATED,
    COMPLEMENT,
    CORRECTED,
    ON_SUBSET,
    WORKING_ON_SUBSET,
    Analysis,
    records,
)
from cxraudit.vocabulary import attribute_name

WORKING = "working labels"
NAMES = {
    WORKING: "working labels, all images",
    WORKING_ON_SUBSET: "working labels, subset",
    ON_SUBSET: "reference labels, subset",
    BOTH_LABELS: "both labels",
    CORRECTED: "corrected",
    BOUNDS: "bounds",
}
"""Condition → name of the row, in the order in which they are drawn."""

NOT_CORRECTED = "no AUROC fits the errors"
_LOOKS = {
    WORKING_ON_SUBSET: Look("grey"),
    BOTH_LABELS: Look("ink", "diamond"),
    CORRECTED: Look("ink", "square"),
}


def label_gaps(results: pd.DataFrame, attribute: str) -> Chart | None:
    """Show, per finding and group, the gap by working labels and what reference labels make of it.

    Of two groups, which mirror each other, the first is shown.

    Parameters
    ----------
    results : pandas.DataFrame
        A results table of one data set, model and prompt set.
    attribute : str
        Which attribute's groups to show.

    Returns
    -------
    cxraudit.charts.Chart or None
        None if no gap of the attribute has reference labels.
    """
    rows = results[
        (results["attribute"] == attribute)
        & (results["metric"] == "auroc")
        & (results["reference"] == COMPLEMENT)
    ]
    ours = rows[rows["analysis"] == Analysis.REFERENCE_LABELS]
    if ours.empty:
        return None
    observed = rows[rows["analysis"] == Analysis.SUBGROUPS].assign(condition=WORKING)
    places = ours[["finding", "group"]].drop_duplicates()
    mirrored = places.groupby("finding")["group"].transform("size") == 2
    places = places[~(mirrored & places.duplicated("finding"))]
    shown = pd.concat([observed, ours]).merge(places, on=["finding", "group"])
    shown = shown[shown["condition"].isin([*NAMES, BOUNDS_AS_ESTIMATED])]
    column = Column(
        title="AUROC gap to all other groups",
        axis=gap_axis("AUROC gap to all other groups", shown),
        guides=(Guide(0, "ink"),),
        margin=margin_of(observed),
        ends=("worse for this group", "better"),
    )
    parts = tuple(
        _part(str(finding), str(group), shown) for finding, group in places.itertuples(index=False)
    )
    return Chart(
        title=f"Gaps by {attribute_name(attribute)}, by working and by reference labels",
        bands=((Rows(columns=(column,), parts=parts, names="labels"),),),
        legend=legend_of(kind_of_gap(row) for row in records(shown) if row["verdict"]),
        note=f"Bars: {interval_label(shown)}, one by one. Bounds have no estimate: the gap may lie anywhere "
        "on the bar (thin: with the error of the bar), whatever images the errors fall on.",
        attribute=attribute_name(attribute),
    )


def _part(finding: str, group: str, shown: pd.DataFrame) -> Part:
    rows = shown[(shown["finding"] == finding) & (shown["group"] == group)]
    by_condition = {row["condition"]: row for row in records(rows)}
    return Part(
        title=f"{finding}: {group}",
        finding=finding,
        rows=tuple(
            Row(
                name=name,
                cells=(_mark(by_condition[condition], by_condition.get(BOUNDS_AS_ESTIMATED)),),
                finding=finding,
                verdict=str(by_condition[condition]["verdict"]),
            )
            for condition, name in NAMES.items()
            if condition in by_condition
        ),
    )


def _mark(row: dict[str, Any], estimated: dict[str, Any] | None) -> Mark:
    if row["condition"] == WORKING:
        return difference_mark(row)
    if row["condition"] == CORRECTED and not math.isfinite(row["value"]):
        return replace(difference_mark(row, PLAIN, words=""), why=NOT_CORRECTED)
    if row["condition"] != BOUNDS:
        return difference_mark(row, _LOOKS.get(row["condition"], PLAIN), words="")
    if estimated is None or not math.isfinite(row["low"]):
        return difference_mark(row, PLAIN, words="")
    return Mark(
        value=(estimated["low"] + estimated["high"]) / 2,
        low=estimated["low"],
        high=estimated["high"],
        low_simultaneous=row["low"],
        high_simultaneous=row["high"],
        look=Look("ink", "none"),
        text=f"{bounds(row['low'], row['high'], signed=True)}",
    )
