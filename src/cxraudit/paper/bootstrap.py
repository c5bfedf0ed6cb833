"""The bootstrap of the published protocol: images, not patients, resampled from one legacy stream.

It reproduces published intervals. `cxraudit.audit` resamples patients instead.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cxraudit.stats.ranking import checked

PUBLISHED_SEED = 1907
"""Seed of numpy's global stream in the published code, set once per model and data set."""
PUBLISHED_LEVEL = 0.95
"""Confidence level of the published intervals."""


def published_interval(
    y_true: ArrayLike,
    y_score: ArrayLike,
    metric: str,
    stream: np.random.RandomState,
    *,
    n_resamples: int = 1000,
) -> tuple[float, float]:
    """Return the 2.5th and 97.5th percentile over resampled images, with the published random numbers.

    Each call draws its own resamples, so intervals of two metrics or groups are never paired; they
    are too narrow where a patient has several images. The same stream in the same order of calls on
    the same rows in the same order gives the published numbers; see
    `cxraudit.paper.protocol.in_published_order`.

    Parameters
    ----------
    y_true : array_like of {0, 1}, shape (n_images,)
        1 where the finding is present.
    y_score : array_like of float, shape (n_images,)
        Scores, in the row order of the published table.
    metric : {"auroc", "adjusted_auprc"}
        Metric to resample.
    stream : numpy.random.RandomState
        Advanced by as much as ``randint(0, n_images, n_images)`` per resample advances it.
    n_resamples : int
        Number of resamples; those without a positive are skipped, as published.

    Returns
    -------
    tuple of float
        Both NaN with fewer than two images, if no resample has a positive, or if one has positives
        only (AUROC), where scikit-learn gives NaN.

    Raises
    ------
    ValueError
        If the metric is not one of the two, or labels or scores are invalid.

    References
    ----------
    .. [1] Sourget et al. (2025), arXiv:2507.21291, evaluate_performance.py of its code (MIT).
    """
    from cxraudit.paper._kernel import published_draws

    if metric not in ("auroc", "adjusted_auprc"):
        raise ValueError(f"metric must be auroc or adjusted_auprc, got {metric!r}")
    labels, scores = checked(y_true, y_score)
    if labels.size < 2:
        return float("nan"), float("nan")  # one image: numpy draws no random number, either
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
        return float("nan"), float("nan")
    if metric == "adjusted_auprc":
        with np.errstate(divide="ignore", invalid="ignore"):
            values = 1 - np.log(values) / np.log(out[1, out[1] > 0] / labels.size)
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)
