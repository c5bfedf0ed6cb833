"""The forest plot of one attribute: a metric in each group, and its difference from all other groups."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from cxraudit.charts.look import KINDS, PLAIN
from cxraudit.charts.scale import axis, limits, reach
from cxraudit.charts.spec import Axis, Chart, Column, Guide, Legend, Mark, Part, Row, Rows
from cxraudit.figures.words import (
    difference_mark,
    interval_label,
    kind_of_gap,
    level_mark,
    margin_of,
    thin_label,
)
from cxraudit.formatting import count_or_hidden, equivalence_level, percent, sentence_case
from cxraudit.metrics import METRICS, Metric
from cxraudit.schema import COMPLEMENT, OVERALL, Analysis, is_level, records
from cxraudit.vocabulary import attribute_name

ANALYSES = (Analysis.SUBGROUPS, Analysis.OPERATING_POINT, Analysis.CALIBRATION)
SMALLEST_REACH = 0.12
"""How far an axis of differences goes to both sides at least."""
_ENDS = {
    "higher": ("worse for this group", "better"),
    "lower": ("better", "worse for this group"),
}


def forest(results: pd.DataFrame, attribute: str, *, metric: str = "auroc") -> Chart:
    """Show level and difference of every group, finding by finding, for one model on one data set.

    First the metric in each group, with a line at the value of all patients; then the difference from all
    other groups, with the margin shaded; colour and shape are the verdict. A group for which nothing can
    be computed keeps its row and says why.

    Parameters
    ----------
    results : pandas.DataFrame
        A results table of one data set, model and prompt set; see `cxraudit.schema.RESULT_COLUMNS`.
    attribute : str
        Which attribute's groups to show.
    metric : str
        Which metric to show; a key of `cxraudit.metrics.METRICS`.

    Returns
    -------
    cxraudit.charts.Chart
    """
    facts = METRICS[metric]
    chosen = results[(results["metric"] == metric) & results["analysis"].isin(ANALYSES)]
    here = chosen[chosen["attribute"] == attribute]
    levels, gaps = here[is_level(here)], here[here["reference"] == COMPLEMENT]
    everyone = chosen[(chosen["attribute"] == OVERALL) & is_level(chosen)]
    overall = dict(zip(everyone["finding"], everyone["value"], strict=True))
    gap_of = {(row["finding"], row["group"]): row for row in reversed(records(gaps))}
    by_finding: dict[str, list[dict[str, Any]]] = {}
    for row in records(levels):
        by_finding.setdefault(row["finding"], []).append(row)
    parts = tuple(
        Part(
            title=finding,
            finding=finding,
            rows=tuple(
                _row(row, gap_of.get((finding, row["group"]))) for row in by_finding[finding]
            ),
            guides=(Guide(value, name="all patients") if np.isfinite(value) else None, None),
        )
        for finding, value in overall.items()
        if finding in by_finding
    )
    return Chart(
        title=f"{facts.label} by {attribute_name(attribute)}",
        bands=((Rows(columns=_columns(facts, levels, gaps, overall.values()), parts=parts),),),
        legend=legend_of(kind_of_gap(row) for row in gap_of.values()),
        note=f"Behind each group: patients with the finding. Bars: {interval_label(here)}"
        f"{thin_label(gaps)}{_equivalence(gaps)}. "
        f"Line in the first column: all patients{_band(gaps)}.",
        attribute=attribute_name(attribute),
    )


def _row(level: dict[str, Any], gap: dict[str, Any] | None) -> Row:
    look = KINDS[kind_of_gap(gap)] if gap else PLAIN
    return Row(
        name=str(level["group"]),
        note=count_or_hidden(level["n_positive_patients"]),
        cells=(level_mark(level, look), _without_reason(gap) if gap else None),
        finding=level["finding"],
        verdict=str(gap["verdict"]) if gap else "",
    )


def _without_reason(gap: dict[str, Any]) -> Mark:
    """Return the mark of a gap; why it is missing stands beside the level."""
    return replace(difference_mark(gap), why="")


def _columns(
    facts: Metric, levels: pd.DataFrame, gaps: pd.DataFrame, overall: Iterable[float]
) -> tuple[Column, Column]:
    low, high = limits([*ends_of(levels), *overall])
    if facts.scale == "logit":  # areas under curves are drawn up to their end
        low, high = max(min(low, 0.6), facts.low), facts.high + 0.005
    ends = _ENDS[facts.better] if facts.better else ("lower", "higher")
    return (
        Column(title=facts.label, axis=axis(f"{facts.label} in the group", low, high)),
        Column(
            title="Group − all other groups",
            axis=gap_axis(f"{facts.label}, group − all other groups", gaps),
            guides=(Guide(0, "ink"),),
            margin=margin_of(gaps),
            ends=ends,
            short="gap",
        ),
    )


def gap_axis(label: str, gaps: pd.DataFrame, *, at_least: float = SMALLEST_REACH) -> Axis:
    """Return an axis of differences that goes as far to either side of zero."""
    far = reach(ends_of(gaps), at_least=at_least)
    return axis(label, -far, far, most=5, signed=True)


def ends_of(rows: pd.DataFrame) -> list[float]:
    """Return values and ends of intervals of some rows; NaN among them."""
    names = ["value", "low", "high", "low_simultaneous", "high_simultaneous"]
    return rows[names].to_numpy(dtype="float64").ravel().tolist()


def legend_of(kinds: Iterable[str]) -> Legend:
    """Return the kinds of marks that occur, with their looks."""
    present = set(kinds)
    return tuple(
        (look, sentence_case(kind)) for kind, look in KINDS.items() if kind and kind in present
    )


def _equivalence(gaps: pd.DataFrame) -> str:
    """Return which interval decides equivalence, where a margin was declared."""
    if gaps["margin"].isna().all():
        return ""
    levels = gaps["confidence_level"].dropna().unique()
    decides = " and ".join(percent(equivalence_level(level)) for level in sorted(levels))
    return f"; equivalence is decided by the {decides} interval" if decides else ""


def _band(gaps: pd.DataFrame) -> str:
    return "; shaded band: margin" if np.isfinite(margin_of(gaps)) else ""
