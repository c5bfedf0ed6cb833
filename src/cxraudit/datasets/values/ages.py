"""Ages in years, in the spellings of tables and of DICOM."""

import re
from typing import NamedTuple

import numpy as np
import pandas as pd

from cxraudit.datasets.values import words
from cxraudit.datasets.values.text import is_missing, plain, refuse, texts, unknown_notices
from cxraudit.notices import Notice, counted, named

OLDEST = 120
"""A higher age is a data entry error (ChestX-ray14 has 412 and 155) and counts as unknown."""

_UNITS = {
    **dict.fromkeys(words.DAYS, 1 / 365.25),
    **dict.fromkeys(words.WEEKS, 7 / 365.25),
    **dict.fromkeys(words.MONTHS, 1 / 12),
    **dict.fromkeys(words.YEARS, 1.0),
    "": 1.0,
}
_AGE = re.compile(
    r"(?P<more>>=|≥|>|over |above |older than |more than |at least )? ?"
    r"(?P<number>-?\d+(?:[.,]\d+)?) ?"
    r"(?P<plus>\+)? ?(?P<unit>[^\W\d_][^\d+ ]*)? ?(?:old|of age)? ?"
    r"(?P<end>\+|and over|and above|and older|and up|or over|or above|or older|or more|and more)?"
)
_PLACEHOLDER = re.compile(r"0{2,3}y", re.IGNORECASE)
"""How anonymised headers write an age that was removed; an infant's age is in months, weeks or days."""


class Ages(NamedTuple):
    """Ages in years; NaN where unknown."""

    series: pd.Series
    at_least: "pd.Series[bool]"
    """Whether an age is a lower bound, such as ``> 89``."""
    notices: tuple[Notice, ...] = ()


def ages(values: pd.Series, about: str, *, strict: bool = True) -> Ages:
    """Return ages in years.

    Parameters
    ----------
    values : pandas.Series
        Years as numbers or text: ``58``, ``58,5``, ``58 years``, ``90+``, ``> 89``; months, weeks and
        days; DICOM age strings (``058Y``, ``018M``).
    about : str
        What a message calls the column.
    strict : bool
        Whether other values are an error; else they are unknown, with a notice.

    Returns
    -------
    Ages
        Impossible ages (below 0, above 120) are unknown, with a notice.

    Raises
    ------
    DataError
        If a value is no age and `strict`.
    """
    text = texts(values, about)
    codes, different = pd.factorize(text, use_na_sentinel=True)
    counts = np.bincount(codes[codes >= 0], minlength=len(different)).tolist()
    years, bounds = np.full(len(different) + 1, np.nan), np.zeros(len(different) + 1, dtype=bool)
    kinds: dict[str, dict[str, int]] = {"missing": {}, "wrong": {}, "impossible": {}, "bound": {}}
    for k, (word, count) in enumerate(zip(different, counts, strict=True)):
        years[k], bounds[k], kind = _age(str(word))
        if kind:
            kinds[kind][str(word)] = count
    if blank := int((codes < 0).sum()):
        kinds["missing"][""] = blank
    if strict:
        remedy = "Recode them, or audit by the column as an --attribute."
        refuse(kinds["wrong"], about, "age in years", remedy)
    found = pd.Series(years[codes], index=values.index)
    at_least: pd.Series[bool] = pd.Series(bounds[codes], index=values.index, dtype=bool)
    return Ages(found, at_least, _notices(about, kinds))


def _age(word: str) -> tuple[float, bool, str]:
    """Return years, whether they are a lower bound, and what to say of the value."""
    if _PLACEHOLDER.fullmatch(word) or is_missing(word):
        return np.nan, False, "missing"
    found = _AGE.fullmatch(plain(word))
    if found is None or (found["unit"] or "").removesuffix(".") not in _UNITS:
        return np.nan, False, "wrong"
    unit = _UNITS[(found["unit"] or "").removesuffix(".")]
    number = float(found["number"].replace(",", "."))
    more = (found["more"] or "").strip()
    bound = bool(more or found["plus"] or found["end"])
    if more and more not in (">=", "≥", "at least") and number.is_integer():
        number += 1  # above 89 whole years is at least 90
    years = number * unit
    if not 0 <= years <= OLDEST:
        return np.nan, False, "impossible"
    return years, bound, "bound" if bound else ""


def _notices(about: str, kinds: dict[str, dict[str, int]]) -> tuple[Notice, ...]:
    notices = unknown_notices(about, kinds["missing"], kinds["wrong"])
    if impossible := kinds["impossible"]:
        number = sum(impossible.values())
        stated = f"{counted(number, 'impossible age')}, unknown: {named(impossible)}."
        notices.append(Notice(about=about, count=number, sentence=stated))
    if bound := kinds["bound"]:
        number = sum(bound.values())
        stated = f"{counted(number, 'age')} given as a lower bound: {named(bound)}."
        notices.append(Notice(about=about, count=number, sentence=stated))
    return tuple(notices)
