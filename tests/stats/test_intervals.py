"""Public intervals: the bootstrap of the audits, from plain arrays."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, t
from sklearn.metrics import average_precision_score, roc_auc_score

from cxraudit.audits.run import audit
from cxraudit.schema import COMPLEMENT, OVERALL, Analysis
from cxraudit.settings import AuditSettings
from cxraudit.stats._lanes import LANES
from cxraudit.stats.compare import estimate
from cxraudit.stats.delong import newcombe
from cxraudit.stats.intervals import (
    adjusted_auprc_interval,
    auroc_gap,
    auroc_interval,
    average_precision_interval,
)
from cxraudit.stats.ranking import auroc, ranking_replicates
from cxraudit.stats.resampling import draw_resamples
from planted import planted_dataset, planted_scores, planted_table


def cohort(seed: int = 0, n_patients: int = 80):
    """Labels, scores and patients; correlated images within patients."""
    rng = np.random.default_rng(seed)
    patients = np.repeat(np.arange(n_patients), rng.integers(1, 6, n_patients))
    labels = rng.random(patients.size) < 0.3
    scores = labels + rng.normal(size=n_patients)[patients] + rng.normal(size=patients.size)
    return labels, scores, np.array([f"p{number:03d}" for number in patients])


def third(patients):
    """The images of about a third of the patients."""
    return np.isin([name[-1] for name in patients], list("012"))


def adjusted(labels, scores) -> float:
    """Adjusted AUPRC by scikit-learn."""
    return 1 - np.log(average_precision_score(labels, scores)) / np.log(labels.mean())


@pytest.mark.parametrize(
    ("interval", "metric"),
    [
        (auroc_interval, roc_auc_score),
        (average_precision_interval, average_precision_score),
        (adjusted_auprc_interval, adjusted),
    ],
)
def test_intervals_are_expanded_percentiles_over_resampled_patients(interval, metric):
    """Each resample by scikit-learn, percentiles by numpy, tails by Student's t (Hesterberg 2015).

    The degrees of freedom are those of the influences, found here by the ends of the interval at
    another level: only one value fits both.
    """
    labels, scores, patients = cohort()
    names, rows = np.unique(patients, return_inverse=True)
    counts = draw_resamples(names.size, 300, seed=4)
    draws = []
    for r in range(1, 301):
        images = np.repeat(np.arange(labels.size), counts[r // LANES, :, r % LANES][rows])
        draws.append(metric(labels[images], scores[images]))

    found, other = (
        interval(
            labels,
            scores,
            patients=patients,
            interval="percentile",
            n_resamples=300,
            seed=4,
            confidence_level=level,
        )
        for level in (0.95, 0.8)
    )

    candidates = np.arange(5, names.size, 0.01)
    widths = [
        np.ptp(np.percentile(draws, percentiles(0.95, df))) - (found.high - found.low)
        for df in candidates
    ]
    df = candidates[np.argmin(np.abs(widths))]
    assert found.value == pytest.approx(metric(labels, scores), abs=1e-12)
    assert np.percentile(draws, percentiles(0.95, df)) == pytest.approx(
        (found.low, found.high), abs=1e-4
    )
    assert np.percentile(draws, percentiles(0.8, df)) == pytest.approx(
        (other.low, other.high), abs=1e-4
    )
    assert found.method == "patient-cluster bootstrap, expanded percentile"


def percentiles(level: float, df: float) -> list[float]:
    """Where the expanded percentile interval is read."""
    tail = 100 * norm.cdf(t.ppf((1 - level) / 2, df) * ((df + 1) / df) ** 0.5)
    return [tail, 100 - tail]


@pytest.mark.parametrize("order", [1, -1])
def test_intervals_are_those_of_an_audit(order):
    """Level and gap equal the rows of the results table, whatever the order of the images."""
    frame = planted_table(3, n_patients=90, age_gap=0.8)
    settings = AuditSettings(n_resamples=300, seed=2, operating_point="none", calibration="none")
    results = audit(planted_dataset(frame), planted_scores(frame), settings=settings).results
    rows = results[
        (results["analysis"] == Analysis.SUBGROUPS) & (results["finding"] == "Pneumothorax")
    ].set_index(["attribute", "group", "reference", "metric"])
    shown = frame.iloc[::order]
    columns = shown["Pneumothorax"], shown["score_Pneumothorax"]
    options = {"patients": shown["pid"], "n_resamples": 300, "seed": 2}

    area = auroc_interval(*columns, **options)
    adjusted_area = adjusted_auprc_interval(*columns, **options)
    gap = auroc_gap(*columns, shown["sex"] == "F", **options)

    for found, metric in ((area, "auroc"), (adjusted_area, "adjusted_auprc")):
        row = rows.loc[(OVERALL, OVERALL, "", metric)]
        assert (found.value, found.low, found.high) == pytest.approx(
            tuple(row[["value", "low", "high"]]), abs=1e-12
        )
    row = rows.loc[("sex", "female", COMPLEMENT, "auroc")]
    assert (gap.value, gap.low, gap.high, gap.p_value) == pytest.approx(
        tuple(row[["value", "low", "high", "p_value"]]), abs=1e-12
    )
    assert gap.method == row["method"]


def test_without_patients_images_are_resampled():
    """The method names images, and the interval is narrower where images are correlated."""
    labels, scores, patients = cohort()

    by_image, by_patient = (
        auroc_interval(labels, scores, patients=p, n_resamples=500) for p in (None, patients)
    )

    assert by_image.method == "image-level bootstrap, Student's t"
    assert by_image.high - by_image.low < by_patient.high - by_patient.low


def test_order_of_images_does_not_matter():
    """Shuffled images give the same interval."""
    labels, scores, patients = cohort()
    order = np.random.default_rng(1).permutation(labels.size)

    first = auroc_interval(labels, scores, patients=patients, n_resamples=200)
    second = auroc_interval(labels[order], scores[order], patients=patients[order], n_resamples=200)

    assert (first.low, first.high) == pytest.approx((second.low, second.high), abs=1e-12)


class Column:
    """A column of another library: anything numpy can convert."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.values, dtype=dtype)


