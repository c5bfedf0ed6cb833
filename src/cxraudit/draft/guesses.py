"""What is guessed of a table: which column is which, what was seen, and what is left to the user."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from cxraudit.audits.scores import LONG
from cxraudit.datasets import values
from cxraudit.datasets.table import NO_PATIENTS
from cxraudit.draft import names
from cxraudit.draft.columns import Column, share
from cxraudit.draft.scores import UNNAMED, Scored, scored_findings
from cxraudit.schema import UNKNOWN

MOST_GROUPS = 20
"""Groups of an attribute that is guessed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """One line of a run file."""

    section: str
    """``scores``, ``scores.label``, ``scores.score``, ``audit``, ``audit.attributes`` …"""
    key: str
    value: object
    seen: str
    """What the guess rests on."""
    is_open: bool = False
    """Whether it is one of several possibilities, or may be wrong: the line is a comment then."""


@dataclass(slots=True)
class Guesses:
    """All guesses on a table, and the columns that none is about."""

    made: list[Guess] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    missing: list[str] = field(default_factory=list)
    """What the user has to decide before the file can be run."""

    def add(self, section: str, key: str, value: object, seen: str, *columns: str) -> None:
        """Add a line; `columns` are used by it."""
        self.made.append(Guess(section=section, key=key, value=value, seen=seen))
        self.used |= set(columns)

    def leave(self, section: str, key: str, value: object, seen: str, *columns: str) -> None:
        """Add a line that is a comment."""
        self.made.append(Guess(section=section, key=key, value=value, seen=seen, is_open=True))
        self.used |= set(columns)


def guess(columns: Sequence[Column]) -> Guesses:
    """Guess which column is which."""
    found = Guesses()
    rows = _named(columns, "model")[:1] + _named(columns, "seed")[:1]
    _images(found, columns, rows)
    _patients(found, columns)
    _demographics(found, columns)
    free = [one for one in columns if one.name not in found.used]
    scored = scored_findings(free)
    _findings(found, scored)
    free = [one for one in free if one.name not in found.used]
    if scored.labels:
        _shortcuts(found, free, [*scored.labels])
        _attributes(found, [one for one in free if one.name not in found.used])
    for role in ("sampling_weight", "severity"):
        for one in _named(free, role):
            if one.is_number and one.name not in found.used:
                found.leave("audit", role, one.name, _numbers(one), one.name)
    return found


def _named(columns: Sequence[Column], role: str) -> list[Column]:
    """Return the columns with a name of a role, the most usual name first."""
    places = [
        (place, one) for one in columns if (place := names.has_role(one.name, role)) is not None
    ]
    return [one for _, one in sorted(places, key=lambda item: item[0])]


def _images(found: Guesses, columns: Sequence[Column], rows: Sequence[Column]) -> None:
    """Find the column of images: one row each, or one per model and training run."""
    n_rows = len(columns[0].cells)
    named = _named(columns, "image")
    candidates = [one for one in named if not one.refusal(values.ids)]
    for one in candidates:
        if one.n_different == n_rows:
            found.add("scores", "image", one.name, f"{n_rows:,} rows, all different", one.name)
            _constant_model(found, rows)
            return
    for one in candidates:
        keys = [other for other in rows if other.n_different > 1]
        if keys and not _repeat([one, *keys]):
            seen = f"{one.n_different:,} different values in {n_rows:,} rows"
            found.add("scores", "image", one.name, seen, one.name)
            _row_keys(found, keys)
            return
    unique = [one for one in columns if one.n_different == n_rows and not one.is_number]
    unique = [one for one in unique if not one.refusal(values.ids)]
    if len(unique) == 1:
        one = unique[0]
        found.add(
            "scores",
            "image",
            one.name,
            f"the only column with {n_rows:,} different values",
            one.name,
        )
        return
    if candidates and _is_long(columns, candidates[0], rows):
        image = candidates[0].name
        found.add("scores", "image", image, "one row per image and finding", image, *LONG)
        return
    for one in unique or named:
        seen = one.refusal(values.ids) or f"{one.n_different:,} different values in {n_rows:,} rows"
        found.leave("scores", "image", one.name, seen, one.name)
    found.missing.append("image: the column that identifies the image, in one row each")


