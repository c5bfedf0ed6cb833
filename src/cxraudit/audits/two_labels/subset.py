"""Whether the images with reference labels look like a random sample of the images."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from cxraudit.audits.cohort import Cell, Vector, count
from cxraudit.audits.engine import Engine
from cxraudit.audits.groups import groups
from cxraudit.audits.plan import mean
from cxraudit.audits.two_labels.sides import TwoLabels
from cxraudit.notices import Notice, counted
from cxraudit.stats.limits import two_sided
from cxraudit.stats.multiplicity import holm

ALPHA = 0.01
"""Of all comparisons of a finding and model together: a random subset is rarely called unlike."""

DEPENDENT = 0.05
"""Of the comparisons of scores within an attribute and working label: to miss that images were chosen by
their score is worse than to conclude nothing."""

PREVALENCE, SCORE = "prevalence of the working label", "rank of the score"
SHARE = "share of the images"
WITHIN = {
    True: "rank of the score with the working label",
    False: "rank of the score without the working label",
}


def unlike(engine: Engine, labels: TwoLabels, attributes: Sequence[str]) -> list[dict[str, Any]]:
    """Compare the subset with all images: prevalence of the working label, mix of groups, and scores.

    Parameters
    ----------
    engine : Engine
        Of the cohort.
    labels : TwoLabels
        Both labels of a finding that a model scored.
    attributes : sequence of str
        Attributes that are audited.

    Returns
    -------
    list of dict
        One per comparison: what is compared, its mean in the subset (weighted, where it has weights) and
        among all images, and the p-value, adjusted by Holm; ``differs`` where it is below `ALPHA`. Scores
        are also compared within groups among images with the same working label: ``chosen_by_score`` where
        they differ there by Holm within the attribute (below `DEPENDENT`), since predictive values of the
        subset are then not those of the images. Empty below ``min_patients`` of the settings.
    """
    part = labels.by_working[0]
    if count(part.everything).n_patients < engine.settings.min_patients:
        return []
    rows = list(_compared(engine, labels, attributes))
    adjusted = holm([row["p_value"] for row in rows])
    chosen = _chosen_by_score(rows)
    return [
        {
            **row,
            "p_value": float(p),
            "differs": bool(p < ALPHA),
            "chosen_by_score": row["what"] in WITHIN.values() and row["attribute"] in chosen,
        }
        for row, p in zip(rows, adjusted, strict=True)
    ]


def _chosen_by_score(rows: Sequence[dict[str, Any]]) -> set[str]:
    """Return the attributes in whose groups the scores differ among images with the same working label."""
    within: dict[str, list[float]] = {}
    for row in rows:
        if row["what"] in WITHIN.values():
            within.setdefault(row["attribute"], []).append(row["p_value"])
    return {attribute for attribute, found in within.items() if (holm(found) < DEPENDENT).any()}


def _compared(
    engine: Engine, labels: TwoLabels, attributes: Sequence[str]
) -> Iterator[dict[str, Any]]:
    whole, part = labels.sample, labels.by_working[0]
    named = {"model": whole.model, "finding": whole.finding}
    score, working = _ranks(whole.y_score), whole.y_true.astype(np.float64)
    everybody = (whole.everything, part.everything)
    found = groups(engine.cohort, whole, attributes)
    columns = [(PREVALENCE, "", "", working, everybody), (SCORE, "", "", score, everybody)]
    columns += [
        (
            *(SHARE, group.attribute, group.name),
            group.inside.mask.astype(np.float64),
            everybody,
        )
        for group in found
    ]
    columns += [
        (what, group.attribute, group.name, score, cells)
        for group in found
        for label, what in WITHIN.items()
        if (cells := _within(engine, labels, group.inside & (whole.y_true == label)))
    ]
    for what, attribute, name, values, (all_images, of_subset) in columns:
        everywhere = mean(all_images, Vector(values))
        inside = mean(of_subset, Vector(values[labels.known]))
        engine.compute([everywhere, inside])
        first, second = engine.value(inside), engine.value(everywhere)
        apart = first - second
        yield {
            **named,
            "what": what,
            "attribute": attribute,
            "group": name,
            "subset": first.value,
            "all": second.value,
            "p_value": two_sided(apart.value, apart.standard_error),
        }


def _within(engine: Engine, labels: TwoLabels, cell: Cell) -> tuple[Cell, Cell] | None:
    """Return a cell and its part with reference labels; None if this holds few patients."""
    own = labels.by_working[0].cell(cell.mask[labels.known])
    return (cell, own) if count(own).n_patients >= engine.settings.min_patients else None


def _ranks(scores: np.ndarray) -> np.ndarray:
    """Return the share of the images below each, ties half."""
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    return ((np.cumsum(counts) - counts / 2) / scores.size)[place]


def notices(name: str, found: Sequence[dict[str, Any]]) -> list[Notice]:
    """Say of which findings the subset is unlike the images.

    Parameters
    ----------
    name : str
        Of the source of the reference labels.
    found : sequence of dict
        From `unlike`, of all findings and models.
    """
    findings = sorted({row["finding"] for row in found if row["differs"]})
    if not findings:
        return []
    what = sorted(
        {
            row["attribute"] if row["what"] == SHARE else row["what"]
            for row in found
            if row["differs"]
        }
    )
    unlike_images = {(row["model"], row["finding"]) for row in found if row["differs"]}
    by_score = any(
        row["chosen_by_score"] and (row["model"], row["finding"]) in unlike_images for row in found
    )
    advice = (
        "Scores differ also among images with the same working label, so that they may have been chosen by "
        "the score, and predictive values on them do not hold for all images: without their sampling weights "
        "nothing is concluded."
        if by_score
        else "Give their sampling weights, or read the corrected estimates."
    )
    stated = (
        f"The images with reference labels are no random sample of the images for "
        f"{counted(len(findings), 'finding')} ({', '.join(findings)}): they differ in {', '.join(what)}. "
        f"Estimates on them alone do not hold for all images. {advice}"
    )
    return [Notice(about=f"reference labels {name}", count=len(findings), sentence=stated)]


def hidden(name: str) -> Notice:
    """Say that nothing is shown of reference labels where small cells are hidden."""
    stated = (
        "Nothing is shown of errors of the labels and of gaps by reference labels: these are few images of a "
        "subset, and small cells are hidden."
    )
    return Notice(about=f"reference labels {name}", count=1, sentence=stated)
