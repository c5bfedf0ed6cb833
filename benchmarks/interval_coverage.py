"""How often nominal 95 % intervals cover the truth, and how often tests err, by simulation.

    python benchmarks/interval_coverage.py [--cohorts 400]

Films of one patient share a level of the score and a tendency to have the finding. Two designs:
300 patients with 18 films each on average (like the MIMIC-CXR test split) and 3,000 with 3. The
AUROC is known from the normal distribution; the gap between two groups of patients is zero; the
equivalence test is run at a true gap equal to its margin. Resampling patients is compared with
resampling films.
"""

import argparse

import numpy as np
from scipy.special import ndtr

from cxraudit.stats.compare import estimate, gap
from cxraudit.stats.ranking import ranking_replicates
from cxraudit.stats.resampling import draw_resamples

SIGNAL = 1.5


def cohort(rng: np.random.Generator, n_patients: int, films: float, *, worse: float = 0.0):
    """Films with a level per patient (half of the variance) and a tendency per patient."""
    patients = np.repeat(np.arange(n_patients), 1 + rng.poisson(films - 1, n_patients))
    tendency = rng.normal(scale=1.2, size=n_patients)[patients]
    labels = rng.random(patients.size) < 1 / (1 + np.exp(2.2 - tendency))
    group = (rng.random(n_patients) < 0.5)[patients]
    level = rng.normal(scale=0.5**0.5, size=n_patients)[patients]
    noise = rng.normal(scale=0.5**0.5, size=patients.size)
    return patients, labels, labels * (SIGNAL - worse * group) + level + noise, group


def study(n_patients: int, films: float, n_cohorts: int, *, n_resamples: int = 1000) -> None:
    """Print one line per way of resampling."""
    truth = ndtr(SIGNAL / np.sqrt(2))
    worse = 0.25
    margin = truth - ndtr((SIGNAL - worse) / np.sqrt(2))
    counts = {"patients": [], "films": []}
    for k in range(n_cohorts):
        for at_margin in (False, True):
            rng = np.random.default_rng([n_patients, k, at_margin])
            patients, labels, scores, group = cohort(
                rng, n_patients, films, worse=worse if at_margin else 0.0
            )
            for name, units in (("patients", patients), ("films", np.arange(patients.size))):
                draws = draw_resamples(int(units.max()) + 1, n_resamples, k)
                everyone = np.ones(units.size, bool)
                all_, inside, outside = ranking_replicates(
                    labels, scores, units, np.stack([everyone, group, ~group]), draws,
                    n_resamples=n_resamples,
                )  # fmt: skip
                difference = gap(inside.auroc, outside.auroc)
                if at_margin:
                    small = -margin < difference.inner_low and difference.inner_high < margin
                    counts[name][-1].append(small)
                else:
                    whole = estimate(all_.auroc)
                    counts[name].append(
                        [
                            whole.low <= truth <= whole.high,
                            difference.low <= 0 <= difference.high,
                            difference.p_value < 0.05,
                            whole.high - whole.low,
                        ]
                    )
    for name, rows in counts.items():
        area, gap_, false, width, tost = np.mean(rows, axis=0)
        print(
            f"| {n_patients:,} × {films:g} | {name} | {area:.1%} | {gap_:.1%} | {false:.1%} | "
            f"{tost:.1%} | {width:.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--cohorts", type=int, default=400)
    n = parser.parse_args().cohorts
    print(
        "| patients × films | resampled | AUROC covered | gap covered | false gaps | TOST errs | width |"
    )
    print("|---|---|---|---|---|---|---|")
    study(300, 18, n)
    study(3000, 3, n)
