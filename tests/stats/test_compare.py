"""Intervals, gaps, p-values and verdicts."""

import numpy as np
import pytest
from scipy.special import stdtr
from scipy.stats import bootstrap
from statsmodels.stats.multitest import multipletests

from cxraudit.stats.compare import _limits, estimate, gap
from cxraudit.stats.estimate import Estimate, Gap, Verdict
from cxraudit.stats.limits import gap_of_limits, limits_of_sum, no_difference, wilson
from cxraudit.stats.multiplicity import holm, step_up
from cxraudit.stats.ranking import ranking_replicates
from cxraudit.stats.replicated import Replicated
from cxraudit.stats.resampling import draw_resamples
from cxraudit.stats.variance import Variance
from cxraudit.stats.verdict import detectable_gap, judge


def simulated(
    seed: int, planted: float, *, n_patients: int = 150, images: int = 6, n_resamples: int = 400
):
    """Correlated images within patients; the group's signal is weaker by `planted`."""
    rng = np.random.default_rng(seed)
    patients = np.repeat(np.arange(n_patients), images)
    in_group = (rng.random(n_patients) < 0.5)[patients]
    labels = (rng.random(n_patients) < 0.4)[patients] ^ (rng.random(patients.size) < 0.05)
    own = rng.normal(size=n_patients)[patients]
    scores = labels * np.where(in_group, 1.8 - planted, 1.8) + own + rng.normal(size=patients.size)
    return patients, labels, scores, in_group, n_resamples


def gap_of(case, units=None):
    """Return the gap of the group to all other images, resampling patients (or `units`)."""
    patients, labels, scores, in_group, n_resamples = case
    rows = patients if units is None else units
    counts = draw_resamples(int(rows.max()) + 1, n_resamples, seed=0)
    inside, outside = ranking_replicates(
        labels, scores, rows, np.stack([in_group, ~in_group]), counts, n_resamples=n_resamples
    )
    return gap(inside.auroc, outside.auroc)


def drawn(replicates, n_patients: int) -> Replicated:
    """Some replicates of a statistic to which `n_patients` patients contribute equally."""
    return Replicated(replicates, np.full(n_patients, 0.01) * (-1) ** np.arange(n_patients))


@pytest.mark.parametrize(("planted", "found"), [(1.5, True), (0.0, False)])
def test_a_gap_is_significant_only_when_planted(planted, found):
    """Scores separate the classes by 1.8 sd, and by `planted` less in the group."""
    measured = gap_of(simulated(0, planted))

    assert found == (measured.high < 0)
    assert found == (measured.p_value < 0.05)


def test_patients_not_images_are_the_unit():
    """With strongly correlated images, the interval that resamples images is far too narrow."""
    case = simulated(1, 0.0, images=12)

    by_patient = gap_of(case)
    by_image = gap_of(case, units=np.arange(case[0].size))

    assert by_patient.high - by_patient.low > 1.5 * (by_image.high - by_image.low)


@pytest.mark.slow
def test_intervals_cover_the_truth():
    """Of 300 cohorts without a gap, the 95 % interval holds zero in 92–98 %."""
    covered = [
        (g := gap_of(simulated(seed, 0.0, n_patients=120))).low <= 0 <= g.high
        for seed in range(300)
    ]

    assert 0.92 <= np.mean(covered) <= 0.98


def test_holm_equals_statsmodels():
    """Reference: statsmodels 0.14 multipletests(p, method="holm")[1]."""
    p_values = [0.01, 0.04, 0.03, 0.005, 0.6]

    assert holm(p_values) == pytest.approx([0.04, 0.09, 0.09, 0.025, 0.6])
    assert np.isnan(holm([0.01, np.nan])[1])
    assert holm([0.01, np.nan])[0] == 0.01


def gap_with(value, low, high, inner_low, inner_high) -> Gap:
    """A gap with the given intervals."""
    return Gap(
        value=value,
        low=low,
        high=high,
        confidence_level=0.95,
        method="",
        p_value=0.01,
        standard_error=0.02,
        degrees_of_freedom=99,
        inner_low=inner_low,
        inner_high=inner_high,
    )


