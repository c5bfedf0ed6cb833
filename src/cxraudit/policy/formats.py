"""Outcomes of a policy as text, JSON, JUnit XML and Markdown."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

from cxraudit.formatting import counted, with_interval
from cxraudit.formatting import printed as without_unprinted
from cxraudit.policy.judgement import GateResult, Outcome
from cxraudit.schema import records

SCHEMA_VERSION = 1
"""Of the JSON; raised when a key changes its meaning or goes."""
_SYMBOLS = {
    Outcome.PASSED: "✓",
    Outcome.FAILED: "✗",
    Outcome.INCONCLUSIVE: "?",
    Outcome.ALLOWED: "~",
}
_SHOWN = 20
"""Rows of a rule that are listed as text; the others are counted."""


def printed(text: str) -> str:
    """Return a text on one line, without characters that are never printed."""
    return " ".join(without_unprinted(text).split())


def where(row: Mapping[str, Any]) -> str:
    """Name a row by its model, finding, metric and sides.

    Examples
    --------
    >>> from cxraudit.schema import KEY_COLUMNS
    >>> row = dict.fromkeys(KEY_COLUMNS, "") | {"model": "m", "metric": "auroc", "attribute": "sex"}
    >>> where(row | {"finding": "Edema", "group": "female", "reference": "all other groups"})
    'm, Edema, auroc, sex female against all other groups'
    """
    parts = [row["model"], row["finding"], row["metric"]]
    side = " ".join(filter(None, (row["attribute"], row["group"])))
    if row["reference"]:
        side = f"{side} against {row['reference']}".strip()
    parts += [side, row["condition"], f"at {row['at']:g}" if _finite(row["at"]) else ""]
    return ", ".join(filter(None, map(printed, parts)))


def _finite(value: Any) -> bool:
    return isinstance(value, float) and math.isfinite(value)


def as_text(result: GateResult) -> str:
    """Return one line per rule, and below it every row that did not pass."""
    lines = [f"{printed(result.policy.name) or 'Policy'}: {result.outcome}"]
    for rule, outcome, rows, n_passed in _by_rule(result):
        shares = f"{n_passed} of {counted(len(rows), 'row')} passed"
        lines.append(f"{_SYMBOLS[outcome]} {printed(rule)}: {outcome} ({shares})")
        others = _worst_first(rows)
        lines += [
            f"    {_SYMBOLS[Outcome(row['outcome'])]} {_sentence(row)}" for row in others[:_SHOWN]
        ]
        if len(others) > _SHOWN:
            lines.append(f"    and {counted(len(others) - _SHOWN, 'other row')}")
    return "\n".join(lines)


def _by_rule(result: GateResult) -> Iterator[tuple[str, Outcome, list[dict[str, Any]], int]]:
    """Yield name, outcome and rows of every rule, and how many of them passed."""
    for rule, outcome in result.by_rule.items():
        rows = records(result.rows[result.rows["rule"] == rule])
        yield rule, outcome, rows, sum(row["outcome"] == Outcome.PASSED for row in rows)


def _worst_first(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the rows that did not pass, failures first."""
    order = (Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.ALLOWED)
    return [row for outcome in order for row in rows if row["outcome"] == outcome]


def _sentence(row: Mapping[str, Any]) -> str:
    value = f": {_value(row)}" if _finite(row["value"]) else ""
    return f"{where(row)}{value}; {printed(row['why'])}"


def as_json(result: GateResult) -> str:
    """Return the outcome, every rule and every row, as documented in the reference."""
    return json.dumps(document_of(result), indent=2, ensure_ascii=False, allow_nan=False)


def document_of(result: GateResult) -> dict[str, Any]:
    """Return the same as plain data."""
    rules = [
        {
            "name": rule.name,
            "because": rule.because,
            "outcome": outcome,
            "rows": [_plain(row) for row in rows],
        }
        for rule, (_, outcome, rows, _) in zip(result.policy.rules, _by_rule(result), strict=True)
    ]
    return {
        "schema_version": SCHEMA_VERSION,
        "policy": result.policy.name,
        "outcome": result.outcome,
        "exit_code": result.exit_code,
        "rules": rules,
    }


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with null for what is not a number."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in row.items()
        if name != "rule"
    }


def as_junit(result: GateResult) -> str:
    """Return a test suite with one case per row: failed, or an error where it is inconclusive."""
    cases = records(result.rows)
    counts = {outcome: sum(row["outcome"] == outcome for row in cases) for outcome in Outcome}
    suite = ElementTree.Element(
        "testsuite",
        name=printed(result.policy.name or "cxraudit gate"),
        tests=str(len(cases)),
        failures=str(counts[Outcome.FAILED]),
        errors=str(counts[Outcome.INCONCLUSIVE]),
    )
    for row in cases:
        case = ElementTree.SubElement(
            suite, "testcase", classname=printed(row["rule"]), name=printed(where(row))
        )
        kind = {Outcome.FAILED: "failure", Outcome.INCONCLUSIVE: "error"}.get(row["outcome"])
        if kind is not None:
            ElementTree.SubElement(case, kind, message=printed(row["why"])).text = printed(
                _sentence(row)
            )
        elif row["outcome"] == Outcome.ALLOWED:
            ElementTree.SubElement(case, "system-out").text = printed(row["why"])
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True)


def as_markdown(result: GateResult) -> str:
    """Return a summary for a pull request or a job: a table of rules, and of rows that did not pass."""
    lines = [
        f"## {_cell(result.policy.name) or 'Policy'}: {result.outcome}",
        "",
        "| rule | outcome | rows passed |",
        "|---|---|---|",
    ]
    for rule, outcome, rows, n_passed in _by_rule(result):
        lines.append(
            f"| {_cell(rule)} | {_SYMBOLS[outcome]} {outcome} | {n_passed} of {len(rows)} |"
        )
    others = _worst_first(records(result.rows))
    if others:
        lines += ["", "| rule | row | value | outcome | why |", "|---|---|---|---|---|"]
        lines += [
            f"| {_cell(row['rule'])} | {_cell(where(row))} | {_value(row)} "
            f"| {row['outcome']} | {_cell(row['why'])} |"
            for row in others[: 10 * _SHOWN]
        ]
        if len(others) > 10 * _SHOWN:
            lines += ["", f"and {counted(len(others) - 10 * _SHOWN, 'other row')}"]
    return "\n".join([*lines, ""])


def _value(row: Mapping[str, Any]) -> str:
    if not _finite(row["value"]):
        return "–"
    return with_interval(row["value"], row["low"], row["high"], signed=bool(row["reference"]))


def _cell(text: str) -> str:
    """Return a text that stays text in a cell of a Markdown table."""
    escaped = printed(text).replace("&", "&amp;").replace("<", "&lt;").replace("\\", "\\\\")
    for mark in "|*_`[]":
        escaped = escaped.replace(mark, f"\\{mark}")
    return escaped
