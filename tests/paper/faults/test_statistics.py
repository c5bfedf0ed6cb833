"""Faults in what is compared, what is resampled, and what a spread stands for."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from cxraudit.paper.faults.statistics import (
    gaps_not_computed,
    images_as_unit,
    shared_negatives,
    spread_over_findings,
)


def test_the_auroc_that_separates_finding_from_drain_is_that_of_scikit_learn(make_run):
    """Pneumothorax alone against a drain alone."""
    run = make_run()
    images = run.dataset.images
    label, drain = images["Pneumothorax"].to_numpy() == 1, (images["drain"] == "yes").to_numpy()
    score = run.scores[run.scores["finding"] == "Pneumothorax"]["score"].to_numpy()
    one_of_both = label ^ drain
    (fault,) = shared_negatives(run)
    assert f"{roc_auc_score(label[one_of_both], score[one_of_both]):.3f}" in fault.corrected


def test_intervals_over_patients_are_wider(make_run):
    """Images of a patient are correlated in this cohort."""
    (fault,) = images_as_unit(make_run())
    ratio = float(fault.corrected.split(", ")[1].split(" times")[0])
    assert ratio > 1.1


@pytest.mark.parametrize(
    ("drains", "reference"), [(True, "with to without"), (False, "to all other groups")]
)
def test_the_gap_has_an_interval_and_a_verdict(make_run, drains, reference):
    """Of the drain, or of a group to all other groups."""
    (fault,) = gaps_not_computed(make_run(drains=drains))
    assert reference in fault.corrected
    assert "after adjustment for all comparisons: " in fault.corrected


def test_the_spread_over_findings_is_not_the_uncertainty_of_their_mean(make_run):
    """The mean is in its interval, which is narrower than the spread."""
    run = make_run()
    (fault,) = spread_over_findings(run)
    mean, rest = fault.corrected.split(" (")
    low, high = (float(end) for end in rest.split(")")[0].split(" to "))
    spread = float(fault.published.split(" ± ")[1])
    values = [
        roc_auc_score(
            run.dataset.images[finding], run.scores[run.scores["finding"] == finding]["score"]
        )
        for finding in run.dataset.findings
    ]
    assert float(mean) == pytest.approx(np.mean(values), abs=5e-4)
    assert low < float(mean) < high
    assert high - low < spread