def _is_long(columns: Sequence[Column], image: Column, rows: Sequence[Column]) -> bool:
    """Tell whether a table has one row per image and finding, under the names that such tables have."""
    by_name = {one.name: one for one in columns}
    if not set(LONG) <= set(by_name) or not by_name["score"].is_number:
        return False
    keys = [image, by_name["finding"], *(one for one in rows if one.n_different > 1)]
    has_labels = any(one.labels is not None for one in columns)
    return not has_labels and not _repeat(keys)


def _repeat(keys: Sequence[Column]) -> bool:
    """Tell whether two rows have the same values in some columns."""
    return bool(pd.concat([one.cells for one in keys], axis=1).duplicated().any())


def _constant_model(found: Guesses, rows: Sequence[Column]) -> None:
    """Name the model by a column that names one."""
    for one in rows:
        if names.has_role(one.name, "model") is not None and one.n_different == 1:
            found.add("scores", "model_column", one.name, "names one model", one.name)


def _row_keys(found: Guesses, keys: Sequence[Column]) -> None:
    for one in keys:
        key = "model_column" if names.has_role(one.name, "model") is not None else "seed_column"
        what = "models" if key == "model_column" else "training runs"
        found.add(
            "scores", key, one.name, f"{one.n_different:,} {what}, one row per image each", one.name
        )


def _patients(found: Guesses, columns: Sequence[Column]) -> None:
    """Find the column of patients; several that differ are left to the user."""
    named = [one for one in _named(columns, "patient") if one.name not in found.used]
    fitting = [one for one in named if not one.refusal(values.ids)]
    codes = {one.name: tuple(pd.factorize(one.cells)[0]) for one in fitting}
    if len(set(codes.values())) > 1:
        for one in fitting:
            found.leave("scores", "patient", one.name, _per_patient(one), one.name)
        found.missing.append("patient: two columns may be that of patients, and they differ")
    elif fitting:
        one = fitting[0]
        found.add("scores", "patient", one.name, _per_patient(one), one.name)
        for other in fitting[1:]:
            found.leave("scores", "patient", other.name, "names the same patients", other.name)
    elif named:
        for one in named:
            found.leave("scores", "patient", one.name, one.refusal(values.ids), one.name)
        found.missing.append(
            'patient: the column of patients cannot be read; "none" if they are unknown'
        )
    else:
        seen = (
            "no column of patients was found: images are taken as independent, and intervals are too narrow "
            "if patients have several"
        )
        found.add("scores", "patient", NO_PATIENTS, seen)


def _per_patient(one: Column) -> str:
    mean = one.cells.notna().sum() / max(one.n_different, 1)
    return f"{one.n_different:,} different values, {mean:.1f} rows each on average"


def _demographics(found: Guesses, columns: Sequence[Column]) -> None:
    """Find age, sex and view."""
    readers = {"age": values.ages, "sex": values.sexes, "view": values.views}
    for role, reader in readers.items():
        named = [one for one in _named(columns, role) if one.name not in found.used]
        fitting = [one for one in named if not one.refusal(reader) and _any_known(one, reader)]
        fitting = [one for one in fitting if role != "view" or one.n_different <= MOST_GROUPS]
        for place, one in enumerate(fitting):
            series = reader(one.cells, one.about).series
            known = _known(series)
            seen = f"{share(known)} of the values are understood"
            if role != "age":
                seen += f", {series[known].nunique():,} groups"
            else:
                seen += f", from {series.min():.0f} to {series.max():.0f} years"
            add = found.leave if place else found.add
            add("scores", role, one.name, seen, one.name)
        for one in named:
            if one not in fitting:
                found.leave(
                    "scores", role, one.name, one.refusal(reader) or "no value is known", one.name
                )
                if role == "sex" and one.n_different <= 4:
                    codes = dict.fromkeys(
                        sorted(values.texts(one.cells, one.about).dropna().unique()), "SEX"
                    )
                    seen = "say what each value means: female, male, other or unknown"
                    found.leave("scores", "sex_values", codes, seen)


def _known(series: pd.Series) -> "pd.Series[bool]":
    """Return which values are known: numbers, or groups that are not unknown."""
    return series.notna() & (series != UNKNOWN)