@pytest.mark.parametrize(
    ("found", "p_adjusted", "enough", "verdict"),
    [
        (gap_with(-0.10, -0.15, -0.05, -0.14, -0.06), 0.001, True, Verdict.DISPARITY),
        (gap_with(-0.10, -0.15, -0.05, -0.14, -0.06), 0.2, True, Verdict.INCONCLUSIVE),
        (gap_with(-0.10, -0.15, -0.05, -0.14, -0.06), 0.001, False, Verdict.INCONCLUSIVE),
        (gap_with(0.02, 0.01, 0.04, 0.01, 0.035), 0.001, True, Verdict.SMALL),
        (gap_with(0.01, -0.02, 0.04, -0.015, 0.035), 0.6, True, Verdict.EQUIVALENT),
        (gap_with(0.04, 0.01, 0.08, 0.015, 0.07), 0.001, True, Verdict.UNCLEAR_SIZE),
        (gap_with(0.04, -0.05, 0.12, -0.03, 0.11), 0.6, True, Verdict.INCONCLUSIVE),
        (gap_with(np.nan, np.nan, np.nan, np.nan, np.nan), np.nan, True, Verdict.UNDEFINED),
    ],
)
def test_verdicts_follow_one_rule(found, p_adjusted, enough, verdict):
    """Each combination of interval, adjusted p-value and number of patients has its verdict."""
    assert judge(found, p_adjusted=p_adjusted, margin=0.05, enough=enough) == verdict


def test_replicates_that_differ_by_rounding_are_the_same():
    """Sums in another order differ by 1e-16; a percentile of that is no interval."""
    draws = 0.3 + 1e-16 * np.r_[0.0, np.random.default_rng(0).integers(-3, 4, size=200)]

    found = estimate(drawn(draws, 50))

    assert np.isnan(found.low)
    assert found.reason == "IDENTICAL_RESAMPLES"


def test_bca_without_an_interval_says_why():
    """Every draw lies above the value: its place among them is undefined."""
    draws = np.r_[0.0, np.random.default_rng(0).uniform(0.1, 0.2, size=200)]

    found = estimate(drawn(draws, 50), interval="bca")

    assert np.isnan(found.low)
    assert found.reason == "ONE_SIDED_RESAMPLES"
    assert "no interval" in found.method


@pytest.mark.parametrize("margin", [0.05, np.nan])
def test_a_gap_of_exactly_0_is_equivalent_under_any_margin(margin):
    """Also where none was declared; with too few patients it is not."""
    found = no_difference(gap_with(0.0, np.nan, np.nan, np.nan, np.nan))

    assert judge(found, p_adjusted=np.nan, margin=margin) == Verdict.EQUIVALENT
    assert judge(found, p_adjusted=np.nan, margin=margin, enough=False) == Verdict.INCONCLUSIVE


def parts(*limits):
    """Estimates with some limits."""
    return [
        Estimate(value=value, low=low, high=high, confidence_level=0.95, method="")
        for value, low, high in limits
    ]


def test_limits_of_a_difference_are_those_of_mover():
    """Zou & Donner 2008: the distances to the limits are added as squares."""
    low, high = limits_of_sum(parts((0.9, 0.8, 0.95), (0.7, 0.6, 0.82)), [1.0, -1.0])

    assert low == pytest.approx(0.2 - (0.1**2 + 0.12**2) ** 0.5)
    assert high == pytest.approx(0.2 + (0.05**2 + 0.1**2) ** 0.5)


def test_limits_of_a_mean_are_the_mean_of_the_limits():
    """Parts that are added may vary together."""
    found = limits_of_sum(parts((1.0, 0.8, 1.0), (1.0, 0.9, 1.0)), [0.25, 0.75])

    assert found == pytest.approx((0.875, 1.0))


def test_undefined_replicates_leave_no_interval():
    """With more than 5 % undefined draws there is no interval, and the method gives the share."""
    draws = np.r_[0.8, np.linspace(0.7, 0.9, 180), np.full(20, np.nan)]

    found = estimate(drawn(draws, 50))

    assert found.value == 0.8
    assert np.isnan(found.low)
    assert "10%" in found.method


def test_few_patients_widen_the_interval_as_student_t_does():
    """Normal draws: the expanded percentile interval of n patients is t·√(n/(n−1)) wide.

    Reference: scipy.stats.t.ppf(0.975, 9) = 2.262157, ppf(0.975, 999) = 1.962341.
    """
    draws = np.r_[0.0, np.random.default_rng(0).normal(size=400_000)]

    few, many = estimate(drawn(draws, 10)), estimate(drawn(draws, 1000))

    assert few.high == pytest.approx(2.262157 * (10 / 9) ** 0.5, rel=0.02)
    assert many.high == pytest.approx(1.962341, rel=0.02)
    assert np.isnan(estimate(drawn(draws, 1)).high)


def test_replicates_that_do_not_vary_are_inconclusive():
    """Perfect separation: a gap of exactly zero in every resample does not show equivalence."""
    ones = drawn(np.ones(501), 30)

    found = gap(ones, ones)

    assert np.isnan(found.low)
    assert judge(found, p_adjusted=found.p_value, margin=0.05) == Verdict.INCONCLUSIVE


