"""A table as HTML and as LaTeX."""

import re
from html import escape
from typing import Any

import pandas as pd

from cxraudit.formatting import UNDEFINED
from cxraudit.schema import Reason


def verdict_shown(row: Any) -> str:
    """Return the verdict of a row of results; that it is hidden, where it is."""
    return "hidden" if row["reasons"] == Reason.SUPPRESSED else str(row["verdict"])


def to_html(table: pd.DataFrame, caption: str = "") -> str:
    """Return a table as an HTML element, escaped, without columns that are empty in every row."""
    kept = table.loc[:, [column for column in table if (table[column].astype("str") != "").any()]]
    html = kept.to_html(index=False, border=0, classes="data", na_rep=UNDEFINED, justify="left")
    # No text of a cell holds a tag.
    html = _BETWEEN_TAGS.sub("><", html.replace("<th>", '<th scope="col">'))
    head = f"<caption>{escape(caption)}</caption>" if caption else ""
    return html.replace("<thead>", f"{head}<thead>", 1)


_BETWEEN_TAGS = re.compile(r">\n *<")


def to_latex(table: pd.DataFrame) -> str:
    """Return a table as a LaTeX tabular (booktabs)."""
    return table.to_latex(index=False, escape=True)
