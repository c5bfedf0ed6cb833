"""Images with a device inserted: planted changes are recovered, none is reported where there is none."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from sklearn.metrics import roc_auc_score

from cxraudit.audits.perturbations import audit_perturbations
from cxraudit.metrics import SHIFT_MARGIN
from cxraudit.schema import (
    CONTROL_EDGE,
    CONTROLS,
    NEGATIVES,
    OVERALL,
    POSITIVES,
    UNEDITED,
    Analysis,
    Reason,
)
from cxraudit.settings import AuditSettings
from planted import inserted, perturbed_scores, pick, planted_dataset, planted_table, the

SETTINGS = AuditSettings(n_resamples=500)
POINT = AuditSettings(n_resamples=0)
SHOWN = ("disparity", "difference of unclear size")
SMALL = ("equivalent", "small difference")


@pytest.fixture(scope="module")
def frame():
    """Images of 400 patients."""
    return planted_table(11, drain_gap=0.5)


def counterfactuals(frame, changes, *, settings=SETTINGS, dataset=None, **options):
    """Results of inserted devices."""
    dataset = dataset or planted_dataset(frame)
    scores = perturbed_scores(frame, changes)
    found = audit_perturbations(dataset, scores, settings=settings, **options)
    assert set(found.results["analysis"]) <= {Analysis.COUNTERFACTUAL}
    return found


@pytest.fixture(scope="module")
def reliance(frame):
    """A drain raises pneumothorax by 1.5 logits, the control nothing."""
    return counterfactuals(frame, inserted(1.5)).results


def change(results, condition, reference=UNEDITED, *, finding="Pneumothorax", group=OVERALL):
    """The mean change of the score of all images, or of a class."""
    return the(
        results,
        metric="score_change",
        finding=finding,
        attribute=OVERALL,
        group=group,
        condition=condition,
        reference=reference,
    )


def test_a_planted_reliance_is_recovered(frame, reliance):
    """The change in standard deviations lies in its interval, also beyond the control; a disparity."""
    truth = 1.5 / frame["score_Pneumothorax"].std(ddof=0)

    row = change(reliance, "drain")
    beyond = [change(reliance, "drain", control) for control in CONTROLS]

    assert row["low"] < truth < row["high"]
    assert all(one["low"] < truth < one["high"] for one in beyond)
    assert {row["verdict"], *(one["verdict"] for one in beyond)} == {"disparity"}
    assert row["margin"] == SHIFT_MARGIN


def test_the_control_is_null(reliance):
    """Shown to be small."""
    assert {change(reliance, control)["verdict"] for control in CONTROLS} == {"equivalent"}


def test_a_score_that_does_not_follow_the_drain_is_not_reported(reliance):
    """Of the other finding."""
    other = pick(reliance, metric="score_change", finding="Cardiomegaly", attribute=OVERALL)

    assert set(pick(other, condition="drain")["verdict"]) == {"equivalent"}


def test_a_change_that_the_control_makes_too_is_not_the_drain_s(frame):
    """Both move the score, and the drain not shown to do so beyond the control's by the margin."""
    results = counterfactuals(frame, inserted(1.5, control=1.4)).results

    assert change(results, "drain")["verdict"] == "disparity"
    assert change(results, CONTROL_EDGE)["verdict"] == "disparity"
    assert change(results, "drain", CONTROL_EDGE)["verdict"] not in SHOWN


def test_the_control_does_not_hide_a_drain(frame):
    """A drain far beyond the control is shown."""
    results = counterfactuals(frame, inserted(2.5, control=0.6)).results

    assert change(results, "drain", CONTROL_EDGE)["verdict"] == "disparity"


def test_the_control_does_not_make_a_drain(frame):
    """A score that only the control moves does not follow drains."""
    results = counterfactuals(frame, inserted(0.0, control=1.4)).results

    assert change(results, "drain")["verdict"] in SMALL
    assert change(results, CONTROL_EDGE)["verdict"] == "disparity"


@pytest.fixture(scope="module")
def by_hand(frame):
    """The table of scores, and the change of each image's by numpy."""
    scores = perturbed_scores(frame, inserted(1.0))
    after = pick(scores, perturbation="drain", finding="Pneumothorax")["score"].to_numpy()
    before = frame["score_Pneumothorax"].to_numpy()
    return scores, (logit(after) - before) / before.std()


