"""Probes of cxraudit against the search of the published script, in one run, with the AUROC of each.

The published script (``predict_attribute.py`` of the study's code) tunes scikit-learn's MLPClassifier
over 4 sizes × 500 iterations, k-NN over 11 numbers of neighbours and a network without hidden layer over
3 learning rates × 1,000 iterations, in float64, and fits the best again. Its structure is reproduced here,
with embeddings and labels in the same order.

    python benchmarks/probes.py [small|large] [linear|k-NN|MLP …]
"""

import sys
import time
import warnings
from collections.abc import Callable

import numpy as np
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier

from cxraudit.stats.probes import PROBES, macro_auroc, standardised

SIZES = {"small": (5_000, 512), "large": (25_000, 1_024)}


def embeddings(n: int, d: int, n_groups: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return unit embeddings from which a group is linearly decodable with noise, 5 images per patient."""
    rng = np.random.default_rng(1)
    patients = np.arange(n) // 5
    groups = rng.integers(0, n_groups, patients.max() + 1)[patients]
    x = rng.normal(size=(n, d)) + 0.25 * rng.normal(size=(n_groups, d))[groups] * (
        rng.random(d) < 0.1
    )
    x += rng.normal(size=(patients.max() + 1, d))[patients] * 0.5
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    return x.astype(np.float32), groups.astype(np.int64), patients


def published(kind: str, train, y, validation, y_validation, others, seed: int) -> np.ndarray:
    """Search and refit as the published script does."""
    options: list[Callable] = {
        "MLP": [
            lambda h=h: MLPClassifier((h,), max_iter=500, random_state=seed)
            for h in (128, 256, 512, 1024)
        ],
        "linear": [
            lambda r=r: MLPClassifier((), max_iter=1000, learning_rate_init=r, random_state=seed)
            for r in (1e-2, 1e-3, 1e-4)
        ],
        "k-NN": [lambda k=k: KNeighborsClassifier(k) for k in range(1, 22, 2)],
    }[kind]
    wide = [part.astype(np.float64) for part in (train, validation, others)]
    areas = [
        macro_auroc(y_validation, new().fit(wide[0], y).predict_proba(wide[1])) for new in options
    ]
    best = options[int(np.argmax(areas))]()
    best.fit(np.concatenate(wide[:2]), np.concatenate([y, y_validation]))
    return best.predict_proba(wide[2])


def main(size: str, kinds: list[str]) -> None:
    """Print the CPU time of both, run one after the other."""
    warnings.simplefilter("ignore")
    x, groups, _ = embeddings(300, 32, 2)
    for kind in kinds:  # imports are not timed
        PROBES[kind](x[:100], groups[:100], x[100:200], groups[100:200], x[200:], 0)
    for n_groups in (2, 5):
        x, groups, patients = embeddings(*SIZES[size], n_groups)
        part = np.random.default_rng(2).random(patients.max() + 1)[patients]
        train, validation, test = part < 0.64, (part >= 0.64) & (part < 0.8), part >= 0.8
        xs = standardised(x[train], x[validation], x[test])
        for kind in kinds:
            timed = {}
            for name, run in (
                ("cxraudit", PROBES[kind]),
                ("published", lambda *a, kind=kind: published(kind, *a)),
            ):
                start = time.process_time()
                scores = run(xs[0], groups[train], xs[1], groups[validation], xs[2], 0)
                timed[name] = (time.process_time() - start, macro_auroc(groups[test], scores))
            (seconds, area), (published_seconds, published_area) = timed.values()
            print(
                f"{x.shape[0]:,} × {x.shape[1]}, {n_groups} groups, {kind}: {seconds:.2f} s, published "
                f"{published_seconds:.1f} s: {published_seconds / seconds:.1f}×; "
                f"AUROC {area:.4f} and {published_area:.4f}",
                flush=True,
            )


if __name__ == "__main__":
    arguments = sys.argv[1:]
    size = next((argument for argument in arguments if argument in SIZES), "small")
    main(size, [kind for kind in PROBES if kind in arguments] or list(PROBES))
