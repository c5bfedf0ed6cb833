"""What wrong labels explain is what they do in simulated images."""

import numpy as np
import pytest

from cxraudit.stats.label_errors import (
    Recorded,
    explained_influence,
    explaining_rate,
    largest_possible_rate,
)


def images(seed, n=200_000, *, prevalence=(0.2, 0.5), rate=0.1):
    """Recorded labels, scores that follow the true ones, and groups."""
    rng = np.random.default_rng(seed)
    group = rng.random(n) < 0.5
    true = rng.random(n) < np.where(group, prevalence[1], prevalence[0])
    score = 2.0 * true + rng.normal(size=n)
    return true ^ (rng.random(n) < rate), score, group


@pytest.mark.parametrize("label", [0, 1])
def test_errors_explain_the_difference_they_make(label):
    """At their rate, which is the one that explains it."""
    y, score, group = images(0)
    recorded = Recorded.of(y, score, group)
    difference = recorded.means[label, 1] - recorded.means[label, 0]

    assert difference > 0.1
    assert recorded.explained(label, 0.1) == pytest.approx(difference, abs=0.03)
    assert explaining_rate(recorded, label, difference) == pytest.approx(0.1, abs=0.01)
    assert np.isnan(explaining_rate(recorded, label, -difference))


def test_a_rare_finding_cannot_have_many_wrong_labels():
    """Its scores would have to vary more than they do."""
    recorded = Recorded.of(*images(1, prevalence=(0.05, 0.06), rate=0.01))

    assert 0.01 <= largest_possible_rate(recorded, 0.15) < 0.06


def test_a_group_without_a_class_explains_nothing():
    """No rate is known to be possible."""
    y, score, group = images(2, n=200)
    recorded = Recorded.of(y & group, score, group)

    assert largest_possible_rate(recorded, 0.15) == 0
    assert np.isnan(explaining_rate(recorded, 1, 0.5))


def test_influences_give_the_error_of_what_is_explained():
    """Over 300 cohorts."""
    found = [explained_influence(*images(seed, n=1500), label=1, rate=0.1) for seed in range(300)]

    error = np.mean([np.sqrt((influence**2).sum()) for _, influence in found])
    assert error == pytest.approx(np.std([value for value, _ in found]), rel=0.12)
