"""Net benefit over a range of threshold probabilities, group by group (Vickers & Elkin 2006).

Whoever would flag an image at a probability of 10 % or more takes one missed finding to be as bad as nine
images flagged in vain. The curve shows for which of these a model does better than to flag all or none.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cxraudit.audits.cohort import Cohort, Mask, Vector
from cxraudit.audits.groups import groups
from cxraudit.audits.operating_point import NotTuned, Tuned
from cxraudit.audits.plan import Item, Level, key, mean
from cxraudit.schema import FLAG_ALL, Analysis

PROBABILITIES = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
"""Threshold probabilities of the curve."""


def plan(cohort: Cohort, attributes: Sequence[str], tuned: Tuned | NotTuned) -> list[Item]:
    """Plan the net benefit at every threshold probability, overall and by group.

    Parameters
    ----------
    cohort, attributes
        As in `cxraudit.audits.subgroups.plan`.
    tuned : Tuned or NotTuned
        Of a model and finding; see `cxraudit.audits.operating_point.tune`.

    Returns
    -------
    list of Item
        ``at`` is the probability; each also if every image were flagged (``condition`` `FLAG_ALL`). Nothing
        without probabilities.
    """
    if isinstance(tuned, NotTuned) or tuned.probability is None:
        return []
    probability = tuned.probability.values
    # What flagging is worth is all that counts: without scores, models share what they flag alike.
    sample = tuned.calibrated.with_(y_score=np.zeros(probability.size))
    curve = [
        (at, condition, Vector(flagged * _worth(sample.y_true, at)))
        for at in PROBABILITIES
        for condition, flagged in (("", probability >= at), (FLAG_ALL, np.ones_like(sample.y_true)))
    ]
    cells = [(sample.everything, {})] + [
        (group.inside, {"attribute": group.attribute, "group": group.name})
        for group in groups(cohort, sample, attributes)
    ]
    return [
        Level(
            key=key(sample, Analysis.DECISION_CURVE, at=at, condition=condition, **named),
            metric="net_benefit",
            quantity=mean(cell, benefit),
            cell=cell,
        )
        for cell, named in cells
        for at, condition, benefit in curve
    ]


def _worth(y_true: Mask, probability: float) -> NDArray[np.float64]:
    """Return what flagging each image is worth: 1 for a positive, minus the odds for a negative."""
    return np.where(y_true, 1.0, -probability / (1 - probability))
