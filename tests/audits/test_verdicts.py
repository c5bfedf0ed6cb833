"""p-values are adjusted within the family that was declared, and verdicts follow."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm
from statsmodels.stats.multitest import multipletests

from cxraudit.audits import families, plan
from cxraudit.audits.cohort import CellCounts
from cxraudit.audits.engine import Evaluated
from cxraudit.audits.plan import Comparison, Key, Known
from cxraudit.audits.verdicts import judged
from cxraudit.metrics import SHIFT_MARGIN
from cxraudit.schema import Analysis, Confirmatory, Reason
from cxraudit.settings import AuditSettings
from cxraudit.stats.estimate import SHOWN, Gap

SETTINGS = AuditSettings()
P_VALUES = [0.001, 0.2, 0.012, 0.04]


def comparison(
    p_value,
    *,
    value=0.1,
    error=0.02,
    metric="auroc",
    enough=True,
    n=0,
    key=None,
    draws=None,
    **more,
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
        limits=interval(value, error),
    )
    item = Comparison(
        key=where,
        metric=metric,
        group=Known(value),
        reference=Known(0.0),
        cells=(),
        **{"family": Confirmatory.PRIMARY, **more},
    )
    return Evaluated(
        item=item,
        found=found,
        counts=CellCounts(0, 0, 0, 0, 0),
        enough=enough,
        p_value=p_value,
        draws=draws,
    )


def interval(value, error):
    """The normal interval of a value as a function of its level."""
    return lambda level: (
        value + error * norm.ppf((1 - level) / 2),
        value - error * norm.ppf((1 - level) / 2),
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


def test_a_family_without_shared_resamples_is_adjusted_by_holm():
    """As by statsmodels."""
    expected = multipletests(P_VALUES, method="holm")[1]

    assert adjusted(family()) == pytest.approx(expected)


def test_resamples_that_are_shared_make_the_adjustment_less_strict():
    """Four comparisons that are one: nothing is left to adjust; Holm does not know it."""
    draws = np.random.default_rng(0).normal(size=5000).astype(np.float32)
    alike = family([0.02] * 4, draws=draws)

    assert adjusted(alike) == pytest.approx([0.02] * 4, abs=0.005)
    assert adjusted(alike, AuditSettings(adjustment="holm")) == pytest.approx([0.08] * 4)


@pytest.mark.parametrize("family_", families.SCREENED)
def test_a_screened_family_is_adjusted_by_benjamini_and_hochberg(family_):
    """As by statsmodels; rows carry the reason."""
    screened = judged(family(family=family_), SETTINGS)

    expected = multipletests(P_VALUES, method="fdr_bh")[1]
    assert [one.p_adjusted for one in screened] == pytest.approx(expected)
    assert all(one.reasons == (Reason.SCREENED,) for one in screened)
    assert all("Benjamini" in one.note for one in screened)


def share_of(family_, *others):
    """The share of one family beside others."""
    return families.SHARES[family_] / sum(families.SHARES[one] for one in (family_, *others))


def test_intersections_are_screened_in_a_share_of_their_own():
    """Their p-values are those of the screening over the share, and those of the attributes over the rest."""
    crossed = family([0.03, 0.001], key={"attribute": "sex*race"})

    found = judged([*crossed, *family()], SETTINGS)

    share = share_of(Confirmatory.INTERSECTIONS, Confirmatory.PRIMARY)
    rest = np.minimum(multipletests(P_VALUES, method="holm")[1] / (1 - share), 1)
    assert [one.p_adjusted for one in found[2:]] == pytest.approx(rest)
    assert [one.p_adjusted for one in found[:2]] == pytest.approx([0.03 / share, 0.002 / share])
    assert [Reason.SCREENED in one.reasons for one in found] == [True] * 2 + [False] * 4
    assert {one.family for one in found[:2]} == {"intersections"}


def test_families_share_the_error_rate_of_a_report():
    """The smallest p-value of a family is compared with its share over its comparisons."""
    second = {"family": Confirmatory.THRESHOLD, "metric": "tpr", "key": {"finding": "Edema"}}
    found = adjusted([*family([1e-4, 0.9]), *family([1e-4, 0.9, 0.8], **second)])

    share = share_of(Confirmatory.PRIMARY, Confirmatory.THRESHOLD)
    assert found[0] == pytest.approx(1e-4 * 2 / share)
    # One comparison of the first family is decided, so its share is that of the others.
    left = 1 - share / 2
    assert found[2] == pytest.approx(1e-4 * 3 / (1 - share) * left)


def test_models_share_the_error_rate_of_a_report_or_have_their_own():
    """As declared."""
    two = [*family([0.01]), *family([0.02], key={"model": "n"})]

    assert adjusted(two) == pytest.approx([0.02, 0.02])
    assert adjusted(two, AuditSettings(error_rate="model")) == pytest.approx([0.01, 0.02])


def test_comparisons_of_models_have_one_error_rate_over_all_pairs():
    """Whichever model's name comes first, also where each model has its own error rate."""
    pairs = family([0.01], key={"analysis": Analysis.MODELS}, family=Confirmatory.MODELS)
    pairs += family(
        [0.02], key={"analysis": Analysis.MODELS, "model": "n"}, family=Confirmatory.MODELS
    )

    for settings in (SETTINGS, AuditSettings(error_rate="model")):
        assert adjusted([*pairs], settings) == pytest.approx([0.02, 0.02])
    own = adjusted([*pairs, *family([0.03])], AuditSettings(error_rate="model"))
    assert own == pytest.approx([0.02, 0.02, 0.03])


