"""The policy: a TOML file of rules about rows of results."""

import datetime
from os import PathLike
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from annotated_types import Ge, Gt
from pydantic import BeforeValidator, Field, FiniteFloat, WithJsonSchema, model_validator

from cxraudit.audits.changes import CHANGED
from cxraudit.audits.embeddings.probes import DECODABLE, NOT_DECODABLE
from cxraudit.audits.embeddings.score_direction import (
    NOT_ASSOCIATED,
    SHOWN_SHIFTS,
)
from cxraudit.errors import UnknownNameError
from cxraudit.files import read_toml
from cxraudit.metrics import METRICS, Family
from cxraudit.schema import Analysis
from cxraudit.stats.estimate import Verdict
from cxraudit.validation import Described, Name, validated

SELECTED = (
    "model",
    "prompt_set",
    "finding",
    "attribute",
    "group",
    "reference",
    "condition",
    "label_source",
)
"""Columns of the results, besides analysis and metric, that a rule can choose rows by."""
SEE = "cxraudit gate --schema"


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Names = Annotated[
    list[str],
    BeforeValidator(_listed),
    Field(min_length=1),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {"type": "array", "items": {"type": "string"}, "minItems": 1},
            ]
        }
    ),
]
CONCLUSIONS = (
    Verdict.DISPARITY,
    CHANGED,
    Verdict.UNCLEAR_SIZE,
    Verdict.SMALL,
    Verdict.EQUIVALENT,
    DECODABLE,
    NOT_DECODABLE,
    *SHOWN_SHIFTS,
    *SHOWN_SHIFTS.values(),
    NOT_ASSOCIATED,
)
"""Verdicts that a rule can require; what is inconclusive, unclear or undefined can only be allowed."""


class Selection(Described):
    """Which rows: every column that is given has to hold one of these values."""

    model: Names | None = None
    prompt_set: Names | None = None
    finding: Names | None = None
    attribute: Names | None = None
    group: Names | None = None
    reference: Names | None = None
    condition: Names | None = None
    label_source: Names | None = None

    def chosen(self) -> dict[str, list[str]]:
        """Return the columns that are given, with their values."""
        given = {name: getattr(self, name) for name in SELECTED}
        return {name: values for name, values in given.items() if values is not None}


class Allowance(Selection):
    """Rows that may be inconclusive, for a reason and until a day."""

    reason: Name
    until: datetime.date


