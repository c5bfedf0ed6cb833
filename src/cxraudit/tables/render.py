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
    kept = _kept(table)
    places = "".join(
        f' data-{name}-column="{list(kept).index(name)}"' for name in _FILTERED if name in kept
    )
    html = kept.to_html(index=False, border=0, classes="data", na_rep=UNDEFINED, justify="left")
    # No text of a cell holds a tag.
    html = _BETWEEN_TAGS.sub("><", html.replace("<th>", '<th scope="col">'))
    head = f"<caption>{escape(caption)}</caption>" if caption else ""
    html = html.replace("<table", f"<table{places}", 1)
    return html.replace("<thead>", f"{head}<thead>", 1)


def _kept(table: pd.DataFrame) -> pd.DataFrame:
    """Return the columns that are not empty in every row."""
    return table.loc[:, [column for column in table if (table[column].astype("str") != "").any()]]


_FILTERED = ("finding", "attribute", "verdict")
"""Columns that a page filters by: the table says where they are."""
_BETWEEN_TAGS = re.compile(r">\n *<")


def to_latex(table: pd.DataFrame, caption: str = "") -> str:
    """Return a table as a LaTeX tabular (booktabs), escaped, without columns that are empty in every row.

    With a caption it is in a float.

    Signs of our own that LaTeX does not know as text are commands; letters of other scripts stay.
    """
    flat = _kept(table).map(_one_line).rename(columns=_one_line)
    if caption:
        text = flat.to_latex(index=False, escape=True, caption=_latex(_one_line(caption)))
    else:
        text = flat.to_latex(index=False, escape=True)
    return text.translate(_SIGNS)


def _one_line(cell: object) -> str:
    return " ".join(str(cell).split())


def _latex(text: str) -> str:
    return text.translate(_SPECIAL)


_SPECIAL = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        **{sign: f"\\{sign}" for sign in "&%$#_{}"},
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
    }
)
_SIGNS = str.maketrans(
    {
        "−": "$-$",
        "–": "--",
        "×": r"$\times$",
        "→": r"$\rightarrow$",
        "±": r"$\pm$",
        "≥": r"$\geq$",
        "≤": r"$\leq$",
        "…": r"\dots{}",
        "’": "'",
        "“": "``",
        "”": "''",
    }
)


def to_page(table: pd.DataFrame, caption: str) -> str:
    """Return a table as an HTML page of its own, which word processors open."""
    style = (
        "td,th{padding:2px 8px 2px 0;text-align:left;vertical-align:top}caption{text-align:left}"
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{escape(caption)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        f"{to_html(table, caption)}\n</body>\n</html>\n"
    )
