"""How often intervals cover, tests err, and stated differences are found, by design.

    python -m simulations [--cohorts 1500] [--resamples 1000] [--workers 2] [--seed 0] [DESIGN ...]

The first group of each design is compared with all others. Columns, with the target:

==============  ===================================================================================
AUROC           The interval of the first group's AUROC covers the truth (95 %).
AP              That of its average precision at a prevalence of 20 % does (95 %).
TPR             That of its TPR at a threshold with an FPR of 10 % does (95 %).
gap             The interval of the gap of its AUROC to all others covers 0 (95 %).
lies above      It lies above 0 (2.5 %).
AP gap          The interval of the gap of AP covers 0 (95 %).
TPR gap         That of the gap of the TPR does (95 %).
at once         The simultaneous intervals of the gaps of all groups all cover 0 (95 %).
any false       Any gap of AUROC is shown after adjustment (at most 5 %).
TOST            A gap of exactly the margin is shown to lie within it (at most 5 %).
all groups      One test of all groups rejects (5 %).
stated          Median of the smallest gap that is stated to be detectable.
found           Such a gap is a disparity (80 %).
==============  ===================================================================================

Cohorts in which a value is not defined, or has no interval, are left out of its column; a dash says that
the truth is not known in a design.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
from scipy.integrate import trapezoid
from scipy.special import ndtr, ndtri

from cxraudit.stats.compare import estimate, gap
from cxraudit.stats.equality import equality_test
from cxraudit.stats.estimate import Estimate
from cxraudit.stats.multiplicity import step_down
from cxraudit.stats.ranking import RankingReplicates, ranking_replicates
from cxraudit.stats.replicated import Replicated
from cxraudit.stats.resampling import Counts, draw_resamples
from cxraudit.stats.thresholds import decisions
from cxraudit.stats.verdict import detectable_gap, judge
from simulations.arguments import parser, print_lines
from simulations.designs import DESIGNS, Cohort

ALPHA = 0.05
MARGIN = 0.05
WIDE = 0.15
"""Margin at which equivalence of small groups can be shown at all."""
PREVALENCE = 0.2
"""At which average precision is compared."""
THRESHOLD = float(ndtri(0.9))
"""Score above which a tenth of the images without the finding lie."""
COLUMNS = (
    *("AUROC", "AP", "TPR", "gap", "lies above", "AP gap", "TPR gap"),
    *("at once", "any false", "TOST", "all groups", "stated", "found"),
)

Row = dict[str, float]


def counted(cohort: Cohort, seed: int, n_resamples: int) -> Counts:
    """Draw resamples of patients."""
    return draw_resamples(int(cohort.patients.max()) + 1, n_resamples, seed, n_threads=1)


def ranked(cohort: Cohort, counts: Counts, n_resamples: int) -> list[RankingReplicates]:
    """Rank the images of each group, and then those of all others of each."""
    groups = [cohort.groups == k for k in range(int(cohort.groups.max()) + 1)]
    return ranking_replicates(
        cohort.y_true,
        cohort.y_score,
        cohort.patients,
        np.stack([*groups, *(~inside for inside in groups)]),
        counts,
        n_resamples=n_resamples,
        reference_prevalence=PREVALENCE,
        n_threads=1,
    )


def rates(cohort: Cohort, counts: Counts, n_resamples: int) -> list[Replicated]:
    """Return the TPR of the first group and of all others."""
    first = cohort.groups == 0
    found = decisions(
        cohort.y_true,
        cohort.y_score,
        THRESHOLD,
        cohort.patients,
        np.stack([first, ~first]),
        counts,
        n_resamples=n_resamples,
    )
    return [one.tpr for one in found]


def average_precision(auroc: float) -> float:
    """Return the average precision of binormal scores at `PREVALENCE`."""
    shift = np.sqrt(2) * ndtri(auroc)
    score = np.linspace(-9, 9 + shift, 200_001)
    true, false = PREVALENCE * ndtr(shift - score), (1 - PREVALENCE) * ndtr(-score)
    density = np.exp(-((score - shift) ** 2) / 2) / np.sqrt(2 * np.pi)
    return float(trapezoid(true / (true + false) * density, score))


def null(seed: int, name: str, n_resamples: int) -> Row:
    """Evaluate a cohort without a gap."""
    design = DESIGNS[name]
    cohort = design.draw(np.random.default_rng([seed, 0]))
    counts = counted(cohort, seed, n_resamples)
    found = ranked(cohort, counts, n_resamples)
    n = len(found) // 2
    groups, others = found[:n], found[n:]
    tpr = rates(cohort, counts, n_resamples)
    row = {"all groups": _below(equality_test([one.auroc for one in groups]))}
    if design.is_known:
        truths = {
            "AUROC": (groups[0].auroc, "logit", design.auroc),
            "AP": (groups[0].ap_at_prevalence, "logit", average_precision(design.auroc)),
            "TPR": (tpr[0], "arcsine", _tpr(design.auroc)),
        }
        for what, (value, scale, truth) in truths.items():
            row |= _covers(what, estimate(value, scale=scale), truth)
    first = gap(groups[0].auroc, others[0].auroc)
    row |= _covers("gap", first, 0)
    row |= _covers("AP gap", gap(groups[0].ap_at_prevalence, others[0].ap_at_prevalence), 0)
    row |= _covers("TPR gap", gap(tpr[0], tpr[1], scale="arcsine"), 0)
    if np.isfinite(first.low):
        row["lies above"] = float(first.low > 0)
        row["stated"] = detectable_gap(first, margin=MARGIN, alpha=ALPHA)
    return row | _at_once(groups, others)


def _covers(what: str, found: Estimate, truth: float) -> Row:
    return {what: float(found.low <= truth <= found.high)} if np.isfinite(found.low) else {}


def _tpr(auroc: float) -> float:
    return float(ndtr(np.sqrt(2) * ndtri(auroc) - THRESHOLD))


def _at_once(groups: Sequence[RankingReplicates], others: Sequence[RankingReplicates]) -> Row:
    """Test the gaps of all groups together; of two groups, they are one."""
    pairs = list(zip(groups, others, strict=True))[: len(groups) if len(groups) > 2 else 1]
    gaps, draws = [], []
    for inside, outside in pairs:
        found = gap(inside.auroc, outside.auroc)
        if np.isfinite(found.p_value):
            replicates = (inside.auroc - outside.auroc).replicates[1:]
            centred = (replicates - np.nanmean(replicates)) / np.nanstd(replicates)
            gaps.append(found)
            draws.append(np.nan_to_num(centred).astype(np.float32))
    if not gaps:
        return {}
    p_values = [found.p_value for found in gaps]
    adjusted = step_down(p_values, np.ones(len(gaps)), draws, alpha=ALPHA)
    limits = [
        found.limits(1 - level)
        for found, level in zip(gaps, adjusted.levels, strict=True)
        if found.limits is not None
    ]
    return {
        "at once": float(all(low <= 0 <= high for low, high in limits)),
        "any false": float((adjusted.p_values < ALPHA).any()),
    }


def shifted(seed: int, name: str, n_resamples: int, fall: float, margin: float) -> Row:
    """Evaluate a cohort with a gap."""
    cohort = DESIGNS[name].draw(np.random.default_rng([seed, 1]), gap=fall)
    areas = ranked(cohort, counted(cohort, seed, n_resamples), n_resamples)
    found = gap(areas[0].auroc, areas[len(areas) // 2].auroc)
    verdict = judge(found, p_adjusted=found.p_value, margin=margin)
    within = -margin < found.inner_low and found.inner_high < margin
    return {"found": verdict == "disparity", "TOST": within} if np.isfinite(found.low) else {}


def _below(p: float) -> float:
    return float(p <= ALPHA) if np.isfinite(p) else np.nan


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
    options = parser(__doc__, cohorts=1500, resamples=1000)
    options.add_argument("designs", nargs="*", metavar="DESIGN", choices=[[], *DESIGNS])
    given = options.parse_args()
    names = given.designs or list(DESIGNS)
    print_lines(lines(names, given.cohorts, given.resamples, given.seed, given.workers))


if __name__ == "__main__":
    main()
