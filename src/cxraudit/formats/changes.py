"""What changed between two audits, as text, JSON and Markdown."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from cxraudit.audits.changes import CHANGED, SIDE_COLUMNS, SIDE_VERDICTS, WIDENED, Diff
from cxraudit.formats.rows import markdown_cell, one_line, where, without_mirrors
from cxraudit.formatting import bounds, counted, decimal, signed
from cxraudit.metrics import METRICS
from cxraudit.schema import KEY_COLUMNS, records
from cxraudit.stats.estimate import Verdict

_OF_ERRORS = (*KEY_COLUMNS, "value", "low", "high", "n", "n_positive", "n_patients", "reasons")
_SHOWN = 20
"""Changes of a kind that are listed as text; the others are counted."""

_PARTS = (
    ("Changed", (CHANGED, Verdict.UNCLEAR_SIZE.value, Verdict.SMALL.value)),
    ("Not settled", (Verdict.INCONCLUSIVE.value, Verdict.UNDEFINED.value)),
    ("Shown not to have changed by more than the margin", (Verdict.EQUIVALENT.value,)),
)
"""Title → verdicts: what is shown, what the data do not settle, what is shown to be as it was."""


def change_table(found: Diff) -> pd.DataFrame:
    """Return one row per change: key, estimates of either audit, difference, verdict, and how a gap widened.

    Returns
    -------
    pandas.DataFrame
        Numbers; see `cxraudit.Diff`.
    """
    judged = ("low_simultaneous", "high_simultaneous", "p_value", "p_adjusted", "family", "margin")
    columns = [*KEY_COLUMNS, *SIDE_COLUMNS, "value", "low", "high", *judged, "verdict"]
    return found.results[[*columns, *SIDE_VERDICTS, *WIDENED, "reasons", "note"]]


def as_text(found: Diff) -> str:
    """Return what differs before any number, then the changes with verdicts: shown ones first."""
    lines = [*beforehand(found)]
    lines.append(_INTERVALS)
    for title, rows in _by_part(found):
        lines.append(f"{title} ({len(rows)}):")
        lines += [f"    {_sentence(row)}" for row in rows[:_SHOWN]]
        if len(rows) > _SHOWN:
            lines.append(f"    and {counted(len(rows) - _SHOWN, 'other change')}")
    lines += _label_errors(found)
    exploratory = int((found.results["verdict"] == "").sum())
    if exploratory:
        lines.append(f"{counted(exploratory, 'other estimate')} without a verdict (exploratory).")
    return "\n".join(lines)


_INTERVALS = (
    "Intervals hold for one change each; verdicts are adjusted for all changes together, and equivalence "
    "rests on an interval at a lower level."
)


def beforehand(found: Diff) -> list[str]:
    """Return what has to be known before any number: patients, models, notices, and what differs."""
    return [*_head(found), *_differences(found)]


def _label_errors(found: Diff) -> Iterator[str]:
    """Name how well the older labels agree with the newer ones, and the groups for which that differs."""
    rows = records(found.label_errors)
    if not rows:
        return
    yield "Older labels, by the newer ones as the truth:"
    for row in rows:
        whole = not row["attribute"] and not row["reference"]
        shown = row["reference"] and (row["low"] > 0 or row["high"] < 0)
        if row["metric"] in ("tpr", "fpr") and (whole or shown):
            show = signed if row["reference"] else decimal
            interval = bounds(row["low"], row["high"], 3, signed=bool(row["reference"]))
            name = where({**row, "model": "", "at": float("nan")})
            yield f"    {name}: {show(row['value'], 3)} ({interval})"


def _head(found: Diff) -> Iterator[str]:
    facts = found.facts
    names = facts["datasets"]
    old, new = (
        f"{one_line(name)} ({counted(images, 'image')} of {counted(patients, 'patient')})"
        for name, images, patients in zip(names, facts["images"], facts["patients"], strict=True)
    )
    yield f"{old} → {new}: {_HOW[facts['pairing']].format(n=facts['shared_patients'])}"
    if facts["labels"] == "own":
        yield "Each audit by its own labels, on images that both have labelled."
    elif facts["pairing"] == "same images":
        yield "Both by the labels and groups of the newer audit, with its settings."
    for first, second in facts["models"].items():
        yield f"Model: {one_line(first)}" + (f" → {one_line(second)}" if first != second else "")
    for one in facts["notices"]:
        yield f"Notice: {one_line(one['about'])}: {one_line(one['sentence'])}"


_HOW = {
    "same images": "the same images, compared as pairs",
    "same patients": "other images, {n:,} patients in both",
    "other patients": "other patients, compared as independent",
}


def _differences(found: Diff) -> Iterator[str]:
    rows = records(found.differences)
    if not rows:
        yield "Settings, data and code: no difference is recorded."
        return
    yield "Differs before any number:"
    for row in rows:
        before = f"{row['old']} → " if row["old"] else ""
        yield f"    {row['about']}: {one_line(row['what'])}: {one_line(before + row['new'])}"


def _by_part(found: Diff) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield the changes with a verdict by what it is; largest first, of two mirror images one."""
    judged = without_mirrors(records(found.results[found.results["verdict"] != ""]))
    for title, wanted in _PARTS:
        rows = [row for row in judged if row["verdict"] in wanted]
        if rows:
            yield title, sorted(rows, key=_size)


