"""What may be concluded: confirmatory comparisons adjusted together, and the verdict on each."""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from cxraudit.audits.engine import Evaluated
from cxraudit.audits.families import SCREENED, family_of, shares
from cxraudit.audits.plan import Comparison, Tested, joined_phrases
from cxraudit.metrics import METRICS, Metric
from cxraudit.schema import EXPLORATORY, Analysis, Confirmatory, Reason
from cxraudit.settings import AuditSettings
from cxraudit.stats.estimate import Gap
from cxraudit.stats.multiplicity import Adjusted, holm, step_down, step_up
from cxraudit.stats.verdict import detectable_gap, judge

SCREENED_NOTE = "screened (Benjamini–Hochberg)"


def judged(
    evaluated: Sequence[Evaluated], settings: AuditSettings, *, share: float = 1.0
) -> list[Evaluated]:
    """Adjust all confirmatory comparisons together, and decide the verdict on each.

    The comparisons of a report, or of each model with ``error_rate="model"``, share one error rate: a part
    for each family (`cxraudit.audits.families`), divided equally among its comparisons. They are adjusted
    stepwise over the resamples they share; the families that are screened, in which many are searched for a
    few, by Benjamini–Hochberg. Two mirror images (the only two groups of an attribute, each against
    the other) are one comparison and counted once.

    Parameters
    ----------
    evaluated : sequence of Evaluated
        From `cxraudit.audits.engine.Engine.evaluate`, of all models and findings.
    settings : AuditSettings
        Level, margin, and what is adjusted together.
    share : float
        Of the error rate, for these of all comparisons of the report.

    Returns
    -------
    list of Evaluated
        In the same order.
    """
    result = list(evaluated)
    together: dict[Hashable, list[int]] = {}
    tests: dict[Hashable, list[int]] = {}
    for number, one in enumerate(evaluated):
        item = one.item
        if not isinstance(item, Comparison | Tested):
            continue
        family = family_of(item)
        if family is not None:
            together.setdefault(_sharing(item, settings), []).append(number)
        elif isinstance(item, Comparison):
            result[number] = replace(one, family=EXPLORATORY)
        elif item.family:
            tests.setdefault((item.key.model, item.key.prompt_set, item.family), []).append(number)
    for members in together.values():
        found = _judge_together([evaluated[k] for k in members], settings, share)
        for number, one in zip(members, found, strict=True):
            result[number] = one
    for members in tests.values():
        for number, p in zip(members, _adjust_tests([evaluated[k] for k in members]), strict=True):
            result[number] = replace(evaluated[number], p_adjusted=float(p))
    return result


def _sharing(item: Comparison | Tested, settings: AuditSettings) -> Hashable:
    """Return what all comparisons that share an error rate have in common."""
    # The model of a row that compares two is the first by name, which decides nothing.
    if settings.error_rate == "report" or item.key.analysis == Analysis.MODELS:
        return item.key.analysis == Analysis.MODELS and settings.error_rate == "model"
    return item.key.model, item.key.prompt_set


def _adjust_tests(family: Sequence[Evaluated]) -> np.ndarray:
    """Adjust tests that have no difference to judge."""
    p_values = [one.p_value for one in family]
    item = family[0].item
    assert isinstance(item, Tested)
    return step_up(p_values, dependent=True) if item.adjust == "dependent" else holm(p_values)


def _judge_together(
    found: Sequence[Evaluated], settings: AuditSettings, share: float
) -> list[Evaluated]:
    """Judge all comparisons that share an error rate."""
    mirror_of = _mirrors(found)
    members = _representatives(found, mirror_of)
    present = {family: numbers for family, numbers in members.items() if numbers}
    of_family = {family: share * part for family, part in shares(present).items()}
    adjusted: dict[int, tuple[float, float]] = {}
    for family in present:
        if family in SCREENED:
            adjusted |= _screened(found, present[family], of_family[family], settings)
    stepwise = {family: present[family] for family in present if family not in SCREENED}
    if stepwise:
        adjusted |= _stepwise(found, stepwise, of_family, settings)
    return [
        _judge(one, *adjusted.get(mirror_of[number], (math.nan, math.nan)), settings)
        for number, one in enumerate(found)
    ]


def _mirrors(found: Sequence[Evaluated]) -> list[int]:
    """Return, for each comparison, the first that is the same but for its direction."""
    first: dict[Hashable, int] = {}
    return [first.setdefault(_unsigned(one), number) for number, one in enumerate(found)]


def _unsigned(one: Evaluated) -> Hashable:
    key = one.item.key
    return (
        key.model,
        key.prompt_set,
        Analysis.SUBGROUPS if key.analysis in _OF_GROUPS else key.analysis,
        key.finding,
        key.attribute,
        key.condition,
        repr(key.at),
        key.label_source,
        one.item.metric if isinstance(one.item, Tested) else "",
        round(abs(one.found.value), 12),
        f"{one.p_value:.9g}",
    )


_OF_GROUPS = (Analysis.SUBGROUPS, Analysis.REFERENCE_GROUP, Analysis.GROUP_PAIRS)
"""Of two groups only, each of these is the same comparison."""