def test_only_images_without_a_drain_are_given_one(frame, by_hand):
    """The mean change of their scores, and their number."""
    _, changes = by_hand
    about = (frame["drain"] == 0) & (frame["Pneumothorax"] == 0)

    row = change(counterfactuals(frame, inserted(1.0)).results, "drain", group=NEGATIVES)

    assert row["n"] == about.sum()
    assert row["value"] == pytest.approx(changes[about].mean(), abs=1e-9)


def test_the_change_of_every_image_is_kept(frame, by_hand):
    """Of those without a drain, with their label."""
    _, changes = by_hand
    about = (frame["drain"] == 0).to_numpy()

    table = counterfactuals(frame, inserted(1.0), settings=POINT).image_changes

    images = pick(table, condition="drain", finding="Pneumothorax").set_index("image_id")
    assert sorted(images.index) == sorted(frame.loc[about, "file"])
    assert images.loc[frame.loc[about, "file"], "change"].to_numpy() == pytest.approx(
        changes[about], abs=1e-9
    )
    assert images["has_finding"].sum() == frame.loc[about, "Pneumothorax"].sum()


def test_removed_drains_are_of_images_that_have_one(frame):
    """And inserted ones of images that have none."""
    changes = {
        ("drain-removed", 0): inserted(-1.0)["drain", 0],
        ("drain-added", 0): inserted(1.0)["drain", 0],
    }

    results = counterfactuals(frame, changes, settings=POINT).results

    assert change(results, "drain-removed")["n"] == (frame["drain"] == 1).sum()
    assert change(results, "drain-added")["n"] == (frame["drain"] == 0).sum()


@pytest.mark.parametrize("labels", ["unknown", "no column"])
def test_without_labels_of_drains_all_images_count(frame, labels):
    """A data set without the column, and one in which no drain is known."""
    dataset = planted_dataset(frame)
    if labels == "unknown":
        dataset = replace(dataset, images=dataset.images.assign(drain="unknown"))
    else:
        dataset = replace(dataset, images=dataset.images.drop(columns="drain"), shortcuts=())

    found = counterfactuals(frame, inserted(1.5), dataset=dataset)

    images = pick(found.image_changes, condition="drain", finding="Pneumothorax")
    assert len(images) == len(frame)
    assert change(found.results, "drain", CONTROL_EDGE)["verdict"] == "disparity"


@pytest.fixture(scope="module")
def at_the_threshold(frame):
    """Label, drain-free images, probabilities before and after, and the rows of pneumothorax."""
    changes = inserted(1.5)
    scores = perturbed_scores(frame, changes)
    after = pick(scores, perturbation="drain", finding="Pneumothorax")["score"].to_numpy()
    rows = pick(
        counterfactuals(frame, changes, settings=POINT).results,
        finding="Pneumothorax",
        condition="drain",
    )
    label = frame["Pneumothorax"].to_numpy() == 1
    before = expit(frame["score_Pneumothorax"].to_numpy())
    return label, (frame["drain"] == 0).to_numpy(), before, after, rows


@pytest.mark.parametrize(
    ("metric", "group", "positive"), [("fpr", NEGATIVES, False), ("tpr", POSITIVES, True)]
)
def test_images_are_flagged_at_the_threshold_of_the_unedited_ones(
    at_the_threshold, metric, group, positive
):
    """At an FPR of 10 % on unedited images; the level after, and the difference to before."""
    label, about, before, after, rows = at_the_threshold
    threshold = np.sort(before[~label])[::-1][int(0.1 * (~label).sum())]
    part = about & (label == positive)

    level = the(rows, metric=metric, group=group, reference="")
    gap = the(rows, metric=metric, group=group, reference=UNEDITED)

    share = (after[part] > threshold).mean()
    assert level["value"] == pytest.approx(share, abs=1e-12)
    assert gap["value"] == pytest.approx(share - (before[part] > threshold).mean(), abs=1e-12)
    assert level["n"] == part.sum()


