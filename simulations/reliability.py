"""How well intervals cover by the number of effective patients they rest on.

    python -m simulations.reliability [--cohorts 200] [--resamples 1000] [--workers 2] [--seed 0]

Over all designs of `simulations.designs` in which the truth is known, and the same with fewer patients: the
AUROC of the first group, and its gap to all others, with the effective patients of each
(``effective_patients`` of the results).
"""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from cxraudit.stats.compare import estimate, gap
from simulations.__main__ import counted, ranked
from simulations.arguments import print_table
from simulations.designs import DESIGNS, Cohort

EDGES = (2, 4, 6, 8, 10, 15, 20, 30, 50, 100, np.inf)
"""Of the bins of effective patients."""
SHARES = (1.0, 0.4, 0.15)
"""Of the patients of a design that are kept."""

Found = list[tuple[str, float, float, float]]
"""What, its effective patients, whether its interval covers the truth, and whether it lies above it."""


def fewer(cohort: Cohort, share: float, rng: Generator) -> Cohort:
    """Keep a share of the patients."""
    n = int(cohort.patients.max()) + 1
    chosen = rng.permutation(n)[: max(round(share * n), 4)]
    new = np.full(n, -1)
    new[chosen] = np.arange(chosen.size)
    kept: NDArray[np.bool_] = new[cohort.patients] >= 0
    return Cohort(
        cohort.y_true[kept], cohort.y_score[kept], new[cohort.patients[kept]], cohort.groups[kept]
    )


def evaluate(seed: int, name: str, share: float, n_resamples: int) -> Found:
    """Evaluate a cohort without a gap."""
    design = DESIGNS[name]
    rng = np.random.default_rng([seed, 2])
    cohort = fewer(design.draw(rng), share, rng)
    if np.unique(cohort.groups).size < 2:
        return []
    areas = ranked(cohort, counted(cohort, seed, n_resamples), n_resamples)
    inside, outside = areas[0], areas[len(areas) // 2]
    found: Found = []
    level = estimate(inside.auroc, scale="logit")
    if np.isfinite(level.low):
        covered = level.low <= design.auroc <= level.high
        df = inside.auroc.degrees_of_freedom
        found.append(("AUROC", df + 1, covered, level.low > design.auroc))
    difference = gap(inside.auroc, outside.auroc)
    if np.isfinite(difference.low):
        covered = difference.low <= 0 <= difference.high
        found.append(("gap", difference.degrees_of_freedom + 1, covered, difference.low > 0))
    return found


def lines(n: int, n_resamples: int, seed: int, workers: int) -> Iterator[str]:
    """Yield the lines of a table in Markdown."""
    seeds = range(seed * 100_000, seed * 100_000 + n)
    found: Found = []
    with ProcessPoolExecutor(workers) as pool:
        for name, design in DESIGNS.items():
            if design.is_known:
                for share in SHARES:
                    one = partial(evaluate, name=name, share=share, n_resamples=n_resamples)
                    found += [row for rows in pool.map(one, seeds, chunksize=10) for row in rows]
    yield "| effective patients | AUROC: intervals | covered | gap: intervals | covered |"
    yield "|---|---|---|---|---|"
    for low, high in pairwise(EDGES):
        cells = []
        for what in ("AUROC", "gap"):
            inside = [row for row in found if row[0] == what and low <= row[1] < high]
            cells += [
                f"{len(inside):,}",
                f"{np.mean([row[2] for row in inside]):.1%}" if inside else "–",
            ]
        yield f"| {low} to {high} | {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    print_table(__doc__, lines, cohorts=200, resamples=1000)


if __name__ == "__main__":
    main()
