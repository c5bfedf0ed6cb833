"""Labels of findings, and yes and no of shortcuts."""

import math

import pandas as pd

from cxraudit.datasets.values import words
from cxraudit.datasets.values.text import Values, plain, refuse, understood, unknown_notice
from cxraudit.errors import DataError
from cxraudit.notices import Notice, counted, named
from cxraudit.schema import ANNOTATED, PREDICTED, UNKNOWN

POLICIES = {"zeros": 0.0, "ones": 1.0, "ignore": math.nan}
"""Name of a policy → value of an uncertain label."""
MEANS = {"zeros": "absent", "ones": "present", "ignore": "not labelled"}
"""Name of a policy → its meaning in a sentence."""

_UNCERTAIN = -1


def _meaning(word: str) -> int | None:
    """Return 1, 0, −1 for uncertain, or None."""
    text = plain(word).replace("\u2212", "-").replace(",", ".")
    if text[-1:].isdigit() and "." in text:
        text = text.rstrip("0").rstrip(".") or "0"
    if text in words.POSITIVE:
        return 1
    if text in words.NEGATIVE:
        return 0
    return _UNCERTAIN if text in words.UNCERTAIN else None


def labels(values: pd.Series, about: str, *, uncertain: str | None = None) -> Values:
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

    Returns
    -------
    Values
        float64. Notices count the uncertain labels and the words that count as not labelled.

    Raises
    ------
    DataError
        If other values are found, or uncertain ones without a policy.
    """
    found = understood(values, about, _meaning)
    remedy = "A label is 1, 0 or blank: recode them."
    refuse(found.wrong, about, "label", remedy)
    numbers = found.series.astype("float64")
    doubtful = numbers == _UNCERTAIN
    notices = unknown_notice(about, _without_blank(found.missing), "not labelled")
    if number := int(doubtful.sum()):
        listed = named(values[doubtful].astype("str").str.strip().value_counts().to_dict())
        if uncertain is None:
            raise DataError(
                f"{about} holds {counted(number, 'uncertain label')}: {listed}. Say what they count "
                "as: --uncertain ignore (not labelled), zeros or ones."
            )
        stated = (
            f"{counted(number, 'uncertain label')}: {listed}; they count as {MEANS[uncertain]}."
        )
        notices.append(Notice(about=about, count=number, sentence=stated))
        numbers = numbers.mask(doubtful, POLICIES[uncertain])
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
    found = understood(values, about, _meaning)
    refuse(found.wrong, about, "yes or no", "A shortcut is yes, no, 1, 0 or blank: recode them.")
    doubtful = found.series == _UNCERTAIN
    listed = values[doubtful].astype("str").str.strip().value_counts().to_dict()
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
