"""What reference labels make of the gaps that working labels show."""

import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import pandas as pd

from cxraudit.audits.result import Audit
from cxraudit.schema import (
    BOTH_LABELS,
    BOUNDS,
    BY_WORKING_LABELS,
    CHANCE,
    COMPLEMENT,
    CORRECTED,
    Analysis,
    records,
    typed_frame,
)
from cxraudit.stats.estimate import Verdict


class LabelConclusion(StrEnum):
    """What reference labels make of a gap by working labels."""

    LABEL_ERROR = "label error"
    """The working labels show a gap, the reference labels none, and the difference of both is shown."""
    HIDDEN = "hidden by label error"
    """The reference labels show a gap that the working labels do not, and the difference of both is shown."""
    REVERSED = "reversed by label error"
    """Both show a gap, in opposite directions."""
    PARTLY = "partly label error"
    """Both show a gap in one direction, and that they differ is shown."""
    HOLDS = "holds"
    """Both show a gap in one direction, and that they differ is not shown."""
    NEITHER = "not shown by either"
    OPEN = "not settled"
    """One of both shows a gap, and that they differ is not shown; or reference labels say nothing."""


COLUMNS = {
    "model": "str",
    "prompt_set": "str",
    "finding": "str",
    "attribute": "str",
    "group": "str",
    "working": "float64",
    "working_low": "float64",
    "working_high": "float64",
    "working_verdict": "str",
    "rests_on": "str",
    "value": "float64",
    "low": "float64",
    "high": "float64",
    "verdict": "str",
    "change": "float64",
    "change_low": "float64",
    "change_high": "float64",
    "conclusion": "str",
}
"""Of the table of conclusions."""


def label_conclusions(audit: Audit) -> pd.DataFrame:
    """Say of every gap of AUROC what reference labels of a subset make of it.

    A conclusion rests on the estimate by both labels where the subset looks like a random sample of the
    images (or is weighted to be one); else on the corrected one, unless errors of the working labels depend
    on the score; else on the bounds.

    Parameters
    ----------
    audit : Audit
        With reference labels; see `cxraudit.audit`.

    Returns
    -------
    pandas.DataFrame
        One row per model, finding, attribute and group: the gap by working labels, the estimate that the
        conclusion rests on (``rests_on``: a condition of `Analysis.REFERENCE_LABELS`), what it shows by its
        own interval, by how much it differs, and the ``conclusion`` (`LabelConclusion`). Exploratory:
        intervals hold one by one. Empty without reference labels.
    """
    results = audit.without_hidden().results
    about = audit.facts.get("reference_labels") or {}
    gaps = results[
        (results["analysis"] == Analysis.SUBGROUPS)
        & (results["metric"] == "auroc")
        & (results["reference"] == COMPLEMENT)
    ]
    ours = results[results["analysis"] == Analysis.REFERENCE_LABELS]
    errors = results[
        (results["analysis"] == Analysis.LABEL_ERRORS) & (results["reference"] == CHANCE)
    ]
    unlike = {(row["model"], row["finding"]) for row in about.get("compared", ()) if row["differs"]}
    place = ["model", "prompt_set", "finding", "attribute"]
    dependent = {
        tuple(row[name] for name in place)
        for row in records(errors)
        if row["p_value"] < (1 - row["confidence_level"]) / 2  # two classes are tested
    }
    estimates = {
        (*(row[name] for name in place), row["group"], row["condition"], row["reference"]): row
        for row in records(ours)
    }
    rows = []
    for gap in records(gaps):
        where = tuple(gap[name] for name in place)
        is_random = (gap["model"], gap["finding"]) not in unlike
        condition = BOTH_LABELS if is_random else CORRECTED
        corrected = estimates.get((*where, gap["group"], CORRECTED, COMPLEMENT))
        holds = corrected is not None and math.isfinite(corrected["low"])
        if not is_random and (where in dependent or not holds):
            condition = BOUNDS
        found = estimates.get((*where, gap["group"], condition, COMPLEMENT))
        change = estimates.get((*where, gap["group"], condition, BY_WORKING_LABELS))
        if found is not None:
            rows.append(_row(gap, found, change))
    return typed_frame(rows, COLUMNS)


def _row(
    gap: Mapping[str, Any], found: Mapping[str, Any], change: Mapping[str, Any] | None
) -> dict[str, Any]:
    moved = change or dict.fromkeys(("value", "low", "high"), math.nan)
    return {
        **{name: gap[name] for name in ("model", "prompt_set", "finding", "attribute", "group")},
        "working": gap["value"],
        "working_low": gap["low"],
        "working_high": gap["high"],
        "working_verdict": gap["verdict"],
        "rests_on": found["condition"],
        "value": found["value"],
        "low": found["low"],
        "high": found["high"],
        "verdict": _verdict(found, gap["margin"]),
        "change": moved["value"],
        "change_low": moved["low"],
        "change_high": moved["high"],
        "conclusion": _conclusion(gap, found, moved),
    }


_SHOWN = (Verdict.DISPARITY, Verdict.UNCLEAR_SIZE, Verdict.SMALL)


def _conclusion(
    gap: Mapping[str, Any], found: Mapping[str, Any], moved: Mapping[str, Any]
) -> LabelConclusion:
    working = math.copysign(1, gap["value"]) if gap["verdict"] in _SHOWN else 0
    reference = _direction(found)
    if not math.isfinite(found["low"]):
        return LabelConclusion.OPEN
    # The gap by working labels lies outside of the bounds, whatever images are wrong.
    beyond = found["condition"] == BOUNDS and not found["low"] <= gap["value"] <= found["high"]
    differs = _excludes(moved, 0.0) or beyond
    if not working and not reference:
        return LabelConclusion.NEITHER
    if working == reference:
        return LabelConclusion.PARTLY if differs else LabelConclusion.HOLDS
    if working and reference:
        return LabelConclusion.REVERSED
    if not differs:
        return LabelConclusion.OPEN
    return LabelConclusion.LABEL_ERROR if working else LabelConclusion.HIDDEN


def _verdict(found: Mapping[str, Any], margin: float) -> str:
    """Return what an interval shows by itself."""
    if not math.isfinite(found["low"]):
        return Verdict.UNDEFINED
    shown = _direction(found) != 0
    within = -margin < found["low"] and found["high"] < margin
    if shown and within:
        return Verdict.SMALL
    if within:
        return Verdict.EQUIVALENT
    if shown:
        nearest = min(abs(found["low"]), abs(found["high"]))
        size = abs(found["value"]) if math.isfinite(found["value"]) else nearest
        return Verdict.DISPARITY if size > margin else Verdict.UNCLEAR_SIZE
    return Verdict.INCONCLUSIVE


def _direction(row: Mapping[str, Any]) -> float:
    return 1.0 if row["low"] > 0 else -1.0 if row["high"] < 0 else 0.0


def _excludes(row: Mapping[str, Any], value: float) -> bool:
    return bool(row["low"] > value or row["high"] < value)


def reversed_by_labels(conclusions: pd.DataFrame) -> pd.DataFrame:
    """Return the rows whose conclusion is another one by reference labels."""
    other = (LabelConclusion.LABEL_ERROR, LabelConclusion.HIDDEN, LabelConclusion.REVERSED)
    return conclusions[conclusions["conclusion"].isin(other)]
