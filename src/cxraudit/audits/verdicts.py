"""What may be concluded: p-values adjusted within their family, and the verdict on each difference."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cxraudit.audits.engine import Evaluated
from cxraudit.audits.groups import is_intersection
from cxraudit.audits.plan import Comparison, Tested
from cxraudit.metrics import METRICS, Metric
from cxraudit.schema import Analysis, Reason
from cxraudit.settings import AuditSettings
from cxraudit.stats.estimate import Gap
from cxraudit.stats.multiplicity import holm, step_up
from cxraudit.stats.verdict import detectable_gap, judge

SCREENED = "screened (Benjamini–Hochberg)"


def judged(evaluated: Sequence[Evaluated], settings: AuditSettings) -> list[Evaluated]:
    """Adjust the p-values of each family together and decide each verdict.

    The family of a comparison is all comparisons of one model, prompt set, family name and metric (all
    metrics where it is pooled); that of the comparisons of models, those of all pairs. Two mirror images
    (the only two groups of an attribute, each against the other) are one comparison and counted once.
    Intersections are a family of their own, in which many cells are searched for a few: the share of false
    reports is held, not the chance of any (Benjamini & Hochberg instead of Holm).

    Parameters
    ----------
    evaluated : sequence of Evaluated
        From `cxraudit.audits.engine.Engine.evaluate`, of all findings.
    settings : AuditSettings
        Level and margin.

    Returns
    -------
    list of Evaluated
        In the same order.
    """
    result = list(evaluated)
    comparisons: dict[tuple[object, ...], list[int]] = {}
    tests: dict[tuple[object, ...], list[int]] = {}
    for number, one in enumerate(evaluated):
        item = one.item
        of_model = (item.key.model, item.key.prompt_set)
        if isinstance(item, Comparison) and item.family:
            metric = "" if item.pooled else item.metric
            # The model of a row that compares two is the first by name, which decides nothing.
            of = () if item.key.analysis == Analysis.MODELS else of_model
            family = (*of, item.family, metric, _screened(item))
            comparisons.setdefault(family, []).append(number)
        elif isinstance(item, Tested) and item.family:
            tests.setdefault((*of_model, item.family), []).append(number)
    for members in comparisons.values():
        for number, one in zip(
            members, _judge_family([evaluated[k] for k in members], settings), strict=True
        ):
            result[number] = one
    for members in tests.values():
        for number, p in zip(members, _adjust_tests([evaluated[k] for k in members]), strict=True):
            result[number] = replace(evaluated[number], p_adjusted=float(p))
    return result


def _screened(item: Comparison) -> bool:
    return item.screening or is_intersection(item.key.attribute)


def _adjust_tests(family: Sequence[Evaluated]) -> np.ndarray:
    """Adjust tests that have no difference to judge."""
    p_values = [one.p_value for one in family]
    item = family[0].item
    assert isinstance(item, Tested)
    return step_up(p_values, dependent=True) if item.adjust == "dependent" else holm(p_values)


def _judge_family(family: Sequence[Evaluated], settings: AuditSettings) -> list[Evaluated]:
    keys = [
        (
            one.item.key.analysis,
            one.item.key.finding,
            one.item.key.attribute,
            one.item.key.label_source,
            round(abs(one.found.value), 12),
            one.p_value,
        )
        for one in family
    ]
    first = {key: number for number, key in reversed(list(enumerate(keys)))}
    testable = [
        one.p_value if one.enough and first[key] == number else math.nan
        for number, (key, one) in enumerate(zip(keys, family, strict=True))
    ]
    item = family[0].item
    assert isinstance(item, Comparison)
    adjusted = step_up(testable) if _screened(item) else holm(testable)
    n_tests = int(np.isfinite(testable).sum())
    return [
        _judge(one, float(adjusted[first[key]]), n_tests, settings)
        for key, one in zip(keys, family, strict=True)
    ]


def _judge(one: Evaluated, p_adjusted: float, n_tests: int, settings: AuditSettings) -> Evaluated:
    item, found = one.item, one.found
    assert isinstance(item, Comparison)
    assert isinstance(found, Gap)
    metric = METRICS[item.metric]
    margin = metric.margin_of(settings)
    reach = detectable_gap(found, margin=margin, n_tests=n_tests)
    # No share differs by 1 or more, and too few patients give no verdict at any difference.
    possible = one.enough and (reach < 1 or not _bounded(metric))
    screened = _screened(item)
    return replace(
        one,
        p_adjusted=p_adjusted,
        margin=margin,
        detectable_gap=reach if possible else math.nan,
        verdict=judge(found, p_adjusted=p_adjusted, margin=margin, enough=one.enough).value,
        reasons=(*one.reasons, *((Reason.SCREENED,) if screened else ())),
        note="; ".join(filter(None, [one.note, SCREENED if screened else ""])),
    )


def _bounded(metric: Metric) -> bool:
    return metric.scale != "plain" or metric.margin == "margin"