class Rule(Selection):
    """One requirement of every row that it chooses; exactly one of the kinds."""

    name: Name
    because: str = ""
    """Why it is required; shown beside the outcome."""
    analysis: Name | None = None
    """Default: that of the metric."""
    metric: Names | None = None
    """Default: auroc; TPR and FPR for rates at the threshold; all three of a change."""
    change: bool = False
    """The rule is about what changed since an earlier audit; see `cxraudit.diff`."""
    no_disparity: Literal[True] | None = None
    """No difference is a disparity, and each is shown to be within the margin of the audit."""
    within: Annotated[FiniteFloat, Gt(0)] | None = None
    """Each difference is shown to lie between −within and within."""
    at_least: FiniteFloat | None = None
    """Each value is shown to be this high."""
    at_most: FiniteFloat | None = None
    """Each value is shown to be this low."""
    widens_at_most: Annotated[FiniteFloat, Ge(0)] | None = None
    """No gap is shown to have widened by more, and each is shown to have widened by at most this; only with
    ``change``."""
    verdicts: Annotated[list[str], Field(min_length=1)] | None = None
    """Each row has one of these verdicts."""
    interval: Literal["row", "simultaneous"] = "row"
    """Which interval shows it: that of the row, or the simultaneous one of the report."""
    allow: list[Allowance] = Field(default_factory=list)

    @property
    def kind(self) -> str:
        """Name of the kind that is given."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @property
    def judged(self) -> list[tuple[str, str]]:
        """Analysis and metric of the rows that it is about."""
        rates = [(Analysis.OPERATING_POINT.value, name) for name in RATES]
        if self.metric is None and self.analysis is None:
            return [(Analysis.SUBGROUPS.value, "auroc"), *(rates if self.change else [])]
        if self.metric is None:
            given = str(self.analysis)
            return rates if given == Analysis.OPERATING_POINT else [(given, "auroc")]
        return [(self.analysis or _analysis_of(name), name) for name in self.metric]

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(
                f"give one of {', '.join(KINDS)}; "
                + (f"{' and '.join(given)} are given" if given else "none is given")
            )
        if self.interval == "simultaneous" and given[0] in _WITHOUT_SIMULTANEOUS:
            raise ValueError(
                f"{given[0]} is about verdicts or sizes, which have no interval of their own"
            )
        if given[0] == "widens_at_most" and not self.change:
            raise ValueError("widens_at_most is about a change: add change = true")
        return self

    @model_validator(mode="after")
    def _known_words(self) -> Self:
        _known("analysis", [self.analysis or "subgroups"], [one.value for one in Analysis])
        _known("metric", self.metric or [], list(METRICS))
        other = Verdict.DISPARITY.value if self.change else CHANGED
        possible = [one for one in CONCLUSIONS if one != other]
        _known("verdict to require", self.verdicts or [], possible)
        return self

    @model_validator(mode="after")
    def _possible_limits(self) -> Self:
        """Refuse limits that no value can meet or miss, such as percentages."""
        signed = self.change or self.reference is not None
        for metric in (METRICS[name] for _, name in self.judged if name in METRICS):
            reach = metric.high - metric.low
            # A change, or a difference, of more than half of what there can be is a level meant otherwise.
            ends = (-reach / 2, reach / 2) if signed else (metric.low, metric.high)
            limits = {name: getattr(self, name) for name in ("at_least", "at_most")}
            sizes = {name: getattr(self, name) for name in ("within", "widens_at_most")}
            for name, limit in {**limits, **sizes}.items():
                low, high = ends if name in limits else (0.0, reach)
                if limit is not None and not low <= limit <= high:
                    about = "is about a difference, and" if signed else "decides nothing:"
                    raise ValueError(
                        f"{name} = {limit:g} {about} {metric.name} lies between {metric.low:g} and "
                        f"{metric.high:g}"
                    )
        return self


RATES = ("tpr", "fpr")
"""Rates at the threshold that a rule without a metric is about."""
_OF_FAMILIES = {
    Family.DECISION: Analysis.OPERATING_POINT,
    Family.CALIBRATION: Analysis.CALIBRATION,
}


def _analysis_of(metric: str) -> str:
    """Return the analysis whose rows a metric is usually in."""
    known = METRICS.get(metric)
    return _OF_FAMILIES.get(known.family, Analysis.SUBGROUPS).value if known else "subgroups"


KINDS = ("no_disparity", "within", "at_least", "at_most", "widens_at_most", "verdicts")
"""What a rule can require, as keys of the file."""


_WITHOUT_SIMULTANEOUS = ("no_disparity", "verdicts", "widens_at_most")


def _known(what: str, given: list[str], known: list[str]) -> None:
    for name in given:
        if name not in known:
            raise ValueError(str(UnknownNameError(what, name, known)))


class Policy(Described):
    """Rules that a release has to meet."""

    name: str = ""
    rules: Annotated[list[Rule], Field(min_length=1)]

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [rule.name for rule in self.rules]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two rules are called '{twice[0]}'")
        return self


def read_policy(path: str | PathLike[str]) -> Policy:
    """Read a policy.

    Parameters
    ----------
    path : str or path
        TOML file with ``[[rules]]``.

    Returns
    -------
    Policy

    Raises
    ------
    ConfigError
        If the file is missing, no TOML, or has unknown keys or wrong values: every mistake is named.
    """
    file = Path(path)
    return validated(Policy, read_toml(file, what="the policy"), file, see=SEE)
