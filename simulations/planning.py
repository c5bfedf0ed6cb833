"""Whether planned errors and gaps are those of studies that are then made.

    python -m simulations.planning [--cohorts 2000] [--resamples 500] [--workers 2] [--seed 0]

Each design is planned from assumptions, and cohorts of the planned size are drawn. Columns:

=============  =====================================================================================
planned        Planned standard error of the AUROC gap of the first group.
simulated      Standard deviation of that gap in cohorts without one.
ratio          Planned over simulated (0.95 to 1.05).
stated         Smallest difference that is stated to be detectable, at the first of 5 comparisons.
found          Such a gap is a disparity (75 to 85 %).
equivalent     A gap of 0 is shown to lie within the margin, with as many patients as are stated for it
               (75 to 85 %), at the number of patients in brackets.
=============  =====================================================================================
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import rankdata

from cxraudit.planning.settings import StudyAssumptions, StudyGoals
from cxraudit.planning.study import plan_study
from cxraudit.settings import AuditSettings
from cxraudit.stats.binormal import both_below
from cxraudit.stats.compare import gap
from cxraudit.stats.verdict import judge
from simulations.__main__ import counted, ranked
from simulations.arguments import print_table
from simulations.designs import WITHIN, Cohort, Design

COMPARISONS = 5
TYPICAL = 2001
"""Cohorts whose mean and standard deviation of images per patient are taken, of which the medians are planned
with: those of a study of that size."""

Sizes = Callable[[Generator, int], NDArray[np.int64]]
"""Images of so many patients."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A study that is planned and then made."""

    n_patients: int
    sizes: Sizes
    share: float = 0.5
    """Of the first group among patients, or among images where the group varies."""
    prevalence: float = 0.2
    patient_share: float = 0.3
    """Correlation of what is behind the labels of a patient; see `simulations.designs.Design`."""
    auroc: float = 0.85
    varies: bool = False
    margin: float = 0.05

    def design(self, n_patients: int) -> Design:
        """Return the design that draws cohorts of some patients."""
        return Design(
            sizes=lambda rng: self.sizes(rng, n_patients),
            shares=(self.share, 1 - self.share),
            prevalence=(self.prevalence,),
            patient_share=self.patient_share,
            auroc=self.auroc,
            varies=self.varies,
        )

    def plan(self) -> Mapping[str, float]:
        """Return the row of the AUROC in the plan."""
        rng = np.random.default_rng(0)
        drawn = [self.sizes(rng, self.n_patients) for _ in range(TYPICAL)]
        rate = self.prevalence
        both = both_below(float(ndtri(rate)), min(self.patient_share, 0.999999))
        assumed = StudyAssumptions(
            prevalence={"finding": rate},
            groups={"group:first": self.share},
            images_per_patient=float(np.median([one.mean() for one in drawn])),
            images_sd=float(np.median([one.std() for one in drawn])),
            score_correlation=WITHIN,
            label_correlation=float(np.clip((both - rate**2) / (rate * (1 - rate)), 0, 1)),
            auroc=self.auroc,
            varying="group" if self.varies else "",
        )
        goals = StudyGoals(n_patients=self.n_patients, comparisons=COMPARISONS)
        settings = AuditSettings(margin=self.margin, operating_point="none")
        return plan_study(assumed, goals, settings=settings).iloc[0].to_dict()


def _few(mean: float) -> Sizes:
    return lambda rng, n: 1 + rng.poisson(mean - 1, n)


def _pareto(rng: Generator, n: int) -> NDArray[np.int64]:
    return np.minimum(np.ceil(rng.pareto(1.3, n) + 0.5), 200).astype(np.int64)


def _each(number: int) -> Sizes:
    return lambda rng, n: np.full(n, number)


STUDIES: Mapping[str, Study] = {
    "one image each": Study(n_patients=600, sizes=_each(1)),
    "3 images each": Study(n_patients=300, sizes=_each(3)),
    "Pareto images per patient": Study(n_patients=250, sizes=_pareto),
    "a group of 15 %": Study(n_patients=400, sizes=_few(3.0), share=0.15),
    "prevalence 5 %": Study(n_patients=600, sizes=_few(3.0), prevalence=0.05),
    "positives in few patients": Study(
        n_patients=400, sizes=_few(5.0), prevalence=0.1, patient_share=0.9
    ),
    "varies within patients": Study(n_patients=300, sizes=_few(4.0), varies=True),
    "AUROC 0.95": Study(n_patients=400, sizes=_few(3.0), auroc=0.95),
}


