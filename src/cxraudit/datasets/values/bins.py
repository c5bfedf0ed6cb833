"""Bins of a number: own age groups, or groups of any other measurement."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from cxraudit.schema import UNKNOWN


def bin_names(edges: Sequence[float]) -> tuple[str, ...]:
    """Return the names of the bins, lowest first; each holds its lower edge, not its upper one.

    Examples
    --------
    >>> bin_names([20, 40, 60])
    ('under 20', '20-40', '40-60', '60+')
    """
    between = [f"{low:g}-{high:g}" for low, high in pairwise(edges)]
    return (f"under {edges[0]:g}", *between, f"{edges[-1]:g}+")


def binned(
    numbers: pd.Series, edges: Sequence[float], at_least: "pd.Series[bool] | None" = None
) -> pd.Series:
    """Return the bin of each number.

    Parameters
    ----------
    numbers : pandas.Series of float
        NaN is ``unknown``.
    edges : sequence of float
        Increasing; a number that equals an edge is in the bin above it.
    at_least : pandas.Series of bool, optional
        Numbers that are lower bounds: they are ``unknown`` unless in the last bin.

    Returns
    -------
    pandas.Series of str
        A name of `bin_names`, or ``unknown``.
    """
    names = np.array([*bin_names(edges), UNKNOWN], dtype=object)
    known = numbers.notna().to_numpy()
    place = np.where(
        known, np.searchsorted(edges, numbers.to_numpy(), side="right"), len(names) - 1
    )
    if at_least is not None:
        place = np.where(at_least.to_numpy() & (place < len(edges)), len(names) - 1, place)
    return pd.Series(names[place], index=numbers.index, dtype="str")
