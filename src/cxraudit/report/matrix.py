"""All verdicts of one question in one table: findings × groups, of one model."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from cxraudit.audits.groups import is_intersection
from cxraudit.audits.result import Audit
from cxraudit.audits.two_labels import note_on, notes_by_labels
from cxraudit.edits import DEVICE
from cxraudit.formatting import counted, decimal, p_value, percent, signed
from cxraudit.metrics import METRICS
from cxraudit.report.statements import rows as find
from cxraudit.report.statements.own_edits import own_edits
from cxraudit.report.statements.perturbations import followed_finding
from cxraudit.report.statements.verdicts import auroc_gaps, rate_gaps
from cxraudit.schema import (
    CHANCE,
    NEGATIVES,
    OVERALL,
    UNEDITED,
    WITHOUT,
    Analysis,
    Reason,
    has_reason,
    records,
)
from cxraudit.stats.estimate import Verdict
from cxraudit.stats.verdict import POWER
from cxraudit.tables.render import verdict_shown
from cxraudit.vocabulary import attribute_name, shortcut_name

WORSE, BETTER, HIDDEN = "worse", "better", "hidden"
"""Kinds of cells besides the verdicts: a disparity has a direction."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How a verdict is shown: never by colour alone."""

    name: str
    """Of its style."""
    symbol: str
    words: str


