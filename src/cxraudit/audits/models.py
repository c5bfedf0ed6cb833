"""Which model is better, and whose gaps are smaller: paired, on the same films and resamples."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from cxraudit.audits.cells import NO_GROUP, Cohort, Mask, group_masks, labelled_films, rest_of
from cxraudit.audits.rows import Row, difference_rows, judge_family
from cxraudit.audits.subgroups import compute
from cxraudit.schemas import AGAINST_MODEL, ALL, results_frame


def between_models(cohort: Cohort, scores: pd.DataFrame, attributes: Sequence[str]) -> pd.DataFrame:
    """Compare every pair of models on the films that both scored.

    Parameters
    ----------
    cohort, scores, attributes
        As in `cxraudit.audits.subgroups.by_subgroup`.

    Returns
    -------
    pandas.DataFrame
        A results table: ``value`` is model − other, of the metric over all films (``group``
        ``all``) or of the gap of ``group`` to the rest; ``reference`` names the other model.
    """
    rows: list[Row] = []
    for finding in sorted(set(scores["finding"]) & set(cohort.dataset.findings)):
        part = scores[scores["finding"] == finding]
        for first, second in combinations(sorted(set(part["model"])), 2):
            rows += _pair(cohort, part, str(finding), (first, second), attributes)
    return results_frame(judge_family(rows, cohort.settings))


def _pair(
    cohort: Cohort, scores: pd.DataFrame, finding: str, models: tuple[str, str],
    attributes: Sequence[str],
) -> list[Row]:  # fmt: skip
    mine, theirs = (scores[scores["model"] == model] for model in models)
    common = set(mine["image_id"]) & set(theirs["image_id"])
    if not common:
        return []
    both = [
        labelled_films(cohort, part[part["image_id"].isin(common)], finding)
        for part in (mine, theirs)
    ]
    films = both[0]
    cells: list[Mask] = [np.ones(films.y_true.size, dtype=bool)]
    plan: list[tuple[str, str]] = [(ALL, ALL)]
    for attribute in attributes:
        masks = group_masks(cohort, attribute, films.rows)
        for group, mask in masks.items():
            rest = rest_of(group, masks)
            if group not in NO_GROUP and rest.any():
                plan.append((attribute, group))
                cells += [mask, rest]
    a, b = (compute(cohort, part, cells) for part in both)
    base = {
        "dataset": cohort.dataset.name, "model": models[0],
        "prompt_set": str(mine["prompt_set"].iloc[0]), "finding": finding,
        "reference": AGAINST_MODEL + models[1],
    }  # fmt: skip
    rows = []
    for k, (attribute, group) in enumerate(plan):
        used = [0] if k == 0 else [2 * k - 1, 2 * k]
        rows += difference_rows(
            {**base, "attribute": attribute, "group": group}, films, [cells[i] for i in used],
            [a[i] for i in used], [b[i] for i in used], cohort.settings,
        )  # fmt: skip
    return rows
