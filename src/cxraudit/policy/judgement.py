"""Rules and results → outcomes.

What is not shown is not passed: a row without a value, an interval or a verdict, an *inconclusive* one, and a
row that a rule names and the audit lacks are inconclusive.
"""

import datetime
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import Any

import pandas as pd

from cxraudit.audits.changes import CHANGED, Diff
from cxraudit.audits.result import Audit
from cxraudit.audits.two_labels import note_on, notes_by_labels
from cxraudit.errors import ConfigError
from cxraudit.formats.rows import without_mirrors
from cxraudit.formatting import decimal
from cxraudit.policy.rules import CONCLUSIONS, Allowance, Policy, Rule
from cxraudit.schema import (
    KEY_COLUMNS,
    NULL_MODEL,
    RESULT_COLUMNS,
    SEARCHED,
    Analysis,
    Reason,
    is_level,
    records,
)
from cxraudit.stats.estimate import WITHIN_MARGIN, Verdict

COLUMNS = ("rule", "change", "outcome", *KEY_COLUMNS, "value", "low", "high", "verdict", "why")
"""Of the table of outcomes."""


class Outcome(StrEnum):
    """Of a row, a rule, or a policy."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    ALLOWED = "allowed"
    """Inconclusive, and accepted by the policy; counts as passed."""


EXIT_CODES: Mapping[Outcome, int] = {
    Outcome.PASSED: 0,
    Outcome.FAILED: 1,
    Outcome.INCONCLUSIVE: 3,
}
"""Outcome of a policy → exit code of ``cxraudit gate``; 2 is a wrong use."""


@dataclass(frozen=True, slots=True, eq=False)
class GateResult:
    """The outcome of a policy."""

    policy: Policy
    rows: pd.DataFrame
    """One row per rule and row of results it is about, or that it misses; columns `COLUMNS`."""
    since: Diff | None = None
    """What changed since an earlier audit, if that was given."""
    by_labels: tuple[tuple[str, Mapping[str, Any], str], ...] = ()
    """Rule, row and note, where reference labels lead to another conclusion on a gap; they decide nothing."""

    @property
    def by_rule(self) -> dict[str, Outcome]:
        """Name of each rule → its outcome: failed if any row failed, else inconclusive if any is."""
        return {
            rule.name: _worst(self.rows.loc[self.rows["rule"] == rule.name, "outcome"])
            for rule in self.policy.rules
        }

    def unused(self) -> list[tuple[str, Allowance]]:
        """Return the allowances that accepted no row, with the names of their rules."""
        return [
            (rule.name, one)
            for rule in self.policy.rules
            for one in rule.allow
            if not self._accepted(rule, one)
        ]

    def _accepted(self, rule: Rule, one: Allowance) -> bool:
        own = self.rows[
            (self.rows["rule"] == rule.name) & (self.rows["outcome"] == Outcome.ALLOWED)
        ]
        return any(_is_about(one, row) for row in records(own))

    @property
    def outcome(self) -> Outcome:
        """The worst of all rules; what is allowed counts as passed."""
        worst = _worst(list(self.by_rule.values()))
        return Outcome.PASSED if worst == Outcome.ALLOWED else worst

    @property
    def exit_code(self) -> int:
        """0 passed, 1 failed, 3 inconclusive."""
        return EXIT_CODES[self.outcome]


def _worst(outcomes: Sequence[str] | pd.Series) -> Outcome:
    found = set(outcomes)
    for one in (Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.ALLOWED):
        if one in found:
            return one
    return Outcome.PASSED


def gate(
    audit: Audit,
    policy: Policy,
    *,
    since: Diff | None = None,
    today: datetime.date | None = None,
) -> GateResult:
    """Judge an audit by a policy.

    Parameters
    ----------
    audit : Audit
        From `cxraudit.audit` or `cxraudit.open_audit`.
    policy : Policy
        From `cxraudit.read_policy`.
    since : Diff, optional
        What changed since an earlier audit, from `cxraudit.diff`: what rules with ``change`` are about.
    today : datetime.date, optional
        The day that allowances are compared with. Default: that of the computer.

    Returns
    -------
    GateResult
        Every row that a rule is about, with its outcome and why.

    Raises
    ------
    TypeError
        If an argument is of another type.
    ConfigError
        If a rule is about a change, and no change is given.

    Notes
    -----
    A rule that holds for all rows holds with the error rate of one: that every AUROC is at least 0.8 is
    shown if each of the lower limits is. That one of many rows fails is likelier by chance; with
    ``interval = "simultaneous"`` the limits hold for all differences at once.
    """
    _check(audit, policy, since)
    day = today or datetime.datetime.now().astimezone().date()
    about_change = [rule.name for rule in policy.rules if rule.change]
    if about_change and since is None:
        raise ConfigError(
            f"the rule '{about_change[0]}' is about a change. Name the earlier audit: --since FOLDER (in "
            "Python, since=cxraudit.diff(old, new))."
        )
    found: list[dict[str, Any]] = [
        {"rule": rule.name, "change": rule.change, **row}
        for rule in policy.rules
        for row in _outcomes(rule, _judged_rows(rule, audit, since), day)
    ]
    notes = notes_by_labels(audit)
    by_labels: tuple[tuple[str, Mapping[str, Any], str], ...] = tuple(
        (row["rule"], row, note)
        for row in found
        if not row["change"] and (note := note_on(row, notes))
    )
    return GateResult(policy, pd.DataFrame(found, columns=list(COLUMNS)), since, by_labels)


def _check(audit: object, policy: object, since: object) -> None:
    for name, value, kind in (("audit", audit, Audit), ("policy", policy, Policy)):
        if not isinstance(value, kind):
            raise TypeError(f"{name} must be a {kind.__name__}, got {type(value).__name__}.")
    if since is not None and not isinstance(since, Diff):
        raise TypeError(f"since must be a Diff, from cxraudit.diff, got {type(since).__name__}.")


@dataclass(frozen=True, slots=True)
class _Rows:
    """What a rule is about."""

    results: pd.DataFrame
    models: Sequence[str]


def _judged_rows(rule: Rule, audit: Audit, since: Diff | None) -> _Rows:
    if rule.change and since is not None:
        return _Rows(since.results, since.facts["new_models"])
    return _Rows(audit.results, audit.facts["models"])


def _outcomes(rule: Rule, judged: _Rows, day: datetime.date) -> Iterator[dict[str, Any]]:
    """Yield the outcome of every row of a rule, and of what the rule names and the audit lacks."""
    results = judged.results
    pairs = pd.MultiIndex.from_frame(results[["analysis", "metric"]])
    of_rule = pd.Series(pairs.isin(rule.judged), index=results.index)
    if rule.model is None:
        of_rule &= results["model"] != NULL_MODEL
    if rule.reference is None:
        of_rule &= _about(rule.kind, results)
    for column, values in rule.chosen().items():
        of_rule &= results[column].isin(values)
    rows = records(results[of_rule])
    for row in without_mirrors(rows) if _is_about_sizes(rule) else rows:
        outcome, why = _JUDGES[rule.kind](rule, row)
        yield _row(rule, row, outcome, why, day)
    yield from (
        _row(rule, _blank(rule) | missing, Outcome.INCONCLUSIVE, why, day)
        for missing, why in _missing(rule, rows, judged.models)
    )


def _is_about_sizes(rule: Rule) -> bool:
    """Tell whether a gap between two groups is one requirement: it is not signed, and no group is named."""
    named = any(one.group for one in (rule, *rule.allow))
    return rule.kind not in ("at_least", "at_most") and not named


def _about(kind: str, results: pd.DataFrame) -> "pd.Series[bool]":
    """Tell which rows a kind of rule is about, if it names no reference."""
    levels = is_level(results)
    if kind in ("at_least", "at_most"):
        return levels
    # A difference on the patients that a slice was searched on was selected, and says nothing.
    differences = ~levels & (results["condition"] != SEARCHED)
    return differences | (results["verdict"] != "") if kind == "verdicts" else differences


def _missing(
    rule: Rule, rows: Sequence[Mapping[str, Any]], models: Sequence[str]
) -> Iterator[tuple[dict[str, str], str]]:
    """Yield what a rule requires that no row has.

    Every combination of model, finding, attribute and metric has to be there, where the rule names them, and
    of models in any case, with the findings of any of them; of the other columns every value.
    """
    given = rule.chosen()
    # Of a comparison of models one of them is the reference, and has no row of its own.
    tested = [name for name in models if name != NULL_MODEL]
    of_models = {analysis for analysis, _ in rule.judged} == {Analysis.MODELS}
    wanted = given.get("model", [] if of_models else tested)
    crossed = {"model": wanted} if wanted else {}
    crossed |= {"metric": [metric for _, metric in rule.judged]}
    crossed |= {name: given[name] for name in ("finding", "attribute") if name in given}
    if wanted and "finding" not in crossed and rows:
        crossed["finding"] = list(dict.fromkeys(row["finding"] for row in rows))
    present = {tuple(row[name] for name in crossed) for row in rows}
    absent = [one for one in product(*crossed.values()) if one not in present]
    for values in absent:
        missing = dict(zip(crossed, values, strict=True))
        named = ", ".join(f"{name} '{value}'" for name, value in missing.items() if value)
        yield missing, f"the audit has no row of {named} for this rule"
    for column, values in given.items():
        for value in values:
            if column not in crossed and value not in {row[column] for row in rows}:
                yield {column: value}, f"the audit has no row of {column} '{value}' for this rule"


def _blank(rule: Rule) -> dict[str, Any]:
    """Return a row of results without values."""
    empty = {name: "" if kind == "str" else math.nan for name, kind in RESULT_COLUMNS.items()}
    return empty | {"analysis": rule.judged[0][0]}


def _row(
    rule: Rule, row: Mapping[str, Any], outcome: Outcome, why: str, day: datetime.date
) -> dict[str, Any]:
    if outcome == Outcome.INCONCLUSIVE:
        about = [one for one in rule.allow if _is_about(one, row)]
        if valid := [one for one in about if day <= one.until]:
            outcome = Outcome.ALLOWED
            why += f"; allowed until {valid[0].until.isoformat()}: {valid[0].reason}"
        elif about:
            why += f"; was allowed until {about[0].until.isoformat()}: {about[0].reason}"
    low, high = _limits(rule, row)  # what it was judged by
    if rule.widens_at_most is not None and "old" in row:
        row = {**row, "value": abs(row["new"]) - abs(row["old"])}
    judged = {**row, "low": low, "high": high, "outcome": outcome.value, "why": why}
    return {name: judged[name] for name in COLUMNS if name in judged}


def _is_about(allowance: Allowance, row: Mapping[str, Any]) -> bool:
    """Tell whether a row may be inconclusive; a row that is not there has to be named."""
    if row.get("dataset") == "" and not allowance.chosen():
        return False
    return all(row[column] in values for column, values in allowance.chosen().items())


Judged = tuple[Outcome, str]


def _without_verdict(row: Mapping[str, Any]) -> Judged | None:
    """Say that a row cannot be judged by its verdict."""
    if not row["verdict"]:
        return Outcome.INCONCLUSIVE, f"the audit gives no verdict on it{_reasons(row)}"
    if row["verdict"] == Verdict.UNDEFINED:
        return Outcome.INCONCLUSIVE, f"it is undefined{_reasons(row)}"
    return None


def _no_disparity(rule: Rule, row: Mapping[str, Any]) -> Judged:
    if unjudged := _without_verdict(row):
        return unjudged
    verdict = row["verdict"]
    if verdict in (Verdict.DISPARITY, CHANGED):
        return Outcome.FAILED, "a disparity is shown" if verdict != CHANGED else "a change is shown"
    if verdict in WITHIN_MARGIN:
        return Outcome.PASSED, f"shown to lie within {row['margin']:g}"
    if verdict == Verdict.UNCLEAR_SIZE:
        return (
            Outcome.INCONCLUSIVE,
            f"a difference is shown, not whether it exceeds {row['margin']:g}",
        )
    return Outcome.INCONCLUSIVE, f"the verdict is {verdict}{_reasons(row)}"


def _of_verdicts(rule: Rule, row: Mapping[str, Any]) -> Judged:
    verdict, wanted = row["verdict"], rule.verdicts or []
    if verdict in wanted:
        return Outcome.PASSED, f"the verdict is {verdict}"
    if unjudged := _without_verdict(row):
        return unjudged
    known = verdict in CONCLUSIONS and verdict != Verdict.UNCLEAR_SIZE
    why = f"the verdict is {verdict}{_reasons(row)}"
    return (Outcome.FAILED if known else Outcome.INCONCLUSIVE), why


def _number(limit: float) -> str:
    """Return a limit of a policy as it was given, with a minus sign."""
    return f"{limit:g}".replace("-", "\N{MINUS SIGN}")


def _limits(rule: Rule, row: Mapping[str, Any]) -> tuple[float, float]:
    if rule.widens_at_most is not None:
        return row.get("widened_low", math.nan), row.get("widened_high", math.nan)
    suffix = "_simultaneous" if rule.interval == "simultaneous" else ""
    return float(row[f"low{suffix}"]), float(row[f"high{suffix}"])


def _reasons(row: Mapping[str, Any]) -> str:
    """Return the codes of the reasons that the audit gives, in parentheses."""
    return f" ({', '.join(row['reasons'].split())})" if row["reasons"] else ""


def _by_limits(rule: Rule, row: Mapping[str, Any]) -> Judged:
    """Judge a row by its interval, if it has one and it is not of too few patients."""
    kind = "simultaneous interval" if rule.interval == "simultaneous" else "interval"
    low, high = _limits(rule, row)
    if not math.isfinite(row["value"]):
        return Outcome.INCONCLUSIVE, f"it has no value{_reasons(row)}"
    if not (math.isfinite(low) and math.isfinite(high)):
        return Outcome.INCONCLUSIVE, f"it has no {kind}{_reasons(row)}"
    if Reason.TOO_FEW_PATIENTS in row["reasons"].split():
        return Outcome.INCONCLUSIVE, f"its {kind} rests on too few patients{_reasons(row)}"
    if rule.within is not None:
        return _within(rule.within, low, high, row)
    if rule.at_least is not None:
        return _at_least(rule.at_least, low, high)
    if rule.widens_at_most is not None:
        return _widens_at_most(rule.widens_at_most, low, high)
    return _at_most(rule.at_most or 0.0, low, high)


def _within(limit: float, low: float, high: float, row: Mapping[str, Any]) -> Judged:
    if -limit < low and high < limit:
        return Outcome.PASSED, f"the interval lies within ±{_number(limit)}"
    if low >= limit or high <= -limit:
        return Outcome.FAILED, f"the interval lies beyond ±{_number(limit)}"
    verdict = f"; by the margin of the audit, {row['margin']:g}, it is {row['verdict']}"
    why = f"the interval holds values within and beyond ±{_number(limit)}"
    return Outcome.INCONCLUSIVE, why + (verdict if row["verdict"] in WITHIN_MARGIN else "")


def _at_least(limit: float, low: float, high: float) -> Judged:
    if low >= limit:
        return Outcome.PASSED, f"the lower limit is at least {_number(limit)}"
    if high < limit:
        return Outcome.FAILED, f"the upper limit is below {_number(limit)}"
    return Outcome.INCONCLUSIVE, f"the interval holds values above and below {_number(limit)}"


def _at_most(limit: float, low: float, high: float) -> Judged:
    if high <= limit:
        return Outcome.PASSED, f"the upper limit is at most {_number(limit)}"
    if low > limit:
        return Outcome.FAILED, f"the lower limit is above {_number(limit)}"
    return Outcome.INCONCLUSIVE, f"the interval holds values above and below {_number(limit)}"


def _widens_at_most(limit: float, low: float, high: float) -> Judged:
    limits = f"the gap has widened by {decimal(low, 3)} to {decimal(high, 3)}"
    if high <= limit:
        return Outcome.PASSED, limits
    return (Outcome.FAILED if low > limit else Outcome.INCONCLUSIVE), limits


_JUDGES = {
    "no_disparity": _no_disparity,
    "within": _by_limits,
    "at_least": _by_limits,
    "at_most": _by_limits,
    "widens_at_most": _by_limits,
    "verdicts": _of_verdicts,
}
"""Kind of a rule → how a row is judged by it."""