@pytest.mark.parametrize(("group", "positive"), [(NEGATIVES, False), (POSITIVES, True)])
def test_the_area_is_that_with_one_class_perturbed(at_the_threshold, group, positive):
    """As by scikit-learn; the other class is unedited."""
    label, about, before, after, rows = at_the_threshold
    mixed = np.where(about & (label == positive), after, before)

    level = the(rows, metric="auroc", group=group, reference="")
    gap = the(rows, metric="auroc", group=group, reference=UNEDITED)

    assert level["value"] == pytest.approx(roc_auc_score(label, mixed), abs=1e-12)
    expected = roc_auc_score(label, mixed) - roc_auc_score(label, before)
    assert gap["value"] == pytest.approx(expected, abs=1e-12)


def test_rates_of_one_class_are_no_caution(at_the_threshold):
    """A false positive rate is of negatives only."""
    rows = at_the_threshold[-1]

    assert set(pick(rows, reference="", metric="fpr")["note"]) == {""}


def test_groups_have_changes_of_their_own(frame, reliance):
    """Known groups of every attribute; the drain moves the scores of each sex."""
    rows = pick(
        reliance,
        metric="score_change",
        finding="Pneumothorax",
        condition="drain",
        reference=UNEDITED,
        attribute="sex",
    )

    assert set(rows["group"]) == {"female", "male"}
    assert set(rows["verdict"]) == {"disparity"}
    assert rows["n"].sum() == (frame["drain"] == 0).sum()


def test_few_perturbed_patients_give_no_verdict():
    """Nine lack a drain."""
    frame = planted_table(3, n_patients=60).assign(drain=1)
    frame.loc[frame["pid"] < 9, "drain"] = 0

    row = change(counterfactuals(frame, inserted(1.5)).results, "drain")

    assert row["n_patients"] == 9
    assert row["verdict"] == "inconclusive"
    assert row["reasons"] == Reason.TOO_FEW_PATIENTS
    assert row["note"] == "fewer than 10 patients were perturbed"


def test_changes_are_on_the_scale_of_the_score_before_the_sigmoid(frame):
    """Probabilities and their logits give the same changes."""
    scores = perturbed_scores(frame, inserted(1.0))
    logits = scores.assign(score=logit(scores["score"]))

    results = audit_perturbations(planted_dataset(frame), logits, settings=POINT).results

    expected = counterfactuals(frame, inserted(1.0), settings=POINT).results
    columns = ["condition", "reference", "group"]
    rows = (pick(table, metric="score_change").set_index(columns) for table in (results, expected))
    one, other = (table["value"] for table in rows)
    pd.testing.assert_series_equal(one, other, atol=1e-9)


def test_saturated_probabilities_have_a_change():
    """Of exactly 0 and 1, too."""
    frame = planted_table(3, n_patients=60)
    scores = perturbed_scores(frame, inserted(1.0))
    first = scores.groupby(["perturbation", "finding"]).head(3).index
    scores.loc[first, "score"] = [[0.0, 1.0, 1.0][k % 3] for k in range(len(first))]

    table = audit_perturbations(planted_dataset(frame), scores, settings=POINT).image_changes

    assert np.isfinite(table["change"]).all()


def test_a_perturbation_that_does_not_apply_to_some_images_says_so(frame):
    """These images are in no comparison, and are counted in the note of every row."""
    scores = perturbed_scores(frame, inserted(1.5))
    lateral = scores["image_id"].isin(frame["file"][:30])
    left_out = scores["score"].mask(lateral & (scores["perturbation"] != UNEDITED))

    found = audit_perturbations(
        planted_dataset(frame), scores.assign(score=left_out), settings=POINT
    )

    row = change(found.results, "drain")
    assert row["n"] == (frame["drain"][30:] == 0).sum()
    assert f"not applied to 30 of {len(frame):,} images" in row["note"]
    assert Reason.NOT_APPLIED in row["reasons"].split()


@pytest.mark.parametrize("severity", [0, 1])
def test_a_perturbation_that_applies_to_no_image_has_a_row_without_a_verdict(frame, severity):
    """An image that was not changed is none whose score did not change."""
    changes = {("drain" if severity == 0 else "downsampling", severity): inserted(0.0)["drain", 0]}
    scores = perturbed_scores(frame, changes)
    none = scores["score"].mask(scores["perturbation"] != UNEDITED)

    results = audit_perturbations(
        planted_dataset(frame), scores.assign(score=none), settings=POINT
    ).results

    assert set(results["verdict"]) == {""}
    assert set(results["reasons"]) == {Reason.NOT_APPLIED}
    assert results["value"].isna().all()
