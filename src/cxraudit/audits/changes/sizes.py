"""How far a gap has widened: limits of a difference of sizes, which has no interval of its own."""

import math
from collections.abc import Mapping
from typing import Any


def widening(row: Mapping[str, Any]) -> tuple[float, float]:
    """Return between which limits a gap has widened: the size of the newer one less that of the older.

    The size of a difference has no interval of its own near 0. But |new| − |old| exceeds c where new − old
    and new + old both do (or both of their opposites), and does not where one of either pair does not: its
    limits are those of the change and of the sum, whose error follows from those of the change and of both
    gaps.

    Parameters
    ----------
    row : mapping
        A row of `Diff.results`.

    Returns
    -------
    tuple of float
        Lower and upper limit; NaN where an interval is missing.
    """
    old, new, low, high = (float(row[name]) for name in ("old", "new", "low", "high"))
    reach = [float(row[f"{side}_high"]) - float(row[f"{side}_low"]) for side in ("old", "new")]
    error = math.sqrt(max(2 * (reach[0] ** 2 + reach[1] ** 2) - (high - low) ** 2, 0.0)) / 2
    if not math.isfinite(error):
        return math.nan, math.nan
    change, total = (low, high), (new + old - error, new + old + error)
    lower = max(min(change[0], total[0]), min(-change[1], -total[1]))
    upper = max(min(change[1], total[1]), min(-change[0], -total[0]))
    return lower, upper
