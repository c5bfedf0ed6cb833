"""Models are compared with each other on the images that both scored."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from cxraudit.audits.run import audit
from cxraudit.schema import OVERALL, Analysis, Reason
from planted import RANKED, pick, planted_dataset, planted_scores, planted_table, the


@pytest.fixture(scope="module")
def compared():
    """A model, a copy, and one with added noise that scored 900 images."""
    frame = planted_table(5)
    good = planted_scores(frame)
    rng = np.random.default_rng(0)
    noisy = good.assign(model="noisy", score=good["score"] + rng.normal(scale=2, size=len(good)))
    few = noisy[noisy["image_id"] < "image00900.png"]
    results = audit(
        planted_dataset(frame),
        pd.concat([good, few, good.assign(model="copy")]),
        settings=RANKED,
        attributes=["sex", "race"],
    ).results
    return frame, few, pick(results, analysis=Analysis.MODELS)


def test_a_difference_is_that_of_the_images_both_scored(compared):
    """As by scikit-learn."""
    frame, few, results = compared
    common = frame["file"] < "image00900.png"
    label = frame["Cardiomegaly"][common]
    noisy = few[few["finding"] == "Cardiomegaly"].sort_values("image_id")["score"]
    own = roc_auc_score(label, frame["score_Cardiomegaly"][common])

    row = the(
        results,
        model="m",
        reference="noisy",
        finding="Cardiomegaly",
        attribute=OVERALL,
        metric="auroc",
    )

    assert row["value"] == pytest.approx(own - roc_auc_score(label, noisy), abs=1e-12)
    assert row["n"] == 900


def test_a_worse_model_is_shown_to_be_worse(compared):
    """By more than the margin."""
    _, _, results = compared

    row = the(
        results,
        model="m",
        reference="noisy",
        finding="Cardiomegaly",
        attribute=OVERALL,
        metric="auroc",
    )

    assert row["verdict"] == "disparity"
    assert row["value"] > 0


def test_a_copy_of_a_model_is_named_as_identical(compared):
    """The difference is exactly 0, overall, in every group and by every metric; equivalent by AUROC."""
    _, _, results = compared

    rows = pick(results, model="copy", reference="m")

    assert set(rows["value"]) == set(rows["low"]) == set(rows["high"]) == {0}
    assert set(pick(rows, metric="auroc")["verdict"]) == {"equivalent"}
    assert set(rows["reasons"]) == {Reason.IDENTICAL_SCORES}
    assert (
        rows["note"].str.match(r"copy and m give identical scores for all [\d,]+ images of").all()
    )


def test_a_copy_takes_no_power_from_other_comparisons(compared):
    """There is nothing to test, so that it is not counted among the tests of its family."""
    _, _, results = compared

    assert pick(results, model="copy", reference="m")["p_adjusted"].isna().all()


def test_every_pair_of_models_is_compared_once(compared):
    """In alphabetical order."""
    _, _, results = compared

    pairs = set(zip(results["model"], results["reference"], strict=True))

    assert pairs == {("copy", "m"), ("copy", "noisy"), ("m", "noisy")}


def test_gaps_of_two_models_are_compared(compared):
    """The difference of two gaps to all other groups, as by scikit-learn."""
    frame, few, results = compared
    common = frame[frame["file"] < "image00900.png"]
    noisy = few[few["finding"] == "Cardiomegaly"].sort_values("image_id")["score"].to_numpy()
    female = (common["sex"] == "F").to_numpy()
    label = common["Cardiomegaly"].to_numpy()

    def gap(score):
        first, second = (roc_auc_score(label[side], score[side]) for side in (female, ~female))
        return first - second

    row = the(
        results,
        model="m",
        reference="noisy",
        finding="Cardiomegaly",
        group="female",
        metric="auroc",
    )

    expected = gap(common["score_Cardiomegaly"].to_numpy()) - gap(noisy)
    assert row["value"] == pytest.approx(expected, abs=1e-12)
    assert row["low"] < row["value"] < row["high"]


def test_models_without_a_common_image_are_not_compared():
    """Each has its levels."""
    frame = planted_table(5, n_patients=100)
    scores = planted_scores(frame)
    half = scores["image_id"] < "image00150.png"
    apart = pd.concat([scores[half], scores[~half].assign(model="n")])

    results = audit(planted_dataset(frame), apart, settings=RANKED, attributes=["sex"]).results

    assert pick(results, analysis=Analysis.MODELS).empty
    assert set(results["model"]) == {"m", "n"}
