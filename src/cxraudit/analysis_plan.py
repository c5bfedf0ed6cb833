"""The plan of an analysis: a TOML file, written before an audit, which states every departure.

It holds what decides the conclusions: findings, attributes, shortcuts, models, all settings of the audit but
those of `FREE`, and how the data are read as far as `READING` says. Which column is which is no part of it.
A hash over its content shows whether it is as it was written.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from typing import Any

from pydantic import Field

from cxraudit.datasets.base import NO_POLICY, UNCERTAIN
from cxraudit.datasets.findings import find
from cxraudit.datasets.values.labels import POLICIES
from cxraudit.errors import ConfigError, shown
from cxraudit.files import package_version, read_toml, toml_key, toml_value, write_text
from cxraudit.settings import OTHERS, AuditSettings, bin_edges, options, rules_of
from cxraudit.validation import Described, Name, validated

FREE = ("n_threads", "suppress_below", "trained_on", "images_from")
"""Settings that decide no conclusion: how fast it is computed, what is hidden, what is stated of models and
images."""

READING: Mapping[str, tuple[str, ...]] = {
    "patients": ("known", "unknown"),
    UNCERTAIN: (NO_POLICY, *POLICIES),
    "blank": tuple(POLICIES),
}
"""How data are read, as far as a plan holds it: whether patients are known, and what labels that are neither
positive nor negative count as; see `cxraudit.datasets.base.Dataset.reading`."""

ALWAYS_STATED = {
    "patients": "whether patients are known",
    UNCERTAIN: "how uncertain labels count",
}
"""What every audit decides on: where a plan does not hold it, the report says so."""

HASH_SHOWN = 12
"""Digits of the hash that reports show."""

_HEAD = """\
# An analysis planned before it is made. cxraudit audit --plan takes its settings from this file, and lists
# every departure from it. Whoever changes it has another plan: the hash no longer fits.