def test_the_detectable_gap_is_detected_in_eight_of_ten():
    """Normal gaps with standard error 0.02 around the detectable gap, 12 comparisons, margin 0.05."""
    reference = gap(
        drawn(np.r_[0.0, np.random.default_rng(0).normal(scale=0.02, size=20_000)], 200),
        Replicated(np.zeros(20_001), np.zeros(200)),
    )
    truth = detectable_gap(reference, margin=0.05, alpha=0.05 / 12)
    estimates = truth + np.random.default_rng(1).normal(scale=reference.standard_error, size=40_000)

    p_values = 2 * stdtr(199, -np.abs(estimates) / reference.standard_error)

    assert np.mean((p_values * 12 < 0.05) & (estimates > 0.05)) == pytest.approx(0.8, abs=0.01)


def test_without_resamples_there_is_a_value_and_no_interval():
    """n_resamples = 0 gives the point estimate."""
    found = estimate(drawn(np.array([0.7]), 50))

    assert found.value == 0.7
    assert np.isnan(found.high)


def test_limits_of_two_shares_make_newcombes_interval():
    """Two independent shares, 56/70 and 48/80, and 0/10 against 0/20.

    Reference: Newcombe (1998), Statistics in Medicine 17:873-890, table II, method 10:
    0.0524 to 0.3339, and -0.1611 to 0.2775.
    """

    def side(hits: int, n: int) -> tuple[Estimate, Estimate]:
        first, second = (
            Estimate(value=hits / n, low=low, high=high, confidence_level=level, method="")
            for level in (0.95, 0.90)
            for low, high in [wilson(hits / n, n, confidence_level=level)]
        )
        return first, second

    found = gap_of_limits(side(56, 70), side(48, 80))
    none = gap_of_limits(side(0, 10), side(0, 20))

    assert (found.low, found.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert found.low < found.inner_low < found.inner_high < found.high
    assert found.p_value < 0.05
    assert (none.low, none.high) == pytest.approx((-0.1611, 0.2775), abs=5e-5)
    assert none.p_value == 1


@pytest.mark.parametrize(
    ("scale", "z", "slopes"),
    [
        ("arcsine", 3.645135, (1.048285, 2.294157)),
        ("logit", 2.915404, (4.395604, 21.052632)),
        ("plain", 3.618136, (1.0, 1.0)),
    ],
)
def test_gaps_are_tested_on_their_scale(scale, z, slopes):
    """14 of 40 against 2 of 40 independent patients, by hand.

    asin √.35 − asin √.05 over √(1/160 + 1/160); logit .35 − logit .05 over √(1/9.1 + 1/1.9); .30 over
    √(.35·.65/40 + .05·.95/40). Then Student's t as for any influences.
    """
    influence = [np.r_[np.full(h, 1 - h / 40), np.full(40 - h, -h / 40)] / 40 for h in (14, 2)]
    # Replicates that vary less than the influences say, so that these make the error.
    draws = [np.r_[h / 40, np.random.default_rng(h).normal(h / 40, 0.01, 500)] for h in (14, 2)]
    none = np.zeros(40)

    found = gap(
        Replicated(draws[0], np.r_[influence[0], none]),
        Replicated(draws[1], np.r_[none, influence[1]]),
        scale=scale,
    )

    squares = np.r_[influence[0] * slopes[0], influence[1] * slopes[1]] ** 2
    df = min(2 * squares.sum() ** 2 / ((squares**2).sum() - squares.sum() ** 2 / 80), 79)
    assert found.p_value == pytest.approx(2 * stdtr(df, -z * (df / (df + 1)) ** 0.5), rel=1e-4)


def test_a_side_at_an_end_is_tested_on_the_plain_scale():
    """AUROC 1 against 0.73 has no logit; an audit takes `gap_of_limits` instead."""
    ones = Replicated(np.ones(501), np.zeros(30))
    others = drawn(np.r_[0.73, np.linspace(0.70, 0.76, 500)], 30)

    assert gap(ones, others).p_value < 0.001
    assert gap(ones, others) == gap(ones, others, scale="plain")


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(holm, "holm"), (step_up, "fdr_bh"), (lambda p: step_up(p, dependent=True), "fdr_by")],
)
def test_adjusted_p_values_equal_statsmodels(ours, theirs):
    """Holm, Benjamini-Hochberg, Benjamini-Yekutieli, with ties."""
    p_values = np.round(np.random.default_rng(0).random(40) ** 3, 3)

    np.testing.assert_allclose(
        ours(p_values), multipletests(p_values, method=theirs)[1], atol=1e-12
    )
    withheld = np.insert(p_values, 5, np.nan)
    np.testing.assert_allclose(np.delete(ours(withheld), 5), ours(p_values))


