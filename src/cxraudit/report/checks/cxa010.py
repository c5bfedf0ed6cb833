"""CXA010: gaps that depend on whether images or patients are weighed."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from cxraudit.audits.result import Audit
from cxraudit.formatting import bounds, counted, signed
from cxraudit.metrics import METRICS
from cxraudit.report.checks.check import Check, State, attention_if
from cxraudit.report.facts import facts_of
from cxraudit.schema import COMPLEMENT, records
from cxraudit.stats.estimate import WITHIN_MARGIN
from cxraudit.vocabulary import attribute_name

N_NAMED = 5
"""Gaps that are named at most; all are in the results table."""


def check(audit: Audit) -> Check:
    """Name the judged gaps whose sign, difference from zero or size is not the same either way."""
    code, title = "CXA010", "Gaps that depend on whether images or patients are weighed"
    rows = audit.without_hidden().results
    rows = rows[(rows["verdict"] != "") & rows[list(_INTERVALS)].notna().all(axis=1)]
    if rows.empty:
        detail = "No gap was evaluated both ways: no patient has several images, or there is no interval."
        return Check(code, title, State.NOT_APPLICABLE, detail)
    found = _once(rows[_differs(rows)])
    other = facts_of(audit).other_weight
    named = "; ".join(_named(row, other) for row in records(found.head(N_NAMED)))
    more = f"; and {len(found) - N_NAMED:,} more" if len(found) > N_NAMED else ""
    return attention_if(
        len(found),
        code,
        title,
        detail=f"Of {counted(len(_once(rows)), 'gap')}, {len(found):,} with another sign, excluding zero one "
        f"way only, or within the margin one way only: {named}{more}. State which of the two your question "
        "is about.",
        otherwise=f"No gap has another sign, another size or another answer to whether it is zero {other}.",
    )


_INTERVALS = ("low", "high", "low_other_weight", "high_other_weight")


def _differs(rows: pd.DataFrame) -> "pd.Series[bool]":
    """Tell where one interval excludes zero and the other does not, or the sign or the size is another.

    Signs count where at least one interval excludes zero; sizes, where the gap is shown to lie within the
    margin, and its value under the other weighting lies beyond it.
    """
    excluded = (rows["low"] > 0) | (rows["high"] < 0)
    excluded_other = (rows["low_other_weight"] > 0) | (rows["high_other_weight"] < 0)
    turned = np.sign(rows["value"]) * np.sign(rows["value_other_weight"]) < 0
    beyond = rows["verdict"].isin(WITHIN_MARGIN) & (
        rows["value_other_weight"].abs() > rows["margin"]
    )
    return (excluded != excluded_other) | (turned & (excluded | excluded_other)) | beyond


def _once(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep one of two gaps that mirror each other: the only two groups of an attribute."""
    key = [name for name in _KEY if name != "group"]
    size = rows["value"].abs().round(12).rename("size")
    mirrors = rows[key].assign(size=size).duplicated() & (rows["reference"] == COMPLEMENT)
    return rows[~mirrors]


_KEY = ("model", "analysis", "finding", "attribute", "group", "condition", "metric", "at")


def _named(row: Mapping[str, Any], other: str) -> str:
    """Name a gap with both values: ``m: Edema, AUROC, view AP: −0.09 (−0.13 to −0.05), …``."""
    group = [attribute_name(row["attribute"]), row["group"]]
    about = [" ".join(filter(None, group)), row["condition"]]
    against = [] if row["reference"] == COMPLEMENT else [f"against {row['reference']}"]
    where = ", ".join(
        filter(None, [row["finding"], METRICS[row["metric"]].label, *about, *against])
    )
    first, second = (
        f"{signed(row[f'value{end}'])} ({bounds(row[f'low{end}'], row[f'high{end}'], signed=True)})"
        for end in ("", "_other_weight")
    )
    return f"{row['model']}: {where}: {first}, and {second} {other}"
