"""Probes: can a group be read from embeddings.

By a line, by neighbours, by a small network.

Hyper-parameters are chosen on validation patients; each probe is then fitted on training and
validation together, as in Sourget et al. (2025), and returns scores for images it has not seen.
"""

import warnings
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from cxraudit.stats.ranking import auroc

Vectors = NDArray[np.float32]
Codes = NDArray[np.int64]
Scores = NDArray[np.float64]
"""Shape (n, n_groups): higher is more like the group."""

Probe = Callable[[Vectors, Codes, Vectors, Codes, Vectors, int], Scores]
"""(train, groups, validation, groups, others, seed) → scores of the others."""

STRENGTHS = (0.0001, 0.001, 0.01, 0.1, 1.0)
"""Inverse penalties of the linear probe."""
NEIGHBOURS = tuple(range(1, 22, 2))
HIDDEN = (128, 512)
FEW = 16
"""With so few dimensions the smaller network is enough."""
MAX_EPOCHS, PATIENCE, GAIN = 60, 8, 0.002
PENALTY = 1.0
"""L2, as scikit-learn counts it (per batch)."""


def standardised(train: Vectors, *others: Vectors) -> tuple[Vectors, ...]:
    """Scale every dimension to mean 0 and standard deviation 1 on the training images."""
    mean, spread = train.mean(axis=0), train.std(axis=0)
    spread = np.where(spread > 0, spread, 1)
    return tuple(((part - mean) / spread).astype(np.float32) for part in (train, *others))


def macro_auroc(codes: Codes, scores: Scores) -> float:
    """Return the mean over groups of one group against the others; of two groups, the one AUROC."""
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
            warnings.simplefilter(
                "ignore"
            )  # convergence: the order of images is settled long before
            return LogisticRegression(C=strength, max_iter=200, tol=1e-3).fit(x, y)

    best = _best(
        STRENGTHS,
        lambda strength: _decision(fitted(strength, train, codes), validation),
        validation_codes,
    )
    return _decision(
        fitted(
            best, np.concatenate([train, validation]), np.concatenate([codes, validation_codes])
        ),
        others,
    )


def _decision(model: "object", x: Vectors) -> Scores:
    found = np.asarray(model.decision_function(x), dtype=np.float64)  # type: ignore[attr-defined]
    return np.column_stack([-found, found]) if found.ndim == 1 else found


def _best(options: Sequence, scores_of: Callable, codes: Codes):  # type: ignore[type-arg]  # noqa: ANN202
    """Return the option with the highest AUROC on validation patients; the first of equals."""
    return max(options, key=lambda option: macro_auroc(codes, scores_of(option)))


def neighbour_votes(
    known: Vectors, codes: Codes, others: Vectors, n_groups: int, *, block: int = 2048
) -> NDArray[np.float64]:
    """Return the votes of 1, 3, … 21 nearest neighbours, from one pass over the distances.

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
        # The square of the other image is the same for all neighbours, and left out.
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
    best = _best(range(len(NEIGHBOURS)), lambda number: tried[number], validation_codes)
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

    scikit-learn's own early stopping holds images out, not patients, so it is done here: an epoch has
    to raise the AUROC of validation patients by more than `GAIN`, or `PATIENCE` such pass and that
    is it. The best is fitted again on training and validation, for as many epochs.
    """
    from sklearn.neural_network import MLPClassifier

    groups = np.arange(int(codes.max()) + 1)

    def network(hidden: int, n: int) -> MLPClassifier:
        return MLPClassifier((hidden,), alpha=PENALTY, batch_size=min(200, n), random_state=seed)

    best, chosen = -np.inf, (HIDDEN[0], 1)
    for hidden in HIDDEN if train.shape[1] > FEW else HIDDEN[:1]:
        tried = network(hidden, len(train))
        top, at = -np.inf, 0
        for epoch in range(1, MAX_EPOCHS + 1):
            tried.partial_fit(train, codes, classes=groups)
            reached = macro_auroc(validation_codes, tried.predict_proba(validation))
            if reached > top + GAIN:
                top, at = reached, epoch
            if reached > best + GAIN:
                best, chosen = reached, (hidden, epoch)
            if epoch - at >= PATIENCE:
                break
    hidden, epochs = chosen
    x, y = np.concatenate([train, validation]), np.concatenate([codes, validation_codes])
    final = network(hidden, len(x))
    for _ in range(epochs):
        final.partial_fit(x, y, classes=groups)
    return final.predict_proba(others).astype(np.float64)


PROBES: dict[str, Probe] = {"linear": linear_probe, "k-NN": knn_probe, "MLP": mlp_probe}
"""Name → probe; as in Sourget et al. (2025)."""
