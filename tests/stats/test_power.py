"""Power, smallest gaps and numbers of patients agree with each other and with simulated studies."""

from functools import partial

import numpy as np
import pytest
from scipy.stats import t

from cxraudit.stats.binormal import relative_error
from cxraudit.stats.power import (
    Expected,
    expected_degrees_of_freedom,
    patients_needed,
    power_of_disparity,
    power_of_equivalence,
    smallest_gap,
)
from cxraudit.stats.replicated import Replicated


def study(patients, *, group=0.8, reference=0.8, df=0.25, scale="logit"):
    """A comparison whose standard error is 1/√patients."""
    return Expected(
        group=group,
        reference=reference,
        group_variance=0.5 / patients,
        reference_variance=0.5 / patients,
        covariance=0.0,
        degrees_of_freedom=max(df * patients, 1.0),
        scale=scale,
        error_at=partial(relative_error, auroc=group) if scale == "logit" else None,
    )


@pytest.mark.parametrize("alpha", [0.05, 0.005])
@pytest.mark.parametrize("scale", ["logit", "arcsine", "plain"])
@pytest.mark.parametrize("margin", [0.01, 0.05])
def test_the_smallest_gap_has_a_power_of_80_percent(alpha, scale, margin):
    """By definition; a larger gap has more."""
    expected = study(800, scale=scale)

    found = smallest_gap(expected, margin=margin, alpha=alpha)

    power = partial(power_of_disparity, expected, margin=margin, alpha=alpha)
    assert power(found) == pytest.approx(0.8, abs=1e-3)
    assert power(found * 1.2) > 0.8 > power(found * 0.8)


def test_a_gap_that_no_study_of_this_size_finds_is_infinite():
    """Three patients."""
    assert smallest_gap(study(3), margin=0.05, alpha=0.05) == np.inf


@pytest.mark.parametrize("power", [power_of_disparity, power_of_equivalence])
def test_as_few_patients_as_possible_are_needed(power):
    """With one fewer the power is below 80 %."""
    gap = 0.0 if power is power_of_equivalence else 0.12
    of = partial(power, gap=gap, margin=0.05, alpha=0.05)

    found = patients_needed(of, study)

    assert of(study(found)) >= 0.8 > of(study(found - 1))


def test_nothing_is_needed_beyond_what_is_needed_anyway():
    """The fewest patients of a verdict; and a gap at the margin takes infinitely many."""
    of = partial(power_of_disparity, gap=0.12, margin=0.05, alpha=0.05)

    assert patients_needed(of, study, least=1e6) == 1e6
    assert patients_needed(partial(of, gap=0.05), study) == np.inf


@pytest.mark.parametrize(("gap", "patients"), [(0.0, 3000), (0.02, 5000), (0.0, 900)])
def test_the_power_of_equivalence_is_that_of_simulated_tests(gap, patients):
    """Two one-sided t-tests on normal estimates with estimated errors."""
    rng = np.random.default_rng(1)
    n, df, margin = 100_000, 0.25 * patients, 0.05
    error = 1 / np.sqrt(patients)
    estimate = gap + error * rng.normal(size=n)
    estimated = error * np.sqrt(rng.chisquare(df, n) / df)
    reach = t.ppf(0.95, df) * estimated
    simulated = np.mean((estimate - reach > -margin) & (estimate + reach < margin))

    expected = study(patients, scale="plain")
    found = power_of_equivalence(expected, gap, margin=margin, alpha=0.05)

    assert found == pytest.approx(simulated, abs=0.015)


def test_the_power_of_a_disparity_needs_an_estimate_beyond_the_margin():
    """With any number of patients, half of the estimates of a gap at the margin are below it."""
    found = power_of_disparity(study(1e7), 0.05, margin=0.05, alpha=0.05)

    assert found == pytest.approx(0.5, abs=0.01)


def test_degrees_of_freedom_are_those_of_the_audit():
    """Of a study as large as the influences; of twice as many patients they are twice as many."""
    influences = np.random.default_rng(2).standard_t(5, size=400)
    audit = Replicated(np.zeros(1), influences).degrees_of_freedom

    assert expected_degrees_of_freedom(influences, 400) == pytest.approx(audit)
    assert expected_degrees_of_freedom(influences, 800) == pytest.approx(2 * audit)


def test_small_studies_have_their_share_of_degrees_of_freedom():
    """The median over parts of the patients, each as an audit computes it."""
    influences = np.random.default_rng(3).normal(size=1000) ** 3
    parts = [
        Replicated(np.zeros(1), part).degrees_of_freedom for part in influences.reshape(10, 100)
    ]

    assert expected_degrees_of_freedom(influences, 100) == pytest.approx(np.median(parts))
