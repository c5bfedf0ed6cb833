"""Which model is better, and whose gaps are smaller: paired, on the same images and resamples."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from cxraudit.audits.cells import Cohort, Labelled, Mask, comparisons, labelled_images
from cxraudit.audits.rows import Row, gap_rows, judge_family, minus, ranking_metrics
from cxraudit.audits.subgroups import compute
from cxraudit.schema import AGAINST_MODEL, ALL, results_frame
from cxraudit.stats.ranking import RankingReplicates

Done = dict[tuple[str, bytes], list[RankingReplicates]]
"""Replicates of a model on certain images: each model is in several pairs, mostly on the same images."""


def between_models(cohort: Cohort, scores: pd.DataFrame, attributes: Sequence[str]) -> pd.DataFrame:
    """Compare every pair of models on the images that both scored.

    Parameters
    ----------
    cohort, scores, attributes
        As in `cxraudit.audits.subgroups.by_subgroup`.

    Returns
    -------
    pandas.DataFrame
        A results table: ``value`` is model − other, of the metric over all images (``group``
        ``all``) or of the gap of ``group`` to the rest; ``reference`` names the other model.
    """
    rows: list[Row] = []
    for finding in sorted(set(scores["finding"]) & set(cohort.dataset.findings)):
        part = scores[scores["finding"] == finding]
        done: Done = {}
        for first, second in combinations(sorted(set(part["model"])), 2):
            rows += _pair(cohort, part, str(finding), (first, second), attributes, done)
    return results_frame(judge_family(rows, cohort.settings))


def _pair(
    cohort: Cohort,
    scores: pd.DataFrame,
    finding: str,
    models: tuple[str, str],
    attributes: Sequence[str],
    done: Done,
) -> list[Row]:
    mine, theirs = (scores[scores["model"] == model] for model in models)
    common = set(mine["image_id"]) & set(theirs["image_id"])
    if not common:
        return []
    both = [
        labelled_images(cohort, part[part["image_id"].isin(common)], finding)
        for part in (mine, theirs)
    ]
    images = both[0]
    cells: list[Mask] = [np.ones(images.y_true.size, dtype=bool)]
    plan: list[tuple[str, str]] = [(ALL, ALL)]
    for attribute in attributes:
        for group, mask, rest in comparisons(cohort, attribute, images.rows):
            plan.append((attribute, group))
            cells += [mask, rest]
    a, b = (
        _replicates(cohort, model, part, cells, done)
        for model, part in zip(models, both, strict=True)
    )
    base = {
        "dataset": cohort.dataset.name,
        "model": models[0],
        "prompt_set": str(mine["prompt_set"].iloc[0]),
        "finding": finding,
        "reference": AGAINST_MODEL + models[1],
    }
    rows = []
    for k, (attribute, group) in enumerate(plan):
        used = [0] if k == 0 else [2 * k - 1, 2 * k]
        mine_, theirs_ = (
            ranking_metrics(found[0])
            if len(found) == 1
            else minus(ranking_metrics(found[0]), ranking_metrics(found[1]))
            for found in ([a[i] for i in used], [b[i] for i in used])
        )
        rows += gap_rows(
            {**base, "attribute": attribute, "group": group},
            images,
            [cells[i] for i in used],
            mine_,
            theirs_,
            cohort.settings,
            scale=None if k == 0 else "plain",
        )
    return rows


def _replicates(
    cohort: Cohort, model: str, images: Labelled, cells: list[Mask], done: Done
) -> list[RankingReplicates]:
    key = (model, images.rows.tobytes())
    if key not in done:
        done[key] = compute(cohort, images, cells)
    return done[key]
