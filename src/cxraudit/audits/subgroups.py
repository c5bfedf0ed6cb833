"""For whom is the model worse: every finding overall, within every group, and against the rest."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd

from cxraudit.audits.cells import (
    NO_GROUP,
    Cohort,
    Labelled,
    Mask,
    group_masks,
    labelled_films,
    rest_of,
)
from cxraudit.audits.rows import Row, adjust_family, gap_rows, judge_family, level_rows
from cxraudit.schemas import ALL, EACH_OTHER, REST, results_frame
from cxraudit.stats.permutation import heterogeneity_test
from cxraudit.stats.ranking import RankingReplicates, ranking_replicates

N_PERMUTATIONS = 999


def by_subgroup(cohort: Cohort, scores: pd.DataFrame, attributes: Sequence[str]) -> pd.DataFrame:
    """Evaluate every finding overall and by group, with the gap of each group to the rest.

    Resamples of patients are shared by all models, findings, groups and metrics. A group without
    positives or negatives keeps its row, with NaN and the reason.

    Parameters
    ----------
    cohort : Cohort
        From `make_cohort`.
    scores : pandas.DataFrame
        A scores table.
    attributes : sequence of str
        Columns of the images that hold group names.

    Returns
    -------
    pandas.DataFrame
        A results table: one row per model, finding, group and metric (``reference`` empty), and
        one per gap (``reference`` = ``rest``).
    """
    levels: list[Row] = []
    gaps: list[Row] = []
    spread: list[Row] = []
    for base, films in scored_findings(cohort, scores):
        cells: list[Mask] = [np.ones(films.y_true.size, dtype=bool)]
        plan: list[tuple[str, str, Mask, Mask]] = []
        for attribute in attributes:
            masks = group_masks(cohort, attribute, films.rows)
            for group, mask in masks.items():
                rest = rest_of(group, masks)
                plan.append((attribute, group, mask, rest))
                cells += [mask, rest]
        replicates = compute(cohort, films, cells)
        settings = cohort.settings
        levels += level_rows(
            {**base, "attribute": ALL, "group": ALL}, films, cells[0], replicates[0], settings
        )
        with ThreadPoolExecutor(max(settings.n_threads, 1)) as pool:
            tests = [
                pool.submit(
                    _spread_rows, cohort, films, {**base, "attribute": a}, levels_of(plan, a)
                )
                for a in attributes
            ]
            spread += [row for test in tests for row in test.result()]
        for k, (attribute, group, mask, rest) in enumerate(plan):
            inside, outside = replicates[1 + 2 * k], replicates[2 + 2 * k]
            row = {**base, "attribute": attribute, "group": group}
            levels += level_rows(row, films, mask, inside, settings)
            if rest.any() and group not in NO_GROUP and films.both_classes:
                gaps += gap_rows(
                    {**row, "reference": REST}, films, mask, rest, inside, outside, settings
                )
    rows = [*levels, *adjust_family(spread), *judge_family(gaps, cohort.settings)]
    return results_frame(rows)


def levels_of(plan: Sequence[tuple[str, str, Mask, Mask]], attribute: str) -> dict[str, Mask]:
    """Return the groups of people of one attribute from a plan of cells."""
    return {
        g: mask for a, g, mask, _ in plan if a == attribute and g not in NO_GROUP and mask.any()
    }


def _spread_rows(
    cohort: Cohort, films: Labelled, base: Row, masks: Mapping[str, Mask]
) -> list[Row]:
    """Test all groups of an attribute at once; at most one row."""
    if len(masks) < 2 or not cohort.settings.n_resamples or not films.both_classes:
        return []
    inside = np.logical_or.reduce(list(masks.values()))
    names = np.empty(inside.size, dtype=object)
    for group, mask in masks.items():
        names[mask] = group
    p_value = heterogeneity_test(
        films.y_true[inside], films.y_score[inside], films.patients[inside], names[inside].astype(str),
        n_permutations=N_PERMUTATIONS, seed=cohort.settings.seed,
    )  # fmt: skip
    return [
        {
            **base, **films.counted(inside), "group": ALL, "reference": EACH_OTHER,
            "metric": "auroc", "p_value": p_value,
            "confidence_level": cohort.settings.confidence_level,
            "method": f"exchange of patients between groups, {N_PERMUTATIONS} times",
            "note": "one test of all groups; it has a p-value and no single gap",
        }
    ]  # fmt: skip


def scored_findings(cohort: Cohort, scores: pd.DataFrame) -> Iterator[tuple[Row, Labelled]]:
    """Yield the beginning of a results row and the films, per model, prompt set and finding."""
    keys = ["model", "prompt_set", "finding"]
    for (model, prompt_set, finding), part in scores.groupby(keys, sort=True, observed=True):
        if finding in cohort.dataset.findings:
            base = {
                "dataset": cohort.dataset.name, "model": model, "prompt_set": prompt_set,
                "finding": finding, "reference": "",
            }  # fmt: skip
            yield base, labelled_films(cohort, part, str(finding))


def compute(cohort: Cohort, films: Labelled, cells: list[Mask]) -> list[RankingReplicates]:
    """Compute the metrics of cells of one finding; the reference prevalence is that of its films."""
    return ranking_replicates(
        films.y_true, films.y_score, films.patients, np.stack(cells), cohort.counts,
        n_resamples=cohort.settings.n_resamples, n_threads=cohort.settings.n_threads,
    )  # fmt: skip
