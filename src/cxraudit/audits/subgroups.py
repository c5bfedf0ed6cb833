"""For whom is the model worse: every finding overall, within every group, and against the rest."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from cxraudit.audits.cells import (
    NO_GROUP,
    AuditSettings,
    Cohort,
    Labelled,
    Mask,
    group_masks,
    labelled_images,
    rest_of,
)
from cxraudit.audits.rows import (
    Row,
    Statistics,
    adjust_family,
    gap_rows,
    judge_family,
    level_rows,
    ranking_metrics,
)
from cxraudit.schema import ALL, EACH_OTHER, REST, results_frame
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
        one per gap (``reference`` = ``rest``, or a group if references or pairs were asked for).
        The gap of ``xauc`` is
        P(positive of the group > negative of the rest) − P(positive of the rest > negative of the
        group): below zero, the group's ill are ranked too low or its healthy too high.
    """
    levels: list[Row] = []
    families: dict[str, list[Row]] = {}
    spread: list[Row] = []
    settings = cohort.settings
    for base, images in scored_findings(cohort, scores):
        everyone = np.ones(images.y_true.size, dtype=bool)
        plan = [group for a in attributes for group in _groups(cohort, a, images)]
        cells = [everyone, *(cell for group in plan for cell in group.cells())]
        replicates = iter(compute(cohort, images, cells))
        overall = ranking_metrics(next(replicates))
        levels += level_rows(
            {**base, "attribute": ALL, "group": ALL}, images, everyone, overall, settings
        )
        tested = {
            a: {g.name: g.mask for g in plan if g.attribute == a and g.compared and g.mask.any()}
            for a in attributes
        }
        with ThreadPoolExecutor(max(settings.n_threads, 1)) as pool:
            tests = [
                pool.submit(_spread_rows, cohort, images, {**base, "attribute": a}, masks)
                for a, masks in tested.items()
            ]
            spread += [row for test in tests for row in test.result()]
        found: dict[tuple[str, str], Statistics] = {}
        for group in plan:
            row = {**base, "attribute": group.attribute, "group": group.name}
            inside = found[group.attribute, group.name] = ranking_metrics(next(replicates))
            levels += level_rows(row, images, group.mask, inside, settings)
            if not group.compared:
                continue
            outside = ranking_metrics(next(replicates))
            forth, back = ({"xauc": next(replicates).auroc} for _ in range(2))
            levels += level_rows(row, images, group.crossed[0], forth, settings)
            if images.both_classes:
                families.setdefault(REST, []).extend(
                    gap_rows(
                        {**row, "reference": REST},
                        images,
                        [group.mask, group.rest],
                        {**inside, **forth},
                        {**outside, **back},
                        settings,
                    )
                )
        for kind, group, other in _pairs(plan, settings):
            families.setdefault(kind, []).extend(
                gap_rows(
                    {
                        **base,
                        "attribute": group.attribute,
                        "group": group.name,
                        "reference": other.name,
                    },
                    images,
                    [group.mask, other.mask],
                    found[group.attribute, group.name],
                    found[other.attribute, other.name],
                    settings,
                )
            )
    judged = [row for rows in families.values() for row in judge_family(rows, settings)]
    return results_frame([*levels, *adjust_family(spread), *judged])


@dataclass(frozen=True, slots=True)
class _Group:
    """The images of one group, and of all other people."""

    attribute: str
    name: str
    mask: Mask
    rest: Mask
    y_true: Mask

    @property
    def compared(self) -> bool:
        """Whether these are people of one kind, and there are others."""
        return self.name not in NO_GROUP and bool(self.rest.any())

    @property
    def crossed(self) -> tuple[Mask, Mask]:
        """The images of both xAUCs: positives of the group and negatives of the rest, and back."""
        return (
            (self.mask & self.y_true) | (self.rest & ~self.y_true),
            (self.rest & self.y_true) | (self.mask & ~self.y_true),
        )

    def cells(self) -> list[Mask]:
        """Return the sets of images to compute, in the order they are read."""
        return [self.mask, self.rest, *self.crossed] if self.compared else [self.mask]


def _groups(cohort: Cohort, attribute: str, images: Labelled) -> list[_Group]:
    masks = group_masks(cohort, attribute, images.rows)
    return [
        _Group(attribute, name, mask, rest_of(name, masks), images.y_true)
        for name, mask in masks.items()
    ]


def _pairs(plan: Sequence[_Group], settings: AuditSettings) -> Iterator[tuple[str, _Group, _Group]]:
    """Yield family, group and reference of the comparisons that were asked for besides the rest."""
    compared = [group for group in plan if group.compared]
    for first, second in combinations(compared, 2):
        if first.attribute == second.attribute:
            chosen = settings.references.get(first.attribute)
            if chosen in (first.name, second.name):
                group, other = (second, first) if chosen == first.name else (first, second)
                yield "reference", group, other
            elif settings.all_pairs:
                yield "pairs", first, second


def _spread_rows(
    cohort: Cohort, images: Labelled, base: Row, masks: Mapping[str, Mask]
) -> list[Row]:
    """Test all groups of an attribute at once; at most one row."""
    if len(masks) < 2 or not cohort.settings.n_resamples or not images.both_classes:
        return []
    inside = np.logical_or.reduce(list(masks.values()))
    names = np.empty(inside.size, dtype=object)
    for group, mask in masks.items():
        names[mask] = group
    p_value = heterogeneity_test(
        images.y_true[inside],
        images.y_score[inside],
        images.patients[inside],
        names[inside].astype(str),
        n_permutations=N_PERMUTATIONS,
        seed=cohort.settings.seed,
    )
    return [
        {
            **base,
            **images.counted(inside),
            "group": ALL,
            "reference": EACH_OTHER,
            "metric": "auroc",
            "p_value": p_value,
            "confidence_level": cohort.settings.confidence_level,
            "method": f"exchange of patients between groups, {N_PERMUTATIONS} times",
            "note": "one test of all groups; it has a p-value and no single gap",
        }
    ]


def scored_findings(cohort: Cohort, scores: pd.DataFrame) -> Iterator[tuple[Row, Labelled]]:
    """Yield the beginning of a results row and the images, per model, prompt set and finding."""
    keys = ["model", "prompt_set", "finding"]
    for (model, prompt_set, finding), part in scores.groupby(keys, sort=True, observed=True):
        if finding in cohort.dataset.findings:
            base = {
                "dataset": cohort.dataset.name,
                "model": model,
                "prompt_set": prompt_set,
                "finding": finding,
                "reference": "",
            }
            yield base, labelled_images(cohort, part, str(finding))


def compute(cohort: Cohort, images: Labelled, cells: list[Mask]) -> list[RankingReplicates]:
    """Compute the metrics of cells of one finding; the reference prevalence is that of its images."""
    return ranking_replicates(
        images.y_true,
        images.y_score,
        images.units,
        np.stack(cells),
        cohort.counts,
        n_resamples=cohort.settings.n_resamples,
        n_threads=cohort.settings.n_threads,
    )
