"""Rows of results as text for the terminal, Markdown and JSON."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from cxraudit.formatting import printed
from cxraudit.schema import COMPLEMENT, KEY_COLUMNS


def one_line(text: str) -> str:
    """Return a text on one line, without characters that are never printed."""
    return " ".join(printed(text).split())


def where(row: Mapping[str, Any]) -> str:
    """Name a row by its model, finding, metric and sides.

    Examples
    --------
    >>> from cxraudit.schema import KEY_COLUMNS
    >>> row = dict.fromkeys(KEY_COLUMNS, "") | {"model": "m", "metric": "auroc", "attribute": "sex"}
    >>> where(row | {"finding": "Edema", "group": "female", "reference": "all other groups"})
    'm, Edema, auroc, sex female against all other groups'
    """
    parts = [row["model"], row["finding"], row["metric"]]
    side = " ".join(filter(None, (row["attribute"], row["group"])))
    if row["reference"]:
        side = f"{side} against {row['reference']}".strip()
    parts += [side, row["condition"], f"at {row['at']:g}" if _finite(row["at"]) else ""]
    return ", ".join(filter(None, map(one_line, parts)))


def _finite(value: Any) -> bool:
    return isinstance(value, float) and math.isfinite(value)


def markdown_cell(text: str) -> str:
    """Return a text that stays text in a cell of a Markdown table."""
    escaped = one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace("\\", "\\\\")
    for mark in "|*_`[]":
        escaped = escaped.replace(mark, f"\\{mark}")
    return escaped


def without_mirrors(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keep one of two gaps that are the same comparison, seen from either of two groups.

    Parameters
    ----------
    rows : sequence of dict
        Rows of results, or of changes.
    """
    kept: dict[object, dict[str, Any]] = {}
    for row in rows:
        kept.setdefault(_from_either_side(row) if row["reference"] == COMPLEMENT else id(row), row)
    return list(kept.values())


def _from_either_side(row: Mapping[str, Any]) -> object:
    about = [str(row[name]) for name in KEY_COLUMNS if name not in ("group", "reference")]
    sizes = [f"{abs(row[name]):.12f}" for name in ("value", "old", "new") if name in row]
    ends = sorted(f"{abs(row[name]):.12f}" for name in ("low", "high"))
    return (*about, *sizes, *ends)