@pytest.mark.parametrize("column", [list, pd.Series, Column])
def test_columns_of_any_library_are_accepted(column):
    """Lists, pandas columns and array-likes give the result of arrays."""
    labels, scores, patients = cohort()
    in_group = labels.cumsum() % 2 == 0

    gap = auroc_gap(
        column(labels), column(scores), column(in_group), patients=column(patients), n_resamples=100
    )

    assert gap == auroc_gap(labels, scores, in_group, patients=patients, n_resamples=100)


def test_a_perfect_ranking_gets_newcombes_interval_over_patients():
    """Every resample has an AUROC of 1; the interval still depends on the number of patients."""
    labels = np.arange(60) % 3 == 0
    patients = np.arange(60) // 2

    found = auroc_interval(labels, labels, patients=patients, n_resamples=200)

    n_positive, n_negative = (np.unique(patients[side]).size for side in (labels, ~labels))
    assert (found.low, found.high) == newcombe(1.0, n_positive, n_negative)
    assert found.low < 1
    assert found.method == "Newcombe score interval over patients"


def test_a_gap_is_a_difference_of_areas():
    """Group minus all other images, and a test that detects a large difference."""
    labels, scores, patients = cohort(n_patients=300)
    in_group = third(patients)
    scores = np.where(in_group & labels, scores - 1.5, scores)

    found = auroc_gap(labels, scores, in_group, patients=patients, n_resamples=500)

    inside = auroc(labels[in_group], scores[in_group])
    outside = auroc(labels[~in_group], scores[~in_group])
    assert found.value == pytest.approx(inside - outside, abs=1e-12)
    assert found.high < 0
    assert found.p_value < 0.001


