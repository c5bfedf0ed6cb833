"""Cells as text, and the three outcomes of a value."""

import unicodedata
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from cxraudit.datasets.values import words
from cxraudit.errors import DataError
from cxraudit.notices import Notice, counted, named
from cxraudit.schema import UNKNOWN

EXACT = 2.0**53
"""Whole numbers from here on are not exact as floats."""

_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff"
"""Characters without width, which a reader of a table cannot see."""
_REMOVED = dict.fromkeys(map(ord, _INVISIBLE))


class Values(NamedTuple):
    """Values as they are used, and what has to be stated of how they were read."""

    series: pd.Series
    notices: tuple[Notice, ...] = ()


def texts(values: pd.Series, about: str) -> pd.Series:
    """Return cells as text: without blanks around, whole numbers without a point, NaN where empty.

    Parameters
    ----------
    values : pandas.Series
        Cells of any type.
    about : str
        What a message calls the column.

    Raises
    ------
    DataError
        If a cell holds a list, bytes that are no text, a line break, or a float beyond 2⁵³, which may
        be rounded.
    """
    if pd.api.types.is_float_dtype(values.dtype):
        exact: Any = getattr(values.dtype, "numpy_dtype", values.dtype)
        bits = int(np.finfo(exact).nmant) + 1
        if bool((values.abs() >= 2.0**bits).any()):
            raise _rounded(about, bits)
    if isinstance(values.dtype, pd.StringDtype):
        return _one_line(_trimmed(values), about)
    try:
        codes, different = pd.factorize(values.astype(object), use_na_sentinel=True)
    except TypeError:
        kind = next(type(cell).__name__ for cell in values if not isinstance(cell, Hashable))
        raise DataError(
            f"{about} holds cells of the type {kind}, not single values. Save one value per cell."
        ) from None
    found = np.array([*(_text(value, about) for value in different), None], dtype=object)
    return _one_line(pd.Series(found[codes], index=values.index, dtype="str"), about)


def _one_line(cells: pd.Series, about: str) -> pd.Series:
    """Refuse cells with line breaks: quotation marks that are not closed swallow the rows below."""
    broken = cells[cells.str.contains(r"[\r\n]", na=False)]
    if len(broken):
        raise DataError(
            f"{about} holds {counted(len(broken), 'cell')} with a line break, first "
            f"{broken.iloc[0][:40]!r}. Close its quotation marks, or take it out."
        )
    return cells


def _rounded(about: str, bits: int) -> DataError:
    return DataError(
        f"{about} holds numbers beyond 2^{bits}, which a float rounds, so they may be others. Save the "
        "column as text or as whole numbers."
    )


def _trimmed(values: pd.Series) -> pd.Series:
    """Do the same to a column of text, all cells at once."""
    cells = values.astype("str")
    if cells.str.contains(r"[^\x00-\x7f]", na=False).any():
        cells = cells.str.normalize("NFC").str.replace(f"[{_INVISIBLE}]", "", regex=True)
    cells = cells.str.strip()
    return cells.mask(cells == "")


def _text(value: Any, about: str) -> str | None:
    if isinstance(value, bytes):
        try:
            value = value.decode("utf-8")
        except UnicodeDecodeError:
            raise DataError(
                f"{about} holds bytes that are no text. Save the column as text."
            ) from None
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (float, np.floating)):
        if abs(value) >= EXACT:
            raise _rounded(about, 53)
        return str(int(value)) if float(value).is_integer() else repr(float(value))
    if isinstance(value, pd.Timestamp):
        return value.isoformat().removesuffix("T00:00:00")
    if isinstance(value, (tuple, frozenset)):
        raise DataError(f"{about} holds several values in a cell. Save one value per cell.")
    text = unicodedata.normalize("NFC", str(value)).translate(_REMOVED)
    return text.strip() or None


def plain(word: str) -> str:
    """Return a word for comparison: lower case, single blanks."""
    return " ".join(word.casefold().split())


def is_missing(word: str) -> bool:
    """Tell a usual word for a missing value."""
    text = plain(word)
    bare = text.strip("()[]<>{}'\"*.")
    return text in words.MISSING or (bare.islower() and bare in words.MISSING)


def ids(values: pd.Series, about: str, *, any_word: bool = False) -> Values:
    """Return identifiers as text.

    ``0012`` is not ``12``, and ``1E3`` is no number. Blanks around are taken off; where every value is a
    whole number and some end with ``.0``, as programs write them that read them as floats, that end is
    taken off. Both with a notice.

    Parameters
    ----------
    values : pandas.Series
        Cells of any type.
    about : str
        What a message calls the column.
    any_word : bool
        Whether words such as ``none`` are names like others, as those of models are.

    Raises
    ------
    DataError
        If one is missing, was rounded (a float beyond 2⁵³, ``1.23E+11`` of a spreadsheet), or holds a line
        break.
    """
    found = texts(values, about)
    if missing := int(found.isna().sum()):
        raise DataError(f"{counted(missing, 'row')} without a value in {about}. Fill it in.")
    if values.dtype != object and not isinstance(values.dtype, pd.StringDtype):
        return Values(found)
    notices = []
    _refuse_other_ids(found, about, any_word)
    typed = values if isinstance(values.dtype, pd.StringDtype) else values.map(_as_typed)
    if padded := int((found != typed).sum()):
        stated = f"{counted(padded, 'value')} with blanks around, which were taken off."
        notices.append(Notice(about=about, count=padded, sentence=stated))
    points = found.str.endswith(".0")
    if points.any() and found.str.fullmatch(r"\d+(\.0)?").all():
        number = int(points.sum())
        stated = f"{counted(number, 'whole number')} with '.0' at the end, which was taken off."
        notices.append(Notice(about=about, count=number, sentence=stated))
        found = found.str.removesuffix(".0")
    return Values(found, tuple(notices))