KINDS = {
    kind.name: kind
    for kind in (
        Kind(WORSE, "◆", "disparity, to the disadvantage of a group, or by a shortcut"),
        Kind(BETTER, "▲", "disparity in favour of the group"),
        Kind("unclear-size", "◇", "differs from zero; the size is not settled"),
        Kind("inconclusive", "○", "inconclusive: neither shown nor ruled out"),
        Kind("small", "■", "small difference, within the margin"),
        Kind("equivalent", "●", "equivalent: within the margin"),
        Kind("undefined", "×", "undefined: a side has no positives or no negatives"),
        Kind(HIDDEN, "–", "hidden: few patients"),
    )
}
"""Name → kind, in the order of the legend."""
_NAMES = {
    Verdict.UNCLEAR_SIZE: "unclear-size",
    Verdict.INCONCLUSIVE: "inconclusive",
    Verdict.SMALL: "small",
    Verdict.EQUIVALENT: "equivalent",
    Verdict.UNDEFINED: "undefined",
    HIDDEN: HIDDEN,
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One verdict."""

    kind: Kind
    value: str
    """The signed difference; empty if there is none."""
    detail: str
    """The whole row in words: difference with its interval, p-value and patients."""
    verdict: str
    """As other parts of the page name it."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns that belong together, such as the groups of an attribute."""

    title: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """The verdicts on one question."""

    question: str
    caption: str
    columns: tuple[Columns, ...]
    rows: tuple[tuple[str, tuple[Cell | None, ...]], ...]
    """Label and cells, None where nothing was compared."""
    findings: tuple[str, ...]
    """One per row."""

    @property
    def attributes(self) -> tuple[str, ...]:
        """What the groups of each cell of a row are of."""
        return tuple(columns.title for columns in self.columns for _ in columns.labels)

    @property
    def kinds(self) -> list[Kind]:
        """The kinds that are there, in the order of the legend."""
        present = {cell.kind.name for _, cells in self.rows for cell in cells if cell}
        return [kind for name, kind in KINDS.items() if name in present]


def matrices(audit: Audit, model: str) -> list[Matrix]:
    """Return the verdicts on a model: by AUROC, by rates at the threshold, and about shortcuts.

    Parameters
    ----------
    audit : Audit
        The audit; hidden cells are shown as hidden.
    model : str
        One of its models.

    Returns
    -------
    list of Matrix
        Without those that hold nothing.
    """
    margin = f"margin ±{audit.facts['settings']['margin']:g}"
    found = [
        _by_group(
            auroc_gaps(audit, model),
            "Ranking",
            f"AUROC of the group minus that of all other groups; {margin}.",
            notes_by_labels(audit),
        ),
        _by_group(
            rate_gaps(audit, model),
            "At the threshold",
            f"Rates of the group at the threshold of each finding minus those of all other groups; {margin}. "
            "A lower TPR and a higher FPR are to the disadvantage of a group.",
        ),
        _of_shortcuts(audit, model),
    ]
    return [one for one in found if one is not None]


def _judged(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with a verdict, and those that are hidden."""
    return rows[(rows["verdict"] != "") | has_reason(rows, Reason.SUPPRESSED)]


def _by_group(
    gaps: pd.DataFrame,
    question: str,
    caption: str,
    notes: Mapping[tuple[str, ...], str] | None = None,
) -> Matrix | None:
    """Put groups side by side; of two that mirror each other, one."""
    judged = _judged(gaps)
    judged = judged[~judged["attribute"].map(is_intersection)]
    if judged.empty:
        return None
    columns: list[Columns] = []
    places: list[tuple[str, str, str]] = []
    for attribute, part in judged.groupby("attribute", sort=False):
        groups = list(dict.fromkeys(part["group"]))
        first = groups[:1] if len(groups) == 2 else groups
        labels = [f"{groups[0]} − {groups[1]}"] if len(groups) == 2 else groups
        columns.append(Columns(attribute_name(str(attribute)), tuple(map(str, labels))))
        # Of two groups, a disparity is to the disadvantage of one of them, whichever is named first.
        other = str(groups[1]) if len(groups) == 2 else ""
        places += [(str(attribute), str(group), other) for group in first]
    by_place = {
        (row["finding"], row["metric"], row["attribute"], row["group"]): row
        for row in records(judged)
    }
    metrics = list(dict.fromkeys(judged["metric"]))
    rows: list[tuple[str, tuple[Cell | None, ...]]] = []
    findings: list[str] = []
    for finding in dict.fromkeys(judged["finding"]):
        for metric in metrics:
            found = [
                (by_place.get((finding, metric, attribute, group)), other)
                for attribute, group, other in places
            ]
            if any(row for row, _ in found):
                label = f"{finding}, {METRICS[metric].label}" if len(metrics) > 1 else str(finding)
                findings.append(str(finding))
                rows.append((label, tuple(_noted(row, other, notes or {}) for row, other in found)))
    return Matrix(question, caption, tuple(columns), tuple(rows), tuple(findings))


def _noted(
    row: dict[str, Any] | None, other: str, notes: Mapping[tuple[str, ...], str]
) -> Cell | None:
    """Return a row as a cell, with what reference labels make of it."""
    if row is None:
        return None
    cell = cell_of(row, other)
    note = note_on(row, notes)
    return replace(cell, detail=f"{cell.detail}; {note}") if note else cell


_SHORTCUT_COLUMNS = (
    "AUROC with − without",
    "separation among images without the finding",
    "change of the score when it is inserted (SD)",
)


def _of_shortcuts(audit: Audit, model: str) -> Matrix | None:
    rows = find.of(audit, model)
    judged = _judged(rows)
    found: list[tuple[str, tuple[Cell | None, ...]]] = []
    findings: list[str] = []
    for shortcut, finding in audit.facts["shortcuts"].items():
        own = find.where(judged, attribute=shortcut, finding=finding)
        gap = find.where(own, analysis=Analysis.SHORTCUT, metric="auroc", reference=WITHOUT)
        separation = find.where(own, analysis=Analysis.SHORTCUT_SEPARATION, reference=CHANCE)
        cells = [
            _first(gap),
            _first(find.where(separation, group=NEGATIVES)),
            _first(_inserted(audit, judged, finding)) if shortcut == DEVICE else None,
        ]
        if any(cells):
            found.append((f"{finding}: {shortcut_name(shortcut)}", tuple(cells)))
            findings.append(str(finding))
    if not found:
        return None
    used = [k for k in range(len(_SHORTCUT_COLUMNS)) if any(cells[k] for _, cells in found)]
    return Matrix(
        "Shortcuts",
        "Whether a finding is recognised better with the shortcut, whether the score separates images with "
        "and without it (AUROC − 0.5), and whether it follows an inserted one. Among images with the "
        "finding, separation can come from its severity, too; it stands under Main results.",
        (Columns("", tuple(_SHORTCUT_COLUMNS[k] for k in used)),),
        tuple((label, tuple(cells[k] for k in used)) for label, cells in found),
        tuple(findings),
    )


def _inserted(audit: Audit, judged: pd.DataFrame, finding: str) -> pd.DataFrame:
    """Return the change of the score by an inserted device, where images were perturbed."""
    if followed_finding(audit) != finding or DEVICE in own_edits(audit):
        return judged.iloc[:0]
    return find.where(
        judged,
        analysis=Analysis.COUNTERFACTUAL,
        finding=finding,
        attribute=OVERALL,
        group=OVERALL,
        condition=DEVICE,
        reference=UNEDITED,
        metric="score_change",
    )


def _first(rows: pd.DataFrame) -> Cell | None:
    return next((cell_of(row) for row in records(rows.head(1))), None)


def cell_of(row: dict[str, Any], other: str = "") -> Cell:
    """Return a row with a verdict as a cell; `other` is the other one of two groups."""
    shown = verdict_shown(row)
    name = _name(row, shown)
    kind = KINDS[WORSE if other and name == BETTER else name]
    if kind.name in (HIDDEN, "undefined") or not math.isfinite(row["value"]):
        return Cell(kind, "", kind.words, shown)
    worse = {WORSE: row["group"], BETTER: other}.get(name, "") if other else ""
    details = [*_details(row, shown), *([f"worse for {worse}"] if worse else [])]
    return Cell(kind, signed(row["value"]), "; ".join(details), shown)


def _name(row: dict[str, Any], shown: str) -> str:
    if shown != Verdict.DISPARITY:
        return _NAMES[shown]
    of_groups = row["analysis"] in (Analysis.SUBGROUPS, Analysis.OPERATING_POINT)
    higher_is_better = METRICS[row["metric"]].better != "lower"
    return BETTER if of_groups and (row["value"] > 0) == higher_is_better else WORSE


def _details(row: dict[str, Any], shown: str) -> Iterator[str]:
    yield f"{METRICS[row['metric']].label} {find.difference(row)}"
    if math.isfinite(row["p_adjusted"]):
        yield f"adjusted p {p_value(row['p_adjusted'])}"
    if shown == Verdict.INCONCLUSIVE and math.isfinite(row["detectable_gap"]):
        yield f"{decimal(row['detectable_gap'])} would be detected with {percent(POWER)} power"
    yield shown


def counts_of(found: Sequence[Matrix]) -> dict[str, int]:
    """Count the cells of some matrices by kind."""
    cells = [cell for one in found for _, row in one.rows for cell in row if cell]
    return {name: sum(cell.kind.name == name for cell in cells) for name in KINDS}


def in_words(n: Mapping[str, int]) -> str:
    """Return the counts of `counts_of`; what is not settled stands beside what is shown.

    Examples
    --------
    >>> in_words(dict.fromkeys(KINDS, 0) | {"worse": 1, "inconclusive": 3, "small": 1, "equivalent": 2})
    '1 disparity, 3 inconclusive, 3 within the margin.'
    """
    parts = [
        (n["worse"], "disparity", "disparities"),
        (n["better"], "disparity in favour of a group", "disparities in favour of a group"),
        (n["unclear-size"], "difference of unclear size", "differences of unclear size"),
        (n["inconclusive"], "inconclusive", "inconclusive"),
        (n["small"] + n["equivalent"], "within the margin", "within the margin"),
        (n["undefined"], "undefined", "undefined"),
        (n["hidden"], "hidden", "hidden"),
    ]
    return ", ".join(counted(k, one, many) for k, one, many in parts if k) + "."