def test_bca_equals_scipy():
    """A skewed mean: scipy.stats.bootstrap(method="BCa"), on scipy's own draws, for many patients."""
    data = np.random.default_rng(0).exponential(size=40)
    reference = bootstrap((data,), np.mean, method="BCa", n_resamples=2000, rng=0)
    jackknife = np.array([np.delete(data, i).mean() for i in range(40)])

    found = _limits(
        "bca",
        reference.bootstrap_distribution,
        Replicated(
            np.r_[data.mean(), reference.bootstrap_distribution], jackknife.mean() - jackknife
        ),
        Variance(1.0, 1e-30, 10**9),
    )(0.95)

    assert found == pytest.approx(tuple(reference.confidence_interval), abs=1e-8)


@pytest.mark.parametrize("interval", ["t", "percentile", "bca"])
@pytest.mark.parametrize("seed", range(12))
def test_the_interval_at_1_minus_p_just_reaches_0(seed, interval):
    """p-value and interval are one construction, whatever the gap, the number of patients and the level."""
    patients, labels, scores, in_group, _ = simulated(seed, 0.1 * seed, n_patients=30 + 10 * seed)
    counts = draw_resamples(int(patients.max()) + 1, 500, seed=0)
    sides = [
        found.auroc
        for found in ranking_replicates(
            labels, scores, patients, np.stack([in_group, ~in_group]), counts, n_resamples=500
        )
    ]
    p = gap(*sides, interval=interval).p_value

    if p > 1e-5:
        at_p = gap(*sides, interval=interval, confidence_level=max(1 - p, 0.501))
        if p < 0.499:
            assert min(abs(at_p.low), abs(at_p.high)) < 1e-6
    for level in (0.9, 0.95, 0.999):
        found = gap(*sides, interval=interval, confidence_level=level)
        if np.isnan(found.low):
            assert interval != "t"
            assert found.reason == "TOO_FEW_RESAMPLES"
            assert 1 - level < 2 / 501
            continue
        assert (found.p_value < 1 - level) == (not found.low <= 0 <= found.high)


@pytest.mark.parametrize("scale", ["logit", "arcsine"])
def test_a_gap_of_shares_stays_between_minus_1_and_1(scale):
    """However wide: 19 of 20 against 1 of 20."""
    sides = [
        Replicated(
            np.r_[share, np.random.default_rng(first).normal(share, 0.05, 500)],
            np.r_[np.full(20, (1 - share) * first), np.full(20, -share * (1 - first))] / 20,
        )
        for first, share in ((1, 0.95), (0, 0.05))
    ]

    found = gap(*sides, scale=scale, confidence_level=0.9999)

    assert -1 <= found.low < found.value < found.high <= 1


def test_the_detectable_gap_grows_with_the_error_at_it():
    """Of an AUROC of 0.9 it is more than the error at 0.9 says, and there is none in a range that is too small."""
    rng = np.random.default_rng(0)
    spread = 0.03
    influence = np.r_[np.full(30, spread), np.full(30, -spread)] / 60**0.5

    def side(value: float, *, first: bool) -> Replicated:
        own = np.r_[influence, 0 * influence] if first else np.r_[0 * influence, influence]
        return Replicated(np.r_[value, rng.normal(value, spread / 2, 500)], own)

    found = gap(side(0.9, first=True), side(0.9, first=False))
    small = gap(side(0.05, first=True), side(0.05, first=False), scale="plain")

    plain = (2 + 0.84) * found.standard_error
    assert detectable_gap(found, margin=0.01, alpha=0.05) > 1.2 * plain
    assert small.sides is not None
    assert np.isfinite(detectable_gap(small, margin=0.01, alpha=0.05))


@pytest.mark.parametrize("interval", ["percentile", "bca"])
@pytest.mark.parametrize("heavy", [1, 2, 3])
def test_intervals_of_replicates_are_nested_and_their_p_value_is_what_they_can_tell(
    interval, heavy
):
    """A few patients make up most of the error, where BCa has a pole: a gap of 0 is not shown by it."""
    rng = np.random.default_rng(heavy)
    influence = rng.normal(scale=0.005, size=60)
    influence[:heavy] = 0.06
    draws = (rng.poisson(1, (2000, 60)) - 1) @ influence
    for value in (0.0, 0.02, 0.4):
        found = gap(
            Replicated(np.r_[value, value + draws], influence),
            Replicated(np.zeros(2001), np.zeros(60)),
            interval=interval,
            scale="plain",
        )
        assert found.limits is not None
        ends = np.array([found.limits(level) for level in (0.5, 0.8, 0.95, 0.99, 0.998)])
        assert (np.diff(ends[:, 0]) <= 1e-12).all()
        assert (np.diff(ends[:, 1]) >= -1e-12).all()
        assert found.p_value >= 2 / 2001
        assert np.isnan(found.limits(1 - 1e-5)).all()
        assert (found.p_value < 0.05) == (not found.low <= 0 <= found.high)
    assert found.p_value < 0.05
