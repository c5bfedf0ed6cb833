"""The rows that statements are about."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from cxraudit.audits.result import Audit
from cxraudit.formatting import bounds, signed

Row = dict[str, Any]


def of(audit: Audit, model: str, **keys: object) -> pd.DataFrame:
    """Return the results of a model with given keys; a tuple stands for any of its values.

    Parameters
    ----------
    audit : Audit
        The audit.
    model : str
        One of its models.
    **keys
        Column of the results table → value.
    """
    return where(audit.results[audit.results["model"] == model], **keys)


def where(rows: pd.DataFrame, **keys: object) -> pd.DataFrame:
    """Return the rows with given keys; a tuple stands for any of its values."""
    for column, value in keys.items():
        wanted = list(value) if isinstance(value, tuple) else [value]
        rows = rows[rows[column].isin(wanted)]
    return rows


def largest(rows: list[Row]) -> Row:
    """Return the row with the largest difference."""
    return max(rows, key=lambda row: abs(row["value"]))


def without_mirrors(gaps: pd.DataFrame) -> pd.DataFrame:
    """Keep one of two groups: they mirror each other and are one comparison, as in the adjustment."""
    groups = gaps["group"].unique()
    return gaps[gaps["group"] == groups[0]] if len(groups) == 2 else gaps


def difference(row: Mapping[str, Any]) -> str:
    """Return a difference with its interval: ``−0.12 (−0.18 to −0.07)``."""
    return f"{signed(row['value'])} ({interval(row)})"


def interval(row: Mapping[str, Any]) -> str:
    """Return the interval of a difference."""
    return bounds(row["low"], row["high"], signed=True)
