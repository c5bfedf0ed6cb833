"""Outcomes of a policy as text, JSON, JUnit XML and Markdown."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

from cxraudit.formats.changes import beforehand, stated_of
from cxraudit.formats.rows import markdown_cell, one_line, where
from cxraudit.formatting import counted, with_interval
from cxraudit.policy.judgement import GateResult, Outcome
from cxraudit.schema import records

_SYMBOLS = {
    Outcome.PASSED: "✓",
    Outcome.FAILED: "✗",
    Outcome.INCONCLUSIVE: "?",
    Outcome.ALLOWED: "~",
}
_SHOWN = 20
"""Rows of a rule that are listed as text; the others are counted."""


def as_text(result: GateResult) -> str:
    """Return one line per rule, and below it every row that did not pass."""
    lines = [] if result.since is None else beforehand(result.since)
    lines.append(f"{one_line(result.policy.name) or 'Policy'}: {result.outcome}")
    for rule, outcome, rows, n_passed in _by_rule(result):
        metrics = ", ".join(dict.fromkeys(str(row["metric"]) for row in rows))
        shares = f"{n_passed} of {counted(len(rows), 'row')} passed: {metrics}"
        lines.append(f"{_SYMBOLS[outcome]} {one_line(rule)}: {outcome} ({shares})")
        if outcome != Outcome.PASSED and (because := _because(result, rule)):
            lines.append(f"    Required because: {because}")
        others = _worst_first(rows)
        lines += [
            f"    {_SYMBOLS[Outcome(row['outcome'])]} {_sentence(row)}" for row in others[:_SHOWN]
        ]
        if len(others) > _SHOWN:
            lines.append(f"    and {counted(len(others) - _SHOWN, 'other row')}")
        lines += [f"    Note: {one}" for one in _by_labels(result, rule)]
    lines += [f"Not needed: {one}" for one in _unused(result)]
    if result.since is not None and not any(rule.change for rule in result.policy.rules):
        lines.append("No rule is about a change: the earlier audit decides nothing.")
    return "\n".join(lines)


def _because(result: GateResult, name: str) -> str:
    return next(one_line(rule.because) for rule in result.policy.rules if rule.name == name)


def _by_labels(result: GateResult, name: str) -> list[str]:
    """Say of which rows of a rule reference labels lead to another conclusion."""
    return [
        one_line(f"{where(row)}: {note}") for rule, row, note in result.by_labels if rule == name
    ]


def _unused(result: GateResult) -> list[str]:
    """Name the allowances that accepted nothing, which may be taken out of the policy."""
    return [
        one_line(f"the allowance of '{rule}' until {one.until.isoformat()} ({one.reason})")
        for rule, one in result.unused()
    ]


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
    value = f": {_value(row)}" if math.isfinite(row["value"]) else ""
    return f"{where(row)}{value}; {one_line(row['why'])}"


def document_of(result: GateResult) -> dict[str, Any]:
    """Return the outcome, every rule and every row as plain data, as documented in the reference."""
    rules = [
        {
            "name": rule.name,
            "because": rule.because,
            "outcome": outcome,
            "rows": [{k: v for k, v in row.items() if k != "rule"} for row in rows],
            "by_labels": _by_labels(result, rule.name),
        }
        for rule, (_, outcome, rows, _) in zip(result.policy.rules, _by_rule(result), strict=True)
    ]
    return {
        "policy": result.policy.name,
        "outcome": result.outcome,
        "exit_code": result.exit_code,
        "unused_allowances": [
            {"rule": rule, "reason": one.reason, "until": one.until.isoformat()}
            for rule, one in result.unused()
        ],
        "rules": rules,
        "since": None if result.since is None else stated_of(result.since),
    }


def as_junit(result: GateResult) -> str:
    """Return a test suite with one case per row: failed, or an error where it is inconclusive."""
    cases = records(result.rows)
    counts = {outcome: sum(row["outcome"] == outcome for row in cases) for outcome in Outcome}
    suite = ElementTree.Element(
        "testsuite",
        name=one_line(result.policy.name or "cxraudit gate"),
        tests=str(len(cases)),
        failures=str(counts[Outcome.FAILED]),
        errors=str(counts[Outcome.INCONCLUSIVE]),
    )
    if result.since is not None:
        stated = ElementTree.SubElement(suite, "system-out")
        stated.text = "\n".join(map(one_line, beforehand(result.since)))
    for row in cases:
        case = ElementTree.SubElement(
            suite, "testcase", classname=one_line(row["rule"]), name=one_line(where(row))
        )
        kind = {Outcome.FAILED: "failure", Outcome.INCONCLUSIVE: "error"}.get(row["outcome"])
        if kind is not None:
            ElementTree.SubElement(case, kind, message=one_line(row["why"])).text = one_line(
                _sentence(row)
            )
        elif row["outcome"] == Outcome.ALLOWED:
            ElementTree.SubElement(case, "system-out").text = one_line(row["why"])
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True)


def as_markdown(result: GateResult) -> str:
    """Return a summary for a pull request or a job: a table of rules, and of rows that did not pass."""
    lines = [
        f"## {markdown_cell(result.policy.name) or 'Policy'}: {result.outcome}",
        "",
        "| rule | outcome | rows passed | because |",
        "|---|---|---|---|",
    ]
    for rule, outcome, rows, n_passed in _by_rule(result):
        lines.append(
            f"| {markdown_cell(rule)} | {_SYMBOLS[outcome]} {outcome} | {n_passed} of {len(rows)} "
            f"| {markdown_cell(_because(result, rule))} |"
        )
    if result.since is not None:
        lines += ["", *(f"- {markdown_cell(line)}" for line in beforehand(result.since))]
    others = _worst_first(records(result.rows))
    if others:
        lines += ["", "| rule | row | value | outcome | why |", "|---|---|---|---|---|"]
        lines += [
            f"| {markdown_cell(row['rule'])} | {markdown_cell(where(row))} | {_value(row)} "
            f"| {row['outcome']} | {markdown_cell(row['why'])} |"
            for row in others[: 10 * _SHOWN]
        ]
        if len(others) > 10 * _SHOWN:
            lines += ["", f"and {counted(len(others) - 10 * _SHOWN, 'other row')}"]
    names = [rule.name for rule in result.policy.rules]
    notes = dict.fromkeys(note for name in names for note in _by_labels(result, name))
    lines += ["", *(f"Note: {markdown_cell(one)}" for one in notes)]
    lines += ["", *(f"Not needed: {markdown_cell(one)}" for one in _unused(result))]
    return "\n".join([*lines, ""])


def _value(row: Mapping[str, Any]) -> str:
    """Return the value of a row; of a rule about a change, with its sign."""
    if not math.isfinite(row["value"]):
        return "–"
    is_change = bool(row["change"])
    shown = with_interval(
        row["value"], row["low"], row["high"], signed=is_change or bool(row["reference"])
    )
    return f"change {shown}" if is_change else shown
