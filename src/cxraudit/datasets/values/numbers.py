"""Numbers, and scores."""

import numpy as np
import pandas as pd

from cxraudit.datasets.values import words
from cxraudit.datasets.values.text import (
    Values,
    is_missing,
    refuse,
    texts,
    unknown_notice,
    unknown_notices,
)
from cxraudit.errors import DataError
from cxraudit.notices import Notice, counted

_DECIMAL_COMMA = r"[+-]?\d*,\d+(e[+-]?\d+)?"
_THOUSANDS = r"[+-]?[1-9]\d{0,2}(,\d{3})+"
_PERCENT = r"[+-]?\d+([.,]\d+)? ?%"


def numbers(
    values: pd.Series, about: str, remedy: str = "Recode them.", *, strict: bool = True
) -> Values:
    """Return numbers, NaN where a cell is blank or a word for missing.

    Parameters
    ----------
    values : pandas.Series
        Numbers, or text with a decimal point or, throughout, a decimal comma.
    about : str
        What a message calls the column.
    remedy : str
        What to do about other values, one sentence.
    strict : bool
        Whether other values are an error; else they are NaN, with a notice.

    Returns
    -------
    Values
        float64, with notices of words that count as missing and of decimal commas.

    Raises
    ------
    DataError
        If other values are found and `strict`, decimal marks are mixed, or a number is infinite.
    """
    if pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype):
        found = values.astype("float64")
        _refuse_infinite(found, about)
        return Values(found)
    text = texts(values, about).str.replace("\u2212", "-")
    found = pd.to_numeric(text, errors="coerce").astype("float64")
    _refuse_infinite(found, about)
    rest = text[found.isna() & text.notna()]
    if rest.empty:
        return Values(found)
    notices: list[Notice] = []
    commas = rest[rest.str.fullmatch(_DECIMAL_COMMA, case=False)]
    if len(commas):
        _refuse_mixed(text, commas, about)
        found[commas.index] = commas.str.replace(",", ".").astype("float64")
        stated = f"{counted(len(commas), 'value')} with a decimal comma, which was read as a point."
        notices.append(Notice(about=about, count=len(commas), sentence=stated))
        rest = rest.drop(commas.index)
    counts = {str(word): int(n) for word, n in rest.value_counts().items()}
    missing = {word: n for word, n in counts.items() if is_missing(word)}
    wrong = {word: n for word, n in counts.items() if word not in missing}
    if strict:
        refuse(wrong, about, "number", remedy)
    return Values(found, (*notices, *unknown_notices(about, missing, wrong)))


def _refuse_infinite(found: pd.Series, about: str) -> None:
    if infinite := int(np.isinf(found.to_numpy()).sum()):
        raise DataError(f"{about} holds {counted(infinite, 'infinite number')}. Recode them.")


def _refuse_mixed(text: pd.Series, commas: pd.Series, about: str) -> None:
    points = text.str.contains(".", regex=False, na=False) & ~text.str.contains(",", na=False)
    if points.any():
        raise DataError(
            f"{about} has {int(points.sum()):,} numbers with a decimal point and {len(commas):,} with a "
            f"comma, such as '{commas.iloc[0]}'. Write all with a point."
        )
    if commas.str.fullmatch(_THOUSANDS).all():
        raise DataError(
            f"{about} has numbers such as '{commas.iloc[0]}', whose comma may be a decimal mark or divide "
            "thousands. Write them with a point, or without the comma."
        )


def scores(values: pd.Series, about: str) -> Values:
    """Return scores: numbers, percentages, or true and false; NaN where an image has no score.

    Raises
    ------
    DataError
        If other values are found, or kinds are mixed.
    """
    if pd.api.types.is_bool_dtype(values.dtype):
        return Values(values.astype("float64"))
    if pd.api.types.is_numeric_dtype(values.dtype):
        return numbers(values, about)
    given = texts(values, about)
    text = given.mask(given.str.casefold().isin(words.MISSING))
    words_of_missing = given[given.notna() & text.isna()].value_counts().to_dict()
    missing = unknown_notice(about, {str(word): int(n) for word, n in words_of_missing.items()})
    if bool(pd.to_numeric(text, errors="coerce").notna().eq(text.notna()).all()):
        return numbers(given, about)
    present = text.dropna().str.lower()
    if len(present) and present.isin(["true", "false"]).all():
        stated = "The scores are true and false, read as 1 and 0."
        notice = Notice(about=about, count=len(present), sentence=stated)
        return Values(text.str.lower().map({"true": 1.0, "false": 0.0}), (notice, *missing))
    percent = present.str.fullmatch(_PERCENT)
    if len(present) and percent.all():
        read = numbers(text.str.removesuffix("%").str.strip(), about)
        stated = "The scores are percentages and were divided by 100."
        notice = Notice(about=about, count=len(present), sentence=stated)
        return Values(read.series / 100, (notice, *read.notices, *missing))
    remedy = "Score those images again, or leave their cells blank."
    return numbers(values, about, remedy)
