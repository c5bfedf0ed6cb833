"""Probes: whether a group can be decoded from embeddings.

By logistic regression, nearest neighbours, or a small network.

Hyper-parameters are chosen on validation patients; each probe is then fitted on training and
validation patients together, as in Sourget et al. (2025), and returns scores for held-out images.
"""

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from cxraudit.stats.ranking import auroc

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

Vectors = NDArray[np.float32]
Codes = NDArray[np.int64]
Scores = NDArray[np.float64]
"""Shape (n, n_groups): higher for images more likely to belong to the group."""

Probe = Callable[[Vectors, Codes, Vectors, Codes, Vectors, int], Scores]
"""(train, groups, validation, groups, others, seed) → scores of the others."""

STRENGTHS = (0.0001, 0.001, 0.01, 0.1, 1.0)
"""Inverse penalties of the linear probe."""
NEIGHBOURS = tuple(range(1, 22, 2))
HIDDEN = (128, 512)
FEW_DIMENSIONS = 16
"""Up to this many dimensions only the smaller network is fitted."""
MAX_EPOCHS, PATIENCE, GAIN = 60, 8, 0.002
PENALTY = 1.0
"""L2 penalty in scikit-learn's units (per batch)."""


def standardised(train: Vectors, *others: Vectors) -> tuple[Vectors, ...]:
    """Scale every dimension to mean 0 and standard deviation 1 on the training images."""
    mean, spread = train.mean(axis=0), train.std(axis=0)
    spread = np.where(spread > 0, spread, 1)
    return tuple(((part - mean) / spread).astype(np.float32) for part in (train, *others))


def macro_auroc(codes: Codes, scores: Scores) -> float:
    """Return the mean AUROC of each group against all others; with two groups, the one AUROC."""
    n_groups = scores.shape[1]
    chosen = range(1, 2) if n_groups == 2 else range(n_groups)
    return float(np.mean([auroc(codes == group, scores[:, group]) for group in chosen]))


def linear_probe(
    train: Vectors,
    codes: Codes,
    validation: Vectors,
    validation_codes: Codes,
    others: Vectors,
    seed: int,
) -> Scores:
    """L2-penalised logistic regression, the penalty chosen on validation patients."""
    from sklearn.linear_model import LogisticRegression

    def fitted(strength: float, x: Vectors, y: Codes) -> LogisticRegression:
        with warnings.catch_warnings():
            # Of convergence: the ranking of images is stable long before.
            warnings.simplefilter("ignore")
            return LogisticRegression(C=strength, max_iter=200, tol=1e-3).fit(x, y)

    tried = [_decision(fitted(strength, train, codes), validation) for strength in STRENGTHS]
    best = STRENGTHS[_best(tried, validation_codes)]
    x, y = np.concatenate([train, validation]), np.concatenate([codes, validation_codes])
    return _decision(fitted(best, x, y), others)


def _decision(model: "LogisticRegression", x: Vectors) -> Scores:
    """Return scores that rank images as the probabilities of the groups do, without their rounding near 1.

    Of more than two groups the logits themselves do not: an image may have high ones of several groups.
    """
    scores = np.asarray(model.decision_function(x), dtype=np.float64)
    return np.column_stack([-scores, scores]) if scores.ndim == 1 else log_softmax(scores, axis=1)


def _best(tried: Sequence[Scores], codes: Codes) -> int:
    """Return the row of the scores with the highest AUROC; the first if several."""
    return int(np.argmax([macro_auroc(codes, scores) for scores in tried]))


def neighbour_votes(
    known: Vectors, codes: Codes, others: Vectors, n_groups: int, *, block: int = 2048
) -> NDArray[np.float64]:
    """Return the votes of the 1, 3, … 21 nearest neighbours, from one pass over the distances.

    Returns
    -------
    numpy.ndarray, shape (len(NEIGHBOURS), n, n_groups)
        Shares of votes; neighbours by Euclidean distance.
    """
    most = min(NEIGHBOURS[-1], len(known))
    squares = (known**2).sum(axis=1)
    votes = np.empty((len(NEIGHBOURS), len(others), n_groups))
    for start in range(0, len(others), block):
        part = others[start : start + block]
        # The squared norm of the other image is the same for all neighbours, and omitted.
        distance = squares[None, :] - 2 * part @ known.T
        near = np.argpartition(distance, most - 1, axis=1)[:, :most]
        order = np.argsort(np.take_along_axis(distance, near, axis=1), axis=1, kind="stable")
        groups = codes[np.take_along_axis(near, order, axis=1)]
        cumulative = np.cumsum(groups[:, :, None] == np.arange(n_groups), axis=1)
        for number, k in enumerate(NEIGHBOURS):
            k = min(k, most)
            votes[number, start : start + block] = cumulative[:, k - 1] / k
    return votes


def knn_probe(
    train: Vectors,
    codes: Codes,
    validation: Vectors,
    validation_codes: Codes,
    others: Vectors,
    seed: int,
) -> Scores:
    """K nearest neighbours, k chosen on validation patients."""
    n_groups = int(codes.max()) + 1
    tried = neighbour_votes(train, codes, validation, n_groups)
    best = _best(list(tried), validation_codes)
    known, labels = np.concatenate([train, validation]), np.concatenate([codes, validation_codes])
    return neighbour_votes(known, labels, others, n_groups)[best]


def mlp_probe(
    train: Vectors,
    codes: Codes,
    validation: Vectors,
    validation_codes: Codes,
    others: Vectors,
    seed: int,
) -> Scores:
    """One hidden layer, its size and the number of epochs chosen on validation patients.

    scikit-learn's own early stopping holds out images, not patients, so it is implemented here:
    training stops after `PATIENCE` epochs that do not raise the AUROC on validation patients by more
    than `GAIN`. The best network is fitted again on training and validation patients, for as many
    epochs.
    """
    from sklearn.neural_network import MLPClassifier

    groups = np.arange(int(codes.max()) + 1)

    def network(hidden: int, n: int) -> MLPClassifier:
        return MLPClassifier((hidden,), alpha=PENALTY, batch_size=min(200, n), random_state=seed)

    best, chosen = -np.inf, (HIDDEN[0], 1)
    for hidden in HIDDEN if train.shape[1] > FEW_DIMENSIONS else HIDDEN[:1]:
        tried = network(hidden, len(train))
        peak, peak_epoch = -np.inf, 0
        for epoch in range(1, MAX_EPOCHS + 1):
            tried.partial_fit(train, codes, classes=groups)
            area = macro_auroc(validation_codes, tried.predict_proba(validation))
            if area > peak + GAIN:
                peak, peak_epoch = area, epoch
            if area > best + GAIN:
                best, chosen = area, (hidden, epoch)
            if epoch - peak_epoch >= PATIENCE:
                break
    hidden, epochs = chosen
    x, y = np.concatenate([train, validation]), np.concatenate([codes, validation_codes])
    final = network(hidden, len(x))
    for _ in range(epochs):
        final.partial_fit(x, y, classes=groups)
    return final.predict_proba(others).astype(np.float64)


PROBES: dict[str, Probe] = {"linear": linear_probe, "k-NN": knn_probe, "MLP": mlp_probe}
"""Name → probe; as in Sourget et al. (2025)."""
