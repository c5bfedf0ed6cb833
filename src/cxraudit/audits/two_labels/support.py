"""On how many patients of either side of a gap an estimate by reference labels rests."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cxraudit.audits.cohort import count
from cxraudit.audits.engine import Engine
from cxraudit.audits.groups import groups
from cxraudit.audits.two_labels.sides import TwoLabels

FEWEST_OF_CLASS = 10
"""Patients with, and without, the finding on a side: the error of an AUROC of fewer is not known."""
FEWEST_WRONG = 5
"""Patients with a wrong working label on a side from which their effect on the AUROC is known; of fewer, it
is taken from the interval of the error rates, which holds errors that none of them has by chance."""
MANY = 100
"""Patients of a side from which errors that none of them has are too rare to matter."""


def support(engine: Engine, labels: TwoLabels, attributes: Sequence[str]) -> list[dict[str, Any]]:
    """Count patients with reference labels on both sides of each gap.

    Parameters
    ----------
    engine : Engine
        Of the cohort.
    labels : TwoLabels
        Both labels of a finding that a model scored.
    attributes : sequence of str
        Attributes to compare groups by.

    Returns
    -------
    list of dict
        One per compared group: names; ``enough``, whether both sides hold `FEWEST_OF_CLASS` patients with and
        without the finding by reference labels; ``errors_known``, whether both hold `FEWEST_WRONG` patients
        with a wrong working label, or `MANY` patients.
    """
    sample = labels.by_reference[0]
    wrong = sample.y_true != labels.by_working[0].y_true
    rows = []
    for group in groups(engine.cohort, labels.sample, attributes):
        if not group.compared:
            continue
        sides = [labels.subset(group.inside), labels.subset(group.outside)]
        counts = [count(side) for side in sides]
        n_wrong = [np.unique(sample.patients[side.mask & wrong]).size for side in sides]
        rows.append(
            {
                "model": labels.sample.model,
                "prompt_set": labels.sample.prompt_set,
                "finding": labels.sample.finding,
                "attribute": group.attribute,
                "group": group.name,
                "enough": all(one.limiting_patients >= FEWEST_OF_CLASS for one in counts),
                "errors_known": all(
                    seen >= FEWEST_WRONG or one.n_patients >= MANY
                    for seen, one in zip(n_wrong, counts, strict=True)
                ),
            }
        )
    return rows
