"""The bootstrap of the published protocol, to the letter: images, not patients, from one legacy stream.

It is here so that published intervals can be reproduced, and shown beside intervals that hold.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cxraudit.stats.ranking import checked

PUBLISHED_SEED = 1907
"""What the published code seeds numpy's global stream with, once per model and data set."""


def published_interval(
    y_true: ArrayLike,
    y_score: ArrayLike,
    metric: str,
    stream: np.random.RandomState,
    *,
    n_resamples: int = 1000,
) -> tuple[float, float]:
    """Return the 2.5th and 97.5th percentile over resampled images, as the published code draws them.

    Each call draws its own resamples, so intervals of two metrics or groups are never paired; they
    are too narrow where a patient has several images. The same stream in the same order of calls
    gives the published numbers.

    Parameters
    ----------
    y_true : array_like of {0, 1}, shape (n_images,)
        Whether the finding is present.
    y_score : array_like of float, shape (n_images,)
        Scores, in the order of the published table.
    metric : {"auroc", "adjusted_auprc"}
        What to resample.
    stream : numpy.random.RandomState
        The legacy stream; advanced by as much as ``randint(0, n, n)`` per resample advances it.
    n_resamples : int
        Resamples; those without a positive are skipped, as published.

    Returns
    -------
    tuple of float
        NaN if a resample has positives only (AUROC), as scikit-learn gives, or with fewer than two images.

    References
    ----------
    .. [1] Sourget et al. (2025), arXiv:2507.21291, evaluate_performance.py of its code (MIT).
    """
    from cxraudit.paper._kernel import published_draws

    if metric not in ("auroc", "adjusted_auprc"):
        raise ValueError(f"metric must be auroc or adjusted_auprc, got {metric!r}")
    labels, scores = checked(y_true, y_score)
    if labels.size < 2:
        return float("nan"), float("nan")  # nothing to choose between: numpy draws nothing, either
    levels, rank = np.unique(-scores, return_inverse=True)
    state: dict[str, Any] = stream.get_state(legacy=False)
    key = state["state"]["key"].astype(np.uint32)
    out = np.empty((2, n_resamples))
    bins = (2 * rank + labels).astype(np.int32)
    state["state"]["pos"] = published_draws(
        key, state["state"]["pos"], bins, levels.size, metric != "auroc", out
    )
    state["state"]["key"] = key
    stream.set_state(state)
    values = out[0, out[1] > 0]
    if not values.size:
        return float("nan"), float("nan")  # no resample has a positive
    if metric == "adjusted_auprc":
        with np.errstate(divide="ignore", invalid="ignore"):
            values = 1 - np.log(values) / np.log(out[1, out[1] > 0] / labels.size)
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)