def _representatives(
    found: Sequence[Evaluated], mirror_of: Sequence[int]
) -> dict[Confirmatory, list[int]]:
    """Return the comparisons of each family that are tested, of mirror images the first."""
    members: dict[Confirmatory, list[int]] = {}
    for number, one in enumerate(found):
        item = one.item
        assert isinstance(item, Comparison | Tested)
        family = family_of(item)
        assert family is not None
        tested = one.enough and math.isfinite(one.p_value) and mirror_of[number] == number
        members.setdefault(family, []).extend([number] if tested else [])
    return members


def _stepwise(
    found: Sequence[Evaluated],
    members: Mapping[Confirmatory, list[int]],
    shares_: Mapping[Confirmatory, float],
    settings: AuditSettings,
) -> dict[int, tuple[float, float]]:
    """Return the adjusted p-value and the level of each comparison, adjusted over shared replicates."""
    numbers = [number for family in members for number in members[family]]
    weights = [shares_[family] / len(of) for family, of in members.items() for _ in of]
    total = sum(shares_[family] for family in members)
    tests: Adjusted = step_down(
        [found[k].p_value for k in numbers],
        weights,
        [found[k].draws for k in numbers] if settings.adjustment == "min-p" else (),
        alpha=(1 - settings.confidence_level) * total,
    )
    p_values = np.minimum(tests.p_values / total, 1.0)
    return {
        k: (float(p), float(level))
        for k, p, level in zip(numbers, p_values, tests.levels, strict=True)
    }


def _screened(
    found: Sequence[Evaluated], numbers: Sequence[int], share: float, settings: AuditSettings
) -> dict[int, tuple[float, float]]:
    """Return the adjusted p-value of each comparison and the level of intervals of those selected.

    Intervals hold for the selected ones on average (false coverage rate: Benjamini & Yekutieli 2005).
    """
    alpha = 1 - settings.confidence_level
    p_values = np.minimum(step_up([found[k].p_value for k in numbers]) / share, 1.0)
    selected = max(int(np.sum(p_values < alpha)), 1)
    level = alpha * share * selected / len(numbers)
    return {k: (float(p), level) for k, p in zip(numbers, p_values, strict=True)}


def _judge(one: Evaluated, p_adjusted: float, level: float, settings: AuditSettings) -> Evaluated:
    item, found = one.item, one.found
    assert isinstance(item, Comparison | Tested)
    family = family_of(item)
    assert family is not None
    known = replace(one, family=family.value, p_adjusted=p_adjusted, draws=None)
    if isinstance(item, Tested):
        return known
    assert isinstance(found, Gap)
    metric = METRICS[item.metric]
    margin = metric.margin_of(settings)
    alpha = level if math.isfinite(level) else 1 - settings.confidence_level
    ways = (found, _turned(found)) if item.key.analysis in _EITHER_WAY else (found,)
    reach = max(detectable_gap(one_way, margin=margin, alpha=alpha) for one_way in ways)
    # No share differs by 1 or more, and too few patients give no verdict at any difference.
    possible = one.enough and (reach < 1 or not _bounded(metric))
    screened = family in SCREENED
    low, high = _simultaneous(found, p_adjusted, level)
    low, high = max(low, -one.most), min(high, one.most)
    return replace(
        known,
        found=replace(found, limits=None),
        low_simultaneous=low,
        high_simultaneous=high,
        margin=margin,
        detectable_gap=reach if possible else math.nan,
        verdict=judge(found, p_adjusted=p_adjusted, margin=margin, enough=one.enough).value,
        reasons=(*one.reasons, *((Reason.SCREENED,) if screened else ())),
        note=joined_phrases(one.note, SCREENED_NOTE if screened else ""),
    )


_EITHER_WAY = (Analysis.MODELS, Analysis.GROUP_PAIRS)
"""Analyses in which either side may be the worse one: which is called the group is a matter of names."""


def _turned(found: Gap) -> Gap:
    """Return a difference with its sides exchanged."""
    sides = found.sides
    if sides is None:
        return found
    turned = replace(
        sides,
        group=sides.reference,
        reference=sides.group,
        group_error=sides.reference_error,
        reference_error=sides.group_error,
    )
    return replace(found, sides=turned)


def _simultaneous(found: Gap, p_adjusted: float, level: float) -> tuple[float, float]:
    """Return the interval that holds for all comparisons at once.

    It excludes 0 exactly where the difference is shown: where only a later step shows it, the interval ends
    at 0 on that side. What does not vary is exactly what it is.
    """
    if found.limits is None or not math.isfinite(level):
        return (found.low, found.high) if found.standard_error == 0 else (math.nan, math.nan)
    low, high = found.limits(1 - level)
    if p_adjusted < 1 - found.confidence_level and low <= 0 <= high:
        return (0.0, high) if found.value > 0 else (low, 0.0)
    return low, high


def _bounded(metric: Metric) -> bool:
    return metric.scale != "plain" or metric.margin == "margin"