def auroc(cohort: Cohort, first: bool) -> float:
    """Return the AUROC in or out of the first group; NaN with one class."""
    cell = (cohort.groups == 0) == first
    positive, score = cohort.y_true[cell], cohort.y_score[cell]
    n_positive = int(positive.sum())
    if not 0 < n_positive < positive.size:
        return float("nan")
    over = rankdata(score)[positive].sum() - n_positive * (n_positive + 1) / 2
    return float(over / (n_positive * (positive.size - n_positive)))


def gap_without(seed: int, name: str) -> float:
    """Return the gap in a cohort without one."""
    study = STUDIES[name]
    cohort = study.design(study.n_patients).draw(np.random.default_rng([seed, 0]))
    return auroc(cohort, True) - auroc(cohort, False)


def is_disparity(seed: int, name: str, fall: float, n_resamples: int) -> bool:
    """Tell whether a gap is a disparity at the first step of the adjustment."""
    study = STUDIES[name]
    cohort = study.design(study.n_patients).draw(np.random.default_rng([seed, 1]), gap=fall)
    areas = ranked(cohort, counted(cohort, seed, n_resamples), n_resamples)
    inside, outside = areas[0], areas[len(areas) // 2]
    found = gap(inside.auroc, outside.auroc)
    adjusted = min(found.p_value * COMPARISONS, 1.0)
    return judge(found, p_adjusted=adjusted, margin=study.margin) == "disparity"


def is_equivalent(seed: int, name: str, n_patients: int, n_resamples: int) -> bool:
    """Tell whether a gap of 0 is shown to lie within the margin."""
    study = STUDIES[name]
    cohort = study.design(n_patients).draw(np.random.default_rng([seed, 2]))
    areas = ranked(cohort, counted(cohort, seed, n_resamples), n_resamples)
    inside, outside = areas[0], areas[len(areas) // 2]
    found = gap(inside.auroc, outside.auroc)
    return -study.margin < found.inner_low and found.inner_high < study.margin


def compared(
    name: str, n: int, n_resamples: int, seed: int, pool: ProcessPoolExecutor
) -> dict[str, float]:
    """Plan a study, make it `n` times, and return the columns."""
    planned = STUDIES[name].plan()
    seeds = range(seed * 100_000, seed * 100_000 + n)
    gaps = np.array(list(pool.map(partial(gap_without, name=name), seeds, chunksize=20)))
    row = {
        "planned": planned["standard_error"],
        "simulated": float(np.nanstd(gaps, ddof=1)),
        "stated": planned["detectable_gap"],
        "patients": planned["patients_equivalence"],
    }
    fewer = seeds[: max(n // 2, 1)]
    fall = partial(is_disparity, name=name, fall=row["stated"], n_resamples=n_resamples)
    row["found"] = float(np.mean(list(pool.map(fall, fewer, chunksize=10))))
    within = partial(
        is_equivalent, name=name, n_patients=int(row["patients"]), n_resamples=n_resamples
    )
    row["equivalent"] = float(np.mean(list(pool.map(within, fewer, chunksize=10))))
    return row


def lines(n: int, n_resamples: int, seed: int, workers: int) -> Iterator[str]:
    """Yield the lines of a table in Markdown."""
    yield "| design | planned | simulated | ratio | stated | found | equivalent |"
    yield "|---" * 7 + "|"
    with ProcessPoolExecutor(workers) as pool:
        for name in STUDIES:
            row = compared(name, n, n_resamples, seed, pool)
            yield (
                f"| {name} | {row['planned']:.4f} | {row['simulated']:.4f} | "
                f"{row['planned'] / row['simulated']:.2f} | {row['stated']:.3f} | {row['found']:.1%} | "
                f"{row['equivalent']:.1%} ({row['patients']:,.0f}) |"
            )


def main() -> None:
    """Print the table."""
    print_table(__doc__, lines, cohorts=2000, resamples=500)


if __name__ == "__main__":
    main()
