"""The study's calibration curves."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from cxraudit.paper.calibration import calibration_points


@pytest.mark.parametrize("group", ["all", "with", "without"])
def test_points_are_those_of_scikit_learn(make_cohort, group):
    """All images, with and without a drain, in ten bins of equal width, as published."""
    dataset, scores, *_ = make_cohort()
    label = dataset.images["Pneumothorax"].to_numpy()
    drain = dataset.images["drain"].to_numpy()
    kept = {"all": label >= 0, "with": drain == "yes", "without": drain == "no"}[group]
    score = scores[scores["finding"] == "Pneumothorax"]["score"].to_numpy()
    observed, predicted = calibration_curve(label[kept], score[kept], n_bins=10)

    points = calibration_points(dataset, scores, named="nih-cxr14")

    assert set(points["finding"]) == {"Pneumothorax"}
    rows = points[points["group"] == group]
    np.testing.assert_allclose(rows["observed"], observed, atol=1e-12)
    np.testing.assert_allclose(rows["predicted"], predicted, atol=1e-12)
    assert rows["n"].sum() == kept.sum()


def test_without_drains_every_finding_has_a_curve(make_cohort):
    """As on MIMIC-CXR."""
    dataset, scores, *_ = make_cohort(drains=False)
    points = calibration_points(dataset, scores)
    assert set(points["finding"]) == set(dataset.findings)
    assert set(points["group"]) == {"all"}


def test_scores_that_are_no_probabilities_have_no_curve(make_cohort):
    """Scores above 1."""
    dataset, scores, *_ = make_cohort()
    assert calibration_points(dataset, scores.assign(score=scores["score"] * 3)).empty