def test_a_part_of_a_report_has_a_share_of_the_error_rate():
    """Adjusted values are those over the share."""
    alone, part = (
        [one.p_adjusted for one in judged(family(), SETTINGS, share=share)] for share in (1, 0.5)
    )

    assert part == pytest.approx([min(2 * p, 1) for p in alone])


@pytest.mark.parametrize("metric", ["xauc", "adjusted_auprc", "observed_expected"])
def test_a_metric_without_a_margin_is_exploratory(metric):
    """It has an interval and no verdict, and takes nothing from the others."""
    found = judged([*family(metric=metric), *family()], SETTINGS)

    assert {(one.family, one.verdict) for one in found[:4]} == {("exploratory", "")}
    assert all(math.isnan(one.p_adjusted) for one in found[:4])
    assert all(math.isnan(one.low_simultaneous) for one in found[:4])
    assert [one.p_adjusted for one in found[4:]] == adjusted(family())


@pytest.mark.parametrize("adjustment", ["min-p", "holm"])
@pytest.mark.parametrize("seed", range(10))
def test_a_difference_is_shown_exactly_where_its_simultaneous_interval_excludes_0(seed, adjustment):
    """Whatever the values, their number and dependence; the pointwise interval lies within."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=400)
    error = 0.02
    many = []
    for number, z in enumerate(rng.normal(scale=2.5, size=30)):
        draws = 0.7 * shared + 0.7 * rng.normal(size=400)
        many.append(
            comparison(
                2 * norm.sf(abs(z)),
                value=z * error,
                error=error,
                n=number,
                draws=draws.astype(np.float32),
                metric="tpr" if number % 2 else "auroc",
                family=Confirmatory.THRESHOLD if number % 2 else Confirmatory.PRIMARY,
            )
        )

    found = judged(many, AuditSettings(adjustment=adjustment))

    for one in found:
        shown = one.low_simultaneous >= 0 or one.high_simultaneous <= 0
        assert shown == (one.p_adjusted < 0.05) == (one.verdict in (*SHOWN, "small difference"))
        if not shown:
            assert one.low_simultaneous < one.found.low + error / 10
            assert one.high_simultaneous > one.found.high - error / 10
    assert 0 < sum(one.p_adjusted < 0.05 for one in found) < 30


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
    """As it was evaluated, but called exploratory: no adjusted value, no margin, no verdict."""
    alone = comparison(0.0001, family=None)

    (found, *others) = judged([alone, *family()], SETTINGS)

    assert found == replace(alone, family="exploratory")
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
    [("auroc", 0.05), ("tpr", 0.05), ("score_change", SHIFT_MARGIN)],
)
def test_the_margin_is_that_of_the_metric(metric, margin):
    """Of shares, and of scores."""
    (found,) = judged([comparison(0.001, value=0.4, error=0.01, metric=metric)], SETTINGS)

    assert found.margin == margin
    assert found.verdict == "disparity"


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
    mixed = [
        *family([0.3, 0.2]),
        own_test(0.1),
        comparison(0.4, family=None),
        *family(metric="tpr"),
    ]

    found = judged(mixed, SETTINGS)

    assert [one.item for one in found] == [one.item for one in mixed]
    assert np.array_equal([one.p_value for one in found], [one.p_value for one in mixed])


def test_the_gap_of_two_groups_is_one_comparison_whatever_it_is_compared_with():
    """Against all others, against a chosen group, and as a pair it is the same, with one adjusted value."""
    many = family([0.2, 0.3, 0.4])
    same = [
        comparison(0.002, value=value, key={"attribute": "sex", "group": name, **where}, family=of)
        for value, name, of, where in (
            (0.15, "female", Confirmatory.PRIMARY, {}),
            (-0.15, "male", Confirmatory.PRIMARY, {}),
            (0.15, "female", Confirmatory.PAIRS, {"analysis": Analysis.REFERENCE_GROUP}),
            (-0.15, "male", Confirmatory.PAIRS, {"analysis": Analysis.GROUP_PAIRS}),
        )
    ]

    found = judged([*same, *many], SETTINGS)

    assert {round(one.p_adjusted, 12) for one in found[:4]} == {0.008}
    assert {one.verdict for one in found[:4]} == {"disparity"}


def test_a_test_of_all_groups_of_an_intersection_is_screened_with_it():
    """It takes nothing from those of the attributes."""
    where = Key(model="m", prompt_set="", analysis=Analysis.HETEROGENEITY, attribute="sex*race")
    item = plan.Tested(key=where, metric="auroc", cell=None, family=Confirmatory.ALL_GROUPS)

    assert families.family_of(item) == Confirmatory.INTERSECTIONS
    assert families.family_of(replace(item, key=replace(where, attribute="sex"))) == "all groups"
