"""p-values are adjusted within the family that was declared, and verdicts follow."""

import math

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from cxraudit.audits import plan
from cxraudit.audits.cohort import CellCounts
from cxraudit.audits.engine import Evaluated
from cxraudit.audits.plan import Comparison, Key, Known
from cxraudit.audits.verdicts import judged
from cxraudit.metrics import SHIFT_MARGIN
from cxraudit.schema import Analysis, Reason
from cxraudit.settings import AuditSettings
from cxraudit.stats.estimate import Gap

SETTINGS = AuditSettings()
P_VALUES = [0.001, 0.2, 0.012, 0.04]


def comparison(
    p_value, *, value=0.1, error=0.02, metric="auroc", enough=True, n=0, key=None, **more
) -> Evaluated:
    """A comparison that was evaluated: of group number `n` of an attribute with three groups or more."""
    named = {"attribute": "race", "group": f"group {n}", "reference": "all other groups"}
    where = Key(
        **{
            "model": "m",
            "prompt_set": "none",
            "analysis": Analysis.SUBGROUPS,
            **named,
            **(key or {}),
        }
    )
    found = Gap(
        value=value,
        low=value - 2 * error,
        high=value + 2 * error,
        confidence_level=0.95,
        method="",
        p_value=p_value,
        standard_error=error,
        degrees_of_freedom=100.0,
        inner_low=value - 1.6 * error,
        inner_high=value + 1.6 * error,
    )
    item = Comparison(
        key=where,
        metric=metric,
        group=Known(value),
        reference=Known(0.0),
        cells=(),
        **{"family": "f", **more},
    )
    return Evaluated(
        item=item, found=found, counts=CellCounts(0, 0, 0, 0, 0), enough=enough, p_value=p_value
    )


def family(p_values=P_VALUES, **more):
    """Comparisons of one family: of other groups, with other values."""
    return [
        comparison(p, n=number, value=0.1 + number / 100, **more)
        for number, p in enumerate(p_values)
    ]


def adjusted(evaluated, settings=SETTINGS):
    """Adjusted p-values, in order."""
    return [one.p_adjusted for one in judged(evaluated, settings)]


def test_a_family_is_adjusted_by_holm():
    """As by statsmodels."""
    expected = multipletests(P_VALUES, method="holm")[1]

    assert adjusted(family()) == pytest.approx(expected)


def test_a_screened_family_is_adjusted_by_benjamini_and_hochberg():
    """As by statsmodels; rows carry the reason."""
    screened = judged(family(screening=True), SETTINGS)

    expected = multipletests(P_VALUES, method="fdr_bh")[1]
    assert [one.p_adjusted for one in screened] == pytest.approx(expected)
    assert all(one.reasons == (Reason.SCREENED,) for one in screened)
    assert all("Benjamini" in one.note for one in screened)


def test_intersections_are_screened_apart():
    """They change nothing of the attributes, and are a family of their own."""
    crossed = family([0.03, 0.001], key={"attribute": "sex*race"})

    found = judged([*crossed, *family()], SETTINGS)

    assert [one.p_adjusted for one in found[2:]] == adjusted(family())
    assert [one.p_adjusted for one in found[:2]] == pytest.approx([0.03, 0.002])
    assert [Reason.SCREENED in one.reasons for one in found] == [True] * 2 + [False] * 4


@pytest.mark.parametrize(
    "other",
    [
        {"key": {"model": "n"}},
        {"key": {"prompt_set": "other"}},
        {"family": "g"},
        {"metric": "xauc"},
    ],
)
def test_comparisons_of_another_family_do_not_count(other):
    """A model, a prompt set, a family and a metric each are apart."""
    found = adjusted([*family(), *family(**other)])

    assert found[:4] == adjusted(family())
    assert found[4:] == adjusted(family())


def test_a_pooled_family_is_adjusted_over_its_metrics():
    """AUROC and its gap together."""
    both = [*family([0.001, 0.2], pooled=True), *family([0.012, 0.04], pooled=True, metric="xauc")]

    expected = multipletests([0.001, 0.2, 0.012, 0.04], method="holm")[1]
    assert adjusted(both) == pytest.approx(expected)


def test_mirror_images_are_one_comparison():
    """Two sexes, each against the other: counted once, and both get the adjusted value."""
    sexes = [
        comparison(0.01, value=sign * 0.1, key={"attribute": "sex", "group": name})
        for sign, name in ((1, "female"), (-1, "male"))
    ]

    found = judged([*sexes, *family([0.2, 0.03])], SETTINGS)

    assert [one.p_adjusted for one in found] == pytest.approx([0.03, 0.03, 0.2, 0.06])
    assert found[0].detectable_gap == found[1].detectable_gap


def test_the_same_gap_of_another_finding_or_attribute_counts_again():
    """Only of one attribute and finding are two gaps of one size mirror images."""
    for where in ({"finding": "Edema"}, {"attribute": "sex"}, {"label_source": "annotated"}):
        two = [comparison(0.01), comparison(0.01, key=where)]
        assert adjusted(two) == [0.02, 0.02], where


