"""Which comparisons are confirmatory, and how they share the error rate of a report.

A report makes one claim: none of its disparities is false, but for a chance of α. All its confirmatory
comparisons share this chance; the other differences are exploratory and get no verdict. A part of the
report that is missing leaves its share to the others.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from cxraudit.audits.groups import is_intersection
from cxraudit.audits.plan import Comparison, Tested
from cxraudit.metrics import METRICS
from cxraudit.schema import Confirmatory


class Part(NamedTuple):
    """A part of a report that is judged on its own resamples."""

    share: float
    """Of the error rate, if the report has all parts."""
    families: Mapping[Confirmatory, float]
    """Family → its share of the part, in proportion to those of the families that it has."""


SCORES = Part(
    0.8,
    {
        Confirmatory.PRIMARY: 0.4,
        Confirmatory.THRESHOLD: 0.15,
        Confirmatory.STANDARDISED: 0.1,
        Confirmatory.MODELS: 0.1,
        Confirmatory.SHORTCUT: 0.05,
        Confirmatory.ALL_GROUPS: 0.1,
        Confirmatory.PAIRS: 0.05,
        Confirmatory.INTERSECTIONS: 0.05,
        # Beyond the whole: where no slices are searched, which is the default, the others have all.
        Confirmatory.SLICES: 0.1,
    },
)
PERTURBATIONS = Part(0.1, {Confirmatory.COUNTERFACTUAL: 0.5, Confirmatory.CORRUPTION: 0.5})
EMBEDDINGS = Part(0.1, {Confirmatory.SCORE_DIRECTION: 1.0})

SHARES: Mapping[Confirmatory, float] = {
    family: share
    for part in (SCORES, PERTURBATIONS, EMBEDDINGS)
    for family, share in part.families.items()
}

SCREENED = (Confirmatory.INTERSECTIONS, Confirmatory.CORRUPTION)
"""Families in which many are searched for a few: Benjamini–Hochberg holds the share of false reports."""


def family_of(item: Comparison | Tested) -> Confirmatory | None:
    """Return the family of a comparison or test; None if it is exploratory.

    A comparison by a metric for which no margin was declared is exploratory, and so is every test of its
    own but that of all groups.
    """
    if isinstance(item, Tested) and item.family != Confirmatory.ALL_GROUPS:
        return None
    if not item.family or METRICS[item.metric].margin is None:
        return None
    if is_intersection(item.key.attribute) and item.family not in SCREENED:
        return Confirmatory.INTERSECTIONS
    return Confirmatory(item.family)


def part_share(part: Part, given: Collection[Part]) -> float:
    """Return the share of the error rate that a part has in a report of some parts."""
    return part.share / sum(one.share for one in given)


def shares(present: Collection[Confirmatory]) -> dict[Confirmatory, float]:
    """Return the share of each family of a part, where only these have comparisons."""
    total = sum(SHARES[family] for family in present)
    return {family: SHARES[family] / total for family in SHARES if family in present}
