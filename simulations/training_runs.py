"""How often intervals of means over training runs cover, with and without the error of runs.

    python -m simulations.training_runs [--cohorts 1000] [--resamples 500] [--workers 2] [--seed 0]

150 patients in two groups have three images each. Two models of the same kind are trained a few times each;
their runs differ in AUROC by some standard deviation, and in each group by as much again. Columns:

==============  ===================================================================================
AUROC           The interval of the AUROC, over patients and runs, covers that of all runs (95 %).
gap             That of the gap between the groups covers 0 (95 %).
models          That of the difference between the two models covers 0 (95 %).
no runs: …      The same, with the error of patients only.
one run: …      With one run of each model, as is usual.
==============  ===================================================================================
"""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from cxraudit.stats.compare import estimate, gap
from cxraudit.stats.ranking import ranking_replicates
from cxraudit.stats.replicated import Replicated, over_runs
from cxraudit.stats.resampling import Counts, draw_resamples
from simulations.arguments import print_table

PATIENTS, IMAGES = 150, 3
PREVALENCE = 0.3
DISTANCE = float(np.sqrt(2) * ndtri(0.85))
SHARED = 0.7
"""Correlation of the scores of two runs for images with the same label."""
NUMBERS = (2, 3, 5, 10)
SPREADS = (0.0, 0.1, 0.3)
"""Standard deviation between runs of the distance of positives and negatives, of all images and of each group
further; 0.1 is 0.02 of AUROC."""
COLUMNS = ("AUROC", "gap", "models")
KINDS = ("", "no runs: ", "one run: ")


def runs(
    rng: Generator, n_runs: int, spread: float, y_true: NDArray[np.bool_], groups: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Draw the scores of training runs, shape (n_runs, n_images)."""
    own = spread * rng.normal(size=(n_runs, 1))
    of_groups = spread * rng.normal(size=(n_runs, 2))[:, groups.astype(int)]
    return y_true * (DISTANCE + own + of_groups)


def noise(rng: Generator, n_runs: int) -> NDArray[np.float64]:
    """Draw noise of images, half of it that of their patients, which runs share in part."""

    def drawn(size: int) -> NDArray[np.float64]:
        of_patient = np.repeat(rng.normal(size=(size, PATIENTS)), IMAGES, axis=1)
        return np.sqrt(0.5) * (of_patient + rng.normal(size=of_patient.shape))

    return np.sqrt(SHARED) * drawn(1) + np.sqrt(1 - SHARED) * drawn(n_runs)


def areas(
    y_true: NDArray[np.bool_],
    scores: NDArray[np.float64],
    groups: NDArray[np.bool_],
    counts: Counts,
    n_resamples: int,
) -> list[list[Replicated]]:
    """Return the AUROC of all images and of both groups, of every run."""
    patients = np.repeat(np.arange(PATIENTS), IMAGES)
    cells = np.stack([np.ones_like(groups), groups, ~groups])
    found = [
        ranking_replicates(
            y_true, score, patients, cells, counts, n_resamples=n_resamples, n_threads=1
        )
        for score in scores
    ]
    return [[run[cell].auroc for run in found] for cell in range(3)]


def evaluate(seed: int, n_runs: int, spread: float, n_resamples: int) -> dict[str, float]:
    """Evaluate two models on one cohort."""
    rng = np.random.default_rng([seed, n_runs, round(1000 * spread)])
    groups = np.repeat(rng.random(PATIENTS) < 0.5, IMAGES)
    y_true = rng.random(groups.size) < PREVALENCE
    counts = draw_resamples(PATIENTS, n_resamples, seed, n_threads=1)
    shared = noise(rng, 2 * n_runs)
    scores = shared + runs(rng, 2 * n_runs, spread, y_true, groups)
    first = areas(y_true, scores[:n_runs], groups, counts, n_resamples)
    second = areas(y_true, scores[n_runs:], groups, counts, n_resamples)
    truth = float(ndtr(DISTANCE / np.sqrt(2 + 2 * spread**2)))
    row = {}
    for kind in KINDS:
        sides = [_mean(kind, cell, "first", rng, n_resamples) for cell in first]
        other = _mean(kind, second[0], "second", rng, n_resamples)
        found = {
            "AUROC": (estimate(sides[0], scale="logit"), truth),
            "gap": (gap(sides[1], sides[2]), 0.0),
            "models": (gap(sides[0], other), 0.0),
        }
        for name, (one, true) in found.items():
            row[f"{kind}{name}"] = float(one.low <= true <= one.high)
    return row


def _mean(
    kind: str, parts: list[Replicated], model: str, rng: Generator, n_resamples: int
) -> Replicated:
    """Return the mean over runs with their error, the same without it, or one run."""
    if kind == "one run: ":
        return parts[0]
    # The spread of the replicates decides only where it is larger than the analytic error.
    drawn = rng.normal(size=(n_resamples, len(parts) - 1)) if not kind else None
    found = over_runs(parts, model, drawn)
    return found if not kind else replace(found, runs={})


def lines(n: int, n_resamples: int, seed: int, workers: int) -> Iterator[str]:
    """Yield the lines of a table in Markdown."""
    columns = [f"{kind}{name}" for kind in KINDS for name in COLUMNS]
    yield f"| runs | SD of the distance | {' | '.join(columns)} |"
    yield "|---" * (2 + len(columns)) + "|"
    seeds = range(seed * 100_000, seed * 100_000 + n)
    with ProcessPoolExecutor(workers) as pool:
        for n_runs, spread in product(NUMBERS, SPREADS):
            one = partial(evaluate, n_runs=n_runs, spread=spread, n_resamples=n_resamples)
            row = pd.DataFrame(pool.map(one, seeds, chunksize=10)).mean()
            yield f"| {n_runs} | {spread} | {' | '.join(f'{row[c]:.1%}' for c in columns)} |"


def main() -> None:
    """Print the table."""
    print_table(__doc__, lines, cohorts=1000, resamples=500)


if __name__ == "__main__":
    main()