"""


class _PlanFile(Described):
    """The keys of the file."""

    date: Name
    version: Name
    sha256: Name
    findings: list[Name]
    attributes: list[Name]
    models: list[Name] = Field(default_factory=list)
    shortcuts: dict[Name, Name] | None = None
    reading: dict[Name, Name] = Field(default_factory=dict)
    settings: dict[Name, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisPlan:
    """What was planned before an audit."""

    date: str
    """Day it was written, in UTC: 2026-08-30."""
    version: str
    """Of cxraudit."""
    findings: tuple[str, ...]
    attributes: tuple[str, ...]
    settings: Mapping[str, Any]
    """Those of `cxraudit.AuditSettings` that were planned, as plain data; what a later version adds is not
    among them."""
    models: tuple[str, ...] = ()
    """Empty: any."""
    shortcuts: Mapping[str, str] | None = None
    """None: those that an audit has by default."""
    reading: Mapping[str, str] = field(default_factory=dict)
    """How the data are read, by the names of `READING`; what it does not name is not planned."""
    file: str = field(default="the plan", compare=False)
    """Name of the file, for messages."""

    @property
    def content(self) -> dict[str, Any]:
        """All that the hash is over."""
        return {
            "date": self.date,
            "version": self.version,
            "findings": list(self.findings),
            "attributes": list(self.attributes),
            **({"models": list(self.models)} if self.models else {}),
            **({} if self.shortcuts is None else {"shortcuts": dict(self.shortcuts)}),
            **({"reading": dict(self.reading)} if self.reading else {}),
            "settings": dict(self.settings),
        }

    @property
    def sha256(self) -> str:
        """SHA-256 of the content, whatever the order of its keys."""
        text = json.dumps(self.content, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def audit_settings(self, **given: Any) -> AuditSettings:
        """Return the settings of an audit: those planned, but for those given."""
        return AuditSettings(**{**self.settings, **given})

    def write(self, path: str | PathLike[str]) -> Path:
        """Write the file.

        Raises
        ------
        ConfigError
            If there is such a file: a plan that was written is not replaced.
        """
        target = Path(path)
        refuse_written(target)
        content = {"sha256": self.sha256, **self.content}
        plain = {name: value for name, value in content.items() if not isinstance(value, dict)}
        sections = {name: value for name, value in content.items() if isinstance(value, dict)}
        lines = [
            _HEAD + "".join(f"{name} = {toml_value(value)}\n" for name, value in plain.items())
        ]
        for name, values in sections.items():
            lines.append(f"\n[{name}]\n")
            lines += [f"{toml_key(key)} = {toml_value(value)}\n" for key, value in values.items()]
        return write_text(target, "".join(lines))


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """What an audit does, after comparing what is given with its plan."""

    plan: AnalysisPlan
    settings: AuditSettings
    attributes: tuple[str, ...]
    shortcuts: Mapping[str, str] | None
    departures: tuple[Mapping[str, Any], ...]
    """``setting``, ``planned`` and ``used`` of each."""
    reason: str

    def record(self) -> dict[str, Any]:
        """Return what the facts of the audit hold of its plan."""
        return {
            "date": self.plan.date,
            "version": self.plan.version,
            "sha256": self.plan.sha256,
            "departures": [dict(one) for one in self.departures],
            "not_planned": [name for name in ALWAYS_STATED if name not in self.plan.reading],
            "reason": self.reason if self.departures else "",
        }


def refuse_written(path: Path) -> None:
    """Check that a plan would replace no file.

    Raises
    ------
    ConfigError
        If there is such a file: a plan that was written is not replaced.
    """
    if os.path.lexists(path):
        raise ConfigError(
            f"{path} exists, and a plan that was written is not replaced. Choose another name."
        )


def make_plan(
    findings: str | Sequence[str],
    attributes: str | Sequence[str],
    *,
    settings: AuditSettings | None = None,
    shortcuts: Mapping[str, str] | None = None,
    models: str | Sequence[str] = (),
    reading: Mapping[str, str] | None = None,
) -> AnalysisPlan:
    """Plan an analysis, as of today.

    Parameters
    ----------
    findings, attributes : str or sequence of str
        What will be audited.
    settings : AuditSettings, optional
        How; thresholds as numbers. What they name has to be among findings, attributes and models.
    shortcuts : mapping of str to str, optional
        As in `cxraudit.audit`.
    models : str or sequence of str
        The models that will be audited; default: any.
    reading : mapping of str to str, optional
        How the data will be read, as `cxraudit.datasets.base.Dataset.reading` returns it: ``patients``
        (known or unknown), ``uncertain`` (none, zeros, ones or ignore) and ``blank`` (zeros, ones or
        ignore). Default: patients are known. What it does not name is not planned.

    Raises
    ------
    ConfigError
        If there is no finding, thresholds are those of a file, which may change, or settings or shortcuts
        name what is not planned.
    """
    settings = settings or AuditSettings()
    if not isinstance(settings, AuditSettings):
        raise TypeError(
            f"settings must be AuditSettings, got {type(settings).__name__}: AuditSettings(...) makes them"
        )
    for name, value in (("shortcuts", shortcuts), ("reading", reading)):
        if value is not None and not isinstance(value, Mapping):
            raise ConfigError(f"{name} must be names with values, got {shown(value)}.")
    named = {
        what: _names(what, given)
        for what, given in (("findings", findings), ("attributes", attributes), ("models", models))
    }
    if not named["findings"]:
        raise ConfigError("a plan needs at least one finding.")
    if isinstance(settings.thresholds, str):
        raise ConfigError(
            f"a plan holds the thresholds themselves, not the file {settings.thresholds}: give "
            "FINDING=NUMBER."
        )
    for refused in _that_cannot_be_followed(settings, shortcuts or {}, **named):
        raise ConfigError(refused)
    return AnalysisPlan(
        date=datetime.now(UTC).date().isoformat(),
        version=package_version(),
        findings=named["findings"],
        attributes=named["attributes"],
        models=named["models"],
        settings=_planned(settings),
        shortcuts=None if shortcuts is None else dict(shortcuts),
        reading=_checked_reading({"patients": "known"} if reading is None else reading),
    )


def _names(what: str, given: str | Sequence[str]) -> tuple[str, ...]:
    """Return names, each once; a single text is one.

    Raises
    ------
    ConfigError
        If one is empty or is no text.
    """
    names = list(given) if isinstance(given, Iterable) and not isinstance(given, str) else [given]
    for one in names:
        if not isinstance(one, str) or not one.strip():
            raise ConfigError(f"the {what} of a plan are names, got {shown(one)}. Give a name.")
    return tuple(dict.fromkeys(names))


def _that_cannot_be_followed(
    settings: AuditSettings,
    shortcuts: Mapping[str, str],
    *,
    findings: Sequence[str],
    attributes: Sequence[str],
    models: Sequence[str],
) -> Iterator[str]:
    """Yield what no audit could follow, in a sentence each: settings of what is not planned."""
    columns = {part for one in attributes for part in one.split("*")}
    runs = settings.replicate_of
    planned = {*models, *(runs[name] for name in models if name in runs)}

    def of_finding(name: str) -> bool:
        return find(name, findings) is not None

    def of_model(name: str) -> bool:
        return not models or name in planned or runs.get(name) in planned

    def of_threshold(name: str) -> bool:
        # Names of models and findings may hold colons themselves.
        places = [at for at, letter in enumerate(name) if letter == ":"]
        return of_finding(name) or any(
            of_finding(name[at + 1 :]) and of_model(name[:at]) for at in places
        )

    rules = [name for name in rules_of(settings.operating_point) if name != OTHERS]
    known = {
        "finding": ", ".join(findings),
        "attribute": ", ".join(attributes) or "none",
        "model": ", ".join(models),
    }
    for what, kind, named, is_planned in (
        ("a threshold", "finding", settings.thresholds, of_threshold),
        ("the operating point", "finding", rules, of_finding),
        ("a shortcut", "finding", shortcuts.values(), of_finding),
        ("a reference group", "attribute", settings.references, set(attributes).__contains__),
        (
            "bins",
            "attribute",
            settings.bins,
            {"age", *columns, *_columns_of(shortcuts)}.__contains__,
        ),
        ("a training run", "model", runs, of_model),
    ):
        for name in named:
            if not is_planned(name):
                yield (
                    f"{what} is given for {name}, which the plan does not have; its {kind}s are "
                    f"{known[kind]}. Plan the {kind}, too, or leave it out."
                )


def _columns_of(shortcuts: Mapping[str, str]) -> set[str]:
    """Return the columns that shortcuts are made of, as in ``view_position:AP``."""
    return {name.partition(":")[0] for name in shortcuts}


def _checked_reading(reading: Mapping[str, str]) -> dict[str, str]:
    """Refuse names and values that no data are read with.

    Raises
    ------
    ConfigError
        If there is one.
    """
    for name, value in reading.items():
        if value not in READING.get(name, ()):
            allowed = "; ".join(f"{one}: {', '.join(of)}" for one, of in READING.items())
            raise ConfigError(
                f"reading: {shown(name)} cannot be {shown(value)}. A plan holds {allowed}."
            )
    return dict(reading)


def read_plan(path: str | PathLike[str]) -> AnalysisPlan:
    """Read the plan of an analysis.

    Raises
    ------
    ConfigError
        If the file is missing, has other keys or values than a plan, or its content is not that of its hash.
    """
    file = Path(path)
    data = read_toml(file, what="the plan")
    read = validated(_PlanFile, data, file, see="cxraudit plan --help")
    known = {one.name for one in options(AuditSettings)} - {*FREE}
    unknown = sorted(set(read.settings) - known)
    if unknown:
        raise ConfigError(
            f"{file}: settings.{unknown[0]} is no setting that this version of cxraudit plans; the plan was "
            f"written by version {read.version}. Audit with that version."
        )
    plan = AnalysisPlan(
        date=read.date,
        version=read.version,
        findings=tuple(read.findings),
        attributes=tuple(read.attributes),
        settings=read.settings,
        models=tuple(read.models),
        shortcuts=read.shortcuts,
        reading=_checked_reading(read.reading),
        file=file.name,
    )
    if plan.sha256 != read.sha256:
        raise ConfigError(
            f"{file} was changed after it was written: its content has the hash {plan.sha256[:HASH_SHOWN]}…, "
            f"and it states {read.sha256[:HASH_SHOWN]}…. Restore it, or write another one with cxraudit plan "
            "--write."
        )
    plan.audit_settings()  # refuses values that are not allowed
    return plan


def agree(
    plan: AnalysisPlan,
    *,
    settings: AuditSettings | None = None,
    attributes: Sequence[str] | None = None,
    shortcuts: Mapping[str, str] | None = None,
    reading: Mapping[str, str] | None = None,
    reason: str | None = None,
) -> Agreed:
    """Compare what is given with a plan; None is what was planned.

    `reading` is how the data were read; see `READING`.

    Raises
    ------
    ConfigError
        If something given contradicts the plan, and there is no reason to depart from it.
    """
    settings = plan.audit_settings() if settings is None else settings
    used = _planned(settings, thresholds_as_given=True)
    pairs: dict[str, tuple[Any, Any]] = {
        name: (value, used[name]) for name, value in plan.settings.items()
    }
    if attributes is not None:
        pairs["attributes"] = sorted(plan.attributes), sorted(set(attributes))
    if shortcuts is not None:
        planned = None if plan.shortcuts is None else dict(plan.shortcuts)
        pairs["shortcuts"] = planned, dict(shortcuts)
    if reading is not None:
        for name, value in plan.reading.items():
            pairs[name] = value, reading.get(name, NO_POLICY)
    departures = tuple(
        {"setting": name, "planned": planned, "used": given}
        for name, (planned, given) in pairs.items()
        if planned != given
    )
    words = (reason or "").strip()
    if departures and not words:
        listed = "; ".join(map(departure_in_words, departures))
        raise ConfigError(
            f"{plan.file} has another plan: {listed}. Leave that out, or give the reason to depart from the "
            'plan with --depart "REASON".'
        )
    return Agreed(
        plan=plan,
        settings=settings,
        attributes=tuple(dict.fromkeys(plan.attributes if attributes is None else attributes)),
        shortcuts=plan.shortcuts if shortcuts is None else shortcuts,
        departures=departures,
        reason=words,
    )


def departure_in_words(one: Mapping[str, Any]) -> str:
    """Return a departure with both values.

    Examples
    --------
    >>> departure_in_words({"setting": "margin", "planned": 0.1, "used": 0.05})
    'margin was planned as 0.1 and is 0.05'
    """
    planned, used = (
        json.dumps(one[name], ensure_ascii=False) if one[name] is not None else "the default"
        for name in ("planned", "used")
    )
    return f"{one['setting']} was planned as {planned} and is {used}"


def _planned(settings: AuditSettings, *, thresholds_as_given: bool = False) -> dict[str, Any]:
    """Return the settings of a plan as they are read back from a file."""
    bins = {name: list(bin_edges(name, edges)) for name, edges in settings.bins.items()}
    values = replace(settings, bins=bins).recorded()
    if thresholds_as_given:
        values["thresholds"] = settings.thresholds
    planned = {name: value for name, value in values.items() if name not in FREE}
    return json.loads(json.dumps(planned, default=list))
