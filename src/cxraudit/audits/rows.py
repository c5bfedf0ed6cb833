"""Rows of the results table, and the judgement of a family of gaps."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cxraudit.audits.cells import AuditSettings, Labelled, Mask
from cxraudit.stats.compare import MIN_PATIENTS, detectable_gap, estimate, gap, holm, judge
from cxraudit.stats.delong import newcombe
from cxraudit.stats.estimate import Estimate, Gap
from cxraudit.stats.ranking import METRICS, RankingReplicates, Replicates

Row = dict[str, Any]

JUDGED = ("auroc",)
"""Metrics whose gaps get a verdict: those the margin is declared for."""


def level_rows(
    base: Row, films: Labelled, cell: Mask, replicates: RankingReplicates, settings: AuditSettings
) -> list[Row]:
    """One row per metric for the films of a cell."""
    counted = films.counted(cell)
    limiting = films.limiting_patients(cell)
    rows = []
    for metric in METRICS:
        found = estimate(
            getattr(replicates, metric), n_patients=films.effective_patients(cell),
            confidence_level=settings.confidence_level,
        )  # fmt: skip
        if metric == "auroc" and np.isfinite(found.value) and not np.isfinite(found.low):
            found = _small_sample(found, films, cell, settings)
        rows.append(
            {
                **base, **counted, "metric": metric, "value": found.value, "low": found.low,
                "high": found.high, "confidence_level": found.confidence_level,
                "method": found.method, "note": _why_undefined(counted, limiting),
            }
        )  # fmt: skip
    return rows


def _small_sample(
    found: Estimate, films: Labelled, cell: Mask, settings: AuditSettings
) -> Estimate:
    """Give an AUROC whose replicates degenerate (perfect, or one patient) its score interval."""
    if not settings.n_resamples:
        return found
    sizes = [
        np.unique(films.patients[part]).size for part in (cell & films.y_true, cell & ~films.y_true)
    ]
    low, high = newcombe(found.value, *sizes, confidence_level=settings.confidence_level)
    return replace(found, low=low, high=high, method="Newcombe score interval over patients")


def _why_undefined(counted: dict[str, int], limiting: int) -> str:
    if not counted["n"]:
        return "no films"
    if not counted["n_positive"]:
        return "no positives"
    if counted["n_positive"] == counted["n"]:
        return "no negatives"
    if limiting < MIN_PATIENTS:
        return f"only {limiting} patients with or without the finding"
    return ""


def gap_rows(
    base: Row,
    films: Labelled,
    cell: Mask,
    other: Mask,
    group: RankingReplicates,
    reference: RankingReplicates,
    settings: AuditSettings,
) -> list[Row]:
    """One row per metric for the difference of two cells; judged later, with their family."""
    sides = {metric: (getattr(group, metric), getattr(reference, metric)) for metric in METRICS}
    return _rows_of_gaps(base, films, [cell, other], sides, settings)


def difference_rows(
    base: Row,
    films: Labelled,
    cells: Sequence[Mask],
    first: Sequence[RankingReplicates],
    second: Sequence[RankingReplicates],
    settings: AuditSettings,
) -> list[Row]:
    """One row per metric for model − model: of one cell, or of the gap between two."""

    def of(replicates: Sequence[RankingReplicates], metric: str) -> Replicates:
        values = [getattr(cell, metric) for cell in replicates]
        return values[0] if len(values) == 1 else values[0] - values[1]

    sides = {metric: (of(first, metric), of(second, metric)) for metric in METRICS}
    return _rows_of_gaps(base, films, cells, sides, settings)


def _rows_of_gaps(
    base: Row,
    films: Labelled,
    cells: Sequence[Mask],
    sides: Mapping[str, tuple[Replicates, Replicates]],
    settings: AuditSettings,
) -> list[Row]:
    counted = films.counted(cells[0])
    n_patients = films.effective_patients(*cells)
    enough = films.limiting_patients(*cells) >= MIN_PATIENTS
    rows = []
    for metric, (group, reference) in sides.items():
        found = gap(
            group, reference, n_patients=n_patients, confidence_level=settings.confidence_level
        )
        rows.append(
            {
                **base, **counted, "metric": metric, "value": found.value, "low": found.low,
                "high": found.high, "confidence_level": found.confidence_level,
                "method": found.method, "p_value": found.p_value, "_gap": found,
                "_enough": enough,
                "note": "" if enough else
                f"fewer than {MIN_PATIENTS} patients with or without the finding on one side",
            }
        )  # fmt: skip
    return rows


def adjust_family(rows: Sequence[Row]) -> list[Row]:
    """Adjust the p-values of tests that have no gap to judge, per model (Holm)."""
    adjusted = [dict(row) for row in rows]
    for key in dict.fromkeys((row["model"], row["prompt_set"]) for row in adjusted):
        family = [row for row in adjusted if (row["model"], row["prompt_set"]) == key]
        for row, p in zip(family, holm([row["p_value"] for row in family]), strict=True):
            row["p_adjusted"] = p
    return adjusted


def judge_family(rows: Sequence[Row], settings: AuditSettings) -> list[Row]:
    """Adjust the p-values of a family of gaps together and decide each verdict.

    The family is all gaps given for one model, prompt set and metric. Two mirror images (the only
    two groups of an attribute, each against the other) are one comparison and counted once.
    """
    judged = [dict(row) for row in rows]
    families: dict[tuple[str, str, str], list[Row]] = {}
    for row in judged:
        if row["metric"] in JUDGED:
            families.setdefault((row["model"], row["prompt_set"], row["metric"]), []).append(row)
    for family in families.values():
        keys = [
            (row["finding"], row["attribute"], round(abs(row["value"]), 12), row["p_value"])
            for row in family
        ]
        first = {key: number for number, key in reversed(list(enumerate(keys)))}
        testable = [
            row["p_value"] if row["_enough"] and first[key] == number else np.nan
            for number, (key, row) in enumerate(zip(keys, family, strict=True))
        ]
        adjusted = holm(testable)
        n_tests = int(np.isfinite(testable).sum())
        for key, row in zip(keys, family, strict=True):
            found: Gap = row["_gap"]
            row["p_adjusted"] = adjusted[first[key]]
            row["margin"] = settings.margin
            reach = detectable_gap(found, margin=settings.margin, n_tests=n_tests)
            # No AUROC differs by 1 or more, and too few patients give no verdict at any gap.
            row["detectable_gap"] = reach if row["_enough"] and reach < 1 else np.nan
            row["verdict"] = judge(
                found, p_adjusted=row["p_adjusted"], margin=settings.margin, enough=row["_enough"]
            ).value
    return [{key: value for key, value in row.items() if not key.startswith("_")} for row in judged]