def test_a_gap_to_a_perfect_side_is_by_the_limits_of_both_sides():
    """MOVER (Zou & Donner 2008): Newcombe's interval of the group, the bootstrap's of the others."""
    labels, scores, patients = cohort()
    in_group = third(patients)
    scores = np.where(in_group, 10.0 * labels, scores)
    names, rows = np.unique(patients, return_inverse=True)
    counts = draw_resamples(names.size, 500, seed=0)

    found = auroc_gap(labels, scores, in_group, patients=patients, n_resamples=500)

    sizes = [np.unique(patients[in_group & side]).size for side in (labels, ~labels)]
    outside = ranking_replicates(labels, scores, rows, ~in_group[None], counts, n_resamples=500)[0]
    ends = []
    for level in (0.95, 0.9):
        low, _ = newcombe(1.0, *sizes, confidence_level=level)
        others = estimate(outside.auroc, confidence_level=level, scale="logit")
        ends.append(found.value - np.hypot(1 - low, others.high - others.value))
    assert (found.low, found.inner_low) == pytest.approx(tuple(ends), abs=1e-12)
    assert found.method == "limits of both sides (MOVER)"


def test_a_gap_of_equal_scores_is_exactly_0():
    """No patient can change it."""
    labels, _, patients = cohort()

    found = auroc_gap(
        labels, np.full(labels.size, 0.1), third(patients), patients=patients, n_resamples=200
    )

    assert (found.value, found.low, found.high) == (0, 0, 0)
    assert (found.inner_low, found.inner_high) == (0, 0)


def test_a_gap_of_perfect_rankings_is_as_uncertain_as_both():
    """Zou and Donner: each end is the limit of one side."""
    labels, _, patients = cohort()
    group = third(patients)

    found = auroc_gap(labels, labels, group, patients=patients, n_resamples=200)
    first, second = (
        auroc_interval(labels[side], labels[side], patients=patients[side], n_resamples=200)
        for side in (group, ~group)
    )

    assert (found.value, found.p_value) == (0, 1)
    assert found.low == pytest.approx(first.low - 1)
    assert found.high == pytest.approx(1 - second.low)


def test_constant_scores_have_an_auroc_of_exactly_one_half():
    """Whatever the patients; without resamples there is no interval, either."""
    labels, _, patients = cohort()
    scores = np.full(labels.size, 0.1)

    found = auroc_interval(labels, scores, patients=patients, n_resamples=200)
    plain = auroc_interval(labels, scores, patients=patients, n_resamples=0)

    assert (found.value, found.low, found.high) == (0.5, 0.5, 0.5)
    assert np.isnan(plain.low)


@pytest.mark.parametrize("labels", [[0] * 40, [1] * 40])
def test_one_class_is_undefined(labels):
    """Value and interval are NaN."""
    found = auroc_interval(labels, np.arange(40.0), n_resamples=100)

    assert np.isnan([found.value, found.low, found.high]).all()


def test_an_empty_group_has_no_gap():
    """No image of the group: the gap is NaN."""
    labels, scores, _ = cohort()

    assert np.isnan(auroc_gap(labels, scores, np.zeros(labels.size, bool), n_resamples=100).value)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"patients": ["a"]}, "shape"),
        ({"patients": ["a", None, "b", "c"]}, "missing"),
        ({"patients": pd.Series(["a", pd.NA, "b", "c"], dtype=object)}, "missing"),
        ({"patients": [1.0, np.nan, 2.0, 3.0]}, "missing"),
        ({"confidence_level": 1.2}, "confidence_level"),
        ({"interval": "basic"}, "interval"),
        ({"n_resamples": -1}, "n_resamples"),
    ],
)
def test_invalid_options_raise(options, match):
    """The message names the parameter."""
    with pytest.raises(ValueError, match=match):
        auroc_interval([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4], **options)


@pytest.mark.parametrize("in_group", [[True, False], [0.0, 1.0, np.nan, 1.0], [0, 1, 0, 1]])
def test_a_group_is_one_boolean_per_image(in_group):
    """Other shapes and types raise."""
    with pytest.raises(ValueError, match="in_group"):
        auroc_gap([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4], in_group)


def test_no_images_raise():
    """There is nothing to resample."""
    with pytest.raises(ValueError, match="no images"):
        auroc_interval([], [])
