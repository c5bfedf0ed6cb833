"""Gaps of subgroups by prompt pair."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from cxraudit.charts.look import Look
from cxraudit.charts.scale import axis, reach
from cxraudit.charts.spec import Chart, Column, Guide, Mark, Part, Row, Rows
from cxraudit.figures.words import interval_label, numbers
from cxraudit.formatting import column_name, whole_percent
from cxraudit.schema import Analysis, records

_GAP = ["finding", "attribute", "group"]


def prompt_gaps(
    gaps: pd.DataFrame,
    results: pd.DataFrame,
    *,
    scored: Mapping[str, tuple[str, str]] | None = None,
    shown: int = 8,
) -> Chart:
    """Show the gaps over all prompt pairs: those whose mean over the pairs is largest.

    Parameters
    ----------
    gaps : pandas.DataFrame
        Of one model; see `cxraudit.audits.result.Audit.prompt_gaps`.
    results : pandas.DataFrame
        A results table of the same model.
    scored : mapping of str to tuple of str, optional
        Finding → positive and negative prompt of the audited scores; they are ringed.
    shown : int
        How many gaps to show.

    Returns
    -------
    cxraudit.charts.Chart
    """
    rows = results[results["analysis"] == Analysis.PROMPT_SENSITIVITY]
    means = rows[rows["metric"] == "auroc_gap"]
    largest = means.reindex(means["value"].abs().sort_values(ascending=False).index).head(shown)
    shares = rows[rows["metric"] == "prompt_variance_share"].set_index(_GAP)
    drawn = []
    for row in records(largest):
        own = gaps[np.logical_and.reduce([gaps[column] == row[column] for column in _GAP])]
        share = shares.loc[tuple(row[column] for column in _GAP)]
        drawn.append(_row(row, own.sort_values("gap"), (scored or {}).get(row["finding"]), share))
    marks = [mark for row in drawn for mark in row.cells if mark]
    values = [value for mark in marks for value in (mark.value, mark.low, mark.high, *mark.dots)]
    far = reach(values, at_least=0.05)
    column = Column(
        title="AUROC gap to all other groups",
        axis=axis("AUROC gap to all other groups", -far, far, signed=True),
        guides=(Guide(0),),
    )
    explained = " (ringed: of the audited scores)" if any(mark.ringed for mark in marks) else ""
    return Chart(
        title="Gaps in AUROC by prompt",
        bands=(
            (Rows(columns=(column,), parts=(Part(title="", rows=tuple(drawn)),), names="gap"),),
        ),
        note=f"Dots: prompt pairs{explained}; mark and bar: their mean, {interval_label(largest)}.",
    )


def _row(
    row: dict[str, Any],
    own: pd.DataFrame,
    scored: tuple[str, str] | None,
    share: "pd.Series[float]",
) -> Row:
    ringed: tuple[float, ...] = ()
    if scored is not None:
        same = (own["positive"] == scored[0]) & (own["negative"] == scored[1])
        ringed = tuple(own["gap"][same])
    mark = Mark(
        value=row["value"],
        low=row["low"],
        high=row["high"],
        look=Look("red", "diamond"),
        text=numbers(row, signed=True),
        words=_by_prompt(share),
        dots=tuple(own["gap"]),
        ringed=ringed,
    )
    name = f"{row['finding']}: {column_name(row['attribute'])} {row['group']}"
    return Row(name=name, cells=(mark,), finding=row["finding"])


def _by_prompt(share: "pd.Series[float]") -> str:
    """Return the interval of the share of the prompt, which says more than its value."""
    if not np.isfinite(share["high"]):
        return ""
    low = max(share["low"], 0.0)
    return f"by prompt {whole_percent(low)} to {whole_percent(share['high'])}"
