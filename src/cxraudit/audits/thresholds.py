"""The thresholds that a user gives: by finding, or by model and finding, as options or as a table."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from cxraudit.audits.cohort import Cohort, Mask
from cxraudit.datasets import findings
from cxraudit.datasets.base import Dataset
from cxraudit.datasets.reading import read_table
from cxraudit.datasets.values import numbers, texts
from cxraudit.errors import ConfigError, DataError, UnknownNameError, short
from cxraudit.notices import Notice, counted
from cxraudit.schema import require_columns, require_rows
from cxraudit.settings import OTHERS, AuditSettings, rules_of
from cxraudit.stats.thresholds import rule_chooses

ANY_MODEL = ""
"""The model of a threshold that holds for all models."""


@dataclass(frozen=True, slots=True)
class Given:
    """A threshold of the user."""

    value: float
    source: str
    """Where it was given, in words."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The thresholds of the user, for models and findings of an audit."""

    given: Mapping[tuple[str, str], Given] = field(default_factory=dict)
    """By model (`ANY_MODEL` for all) and finding."""
    notices: tuple[Notice, ...] = ()

    def of(self, model: str, finding: str) -> Given | None:
        """Return the threshold of a model and finding; one for the model goes before one for all."""
        return self.given.get((model, finding)) or self.given.get((ANY_MODEL, finding))


def rule_of(settings: AuditSettings, dataset: Dataset, finding: str) -> str:
    """Return the rule that chooses the threshold of a finding; see `rules_for`."""
    rules = rules_for(settings, dataset)
    return rules.get(finding, rules[OTHERS])


def rules_for(settings: AuditSettings, dataset: Dataset) -> dict[str, str]:
    """Return finding → the rule that chooses its threshold, by the names of a data set; with `OTHERS`.

    Raises
    ------
    UnknownNameError
        If a rule is for a finding that the data set does not have.
    ConfigError
        If two rules are for one finding.
    """
    given = rules_of(settings.operating_point)
    rules: dict[str, str] = {}
    for name, rule in given.items():
        if name == OTHERS:
            continue
        finding = findings.resolve(name, dataset.findings, dataset.aliases)
        if finding in rules:
            raise ConfigError(f"operating_point has two rules for {finding}. Keep one of them.")
        rules[finding] = rule
    return {OTHERS: given[OTHERS], **rules}


@dataclass(frozen=True, slots=True)
class _Names:
    """The names that a threshold may be for."""

    models: Mapping[str, Sequence[str]]
    """Model as the user names it → as it is named in the results: more than one if it was scored with
    several prompt sets."""
    findings: Sequence[str]
    aliases: Mapping[str, str]

    def finding(self, name: str) -> str | None:
        """Return which finding a name means, if any."""
        return findings.find(name, self.findings, self.aliases)

    def parsed(self, name: str) -> tuple[str, str]:
        """Return model and finding of ``FINDING`` or ``MODEL:FINDING``; both may contain colons."""
        whole = self.finding(name)
        if whole is not None:
            return ANY_MODEL, whole
        colons = [at for at, letter in enumerate(name) if letter == ":"]
        splits = [(name[:at], name[at + 1 :]) for at in colons]
        for model, rest in splits:
            finding = self.finding(rest)
            if finding is not None:
                return self.known_model(model), finding
        named = next((rest for model, rest in splits if self.in_results(model)), name)
        raise UnknownNameError("finding", named, self.findings)

    def known_model(self, name: str) -> str:
        """Return the name of a model, which has to be one of the audit."""
        if not self.in_results(name):
            raise UnknownNameError("model", name, self.models)
        return name

    def in_results(self, name: str) -> Sequence[str]:
        """Return what a model is named in the results; nothing if there is no such model."""
        own = [name] if any(name in results for results in self.models.values()) else []
        return [ANY_MODEL] if name == ANY_MODEL else self.models.get(name, own)


def given_thresholds(
    settings: AuditSettings,
    dataset: Dataset,
    models: Mapping[str, Sequence[str]],
    *,
    scored: Sequence[str] | None = None,
) -> Thresholds:
    """Return the thresholds of the settings for the models and findings of an audit.

    Parameters
    ----------
    settings : AuditSettings
        Their ``thresholds`` are a mapping or the path of a table.
    dataset : Dataset
        Whose findings they may be for, by any of their names.
    models : mapping of str to sequence of str
        Model as the user names it → its names in the results.
    scored : sequence of str, optional
        Findings that are audited; a threshold of another one is named in a notice.

    Raises
    ------
    UnknownNameError
        If there is no such finding or model; also one that a rule is for.
    ConfigError
        If a threshold or a rule is given twice.
    DataError
        If the table is not what it should be.
    """
    rules_for(settings, dataset)
    names = _Names(models, dataset.findings, dataset.aliases)
    notices: list[Notice] = []
    if isinstance(settings.thresholds, str):
        path = Path(settings.thresholds)
        rows, read = _table(path, names)
        notices += read
        source = f"given in {path.name}"
    else:
        rows = [(*names.parsed(name), float(value)) for name, value in settings.thresholds.items()]
        source = "given"
    _refuse_twice(rows, source)
    rows = _of_results(rows, names)
    unused = sorted({finding for _, finding, _ in rows} - set(scored or dataset.findings))
    if unused:
        sentence = f"Thresholds without any score to apply them to: {', '.join(unused)}."
        notices.append(Notice(about="thresholds", count=len(unused), sentence=sentence))
    return Thresholds(
        {(model, finding): Given(value, source) for model, finding, value in rows},
        tuple(notices),
    )


