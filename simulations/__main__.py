"""How often intervals cover, tests err, and stated differences are found, by design.

    python -m simulations [--cohorts 1500] [--resamples 1000] [--workers 2] [--seed 0] [DESIGN ...]

The first group of each design is compared with all others. Columns, with the target:

==============  ===================================================================================
group           The interval of the first group's AUROC covers the truth (95 %).
gap             The interval of its gap covers 0 (95 %).
lies above      The interval lies above the truth (2.5 %).
TOST            A gap of exactly the margin is shown to lie within it (at most 5 %).
all groups      One test of all groups rejects (5 %).
stated          Median of the smallest gap that is stated to be detectable.
found           Such a gap is a disparity (80 %).
==============  ===================================================================================

Cohorts in which a value is not defined, or has no interval, are left out of its column; a dash says that
the truth is not known in a design.
"""

import argparse
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np

from cxraudit.stats.compare import estimate, gap
from cxraudit.stats.equality import equality_test
from cxraudit.stats.ranking import RankingReplicates, ranking_replicates
from cxraudit.stats.resampling import draw_resamples
from cxraudit.stats.verdict import detectable_gap, judge
from simulations.designs import DESIGNS, Cohort

MARGIN = 0.05
WIDE = 0.15
"""Margin at which equivalence of small groups can be shown at all."""
COLUMNS = ("group", "gap", "lies above", "TOST", "all groups", "stated", "found")

Row = dict[str, float]


def ranked(cohort: Cohort, seed: int, n_resamples: int) -> list[RankingReplicates]:
    """Rank the first group, all others, and each group."""
    numbers = range(int(cohort.groups.max()) + 1)
    cells = [cohort.groups == 0, cohort.groups != 0, *(cohort.groups == k for k in numbers)]
    counts = draw_resamples(int(cohort.patients.max()) + 1, n_resamples, seed, n_threads=1)
    return ranking_replicates(
        cohort.y_true,
        cohort.y_score,
        cohort.patients,
        np.stack(cells),
        counts,
        n_resamples=n_resamples,
        n_threads=1,
    )


def null(seed: int, name: str, n_resamples: int) -> Row:
    """Evaluate a cohort without a gap."""
    design = DESIGNS[name]
    cohort = design.draw(np.random.default_rng([seed, 0]))
    inside, outside, *groups = ranked(cohort, seed, n_resamples)
    level = estimate(inside.auroc, scale="logit")
    found = gap(inside.auroc, outside.auroc)
    row = {"all groups": _below(equality_test([one.auroc for one in groups]))}
    if design.is_known and np.isfinite(level.low):
        row["group"] = level.low <= design.auroc <= level.high
    if np.isfinite(found.low):
        row["gap"] = found.low <= 0 <= found.high
        row["lies above"] = found.low > 0
        row["stated"] = detectable_gap(found, margin=MARGIN, alpha=0.05)
    return row


def shifted(seed: int, name: str, n_resamples: int, fall: float, margin: float) -> Row:
    """Evaluate a cohort with a gap."""
    cohort = DESIGNS[name].draw(np.random.default_rng([seed, 1]), gap=fall)
    inside, outside, *_ = ranked(cohort, seed, n_resamples)
    found = gap(inside.auroc, outside.auroc)
    verdict = judge(found, p_adjusted=found.p_value, margin=margin)
    within = -margin < found.inner_low and found.inner_high < margin
    return {"found": verdict == "disparity", "TOST": within} if np.isfinite(found.low) else {}


def _below(p: float) -> float:
    return float(p <= 0.05) if np.isfinite(p) else np.nan


def means(rows: Sequence[Row]) -> Row:
    """Return the mean of each column, over the cohorts that have it; of what is stated, the median."""
    table = {name: np.array([row.get(name, np.nan) for row in rows]) for name in COLUMNS}
    known = {name: values[~np.isnan(values)] for name, values in table.items()}
    return {
        name: float(np.median(values) if name == "stated" else values.mean())
        for name, values in known.items()
        if values.size
    }


def study(pool: ProcessPoolExecutor, name: str, n: int, n_resamples: int, seed: int) -> Row:
    """Evaluate a design."""
    seeds = range(seed * 100_000, seed * 100_000 + n)

    def over(function: partial[Row]) -> Row:
        return means(list(pool.map(function, seeds, chunksize=10)))

    row = over(partial(null, name=name, n_resamples=n_resamples))
    for fall, margin, column in ((WIDE, WIDE, "TOST"), (row["stated"], MARGIN, "found")):
        if DESIGNS[name].is_known and np.isfinite(fall) and fall < DESIGNS[name].auroc:
            drawn = partial(shifted, name=name, n_resamples=n_resamples, fall=fall, margin=margin)
            row[column] = over(drawn)[column]
    return row


def lines(names: Sequence[str], n: int, n_resamples: int, seed: int, workers: int) -> Iterator[str]:
    """Yield the lines of a table in Markdown."""
    yield f"| design | {' | '.join(COLUMNS)} |"
    yield "|---" * (1 + len(COLUMNS)) + "|"
    with ProcessPoolExecutor(workers) as pool:
        for name in names:
            row = study(pool, name, n, n_resamples, seed)
            cells = [
                f"{row[c]:.2f}" if c == "stated" else f"{row[c]:.1%}" if c in row else "–"
                for c in COLUMNS
            ]
            yield f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("designs", nargs="*", metavar="DESIGN", choices=[[], *DESIGNS])
    parser.add_argument("--cohorts", type=int, default=1500)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    names = given.designs or list(DESIGNS)
    for line in lines(names, given.cohorts, given.resamples, given.seed, given.workers):
        print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
