"""What rows of results say of themselves in a figure: marks, the names of their intervals, reasons."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from cxraudit.charts.look import KINDS, PLAIN, Look, kind_of
from cxraudit.charts.spec import Mark
from cxraudit.formatting import (
    bounds,
    counted,
    decimal,
    interval_name,
    listed,
    p_value,
    percent,
    whole_percent,
)
from cxraudit.metrics import METRICS
from cxraudit.schema import Reason
from cxraudit.stats.estimate import Verdict
from cxraudit.stats.verdict import POWER

_REASONS = {
    Reason.SUPPRESSED: "hidden: too few patients",
    Reason.NO_IMAGES: "no images",
    Reason.NO_POSITIVES: "no positives",
    Reason.NO_NEGATIVES: "no negatives",
    Reason.TOO_FEW_PATIENTS: "too few patients",
    Reason.TOO_FEW_RUNS: "too few training runs",
    Reason.TOO_FEW_RESAMPLES: "too few resamples",
    Reason.TOO_FEW_WORDS: "too few neutral words",
}


def interval_label(rows: pd.DataFrame) -> str:
    """Return what the intervals of some rows are called, by their own level: ``95 % interval``."""
    levels = sorted(rows["confidence_level"].dropna().unique())
    return listed([interval_name(level) for level in levels]) if levels else "interval"


def margin_of(rows: pd.DataFrame) -> float:
    """Return the margin that some rows were judged with; NaN if none."""
    margins = rows["margin"].dropna()
    return float(margins.iloc[0]) if len(margins) else math.nan


def missing_because(reasons: str) -> str:
    """Return why a value is missing, from the reasons of its row."""
    return next((words for reason, words in _REASONS.items() if reason in reasons.split()), "")


def thin_label(rows: pd.DataFrame) -> str:
    """Say what the thin line of a difference is; nothing if no row has one."""
    known = rows["low_simultaneous"].notna().any()
    return " (thin: for all comparisons at once)" if known else ""


def kind_of_gap(row: Mapping[str, Any]) -> str:
    """Return the kind of mark for a row with a verdict: the direction of a disparity follows its metric."""
    lower_is_better = METRICS[row["metric"]].better == "lower"
    return kind_of(row["verdict"], -row["value"] if lower_is_better else row["value"])


def level_mark(row: Mapping[str, Any], look: Look = PLAIN) -> Mark:
    """Return a level, such as the AUROC of a group, with its interval."""
    return Mark(
        value=row["value"],
        low=row["low"],
        high=row["high"],
        look=look,
        text=numbers(row, signed=False),
        why=missing_because(str(row["reasons"])),
        hover=of_whom(row),
    )


def difference_mark(
    row: Mapping[str, Any], look: Look | None = None, *, words: str | None = None
) -> Mark:
    """Return a difference: its own interval thick, the one that holds for all comparisons at once thin.

    Its look is that of its verdict, which follows the thin one, unless another is given.
    """
    return Mark(
        value=row["value"],
        low=row["low"],
        high=row["high"],
        low_simultaneous=row["low_simultaneous"],
        high_simultaneous=row["high_simultaneous"],
        look=KINDS[kind_of_gap(row)] if look is None else look,
        text=numbers(row, signed=True),
        words=str(row["verdict"]) if words is None else words,
        why=missing_because(str(row["reasons"])),
        hover="; ".join(_tested(row)),
    )


def numbers(row: Mapping[str, Any], *, signed: bool) -> str:
    """Return the value of a row and its interval as they stand beside a mark; nothing where it is missing."""
    if not math.isfinite(row["value"]):
        return ""
    value = decimal(row["value"], signed=signed)
    if not math.isfinite(row["low"]):
        return value
    return f"{value} ({bounds(row['low'], row['high'], signed=signed)})"


def of_whom(row: Mapping[str, Any]) -> str:
    """Return the patients and images of a row, where they are known and not hidden."""
    counts = [(row["n_patients"], "patient"), (row["n"], "image")]
    return ", ".join(counted(int(n), noun) for n, noun in counts if pd.notna(n))


def _tested(row: Mapping[str, Any]) -> list[str]:
    """Return what the test of a difference says besides its interval."""
    if not math.isfinite(row["value"]):
        return []
    found = []
    if math.isfinite(row["low_simultaneous"]):
        ends = bounds(row["low_simultaneous"], row["high_simultaneous"], signed=True)
        found.append(f"{ends} for all comparisons at once")
    if math.isfinite(row["p_adjusted"]):
        found.append(f"adjusted p {p_value(row['p_adjusted'])}")
    if row["verdict"] == Verdict.INCONCLUSIVE and math.isfinite(row["detectable_gap"]):
        found.append(
            f"{decimal(row['detectable_gap'])} would be detected with {percent(POWER)} power"
        )
    return found


def from_to(before: float, after: float) -> str:
    """Return a change of a share."""
    return f"{whole_percent(before)} → {whole_percent(after)}"
