"""Whether a gap is attributable to the mix of a group: raw, and standardised by age, view or shortcut."""

from typing import Any

import pandas as pd

from cxraudit.charts.spec import Chart, Column, Guide, Part, Row, Rows
from cxraudit.figures.forest import gap_axis, legend_of
from cxraudit.figures.words import (
    difference_mark,
    interval_label,
    kind_of_gap,
    margin_of,
    thin_label,
)
from cxraudit.formatting import column_name
from cxraudit.schema import COMPLEMENT, Analysis, records
from cxraudit.vocabulary import attribute_name


def standardised_gaps(results: pd.DataFrame, attribute: str) -> Chart | None:
    """Show, per finding, the raw gap with the smallest p-value, and that gap standardised.

    Parameters
    ----------
    results : pandas.DataFrame
        A results table of one data set, model and prompt set.
    attribute : str
        Which attribute's groups to show.

    Returns
    -------
    cxraudit.charts.Chart or None
        None if no gap of the attribute was standardised.
    """
    rows = results[
        (results["attribute"] == attribute)
        & (results["metric"] == "auroc")
        & (results["reference"] == COMPLEMENT)
    ]
    raw = rows[(rows["analysis"] == Analysis.SUBGROUPS) & rows["p_value"].notna()]
    standardised = rows[rows["analysis"] == Analysis.STANDARDISED]
    changes = results[
        (results["attribute"] == attribute) & (results["analysis"] == Analysis.STANDARDISATION)
    ]
    both = ["finding", "group"]
    raw = raw.merge(standardised[both].drop_duplicates(), on=both)
    if raw.empty:
        return None
    surest = raw.loc[raw["p_value"].groupby(raw["finding"]).idxmin()]
    drawn = [
        pd.concat(
            [
                raw.loc[[k]],
                *(
                    table[(table["finding"] == f) & (table["group"] == g)]
                    for table in (standardised, changes)
                ),
            ]
        ).sort_values("condition", kind="stable")
        for k, f, g in zip(surest.index, surest["finding"], surest["group"], strict=True)
    ]
    shown = pd.concat(drawn)
    column = Column(
        title="AUROC gap to all other groups",
        axis=gap_axis("AUROC gap to all other groups", shown),
        guides=(Guide(0, "ink"),),
        margin=margin_of(shown),
        ends=("worse for this group", "better"),
    )
    parts = tuple(_part(records(part)) for part in drawn)
    return Chart(
        title=f"Gaps by {attribute_name(attribute)}, raw and standardised",
        bands=((Rows(columns=(column,), parts=parts, names="gap"),),),
        legend=legend_of(kind_of_gap(row) for row in records(shown)),
        note="Of each finding the gap with the smallest p-value, and by how much standardisation changes it: "
        "where that interval holds 0, the mix is not shown to explain anything, whatever the two verdicts. "
        f"Bars: {interval_label(shown)}{thin_label(shown)}.",
        attribute=attribute_name(attribute),
    )


def _part(rows: list[dict[str, Any]]) -> Part:
    first = rows[0]
    return Part(
        title=f"{first['finding']}: {first['group']}",
        finding=first["finding"],
        rows=tuple(
            Row(
                name=_named(row),
                cells=(difference_mark(row),),
                finding=row["finding"],
                verdict=str(row["verdict"]),
            )
            for row in rows
        ),
    )


def _named(row: dict[str, Any]) -> str:
    if row["analysis"] == Analysis.STANDARDISATION:
        return "change by it"
    return f"standardised by {column_name(row['condition'])}" if row["condition"] else "raw"
