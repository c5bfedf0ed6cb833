"""The rows of the results that cards show, and how they are named."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from cxraudit.audits.groups import is_intersection
from cxraudit.cards.subject import Subject
from cxraudit.formatting import column_name, count_or_hidden, p_value, sentence_case, with_interval
from cxraudit.metrics import METRICS
from cxraudit.report.matrix import Matrix, counts_of, in_words
from cxraudit.report.statements import NULL_MODEL, STATEMENTS, Statement, Tone, of_model
from cxraudit.report.statements import rows as find
from cxraudit.report.statements.verdicts import auroc_gaps
from cxraudit.report.summary import limits_of
from cxraudit.schema import ALL_OTHERS, COMPLEMENT, OVERALL, Analysis, is_level, records
from cxraudit.stats.estimate import Verdict

Row = dict[str, Any]

SHOWN = (
    Tone.DISPARITY,
    Tone.ASSOCIATED,
    Tone.ONLY_ASSOCIATED,
    Tone.IN_FAVOUR,
    Tone.BY_LABELS,
)
"""Statements on what was found."""
NOT_SETTLED = (
    Tone.UNCLEAR_SIZE,
    Tone.ASSOCIATED_UNCLEAR_SIZE,
    Tone.ONLY_ASSOCIATED_UNCLEAR_SIZE,
    Tone.INCONCLUSIVE,
    Tone.UNDEFINED,
    Tone.UNCLEAR,
)
"""Statements on what the data leave open."""
OF_GROUPS = (Analysis.SUBGROUPS, Analysis.OPERATING_POINT)
MAIN = (*OF_GROUPS, Analysis.SHORTCUT, Analysis.SHORTCUT_SEPARATION)
"""Analyses that the first questions of the report are about."""


def overall(subject: Subject, metric: str = "auroc") -> list[Row]:
    """Return the level of a metric over all patients, one row per finding; NaN where it is undefined."""
    rows = find.where(subject.results, analysis=OF_GROUPS, metric=metric, attribute=OVERALL)
    return records(rows[is_level(rows)])


def by_group(subject: Subject) -> list[Row]:
    """Return the AUROC of each group of each attribute that is defined; no intersections."""
    rows = find.where(subject.results, analysis=Analysis.SUBGROUPS, metric="auroc")
    rows = rows[is_level(rows) & (rows["attribute"] != OVERALL) & rows["value"].notna()]
    return records(_without_intersections(rows))


def largest_gaps(subject: Subject) -> list[Row]:
    """Return, per finding and attribute, the judged gap in AUROC that is largest; of two sides, the worse."""
    gaps = auroc_gaps(subject.audit.without_hidden(), subject.model)
    gaps = gaps[(gaps["verdict"] != "") & gaps["value"].notna()]
    gaps = _without_intersections(gaps)
    ordered = gaps.assign(size=gaps["value"].abs().round(12)).sort_values(
        ["size", "value"], ascending=[False, True], kind="stable"
    )
    kept = ordered.drop_duplicates(["finding", "attribute"]).sort_index()
    return records(kept.drop(columns="size"))


def _without_intersections(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[~rows["attribute"].map(is_intersection).astype(bool)]


def disparities(subject: Subject) -> list[Row]:
    """Return every disparity, of all analyses; of two groups that mirror each other, the worse.

    That a model differs from the null model is no disparity of it.
    """
    rows = subject.results
    rows = rows[(rows["verdict"] == Verdict.DISPARITY) & (rows["reference"] != NULL_MODEL)]
    if rows.empty:
        return []
    key = ["analysis", "finding", "attribute", "condition", "at", "label_source", "metric"]
    worse = pd.Series([direction(row) != _FOR_BETTER for row in records(rows)], index=rows.index)
    ordered = rows.assign(size=rows["value"].abs().round(12), worse=worse).sort_values(
        "worse", ascending=False, kind="stable"
    )
    mirrors = ordered.duplicated([*key, "size"]) & (ordered["reference"] == COMPLEMENT)
    return records(ordered[~mirrors].sort_index().drop(columns=["size", "worse"]))


_FOR_WORSE, _FOR_BETTER = "worse for the group", "better for the group"


def direction(row: Mapping[str, Any]) -> str:
    """Say whether a disparity between groups is to the disadvantage of the group; empty for others."""
    metric = METRICS[row["metric"]]
    if row["reference"] not in (COMPLEMENT, ALL_OTHERS) or metric.better is None:
        return ""
    return _FOR_BETTER if (row["value"] > 0) == (metric.better == "higher") else _FOR_WORSE


def sides(row: Mapping[str, Any]) -> str:
    """Name what is compared: ``sex female against all other groups``.

    Examples
    --------
    >>> row = {"attribute": "sex", "group": "female", "reference": "", "condition": "", "at": float("nan")}
    >>> sides(row), sides(row | {"reference": "all other groups", "condition": "blur", "at": 2.0})
    ('sex female', 'sex female against all other groups, blur, at 2')
    """
    name = column_name(str(row["attribute"])) if row["attribute"] else ""
    side = " ".join(filter(None, (name, str(row["group"])))) or "all patients"
    if row.get("analysis") == Analysis.MODELS and row["group"]:
        side = f"gap of {side}"
    against = f" against {row['reference']}" if row["reference"] else ""
    at = f"at {row['at']:g}" if math.isfinite(row["at"]) else ""
    condition = str(row["condition"])
    if row.get("analysis") in (
        Analysis.STANDARDISED,
        Analysis.STANDARDISATION,
        Analysis.SHORTCUT_STANDARDISED,
    ):
        condition = f"standardised by {column_name(condition)}"
    return ", ".join(filter(None, (f"{side}{against}", condition, at)))


def value(row: Mapping[str, Any]) -> str:
    """Return an estimate with its interval; with signs for a difference, and where one is below 0."""
    signed = bool(row["reference"]) or min(row["value"], row["low"]) < 0
    return with_interval(row["value"], row["low"], row["high"], signed=signed)


def disparity_rows(rows: Iterable[Row]) -> Iterator[tuple[str, ...]]:
    """Yield the cells of a table of disparities; see `DISPARITY_COLUMNS`."""
    for row in rows:
        label = METRICS[row["metric"]].label
        about = str(row["analysis"]).replace("_", " ")
        p = p_value(row["p_adjusted"])
        yield (about, str(row["finding"]), label, sides(row), value(row), p, direction(row))


DISPARITY_COLUMNS = (
    "analysis",
    "finding",
    "metric",
    "comparison",
    "difference (interval)",
    "adjusted p",
    "direction",
)


def level_rows(rows: list[Row]) -> Iterator[tuple[str, ...]]:
    """Yield the cells of a table of levels: finding, group, value, images, positive, patients."""
    for row in rows:
        counts = (count_or_hidden(row[name]) for name in ("n", "n_positive", "n_patients"))
        yield (str(row["finding"]), sides(row), value(row), *counts)


LEVEL_COLUMNS = ("finding", "patients of", "AUROC (interval)", "images", "positive", "patients")


def statements(
    subject: Subject, tones: Sequence[Tone] = tuple(Tone), *, about: Sequence[object] = STATEMENTS
) -> list[Statement]:
    """Return what the results support, of some kinds and by some modules of `STATEMENTS`."""
    found = of_model(subject.audit, subject.model, about=about)
    return [one for one in found if one.tone in tones]


def in_sentences(found: list[Statement]) -> list[str]:
    """Return statements as text."""
    return [f"{sentence_case(one.headline)}. {one.detail}".strip() for one in found]


def verdict_counts(subject: Subject) -> list[tuple[str, str]]:
    """Return each question with how often which verdict was reached."""
    return [(one.question, in_words(counts_of([one]))) for one in subject.verdicts]


def matrix_table(one: Matrix) -> tuple[list[str], list[list[str]]]:
    """Return a matrix of verdicts as the header and the rows of a table: symbols with values."""
    header = [
        f"{columns.title}: {label}" if columns.title else label
        for columns in one.columns
        for label in columns.labels
    ]
    rows = [
        [label, *(f"{cell.kind.symbol} {cell.value}".strip() if cell else "" for cell in cells)]
        for label, cells in one.rows
    ]
    return ["", *header], rows


def legend(one: Matrix) -> str:
    """Say what the symbols of a matrix mean."""
    return "; ".join(f"{kind.symbol} {kind.words}" for kind in one.kinds)


def limits(subject: Subject) -> list[str]:
    """Return what the audit leaves open, and what makes it weaker than it looks."""
    return list(limits_of(subject.audit, subject.verdicts))
