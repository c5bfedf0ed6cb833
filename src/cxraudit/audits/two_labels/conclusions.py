"""What reference labels make of the gaps that working labels show."""

import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import pandas as pd

from cxraudit.audits.result import Audit
from cxraudit.audits.two_labels.agreement import contradicting, few
from cxraudit.audits.two_labels.support import FEWEST_OF_CLASS
from cxraudit.schema import (
    BOTH_LABELS,
    BOUNDS,
    BY_WORKING_LABELS,
    CHANCE,
    COMPLEMENT,
    CORRECTED,
    OVERALL,
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
    """Both show a gap in one direction, which is shown to be smaller by reference labels."""
    LARGER = "larger than by working labels"
    """The same, and it is shown to be larger: label errors hide part of it."""
    HOLDS = "holds"
    """Both show a gap in one direction, and that they differ is not shown."""
    NEITHER = "not shown by either"
    OPEN = "not settled"
    """One of both shows a gap, and that they differ is not shown; or reference labels say nothing (`Why`)."""


class Why(StrEnum):
    """Why nothing is concluded, whatever the estimates are."""

    FEW = "too few patients have reference labels"
    FEW_ON_A_SIDE = (
        f"fewer than {FEWEST_OF_CLASS} patients with, or without, the finding by reference labels in the "
        "group or outside of it"
    )
    CONTRADICTION = (
        "both sources agree less often than by chance: one may be coded the other way round"
    )
    CHOSEN_BY_SCORE = (
        "images may have been chosen by their score, since scores differ also among those with the same "
        "working label: their sampling weights are needed"
    )
    LIMIT = (
        "the corrected AUROC of a side lies at its limit, or the working labels may be no better than chance "
        "there"
    )
    UNDEFINED = "the estimate does not exist for these images"


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
    "reason": "str",
}
"""Of the table of conclusions."""


def label_conclusions(audit: Audit) -> pd.DataFrame:
    """Say of every gap of AUROC what reference labels of a subset make of it.

    A conclusion rests on the estimate by both labels where the subset looks like a random sample of the
    images (or is weighted to be one), and errors of the working labels were seen on both sides (or it is
    large); else on the corrected one, unless errors of the working labels depend on the score; else on the
    bounds. Nothing is concluded (``not settled``, with a ``reason``) from few
    patients, where both sources contradict each other, where the subset was chosen by the score among images
    with the same working label, and where a corrected AUROC lies at its limit.

    Parameters
    ----------
    audit : Audit
        With reference labels; see `cxraudit.audit`.

    Returns
    -------
    pandas.DataFrame
        One row per model, finding, attribute and group: the gap by working labels, the estimate that the
        conclusion rests on (``rests_on``: a condition of `Analysis.REFERENCE_LABELS`), what it shows by its
        own interval, by how much it differs, the ``conclusion`` (`LabelConclusion`), and the ``reason`` if
        nothing is concluded whatever the estimates are. Exploratory: intervals hold one by one. Empty without
        reference labels.
    """
    about = audit.facts.get("reference_labels")
    if not about:
        return typed_frame([], COLUMNS)
    results = audit.without_hidden().results
    gaps = results[
        (results["analysis"] == Analysis.SUBGROUPS)
        & (results["metric"] == "auroc")
        & (results["reference"] == COMPLEMENT)
    ]
    ours = results[results["analysis"] == Analysis.REFERENCE_LABELS]
    errors = results[
        (results["analysis"] == Analysis.LABEL_ERRORS) & (results["reference"] == CHANCE)
    ]
    compared = about.get("compared", ())
    unlike = {(row["model"], row["finding"]) for row in compared if row["differs"]}
    chosen = {
        (row["model"], row["finding"], row["attribute"])
        for row in compared
        if row.get("chosen_by_score")
    }
    contrary = contradicting(results)
    scarce = few(results, audit.facts["settings"]["min_patients"])
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
    supported = {tuple(row[name] for name in GAP): row for row in about.get("support", ())}
    rows = []
    for gap in records(gaps):
        where = tuple(gap[name] for name in place)
        is_random = (gap["model"], gap["finding"]) not in unlike
        has = supported.get(tuple(gap[name] for name in GAP), _UNSUPPORTED)
        condition = BOTH_LABELS if is_random and has["errors_known"] else CORRECTED
        corrected = estimates.get((*where, gap["group"], CORRECTED, COMPLEMENT))
        holds = corrected is not None and math.isfinite(corrected["low"])
        by_finding = (gap["model"], gap["finding"])
        by_score = not is_random and (*by_finding, gap["attribute"]) in chosen
        if condition == CORRECTED and (by_score or where in dependent or not holds):
            condition = BOUNDS
        found = estimates.get((*where, gap["group"], condition, COMPLEMENT))
        change = estimates.get((*where, gap["group"], condition, BY_WORKING_LABELS))
        at_limit = condition == CORRECTED and not (change and math.isfinite(change["value"]))
        reasons = {
            Why.FEW: by_finding in scarce,
            Why.FEW_ON_A_SIDE: not has["enough"],
            Why.CONTRADICTION: not contrary.isdisjoint(
                (*by_finding, attribute) for attribute in (OVERALL, gap["attribute"])
            ),
            Why.CHOSEN_BY_SCORE: by_score,
            Why.LIMIT: at_limit,
            Why.UNDEFINED: found is None or not math.isfinite(found["low"]),
        }
        why = next((reason for reason, applies in reasons.items() if applies), "")
        if gap["finding"] in about["findings"]:
            rows.append(_row(gap, found or _missing(condition), change, why))
    return typed_frame(rows, COLUMNS)


_UNSUPPORTED = {"enough": False, "errors_known": False}
"""Of a gap that no image with a reference label is on both sides of."""


def _missing(condition: str) -> dict[str, Any]:
    return {"condition": condition, **dict.fromkeys(("value", "low", "high"), math.nan)}


def _row(
    gap: Mapping[str, Any], found: Mapping[str, Any], change: Mapping[str, Any] | None, why: str
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
        "conclusion": LabelConclusion.OPEN if why else _conclusion(gap, found, moved),
        "reason": why,
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
        if not differs:
            return LabelConclusion.HOLDS
        # An estimate within bounds has no value: these lie beyond the gap by working labels.
        value = (
            found["value"]
            if math.isfinite(found["value"])
            else found["low" if working > 0 else "high"]
        )
        is_larger = working * (value - gap["value"]) > 0
        return LabelConclusion.LARGER if is_larger else LabelConclusion.PARTLY
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


GAP = ("model", "prompt_set", "finding", "attribute", "group")
"""Columns that name a gap of AUROC to all other groups."""


def notes_by_labels(audit: Audit) -> dict[tuple[str, ...], str]:
    """Return a note for every gap whose conclusion is another one by reference labels.

    Parameters
    ----------
    audit : Audit
        The audit.

    Returns
    -------
    dict
        Values of `GAP` → what stands beside the verdict on the gap of AUROC to all other groups.
    """
    return {
        tuple(
            str(row[name]) for name in GAP
        ): f"by reference labels, exploratory: {row['conclusion']} (see "
        "the section Labels of the report)"
        for row in records(reversed_by_labels(label_conclusions(audit)))
    }


def note_on(row: Mapping[str, Any], notes: Mapping[tuple[str, ...], str]) -> str:
    """Return the note of `notes_by_labels` on a row of results; empty if it is about something else."""
    is_gap = row["analysis"] == Analysis.SUBGROUPS and row["metric"] == "auroc"
    if not is_gap or row["reference"] != COMPLEMENT:
        return ""
    return notes.get(tuple(str(row[name]) for name in GAP), "")