def _of_results(
    rows: Sequence[tuple[str, str, float]], names: "_Names"
) -> list[tuple[str, str, float]]:
    """Return the thresholds by the names in the results; that of one goes before that of several."""
    named = [(names.in_results(model), finding, value) for model, finding, value in rows]
    found: dict[tuple[str, str], float] = {}
    for results, finding, value in sorted(named, key=lambda row: -len(row[0])):
        found |= {(result, finding): value for result in results}
    return [(*place, value) for place, value in found.items()]


def _refuse_twice(rows: Iterable[tuple[str, str, float]], source: str) -> None:
    found: set[tuple[str, str]] = set()
    for model, finding, _ in rows:
        if (model, finding) in found:
            of = finding if model == ANY_MODEL else f"{finding} of {model}"
            raise ConfigError(f"two thresholds of {of} are {source}. Keep one of them.")
        found.add((model, finding))


def _table(path: Path, names: _Names) -> tuple[list[tuple[str, str, float]], Sequence[Notice]]:
    """Read a table with the columns finding, threshold and, if need be, model (blank: all models)."""
    what = f"the table of thresholds {path.name}"
    raw, notices = read_table(path, what="the table of thresholds")
    frame = _of_columns(raw, what)
    values, of_values = numbers(frame["threshold"], f"column 'threshold' of {path.name}")
    named, models = (texts(frame[name], f"column '{name}' of {path.name}") for name in _KEYS)
    missing = named.isna() | values.isna()
    if missing.any():
        first = frame[missing].iloc[0]
        raise DataError(
            f"{what} has {counted(int(missing.sum()), 'row')} without a finding or a threshold, first "
            f"{short(first['finding'])}: {short(first['threshold'])}. Fill them in, or delete the rows."
        )
    rows = [
        (
            ANY_MODEL if pd.isna(model) else names.known_model(model),
            findings.resolve(finding, names.findings, names.aliases),
            float(value),
        )
        for model, finding, value in zip(models, named, values, strict=True)
    ]
    return rows, (*notices, *of_values, *_unused(raw, path))


_KEYS = ("finding", "model")


def _of_columns(raw: pd.DataFrame, what: str) -> pd.DataFrame:
    """Return the three columns by their names in lower case; a model column need not be there."""
    frame = raw.rename(columns=_plain)
    if twice := sorted(set(frame.columns[frame.columns.duplicated()])):
        raise DataError(f"{what} has two columns called {twice[0]}. Delete one of them.")
    require_columns(what, frame, ["finding", "threshold"])
    require_rows(what, frame)
    return frame if "model" in frame else frame.assign(model=None)


def _unused(raw: pd.DataFrame, path: Path) -> list[Notice]:
    others = [str(name) for name in raw if _plain(name) not in ("threshold", *_KEYS)]
    if not others:
        return []
    sentence = f"Columns that are not used: {', '.join(map(short, others))}."
    return [Notice(about=path.name, count=len(others), sentence=sentence)]


def _plain(name: object) -> str:
    return str(name).strip().lower()


@dataclass(frozen=True, slots=True)
class Used:
    """A threshold that images are flagged at."""

    model: str
    """Or its training run."""
    finding: str
    given: Given | None
    """As the user gave it; None if a rule chose it."""
    threshold: float
    """Infinite if no image is flagged."""
    patients: int
    """Whose images are flagged or not."""


def threshold_facts(
    cohort: Cohort, tuning: Mask, used: Sequence[Used], free: Sequence[str]
) -> dict[str, Any]:
    """Return what a report states of thresholds and of the patients they were chosen on, as plain data.

    Parameters
    ----------
    cohort : Cohort
        The audited images.
    tuning : numpy.ndarray of bool, shape (n_images,)
        The images of tuning patients.
    used : sequence of Used
        The thresholds.
    free : sequence of str
        The findings that a model has no given threshold for.
    """
    settings = cohort.settings
    rules = {finding: rule_of(settings, cohort.dataset, finding) for finding in {*free}}
    held_out = settings.calibration == "platt" or any(map(rule_chooses, rules.values()))
    patients = cohort.images["patient_id"]
    n_tuning = int(patients[tuning].nunique()) if held_out else 0
    return {
        "tuning": {
            "held_out": held_out,
            "patients": n_tuning,
            "evaluated": int(patients.nunique()) - n_tuning,
        },
        "thresholds": [
            {
                "model": one.model,
                "finding": one.finding,
                "threshold": one.threshold if math.isfinite(one.threshold) else None,
                "source": one.given.source if one.given else rules[one.finding],
                "patients": one.patients,
            }
            for one in used
        ],
    }
