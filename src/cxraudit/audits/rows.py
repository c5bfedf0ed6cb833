"""Rows of the results table, and the judgement of a family of gaps."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cxraudit.audits.cells import AuditSettings, Labelled, Mask
from cxraudit.stats.compare import (
    MIN_PATIENTS,
    detectable_gap,
    estimate,
    gap,
    gap_of_limits,
    holm,
    judge,
    step_up,
    wilson,
)
from cxraudit.stats.delong import newcombe
from cxraudit.stats.estimate import Estimate, Gap
from cxraudit.stats.ranking import METRICS, RankingReplicates
from cxraudit.stats.replicated import Replicated
from cxraudit.stats.thresholds import DECISION_METRICS

Row = dict[str, Any]

Statistics = Mapping[str, Replicated]
"""Metric → its value, replicates and influences."""

SCALES = {
    **dict.fromkeys(("auroc", "xauc", "ap_at_prevalence", "detectability"), "logit"),
    **dict.fromkeys((*DECISION_METRICS, "underdiagnosis", "overdiagnosis"), "arcsine"),
}
"""Metrics between 0 and 1, and the scale on which their gaps are tested."""

SCREENED = "screened (Benjamini–Hochberg)"


def ranking_metrics(found: RankingReplicates) -> Statistics:
    """Return the ranking metrics of a cell that every audit reports."""
    return {metric: getattr(found, metric) for metric in METRICS}


def minus(first: Statistics, second: Statistics) -> Statistics:
    """Subtract metric by metric, within each replicate."""
    return {metric: first[metric] - second[metric] for metric in first}


def level_rows(
    base: Row,
    images: Labelled,
    cell: Mask,
    statistics: Statistics,
    settings: AuditSettings,
    *,
    parts: Sequence[Mask] = (),
) -> list[Row]:
    """One row per metric for the images of a cell.

    `parts` are the cells a statistic was put together from, where it was: the thinnest of them says
    whether there are too few patients, and no small-sample interval of the whole stands in for theirs.
    """
    counted = images.counted(cell)
    limiting = images.limiting_patients(*(parts or (cell,)))
    rows = []
    for metric, statistic in statistics.items():
        if parts:
            found = estimate(
                statistic, confidence_level=settings.confidence_level, interval=settings.interval
            )
        else:
            found = _estimate(metric, statistic, images, cell, settings)
        rows.append(
            {
                **base,
                **counted,
                "metric": metric,
                "value": found.value,
                "low": found.low,
                "high": found.high,
                "confidence_level": found.confidence_level,
                "method": _named(found.method, settings),
                "note": _why_undefined(counted, limiting),
            }
        )
    return rows


def _estimate(
    metric: str,
    statistic: Replicated,
    images: Labelled,
    cell: Mask,
    settings: AuditSettings,
    level: float | None = None,
) -> Estimate:
    found = estimate(
        statistic, confidence_level=level or settings.confidence_level, interval=settings.interval
    )
    if np.isfinite(found.value) and not np.isfinite(found.low) and settings.n_resamples:
        return _small_sample(metric, found, images, cell)
    return found


def _both_levels(
    metric: str, statistic: Replicated, images: Labelled, cell: Mask, settings: AuditSettings
) -> tuple[Estimate, Estimate]:
    """Return the estimate with its interval at 1 − α, and at 1 − 2α."""
    level = settings.confidence_level
    return (
        _estimate(metric, statistic, images, cell, settings, level),
        _estimate(metric, statistic, images, cell, settings, 2 * level - 1),
    )


def _named(method: str, settings: AuditSettings) -> str:
    """Say what was resampled."""
    unit = {"patients": "patient-cluster", "images": "image-level"}[settings.resample]
    return f"{unit} {method}" if method.startswith("bootstrap") else method


def _small_sample(metric: str, found: Estimate, images: Labelled, cell: Mask) -> Estimate:
    """Give what degenerates (AUROC 1, every image called, one patient) its score interval."""
    level = found.confidence_level
    parts = {"positive": cell & images.y_true, "negative": cell & ~images.y_true, "all": cell}
    patients = {name: np.unique(images.patients[part]).size for name, part in parts.items()}
    if metric in ("auroc", "detectability"):
        low, high = newcombe(
            found.value, patients["positive"], patients["negative"], confidence_level=level
        )
        return replace(found, low=low, high=high, method="Newcombe score interval over patients")
    of = {
        "tpr": "positive",
        "fpr": "negative",
        "selection_rate": "all",
        "underdiagnosis": "negative",
        "overdiagnosis": "positive",
    }.get(metric)
    if of is None:
        return found
    low, high = wilson(found.value, patients[of], confidence_level=level)
    return replace(found, low=low, high=high, method="Wilson score interval over patients")


def _why_undefined(counted: dict[str, int], limiting: int) -> str:
    if not counted["n"]:
        return "no images"
    if not counted["n_positive"]:
        return "no positives"
    if counted["n_positive"] == counted["n"]:
        return "no negatives"
    if limiting < MIN_PATIENTS:
        return f"only {limiting} patients with or without the finding"
    return ""


def gap_rows(
    base: Row,
    images: Labelled,
    cells: Sequence[Mask],
    group: Statistics,
    reference: Statistics,
    settings: AuditSettings,
    *,
    scale: str | None = None,
    exact_reference: bool = False,
) -> list[Row]:
    """One row per metric for group − reference; judged later, with their family.

    `cells` are the images that either side rests on, the group's first; `scale` is where gaps
    are tested, if not where each metric's error is best known. An exact reference (a coin toss) is
    a number, not an estimate.
    """
    counted = images.counted(cells[0])
    enough = images.limiting_patients(*cells) >= MIN_PATIENTS
    rows = []
    for metric in group:
        where = scale or SCALES.get(metric, "plain")
        sides = (group[metric], reference[metric])
        found = gap(
            *sides,
            confidence_level=settings.confidence_level,
            interval=settings.interval,
            scale=where,
        )
        # Two sides at the same end differ by nothing in every resample, which proves nothing.
        at_an_end = any(side.value in (0, 1) for side in sides) and abs(found.value) > 0
        if where in ("logit", "arcsine") and at_an_end and settings.n_resamples:
            first, second = (
                _both_levels(metric, side, images, cell, settings)
                for side, cell in zip(sides, (cells[0], cells[-1]), strict=True)
            )
            if exact_reference:
                low, high = (replace(e, low=e.value, high=e.value) for e in second)
                second = (low, high)
            found = gap_of_limits(first, second)
        rows.append(
            {
                **base,
                **counted,
                "metric": metric,
                "value": found.value,
                "low": found.low,
                "high": found.high,
                "confidence_level": found.confidence_level,
                "method": _named(found.method, settings),
                "p_value": found.p_value,
                "_gap": found,
                "_sides": sides,
                "_enough": enough,
                "note": ""
                if enough
                else f"fewer than {MIN_PATIENTS} patients with or without the finding on one side",
            }
        )
    return rows


def add_note(rows: Sequence[Row], note: str) -> list[Row]:
    """Return the rows with something more that a reader must know."""
    return [{**row, "note": "; ".join(filter(None, [row["note"], note]))} for row in rows]


def adjust_family(rows: Sequence[Row]) -> list[Row]:
    """Adjust the p-values of tests that have no gap to judge, per model (Holm)."""
    adjusted = [dict(row) for row in rows]
    for key in dict.fromkeys((row["model"], row["prompt_set"]) for row in adjusted):
        family = [row for row in adjusted if (row["model"], row["prompt_set"]) == key]
        for row, p in zip(family, holm([row["p_value"] for row in family]), strict=True):
            row["p_adjusted"] = p
    return adjusted


def judge_family(
    rows: Sequence[Row], settings: AuditSettings, *, screening: bool = False
) -> list[Row]:
    """Adjust the p-values of a family of gaps together and decide each verdict.

    The family is all gaps given for one model, prompt set and metric. Two mirror images (the only
    two groups of an attribute, each against the other) are one comparison and counted once.
    Intersections are a family of their own, in which many cells are searched for a few: the share
    of false reports is held, not the chance of any (Benjamini & Hochberg instead of Holm). With
    `screening`, so are all.
    """

    def screened(row: Row) -> bool:
        return screening or "*" in row["attribute"]

    judged = [row for r in rows for row in (add_note([r], SCREENED) if screened(r) else [dict(r)])]
    families: dict[tuple[str, str, str, bool], list[Row]] = {}
    for row in judged:
        key = (row["model"], row["prompt_set"], row["metric"], screened(row))
        families.setdefault(key, []).append(row)
    for (_, _, metric, searched), family in families.items():
        keys = [
            (row["finding"], row["attribute"], round(abs(row["value"]), 12), row["p_value"])
            for row in family
        ]
        first = {key: number for number, key in reversed(list(enumerate(keys)))}
        testable = [
            row["p_value"] if row["_enough"] and first[key] == number else np.nan
            for number, (key, row) in enumerate(zip(keys, family, strict=True))
        ]
        adjusted = step_up(testable) if searched else holm(testable)
        n_tests = int(np.isfinite(testable).sum())
        margin = settings.margin_of(metric)
        for key, row in zip(keys, family, strict=True):
            found: Gap = row["_gap"]
            row["p_adjusted"] = adjusted[first[key]]
            row["margin"] = margin
            reach = detectable_gap(found, margin=margin, n_tests=n_tests)
            # No share differs by 1 or more, and too few patients give no verdict at any gap.
            possible = row["_enough"] and (reach < 1 or metric not in SCALES)
            row["detectable_gap"] = reach if possible else np.nan
            row["verdict"] = judge(
                found, p_adjusted=row["p_adjusted"], margin=margin, enough=row["_enough"]
            ).value
    return [{key: value for key, value in row.items() if not key.startswith("_")} for row in judged]
