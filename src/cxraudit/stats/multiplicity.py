"""P-values adjusted for the number of tests."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def step_up(p_values: ArrayLike, *, dependent: bool = False) -> NDArray[np.float64]:
    """Adjust p-values for screening, so that the false discovery rate stays below α.

    Benjamini & Hochberg (1995); with `dependent`, Benjamini & Yekutieli (2001), which holds for
    any dependence. NaN stays NaN and does not count.
    """
    values = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(values.shape, np.nan)
    known = np.flatnonzero(np.isfinite(values))
    order = known[np.argsort(values[known], kind="stable")[::-1]]
    m = order.size
    factor = (1 / np.arange(1, m + 1)).sum() if dependent else 1.0
    steps = values[order] * m * factor / np.arange(m, 0, -1)
    adjusted[order] = np.minimum(np.minimum.accumulate(steps), 1.0)
    return adjusted


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Adjust p-values so that the family-wise error rate stays below α (Holm 1979).

    NaN stays NaN and does not count.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(6).tolist()
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(values.shape, np.nan)
    known = np.flatnonzero(np.isfinite(values))
    order = known[np.argsort(values[known], kind="stable")]
    steps = values[order] * np.arange(order.size, 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
