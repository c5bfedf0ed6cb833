"""For whom is the model worse: every finding overall, within every group, and against the rest."""

from collections.abc import Iterator, Sequence

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
from cxraudit.audits.rows import Row, gap_rows, judge_family, level_rows
from cxraudit.schemas import ALL, REST, results_frame
from cxraudit.stats.ranking import RankingReplicates, ranking_replicates


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
        for k, (attribute, group, mask, rest) in enumerate(plan):
            inside, outside = replicates[1 + 2 * k], replicates[2 + 2 * k]
            row = {**base, "attribute": attribute, "group": group}
            levels += level_rows(row, films, mask, inside, settings)
            if rest.any() and group not in NO_GROUP:
                gaps += gap_rows(
                    {**row, "reference": REST}, films, mask, rest, inside, outside, settings
                )
    return results_frame([*levels, *judge_family(gaps, cohort.settings)])


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