_ROUNDED_ID = r"[1-9](?:[.,][0-9]+)?[Ee]\+[0-9]+"
"""How spreadsheets save a long number as text."""


def _refuse_other_ids(found: pd.Series, about: str, any_word: bool) -> None:
    """Refuse what would make several patients or images one.

    Raises
    ------
    DataError
        If an identifier is a word for missing, or was rounded.
    """
    missing = found[[] if any_word else found.str.casefold().isin(words.MISSING)]
    if len(missing):
        listed = named(missing.value_counts().to_dict())
        raise DataError(
            f"{counted(len(missing), 'row')} with a word for missing in {about}: {listed}. Fill it in."
        )
    rounded = found[found.str.fullmatch(_ROUNDED_ID)]
    if len(rounded):
        raise DataError(
            f"{about} holds {counted(len(rounded), 'identifier')} rounded by a spreadsheet, such as "
            f"{rounded.iloc[0]!r}. Save the column as text or as whole numbers."
        )


def optional_ids(values: pd.Series, about: str) -> Values:
    """Return identifiers as text, NaN where there is none, which a notice counts."""
    found = texts(values, about)
    missing = int(found.isna().sum())
    return Values(found, tuple(unknown_notice(about, {"": missing} if missing else {})))


def _as_typed(value: Any) -> str:
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    return _text(value, "") or ""


class Understood(NamedTuple):
    """Cells that were understood, and the words of those that were not."""

    series: pd.Series
    """What each cell means; None where it is missing or not understood."""
    missing: dict[str, int]
    """Usual words for a missing value, and how often each occurs; ``''`` for blank cells."""
    wrong: dict[str, int]
    """Words that were not understood, and how often each occurs."""


def understood(values: pd.Series, about: str, meaning: Callable[[str], Any]) -> Understood:
    """Give every different word its meaning; None where it has none."""
    text = texts(values, about)
    codes, different = pd.factorize(text, use_na_sentinel=True)
    counts = np.bincount(codes[codes >= 0], minlength=len(different))
    meanings = [meaning(str(word)) for word in different]
    missing: dict[str, int] = {}
    wrong: dict[str, int] = {}
    for word, count, found in zip(different, counts.tolist(), meanings, strict=True):
        if found is None:
            (missing if is_missing(word) else wrong)[word] = count
    if blank := int((codes < 0).sum()):
        missing[""] = blank
    looked_up = np.empty(len(meanings) + 1, dtype=object)
    looked_up[: len(meanings)] = meanings
    return Understood(pd.Series(looked_up[codes], index=values.index), missing, wrong)


def refuse(wrong: dict[str, int], about: str, expected: str, remedy: str) -> None:
    """Raise `DataError` if values were not understood, naming them with their counts."""
    if wrong:
        number = sum(wrong.values())
        verb = "value that is" if number == 1 else "values that are"
        raise DataError(f"{about} holds {number:,} {verb} no {expected}: {named(wrong)}. {remedy}")


def coded(values: pd.Series, about: str, meaning: Callable[[str], str | None]) -> Values:
    """Return what `meaning` makes of each different word, ``unknown`` where that is None.

    Words are given to it in lower case with single blanks. Notices name the words for missing, and the
    words that were not understood.
    """
    found = understood(values, about, lambda word: meaning(plain(word)))
    notices = unknown_notices(about, found.missing, found.wrong)
    return Values(found.series.fillna(UNKNOWN).astype("str"), tuple(notices))


def unknown_notices(about: str, missing: dict[str, int], wrong: dict[str, int]) -> list[Notice]:
    """Say which values are missing, and which ones were not understood; both are unknown."""
    notices = unknown_notice(about, missing)
    if wrong:
        number = sum(wrong.values())
        verb = "value that was" if number == 1 else "values that were"
        stated = f"{number:,} {verb} not understood, unknown: {named(wrong)}."
        notices.append(Notice(about=about, count=number, sentence=stated))
    return notices


def unknown_notice(about: str, values: dict[str, int], becomes: str = "unknown") -> list[Notice]:
    """Say which values count as unknown; nothing for none."""
    if not values:
        return []
    number = sum(values.values())
    shown = {word or "blank": count for word, count in values.items()}
    listed = f"blank ({number:,})" if set(values) == {""} else named(shown)
    stated = (
        f"{counted(number, 'value')} {'count' if number > 1 else 'counts'} as {becomes}: {listed}."
    )
    return [Notice(about=about, count=number, sentence=stated)]
