"""A head for a finding: penalised logistic regression on embeddings, its penalty chosen by patients."""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from cxraudit.stats.ranking import auroc

Vectors = NDArray[np.float32]

STRENGTHS = (0.0001, 0.001, 0.01, 0.1, 1.0)
"""Inverse penalties that are tried."""
DEFAULT_STRENGTH = 0.01
"""Where there are too few patients to choose one."""
FOLDS = 5
MOST_IMAGES = 20_000
"""On which the penalty is chosen; the head itself is fitted on all."""


@dataclass(frozen=True, slots=True)
class LinearHead:
    """A linear score of embeddings."""

    weights: NDArray[np.float64]
    """Shape (d,), in the units of the embeddings."""
    intercept: float
    strength: float
    """Inverse penalty, on dimensions of standard deviation 1."""

    def scores(self, vectors: Vectors) -> NDArray[np.float64]:
        """Return the log odds of the finding, shape (n,)."""
        return np.asarray(vectors, dtype=np.float64) @ self.weights + self.intercept


def fit_head(
    vectors: Vectors,
    y_true: NDArray[np.bool_],
    patients: NDArray[np.int64],
    rng: Generator,
    *,
    strength: float | None = None,
) -> LinearHead:
    """Fit a head.

    Parameters
    ----------
    vectors : numpy.ndarray of float32, shape (n, d)
        Embeddings.
    y_true : numpy.ndarray of bool, shape (n,)
        The labels; both have to be there.
    patients : numpy.ndarray of int, shape (n,)
        Patients, who are never on both sides when the penalty is chosen.
    rng : numpy.random.Generator
        Draws the folds.
    strength : float, optional
        Inverse penalty; default: the one of `STRENGTHS` with the highest mean AUROC over folds of patients,
        and `DEFAULT_STRENGTH` where fewer than two patients have the finding, or do not.

    Returns
    -------
    LinearHead

    Raises
    ------
    ValueError
        If all labels are the same.
    """
    if y_true.all() or not y_true.any():
        raise ValueError("a head needs images with the finding and without it")
    mean, spread = vectors.mean(axis=0, dtype=np.float64), vectors.std(axis=0, dtype=np.float64)
    spread = np.where(spread > 0, spread, 1.0)
    x = ((vectors - mean) / spread).astype(np.float32)
    chosen = _choose(x, y_true, patients, rng) if strength is None else strength
    weights, intercept = _fitted(x, y_true, chosen)
    weights = weights / spread
    return LinearHead(weights, float(intercept - mean @ weights), chosen)


def _choose(
    x: Vectors, y_true: NDArray[np.bool_], patients: NDArray[np.int64], rng: Generator
) -> float:
    folds = _folds(y_true, patients, rng)
    if folds is None:
        return DEFAULT_STRENGTH
    areas = np.zeros(len(STRENGTHS))
    for fold in range(int(folds.max()) + 1):
        inside, outside = (folds >= 0) & (folds != fold), folds == fold
        if y_true[inside].all() or not y_true[inside].any():
            continue
        if y_true[outside].all() or not y_true[outside].any():
            continue
        for number, strength in enumerate(STRENGTHS):
            weights, _ = _fitted(x[inside], y_true[inside], strength)
            areas[number] += auroc(y_true[outside], x[outside] @ weights)
    return STRENGTHS[int(np.argmax(areas))]


def _folds(
    y_true: NDArray[np.bool_], patients: NDArray[np.int64], rng: Generator
) -> NDArray[np.int64] | None:
    """Return the fold of each image, −1 for those left out; patients with the finding are spread evenly.

    None if there are too few patients.
    """
    names, numbers = np.unique(patients, return_inverse=True)
    positive = np.bincount(numbers, y_true, names.size) > 0
    n_folds = min(FOLDS, int(positive.sum()), int((~positive).sum()))
    if n_folds < 2:
        return None
    of_patient = np.empty(names.size, dtype=np.int64)
    for part in (positive, ~positive):
        order = rng.permutation(np.flatnonzero(part))
        of_patient[order] = np.arange(order.size) % n_folds
    folds = of_patient[numbers]
    if y_true.size > MOST_IMAGES:
        folds[rng.permutation(y_true.size)[MOST_IMAGES:]] = -1
    return folds


def _fitted(
    x: Vectors, y_true: NDArray[np.bool_], strength: float
) -> tuple[NDArray[np.float64], float]:
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        # Of convergence: the ranking of images is stable long before.
        warnings.simplefilter("ignore")
        model = LogisticRegression(C=strength, max_iter=200, tol=1e-4).fit(x, y_true)
    return model.coef_[0].astype(np.float64), float(model.intercept_[0])
