"""Coverage of nominal 95 % intervals and error rates of tests, by simulation.

    python benchmarks/interval_coverage.py [--cohorts 2000]

Images of one patient share a level of the score (half of its variance) and a tendency to have the
finding. Three designs: 300 patients with 18 images each on average (like the MIMIC-CXR test split),
3,000 with 3, and a small one with 10 patients with the finding in each group. The true AUROC follows
from the normal distribution; the true gap between two groups of patients is zero; the equivalence test is
evaluated at a true gap equal to its margin. Resampling patients is compared with resampling images.
"""

import argparse
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.special import ndtr

from cxraudit.stats.compare import estimate, gap
from cxraudit.stats.equality import equality_test
from cxraudit.stats.ranking import ranking_replicates
from cxraudit.stats.resampling import draw_resamples

SIGNAL, WORSE = 1.5, 0.25
TRUTH = ndtr(SIGNAL / np.sqrt(2))

COLUMNS = (
    "AUROC covered",
    "gap covered",
    "false gaps (5 %)",
    "false gaps (0.5 %)",
    "TOST errors",
    "all groups: rejected",
    "width",
)


@dataclass(frozen=True)
class Design:
    """Number of patients, mean number of images of each, and which images are positive."""

    name: str
    n_patients: int
    images: float
    positive: Callable[[np.random.Generator, np.ndarray], np.ndarray]
    margin: float = WORSE


def tendency(rng: np.random.Generator, patients: np.ndarray) -> np.ndarray:
    """Every patient has a probability of the finding of their own, from nearly 0 to nearly 1."""
    own = rng.normal(scale=1.2, size=patients.max() + 1)[patients]
    return rng.random(patients.size) < 1 / (1 + np.exp(2.2 - own))


def twenty(rng: np.random.Generator, patients: np.ndarray) -> np.ndarray:
    """The first 20 patients have the finding on their first image and on most others."""
    first = np.r_[True, patients[1:] != patients[:-1]]
    return (patients < 20) & (first | (rng.random(patients.size) < 0.7))


DESIGNS = (
    Design("300 × 18", 300, 18, tendency),
    Design("3,000 × 3", 3000, 3, tendency),
    Design("140 × 3, 10 positive per group", 140, 3, twenty, margin=0.75),
)


def cohort(rng: np.random.Generator, design: Design, worse: float):
    """Return patient, label, score and group of every image."""
    patients = np.repeat(
        np.arange(design.n_patients), 1 + rng.poisson(design.images - 1, design.n_patients)
    )
    labels = design.positive(rng, patients)
    group = (rng.permutation(design.n_patients) % 2 == 0)[patients]
    if design.positive is twenty:
        group = patients % 2 == 0
    level = rng.normal(scale=0.5**0.5, size=design.n_patients)[patients]
    noise = rng.normal(scale=0.5**0.5, size=patients.size)
    return patients, labels, labels * (SIGNAL - worse * group) + level + noise, group


def evaluate(k: int, design: Design, n_resamples: int = 1000) -> list[list[float]]:
    """Evaluate one cohort without a gap and one with a gap of the margin; return `COLUMNS` of each unit."""
    margin = TRUTH - ndtr((SIGNAL - design.margin) / np.sqrt(2))
    rows = []
    for by_patient in (True, False):
        row: list[float] = []
        for worse in (0.0, design.margin):
            rng = np.random.default_rng([design.n_patients, k, int(worse > 0)])
            patients, labels, scores, group = cohort(rng, design, worse)
            units = patients if by_patient else np.arange(patients.size)
            draws = draw_resamples(int(units.max()) + 1, n_resamples, k, n_threads=1)
            cells = np.stack([np.ones(units.size, bool), group, ~group])
            overall, inside, outside = ranking_replicates(
                labels, scores, units, cells, draws, n_resamples=n_resamples, n_threads=1
            )
            between = gap(inside.auroc, outside.auroc)
            if worse:
                row.append(-margin < between.inner_low and between.inner_high < margin)
                continue
            area = estimate(overall.auroc, scale="logit")
            four = rng.integers(0, 4, design.n_patients)[patients]
            quarters = ranking_replicates(
                labels,
                scores,
                units,
                np.stack([four == number for number in range(4)]),
                draws,
                n_resamples=n_resamples,
                n_threads=1,
            )
            p = equality_test([found.auroc for found in quarters])
            row = [
                area.low <= TRUTH <= area.high,
                between.low <= 0 <= between.high,
                between.p_value < 0.05,
                between.p_value < 0.005,
                p <= 0.05,
                area.high - area.low,
            ]
        rows.append([*row[:4], row[6], row[4], row[5]])
    return rows


def study(design: Design, n_cohorts: int, n_workers: int = 2) -> np.ndarray:
    """Return means over cohorts, shape (2, columns): resampling patients, resampling images."""
    with ProcessPoolExecutor(n_workers) as pool:
        rows = list(pool.map(partial(evaluate, design=design), range(n_cohorts), chunksize=20))
    return np.mean(rows, axis=0)


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--cohorts", type=int, default=2000)
    n_cohorts = parser.parse_args().cohorts
    print("| patients × images | resampled | " + " | ".join(COLUMNS) + " |")
    print("|---" * (len(COLUMNS) + 2) + "|")
    for design in DESIGNS:
        for name, row in zip(("patients", "images"), study(design, n_cohorts), strict=True):
            shares = " | ".join(f"{share:.1%}" for share in row[:-1])
            print(f"| {design.name} | {name} | {shares} | {row[-1]:.3f} |", flush=True)


if __name__ == "__main__":
    main()
