"""CSV for people who open it in a spreadsheet: a cell that would be run as a formula is kept as text.

A spreadsheet runs a cell that begins with ``=``, ``+``, ``-`` or ``@``, also in full width, after blanks or
quotes, and in some of them after a semicolon or a tab within the cell. An apostrophe is written before it;
`unescaped` takes it off again, so that what was written is what is read. Plain numbers and dashes that stand
for nothing are no formulas.
"""

import re
from collections.abc import Callable
from typing import Any

import pandas as pd
from pandas.api.types import is_datetime64_any_dtype, is_numeric_dtype

_BEFORE = r"[\s'\"“”‘’\x00-\x1f\ufeff\u200b-\u200f]*"
_BEGINS = r"[=+\-@＝＋－＠﹦﹢﹣﹫\t\r\n]"
_PLAIN = r"(?:[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?\s?%?|-+)(?:[;\t\r\n]|\Z)"
_FORMULA = rf"(?!{_PLAIN})(?={_BEFORE}{_BEGINS})"
_ESCAPE = re.compile(rf"(\A|[;\t\r\n]){_FORMULA}")
_UNESCAPE = re.compile(rf"(\A|[;\t\r\n])'{_FORMULA}")


def escape(text: str) -> str:
    """Return a cell with an apostrophe wherever a spreadsheet would begin a formula.

    Examples
    --------
    >>> escape("=1+1"), escape("-0.5"), escape("ward; @SUM(A1)"), escape("pre-op")
    ("'=1+1", '-0.5', "ward;' @SUM(A1)", 'pre-op')
    """
    return _ESCAPE.sub(r"\1'", text)


def unescape(text: str) -> str:
    """Return the cell that `escape` was given.

    Examples
    --------
    >>> unescape("'=1+1"), unescape("'tis")
    ('=1+1', "'tis")
    """
    return _UNESCAPE.sub(r"\1", text)


def escaped(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table with every text, headings included, escaped; numbers stay numbers."""
    return _each_text(frame, escape)


def unescaped(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table that `escaped` was given."""
    return _each_text(frame, unescape)


def _each_text(frame: pd.DataFrame, change: Callable[[str], str]) -> pd.DataFrame:
    def changed(cell: Any) -> Any:
        return change(cell) if isinstance(cell, str) else cell

    result = frame.rename(columns=changed)
    for number, kind in enumerate(frame.dtypes):
        if not (is_numeric_dtype(kind) or is_datetime64_any_dtype(kind)):
            cells = [changed(cell) for cell in frame.iloc[:, number]]
            result.isetitem(number, pd.array(cells, dtype="object"))
    return result
