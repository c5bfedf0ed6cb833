"""Sexes, dates and views."""

from collections.abc import Mapping

import pandas as pd

from cxraudit.datasets.values import words
from cxraudit.datasets.values.groups import groups
from cxraudit.datasets.values.text import (
    Values,
    is_missing,
    plain,
    refuse,
    texts,
    understood,
    unknown_notices,
)
from cxraudit.errors import ConfigError, DataError
from cxraudit.notices import SHOWN, Notice, named
from cxraudit.schema import UNKNOWN

SEXES = ("female", "male", "other", UNKNOWN)
"""What a sex can be."""

_NOT_GIVEN = "u"
"""A code of many registries for a sex that is not known; in Italian it is *uomo*."""
_REMEDY = "Say what they mean: --sex-values {example} (female, male, other or unknown)."


def sexes(
    values: pd.Series,
    about: str,
    *,
    mapping: Mapping[str, str] | None = None,
    strict: bool = True,
) -> Values:
    """Return ``female``, ``male``, ``other`` and ``unknown``.

    Parameters
    ----------
    values : pandas.Series
        Words or letters in the usual languages.
    about : str
        What a message calls the column.
    mapping : mapping of str to str, optional
        Value → female, male, other or unknown, for codes of one's own.
    strict : bool
        Whether other values are an error; else they are unknown, with a notice.

    Raises
    ------
    DataError
        If a value is not understood, or a letter may mean another sex (M: male or *mujer*).
    ConfigError
        If `mapping` gives a sex that is none.
    """
    own = {plain(str(word)): _target(sex) for word, sex in (mapping or {}).items()}
    present = set(map(plain, texts(values, about).dropna().unique()))
    found = understood(values, about, lambda word: _sex(plain(word), own))
    known = set(found.series.dropna())
    if strict or "m" in present:
        _refuse_ambiguous(present, own, known, about)
    codes = [word for word in found.wrong if plain(word) == _NOT_GIVEN and "male" in known]
    missing = {**found.missing, **{word: found.wrong.pop(word) for word in codes}}
    if strict:
        example = ",".join(f"{word}=SEX" for word in list(found.wrong)[:SHOWN])
        quoted = f'"{example}"' if " " in example else example
        refuse(found.wrong, about, "sex", _REMEDY.format(example=quoted))
    notices = unknown_notices(about, missing, found.wrong)
    return Values(found.series.fillna(UNKNOWN).astype("str"), tuple(notices))


def _target(sex: str) -> str:
    """Return the sex that a mapping gives, in any usual word."""
    meant = plain(str(sex))
    found = meant if meant in SEXES else _sex(meant, {})
    if found is None:
        raise ConfigError(
            f"sex values map to {', '.join(SEXES)}, got '{sex}'. Write for instance "
            "--sex-values H=male,M=female."
        )
    return found


def _sex(word: str, own: Mapping[str, str]) -> str | None:
    if word in own:
        return own[word]
    return (
        "female"
        if word in words.FEMALE
        else "male"
        if word in words.MALE
        else "other"
        if word in words.OTHER_SEX
        else None
    )


def _refuse_ambiguous(
    present: set[str], own: Mapping[str, str], known: set[str], about: str
) -> None:
    """Refuse letters that mean another sex in another language, unless `own` says what they mean.

    Raises
    ------
    DataError
        If M stands beside a Spanish word or another letter for male, F beside another letter for female
        (*férfi* is male), or D where no value is female (*donna*).
    """
    codes = {word for word in own if len(word) == 1 and word.isalpha() and _sex(word, {}) is None}
    letters = {sex: {word for word in codes if own[word] == sex} for sex in SEXES}
    beside = {
        "m": (present & (words.SPANISH | letters["male"]), "mujer or male", "H=male,M=female"),
        "f": (present & letters["female"], "female or férfi", "F=SEX"),
        "d": (present - {"d"} if "female" not in known else set(), "donna or divers", "D=SEX"),
    }
    for letter, (others, meanings, example) in beside.items():
        if letter in present and letter not in own and others:
            code, named_others = letter.upper(), ", ".join(sorted(others)).upper()
            raise DataError(
                f"{about} holds {code} beside {named_others}, where {code} may mean {meanings}. "
                + _REMEDY.format(example=example)
            )


_DATE = (
    r"(?P<year>[0-9]{4})"
    r"(?:(?P<month>[0-9]{2})(?P<day>[0-9]{2})(?:\.0+)?"
    r"|(?P<mark>[-./])(?P<month_>[0-9]{1,2})(?P=mark)(?P<day_>[0-9]{1,2})(?:[T ]\d.*)?)"
)
"""A date with or without marks; of a date with a time, the day is that of its place."""


def dates(values: pd.Series, about: str, *, strict: bool = True) -> Values:
    """Return days, NaT where missing: ``20240131``, ``2024-01-31``, ``2024.01.31`` or ``2024/01/31``.

    A time after it is left out.

    Raises
    ------
    DataError
        If a value is no such date and `strict`.
    """
    text = texts(values, about)
    codes, different = pd.factorize(text, use_na_sentinel=True)
    parts = pd.Series(different, dtype="str").str.extract(f"^{_DATE}$")
    days = parts["year"] + "-" + parts["month"].fillna(parts["month_"])
    days = days + "-" + parts["day"].fillna(parts["day_"])
    known = pd.to_datetime(days, format="%Y-%m-%d", errors="coerce")
    found = pd.Series(known.reindex(codes).to_numpy(), index=values.index)  # NaT at the code -1
    other = understood(text[found.isna()], about, lambda word: None)
    if strict:
        remedy = "Write them as YYYY-MM-DD or YYYYMMDD."
        refuse(other.wrong, about, "date", remedy)
    return Values(found, tuple(unknown_notices(about, other.missing, other.wrong)))


_VIEWS = {
    **dict.fromkeys(("pa", "posteroanterior", "postero-anterior", "posterior-anterior"), "PA"),
    **dict.fromkeys(("ap", "anteroposterior", "antero-posterior", "anterior-posterior"), "AP"),
    **dict.fromkeys(("lateral", "lat"), "LATERAL"),
    **{code.lower(): code for code in ("LL", "RL", "LLD", "RLD", "LLO", "RLO", "LAO", "RAO")},
}


def _view(word: str) -> str:
    return _VIEWS.get(plain(word), word)


def views(values: pd.Series, about: str) -> Values:
    """Return view positions: PA, AP, LATERAL … in any case; others as they are, with a notice."""
    text = texts(values, about)
    counts = {str(word): int(n) for word, n in text.value_counts().items()}
    named_views = {word: _view(word) for word in counts}
    read = groups(text.map(named_views).astype("str"), about, "view")
    other = {
        word: n
        for word, n in counts.items()
        if not (is_missing(word) or plain(named_views[word]) in words.VIEWS)
    }
    if not other:
        return read
    number = sum(other.values())
    stated = f"Views that are not usual ones, kept as they are: {named(other)}."
    notice = Notice(about=about, count=number, sentence=stated)
    return read._replace(notices=(*read.notices, notice))
