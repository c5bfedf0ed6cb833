"""Working labels of all images, and reference labels of a subset: errors, correction and bounds of gaps.

==============  ==========================================================================
module          question
==============  ==========================================================================
`sides`         what either kind of labels says of a set of images
`plan`          errors by group, and levels and gaps by reference labels in four ways
`support`       on how many patients of either side a gap by reference labels rests
`subset`        whether the subset looks like a random one of the images
`agreement`     whether both sources agree at all, and on how many patients
`conclusions`   what reference labels make of a gap by working labels
==============  ==========================================================================
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from cxraudit.audits.engine import Engine, Evaluated
from cxraudit.audits.two_labels.agreement import agreement_notices
from cxraudit.audits.two_labels.conclusions import (
    LabelConclusion,
    Why,
    label_conclusions,
    note_on,
    notes_by_labels,
    reversed_by_labels,
)
from cxraudit.audits.two_labels.plan import plan
from cxraudit.audits.two_labels.sides import TwoLabels, joined
from cxraudit.audits.two_labels.subset import hidden, notices, unlike
from cxraudit.audits.two_labels.support import support
from cxraudit.schema import EXPLORATORY

__all__ = [
    "LabelConclusion",
    "TwoLabels",
    "Why",
    "agreement_notices",
    "evaluate",
    "hidden",
    "joined",
    "label_conclusions",
    "note_on",
    "notes_by_labels",
    "notices",
    "reversed_by_labels",
]


def evaluate(
    engine: Engine, labels: TwoLabels, attributes: Sequence[str]
) -> tuple[list[Evaluated], list[dict[str, Any]], list[dict[str, Any]]]:
    """Evaluate what reference labels say of a finding that a model scored.

    Parameters
    ----------
    engine : Engine
        Of the cohort.
    labels : TwoLabels
        Both labels.
    attributes : sequence of str
        Attributes to compare groups by.

    Returns
    -------
    list of Evaluated
        Of `cxraudit.audits.two_labels.plan.plan`; differences are exploratory.
    list of dict
        From `cxraudit.audits.two_labels.subset.unlike`.
    list of dict
        From `cxraudit.audits.two_labels.support.support`.
    """
    found = [
        replace(one, family=EXPLORATORY if one.item.key.reference else "")
        for one in engine.evaluate(plan(engine, labels, attributes))
    ]
    return found, unlike(engine, labels, attributes), support(engine, labels, attributes)