def _size(row: Mapping[str, Any]) -> float:
    return -abs(row["value"]) if row["value"] == row["value"] else 0.0


def _sentence(row: Mapping[str, Any]) -> str:
    """Return a change in one line."""
    return f"{where(row)}: {_numbers(row)}; {row['verdict']}{_direction(row)}{_verdicts(row)}"


def _verdicts(row: Mapping[str, Any]) -> str:
    """Say how the verdict of an audit on the difference itself changed."""
    old, new = (row[name] for name in SIDE_VERDICTS)
    return f" (the gap itself: {old} → {new})" if old != new else ""


def _numbers(row: Mapping[str, Any]) -> str:
    show = signed if row["reference"] else decimal
    change = f"{signed(row['value'], 3)} ({bounds(row['low'], row['high'], 3, signed=True)})"
    return f"{show(row['old'], 3)} → {show(row['new'], 3)}, {change}"


def _direction(row: Mapping[str, Any]) -> str:
    """Say of a shown change where it leads, as far as that is known."""
    if row["verdict"] not in _PARTS[0][1]:
        return ""
    if row["reference"]:
        low, high = (row[name] for name in WIDENED)
        return ", the gap widened" if low > 0 else ", the gap narrowed" if high < 0 else ""
    better = METRICS[row["metric"]].better
    if not better:
        return ""
    return ", better" if (row["value"] > 0) == (better == "higher") else ", worse"


def stated_of(found: Diff) -> dict[str, Any]:
    """Return what has to be known before any number, as plain data."""
    return {
        **{name: found.facts[name] for name in _STATED},
        "differences": records(found.differences),
        "notices": found.facts["notices"],
    }


def document_of(found: Diff) -> dict[str, Any]:
    """Return everything as plain data, as documented in the reference."""
    errors = records(found.label_errors)
    return {
        **stated_of(found),
        "changes": records(change_table(found)),
        "label_errors": [{name: row[name] for name in _OF_ERRORS} for row in errors],
    }


_STATED = (
    "pairing",
    "labels",
    "datasets",
    "images",
    "patients",
    "shared_patients",
    "models",
    "findings",
)


def as_markdown(found: Diff) -> str:
    """Return a summary for a pull request or a job: what differs, and the changes with verdicts."""
    names = " → ".join(map(markdown_cell, found.facts["datasets"]))
    lines = [f"## Changes: {names}", "", *(markdown_cell(line) for line in _head(found)), ""]
    rows = records(found.differences)
    if rows:
        lines += ["| about | what | older | newer |", "|---|---|---|---|"]
        lines += [
            "| " + " | ".join(markdown_cell(row[name]) for name in row) + " |" for row in rows
        ]
        lines.append("")
    lines += [_INTERVALS, ""]
    for title, changed in _by_part(found):
        lines += [f"### {title} ({len(changed)})", "", *_markdown_rows(changed[: 5 * _SHOWN])]
        if len(changed) > 5 * _SHOWN:
            lines += ["", f"and {counted(len(changed) - 5 * _SHOWN, 'other change')}"]
        lines.append("")
    return "\n".join(lines)


def _markdown_rows(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "| row | older → newer, change (interval) | verdict |"
    yield "|---|---|---|"
    for row in rows:
        verdict = f"{row['verdict']}{_direction(row)}{_verdicts(row)}"
        yield f"| {markdown_cell(where(row))} | {_numbers(row)} | {verdict} |"
