"""Labels of findings, and yes and no of shortcuts."""

import math
from typing import NamedTuple

import pandas as pd

from cxraudit.datasets.values import words
from cxraudit.datasets.values.text import (
    Understood,
    Values,
    plain,
    refuse,
    texts,
    understood,
    unknown_notice,
)
from cxraudit.errors import ConfigError, DataError
from cxraudit.notices import Notice, counted, named
from cxraudit.schema import ANNOTATED, PREDICTED, UNKNOWN

POLICIES = {"zeros": 0.0, "ones": 1.0, "ignore": math.nan}
"""Name of a policy → value of an uncertain label."""
MEANS = {"zeros": "absent", "ones": "present", "ignore": "not labelled"}
"""Name of a policy → its meaning in a sentence."""

UNCERTAIN = -1
"""An uncertain label, as `given_labels` returns it."""

_MINUS = ("-", "\u2212", "\u2013", "\u2014")


def _meaning(word: str) -> int | None:
    """Return 1, 0, −1 for uncertain, or None."""
    text = plain(word).replace("\u2212", "-").replace(",", ".")
    if text[-1:].isdigit() and "." in text:
        text = text.rstrip("0").rstrip(".") or "0"
    if text in words.POSITIVE:
        return 1
    if text in words.NEGATIVE:
        return 0
    return UNCERTAIN if text in words.UNCERTAIN else None


def _understood(values: pd.Series, about: str) -> Understood:
    """Give labels their meaning; beside ``+``, a dash is negative and not a blank."""
    signs = bool((texts(values, about) == "+").any())
    return understood(values, about, lambda word: 0 if signs and word in _MINUS else _meaning(word))


class Labels(NamedTuple):
    """Labels as they were given: 1, 0, −1 for uncertain, NaN for *not labelled*."""

    series: pd.Series
    blank: "pd.Series[bool]"
    """Which cells are blank; others without a label hold a word for missing."""
    uncertain: dict[str, int]
    """Words for uncertain, and how often each occurs."""
    notices: tuple[Notice, ...]
    """Words that count as not labelled."""


def given_labels(
    values: pd.Series, about: str, remedy: str = "A label is 1, 0 or blank: recode them."
) -> Labels:
    """Return the labels of a finding as they were given, before any policy.

    Raises
    ------
    DataError
        If a value is no label.
    """
    found = _understood(values, about)
    refuse(found.wrong, about, "label", remedy)
    numbers = found.series.astype("float64")
    doubtful = texts(values[numbers == UNCERTAIN], about).value_counts()
    return Labels(
        numbers,
        texts(values, about).isna(),
        {str(word): int(n) for word, n in doubtful.items()},
        tuple(unknown_notice(about, _without_blank(found.missing), "not labelled")),
    )


def labels(
    values: pd.Series, about: str, *, uncertain: str | None = None, flag: str = "--uncertain "
) -> Values:
    """Return labels of a finding: 1, 0, and NaN for *not labelled*.

    Parameters
    ----------
    values : pandas.Series
        1 or 0, true or false, yes or no, positive or negative; −1, ``u``, ``uncertain`` or ``?`` for
        uncertain; blank or a usual word for missing.
    about : str
        What a message calls the column.
    uncertain : {"zeros", "ones", "ignore"}, optional
        What an uncertain label counts as; without it, uncertain labels are refused.
    flag : str
        How a message writes this option, up to its value.

    Returns
    -------
    Values
        float64. Notices count the uncertain labels and the words that count as not labelled.

    Raises
    ------
    DataError
        If other values are found, or uncertain ones without a policy.
    ConfigError
        If there is no such policy.
    """
    if uncertain is not None and uncertain not in POLICIES:
        raise ConfigError(f"uncertain is one of {', '.join(POLICIES)}, got {uncertain!r}.")
    found = given_labels(values, about)
    numbers, notices = found.series, list(found.notices)
    if number := sum(found.uncertain.values()):
        listed = named(found.uncertain)
        if uncertain is None:
            raise DataError(
                f"{about} holds {counted(number, 'uncertain label')}: {listed}. Say what they count "
                f"as: {flag}ignore (not labelled), zeros or ones."
            )
        stated = (
            f"{counted(number, 'uncertain label')}: {listed}; they count as {MEANS[uncertain]}."
        )
        notices.append(Notice(about=about, count=number, sentence=stated))
        numbers = numbers.mask(numbers == UNCERTAIN, POLICIES[uncertain])
    return Values(numbers, tuple(notices))


def _without_blank(missing: dict[str, int]) -> dict[str, int]:
    """Leave out blank cells, which are what an image without a label has."""
    return {word: count for word, count in missing.items() if word}


def yes_no(values: pd.Series, about: str) -> Values:
    """Return ``yes``, ``no`` and ``unknown`` of a shortcut; uncertain values are unknown.

    Raises
    ------
    DataError
        If other values are found.
    """
    found = _understood(values, about)
    refuse(found.wrong, about, "yes or no", "A shortcut is yes, no, 1, 0 or blank: recode them.")
    listed = texts(values[found.series == UNCERTAIN], about).value_counts().to_dict()
    unknown = {**found.missing, **{str(word): int(n) for word, n in listed.items()}}
    answers = found.series.map({1: "yes", 0: "no"}).fillna(UNKNOWN).astype("str")
    return Values(answers, tuple(unknown_notice(about, unknown)))


def label_sources(values: pd.Series, about: str) -> Values:
    """Return who gave each label: ``annotated``, ``predicted`` or ``unknown``.

    Raises
    ------
    DataError
        If other values are found.
    """
    found = understood(values, about, _source)
    remedy = f"A label is {ANNOTATED} (by people) or {PREDICTED} (by a program): recode them."
    refuse(found.wrong, about, "source of a label", remedy)
    sources = found.series.fillna(UNKNOWN).astype("str")
    return Values(sources, tuple(unknown_notice(about, found.missing)))


def _source(word: str) -> str | None:
    if plain(word) in words.ANNOTATED:
        return ANNOTATED
    return PREDICTED if plain(word) in words.PREDICTED else None
