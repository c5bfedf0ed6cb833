"""Scores of perturbed images are compared with those of the same images unedited."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cxraudit.audits.perturbations import audit_perturbations
from cxraudit.errors import DataError, MissingColumnsError
from cxraudit.schema import KEY_COLUMNS, UNEDITED, Analysis
from cxraudit.settings import AuditSettings
from planted import inserted, perturbed_scores, pick, planted_dataset, planted_table, unchanged

POINT = AuditSettings(n_resamples=0)


@pytest.fixture(scope="module")
def frame():
    """Images of 80 patients."""
    return planted_table(11, n_patients=80)


@pytest.fixture(scope="module")
def scores(frame):
    """A device, its control, and a corruption."""
    return perturbed_scores(frame, {**inserted(1.0), ("jpeg", 1): unchanged})


def test_devices_and_corruptions_stand_in_one_table(frame, scores):
    """With unique keys."""
    results = audit_perturbations(planted_dataset(frame), scores, settings=POINT).results

    assert set(results["analysis"]) == {Analysis.COUNTERFACTUAL, Analysis.CORRUPTION}
    assert not results.duplicated(list(KEY_COLUMNS)).any()
    assert pick(results, analysis=Analysis.COUNTERFACTUAL)["at"].isna().all()
    assert set(pick(results, analysis=Analysis.CORRUPTION)["at"]) == {1.0}


def test_a_finding_without_unedited_scores_is_left_out(frame, scores):
    """The others are compared."""
    part = scores[~((scores["perturbation"] == UNEDITED) & (scores["finding"] == "Cardiomegaly"))]

    results = audit_perturbations(planted_dataset(frame), part, settings=POINT).results

    assert set(results["finding"]) == {"Pneumothorax"}


def test_a_finding_without_labels_is_left_out(frame, scores):
    """The others are compared."""
    dataset = planted_dataset(frame)
    blank = replace(dataset, images=dataset.images.assign(Cardiomegaly=np.nan))

    results = audit_perturbations(blank, scores, settings=POINT).results

    assert set(results["finding"]) == {"Pneumothorax"}


def test_images_that_were_not_perturbed_are_compared_in_nothing(frame, scores):
    """Both sides are the images that have both scores."""
    part = scores[(scores["perturbation"] != "jpeg") | (scores["image_id"] < "image00100.png")]

    found = audit_perturbations(planted_dataset(frame), part, settings=POINT)

    changes = pick(found.results, analysis=Analysis.CORRUPTION, attribute="", reference=UNEDITED)
    assert set(changes["n"]) == {100}
    assert set(changes["value"]) == {0}
    assert found.n_images == len(frame)


def test_models_are_audited_one_by_one(frame, scores):
    """Each has the rows it has alone, if each has an error rate of its own."""
    both = pd.concat([scores, scores.assign(model="n", score=scores["score"] ** 2)])
    settings = AuditSettings(n_resamples=100, error_rate="model")

    alone, together = (
        audit_perturbations(planted_dataset(frame), table, settings=settings).results
        for table in (scores, both)
    )

    assert set(together["model"]) == {"m", "n"}
    pd.testing.assert_frame_equal(pick(together, model="m").reset_index(drop=True), alone)


def test_intersections_are_left_out(frame, scores):
    """Too many cells for too few patients."""
    results = audit_perturbations(
        planted_dataset(frame), scores, attributes=["sex", "sex*race"], settings=POINT
    ).results

    assert set(results["attribute"]) == {"", "sex"}


def test_a_table_without_unedited_images_is_refused(frame, scores):
    """It says how to make them."""
    with pytest.raises(DataError, match="cxraudit perturb"):
        audit_perturbations(planted_dataset(frame), scores[scores["perturbation"] != UNEDITED])


def test_a_table_without_a_column_is_refused(frame, scores):
    """By the name of the column."""
    with pytest.raises(MissingColumnsError, match="severity"):
        audit_perturbations(planted_dataset(frame), scores.drop(columns="severity"))
