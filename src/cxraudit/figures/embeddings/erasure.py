"""Change of AUROC and of gaps after an attribute is erased from the embeddings."""

from typing import Any

import pandas as pd

from cxraudit.charts.look import Look
from cxraudit.charts.scale import axis, reach
from cxraudit.charts.spec import Chart, Column, Guide, Mark, Part, Row, Rows
from cxraudit.figures.words import interval_label, missing_because, numbers
from cxraudit.formatting import column_name
from cxraudit.schema import BEFORE_ERASURE, COMPLEMENT, Analysis, records

_CHANGED, _UNCHANGED = Look("red", "diamond"), Look("grey", hollow=True)


def erasure_changes(results: pd.DataFrame) -> Chart:
    """Show what erasing each attribute does to AUROC, and to the gap of one group.

    Parameters
    ----------
    results : pandas.DataFrame
        A results table of one model; of its gaps, the largest of each finding says which group's
        change is shown.

    Returns
    -------
    cxraudit.charts.Chart
        Filled: the interval excludes no change.
    """
    erasure = results[
        (results["analysis"] == Analysis.ERASURE) & (results["reference"] == BEFORE_ERASURE)
    ]
    gaps = _of_largest_gap(erasure[erasure["metric"] == "auroc_gap"], results)
    columns = {
        "AUROC": erasure[erasure["metric"] == "auroc"],
        "Gap of the group with the largest gap": gaps,
    }
    found = [
        {(row["attribute"], row["finding"]): row for row in records(rows)}
        for rows in columns.values()
    ]
    findings = list(dict.fromkeys(erasure["finding"]))
    parts = tuple(
        Part(
            title=f"{column_name(attribute)} erased",
            attribute=column_name(attribute),
            rows=tuple(
                Row(
                    name=finding,
                    cells=tuple(_mark(rows.get((attribute, finding))) for rows in found),
                    finding=finding,
                )
                for finding in findings
                if any((attribute, finding) in rows for rows in found)
            ),
        )
        for attribute in dict.fromkeys(erasure["attribute"])
    )
    return Chart(
        title="Changes after erasure",
        bands=(
            (
                Rows(
                    columns=tuple(_column(title, rows) for title, rows in columns.items()),
                    parts=parts,
                    names="finding",
                ),
            ),
        ),
        legend=(
            (_CHANGED, "the interval excludes no change"),
            (_UNCHANGED, "the interval includes no change"),
        ),
        note=f"Changes of AUROC are over all test patients. Bars: {interval_label(erasure)}.",
    )


def _of_largest_gap(changes: pd.DataFrame, results: pd.DataFrame) -> pd.DataFrame:
    """Keep, of each attribute and finding, the group whose gap is largest in the whole cohort."""
    raw = results[
        (results["analysis"] == Analysis.SUBGROUPS)
        & (results["metric"] == "auroc")
        & (results["reference"] == COMPLEMENT)
    ]
    key = ["attribute", "finding", "group"]
    size = raw.assign(size=raw["value"].abs())[[*key, "size"]]
    known = changes.merge(size, on=key, how="left")
    ordered = known.assign(size=known["size"].fillna(-1)).sort_values("size", ascending=False)
    return ordered.drop_duplicates(key[:2])


def _column(title: str, rows: pd.DataFrame) -> Column:
    far = reach(rows[["value", "low", "high"]].to_numpy("float64").ravel(), at_least=0.05)
    return Column(title=title, axis=axis("change", -far, far, signed=True), guides=(Guide(0),))


def _mark(row: dict[str, Any] | None) -> Mark | None:
    if row is None:
        return None
    changed = not row["low"] <= 0 <= row["high"]
    return Mark(
        value=row["value"],
        low=row["low"],
        high=row["high"],
        look=_CHANGED if changed else _UNCHANGED,
        text=numbers(row, signed=True),
        why=missing_because(str(row["reasons"])),
        hover=str(row["group"]) if row["metric"] == "auroc_gap" else "",
    )
