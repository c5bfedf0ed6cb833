"""Whether the images with reference labels look like a random sample of the images."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from scipy.special import ndtr

from cxraudit.audits.cohort import Vector
from cxraudit.audits.engine import Engine
from cxraudit.audits.groups import groups
from cxraudit.audits.plan import mean
from cxraudit.audits.two_labels.sides import TwoLabels
from cxraudit.notices import Notice, counted
from cxraudit.stats.multiplicity import holm

ALPHA = 0.01
"""Of all comparisons of a finding and model together: a random subset is rarely called unlike."""

PREVALENCE, SCORE = "prevalence of the working label", "rank of the score"


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
        among all images, and the p-value, adjusted by Holm; ``differs`` where it is below `ALPHA`.
    """
    rows = list(_compared(engine, labels, attributes))
    adjusted = holm([row["p_value"] for row in rows])
    return [
        {**row, "p_value": float(p), "differs": bool(p < ALPHA)}
        for row, p in zip(rows, adjusted, strict=True)
    ]


def _compared(
    engine: Engine, labels: TwoLabels, attributes: Sequence[str]
) -> Iterator[dict[str, Any]]:
    whole, part = labels.sample, labels.by_working[0]
    named = {"model": whole.model, "finding": whole.finding}
    score, working = _ranks(whole.y_score), whole.y_true.astype(np.float64)
    columns = [(PREVALENCE, "", "", working), (SCORE, "", "", score)]
    columns += [
        ("share of the images", group.attribute, group.name, group.inside.mask.astype(np.float64))
        for group in groups(engine.cohort, whole, attributes)
    ]
    for what, attribute, name, values in columns:
        everywhere = mean(whole.everything, Vector(values))
        inside = mean(part.everything, Vector(values[labels.known]))
        engine.compute([everywhere, inside])
        first, second = engine.value(inside), engine.value(everywhere)
        apart = first - second
        error = apart.standard_error
        known = math.isfinite(error) and error > 0
        yield {
            **named,
            "what": what,
            "attribute": attribute,
            "group": name,
            "subset": first.value,
            "all": second.value,
            "p_value": float(2 * ndtr(-abs(apart.value) / error)) if known else math.nan,
        }


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
    what = sorted({row["attribute"] or row["what"] for row in found if row["differs"]})
    stated = (
        f"The images with reference labels are no random sample of the images for "
        f"{counted(len(findings), 'finding')} ({', '.join(findings)}): they differ in {', '.join(what)}. "
        "Estimates on them alone do not hold for all images; give their sampling weights, or read the "
        "corrected estimates."
    )
    return [Notice(about=f"reference labels {name}", count=len(findings), sentence=stated)]


def hidden(name: str) -> Notice:
    """Say that nothing is shown of reference labels where small cells are hidden."""
    stated = (
        "Nothing is shown of errors of the labels and of gaps by reference labels: these are few images of a "
        "subset, and small cells are hidden."
    )
    return Notice(about=f"reference labels {name}", count=1, sentence=stated)