def _any_known(one: Column, reader: Callable[[pd.Series, str], Any]) -> bool:
    return bool(_known(reader(one.cells, one.about).series).any())


def _findings(found: Guesses, scored: Scored) -> None:
    """State labels and scores."""
    for finding, one in scored.labels.items():
        assert one.labels is not None
        known = one.labels[one.labels.notna() & (one.labels >= 0)]
        seen = f"{share(one.labels.notna())} labelled, {share(known == 1)} of these present"
        if finding == UNNAMED:
            seen += "; give the finding its name, here and below"
        found.add("scores.label", finding, one.name, seen, one.name)
    for key, one in scored.scores.items():
        found.add("scores.score", key, one.name, _numbers(one), one.name)
    for key, one, why in scored.unclear:
        found.leave("scores.score", key, one.name, f"{_numbers(one)}; {why}", one.name)
    for finding, one in scored.unscored.items():
        found.leave(
            "scores.label", finding, one.name, "labels of a finding without scores", one.name
        )
    uncertain = [
        one for one in scored.labels.values() if one.labels is not None and (one.labels < 0).any()
    ]
    if uncertain:
        seen = f"uncertain labels in {len(uncertain):,} columns count as not labelled; or zeros, or ones"
        found.add("scores", "uncertain", "ignore", seen)
    if scored.model:
        found.add("scores", "model", scored.model, "in the names of all columns of scores")
    if not scored.scores and not set(LONG) <= found.used:
        found.missing.append("score: no column of scores was recognised")


def _numbers(one: Column) -> str:
    assert one.scores is not None
    return f"numbers from {one.scores.min():.3g} to {one.scores.max():.3g}"


def _shortcuts(found: Guesses, columns: Sequence[Column], findings: Sequence[str]) -> None:
    """Find columns of yes and no of devices, and the finding that each may stand in for."""
    for one in columns:
        hit = names.SHORTCUTS & set(one.words)
        answers = one.read(values.yes_no) if hit else None
        if answers is None or not {"yes", "no"} <= set(answers.series):
            continue
        known = answers.series[answers.series != UNKNOWN]
        seen = f"yes and no, {share(known == 'yes')} yes"
        usual = [name for word in sorted(hit) for name in names.SHORTCUT_FINDINGS.get(word, ())]
        choice = [name for name in usual if name in findings] or (
            findings if len(findings) == 1 else ()
        )
        if choice:
            found.add("audit.shortcuts", one.name, choice[0], seen, one.name)
        else:
            for name in findings[:3]:
                found.leave(
                    "audit.shortcuts", one.name, name, f"{seen}; name its finding", one.name
                )


def _attributes(found: Guesses, columns: Sequence[Column]) -> None:
    """Find columns of groups."""
    for one in columns:
        if not names.ATTRIBUTES & set(one.words):
            if "age" in one.words and one.groups and 2 <= len(one.groups) <= MOST_GROUPS:
                seen = f"{len(one.groups)} groups; ages in years would be divided by cxraudit"
                found.leave("audit.attributes", one.name, one.name, seen, one.name)
            continue
        if one.groups is not None and 2 <= len(one.groups) <= MOST_GROUPS:
            known = one.cells.notna()
            seen = f"{len(one.groups)} groups, {share(known)} of the cells have a value"
            found.add("audit.attributes", one.name, one.name, seen, one.name)
        elif one.is_number and one.scores is not None:
            edges = sorted(
                {float(f"{edge:.3g}") for edge in one.scores.quantile([0.25, 0.5, 0.75])}
            )
            seen = f"a number with {one.n_different:,} values: needs bins"
            found.leave("audit.attributes", one.name, one.name, seen, one.name)
            found.leave("audit.bins", one.name, edges, "quartiles, rounded")
        else:
            seen = f"{one.n_different:,} different values, which are too many or too few to compare"
            found.leave("audit.attributes", one.name, one.name, seen, one.name)


def unused(columns: Sequence[Column], used: set[str]) -> Mapping[str, str]:
    """Return the columns that no line is about → what they hold."""
    return {one.name: one.in_words() for one in columns if one.name not in used}