def test_comparisons_of_too_few_patients_are_no_tests():
    """They take no power from the others, and have no adjusted value."""
    few = comparison(0.0001, enough=False, n=9)

    found = judged([few, *family()], SETTINGS)

    assert math.isnan(found[0].p_adjusted)
    assert found[0].verdict == "inconclusive"
    assert math.isnan(found[0].detectable_gap)
    assert [one.p_adjusted for one in found[1:]] == adjusted(family())


def test_a_comparison_without_a_family_is_tested_and_not_judged():
    """As it was evaluated: no adjusted value, no margin, no verdict."""
    alone = comparison(0.0001, family="")

    (found, *others) = judged([alone, *family()], SETTINGS)

    assert found == alone
    assert found.verdict == ""
    assert [one.p_adjusted for one in others] == adjusted(family())


@pytest.mark.parametrize(
    ("value", "error", "p_value", "verdict"),
    [
        (0.10, 0.010, 0.001, "disparity"),
        (0.04, 0.015, 0.001, "difference of unclear size"),
        (0.03, 0.005, 0.001, "small difference"),
        (0.01, 0.010, 0.300, "equivalent"),
        (0.10, 0.080, 0.300, "inconclusive"),
        (math.nan, 0.010, math.nan, "undefined"),
    ],
)
def test_the_verdict_follows_from_interval_p_value_and_margin(value, error, p_value, verdict):
    """At a margin of 0.05."""
    (found,) = judged([comparison(p_value, value=value, error=error)], SETTINGS)

    assert found.verdict == verdict


def test_the_margin_is_that_of_the_settings():
    """The same gap is beyond one and within another."""
    gap = comparison(0.001, value=0.08, error=0.01)

    strict, lax = (judged([gap], AuditSettings(margin=margin))[0] for margin in (0.05, 0.15))

    assert (strict.verdict, strict.margin) == ("disparity", 0.05)
    assert (lax.verdict, lax.margin) == ("small difference", 0.15)


@pytest.mark.parametrize(
    ("metric", "margin"),
    [("auroc", 0.05), ("tpr", 0.05), ("score_change", SHIFT_MARGIN), ("adjusted_auprc", math.nan)],
)
def test_the_margin_is_that_of_the_metric(metric, margin):
    """Without one, no gap is large or small."""
    (found,) = judged([comparison(0.001, value=0.4, error=0.01, metric=metric)], SETTINGS)

    assert found.margin == pytest.approx(margin, nan_ok=True)
    shown = "difference of unclear size" if math.isnan(margin) else "disparity"
    assert found.verdict == shown


def test_more_tests_need_a_larger_gap_to_be_detected():
    """The detectable gap grows with the family."""
    alone = judged([comparison(0.2, error=0.03)], SETTINGS)[0]
    among = judged([comparison(0.2, error=0.03), *family()], SETTINGS)[0]

    assert alone.detectable_gap < among.detectable_gap


def test_a_share_differs_by_less_than_one():
    """A gap of 1 or more is none to detect; of a score there may be."""
    wide = {"value": 0.5, "error": 0.5}

    area = judged([comparison(0.2, **wide)], SETTINGS)[0]
    shift = judged([comparison(0.2, metric="score_change", **wide)], SETTINGS)[0]

    assert math.isnan(area.detectable_gap)
    assert shift.detectable_gap > 1


def own_test(p_value, *, adjust="holm", family="t"):
    """A value with a test of its own."""
    where = Key(model="m", prompt_set="", analysis=Analysis.PROBE)
    item = plan.Tested(
        key=where, metric="linear_probe_auroc", cell=None, family=family, adjust=adjust
    )
    return Evaluated(
        item=item,
        found=comparison(0.5).found,
        counts=CellCounts(0, 0, 0, 0, 0),
        p_value=p_value,
    )


@pytest.mark.parametrize(("adjust", "method"), [("holm", "holm"), ("dependent", "fdr_by")])
def test_tests_of_their_own_are_adjusted_by_family(adjust, method):
    """Holm, or Benjamini & Yekutieli where they depend on each other; as by statsmodels."""
    found = adjusted([own_test(p, adjust=adjust) for p in P_VALUES])

    assert found == pytest.approx(multipletests(P_VALUES, method=method)[1])


def test_tests_without_a_family_are_not_adjusted():
    """And get no verdict."""
    (found,) = judged([own_test(0.01, family="")], SETTINGS)

    assert math.isnan(found.p_adjusted)
    assert found.verdict == ""


def test_everything_comes_back_in_its_order():
    """Whatever the families."""
    mixed = [*family([0.3, 0.2]), own_test(0.1), comparison(0.4, family=""), *family(metric="tpr")]

    found = judged(mixed, SETTINGS)

    assert [one.item for one in found] == [one.item for one in mixed]
    assert np.array_equal([one.p_value for one in found], [one.p_value for one in mixed])
