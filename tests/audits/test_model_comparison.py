"""Models are compared with each other on the images that both scored."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from cxraudit.audits.run import audit
from cxraudit.schema import OVERALL, Analysis, Reason
from cxraudit.settings import AuditSettings
from planted import (
    QUICK,
    RANKED,
    cohort_of,
    pick,
    planted_dataset,
    planted_scores,
    planted_table,
    the,
    with_no_finding,
)


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


RULED = AuditSettings(n_resamples=400, calibration="none", operating_point="fpr=0.2")


def reader_of(scores, sensitivity, specificity, rng):
    """Decisions of a reader, as scores of 1 and 0, from the labels that stand behind scores."""
    flips = rng.random(len(scores))
    yes = np.where(scores["label"] == 1, flips < sensitivity, flips > specificity)
    return scores.assign(model="reader", score=yes.astype(float))[list(scores.columns[:-1])]


def labelled(frame):
    """The scores of a table, with the label of each in the last column."""
    scores = planted_scores(frame)
    labels = frame.set_index("file")
    return scores.assign(
        label=[labels.loc[i, f] for i, f in zip(scores["image_id"], scores["finding"], strict=True)]
    )


@pytest.fixture(scope="module")
def flagging():
    """A model whose threshold is chosen, and a reader of every image whose threshold is given."""
    frame = with_no_finding(planted_table(6, n_patients=800))
    scores = labelled(frame)
    reader = reader_of(scores, 0.6, 0.8, np.random.default_rng(1))
    findings = ["Cardiomegaly", "Pneumothorax", "No Finding"]
    settings = replace(RULED, thresholds={f"reader:{finding}": 0.5 for finding in findings})
    results = audit(
        planted_dataset(frame),
        pd.concat([scores.drop(columns="label"), reader]),
        settings=settings,
        attributes=["sex"],
    ).results
    return frame, settings, reader, results


def test_rates_of_a_model_and_a_reader_are_those_of_the_images_both_are_evaluated_on(flagging):
    """Of patients who are not tuning patients, though the reader is evaluated on all: counted by hand."""
    frame, settings, reader, results = flagging
    cohort = cohort_of(frame, settings=settings)
    others = set(cohort.images.index[~cohort.tuning()])
    rows = pick(results, analysis=Analysis.MODELS, finding="Cardiomegaly", attribute=OVERALL)
    (threshold,) = set(
        pick(results, analysis="operating_point", model="m", finding="Cardiomegaly")["at"]
    )
    images = frame[frame["file"].isin(others)]
    by_model = images["score_Cardiomegaly"] >= threshold
    decided = reader[reader["finding"] == "Cardiomegaly"].set_index("image_id")["score"]
    by_reader = decided.loc[images["file"]].to_numpy() == 1

    for metric, label in (("tpr", 1), ("fpr", 0)):
        of = (images["Cardiomegaly"] == label).to_numpy()
        row = the(rows, metric=metric)
        assert row["value"] == pytest.approx(by_model[of].mean() - by_reader[of].mean(), abs=1e-12)
        assert (row["model"], row["reference"], row["n"]) == ("m", "reader", len(images))
        assert "m: flagged at or above" in row["note"]
        assert "reader: flagged at or above 0.5 (given)" in row["note"]


def test_the_interval_of_a_difference_of_rates_is_paired(flagging):
    """Each patient's images count together, as by the sandwich error of the paired difference."""
    frame, settings, reader, results = flagging
    cohort = cohort_of(frame, settings=settings)
    others = set(cohort.images.index[~cohort.tuning()])
    row = the(
        pick(results, analysis=Analysis.MODELS, finding="Pneumothorax", attribute=OVERALL),
        metric="tpr",
    )
    (threshold,) = set(
        pick(results, analysis="operating_point", model="m", finding="Pneumothorax")["at"]
    )
    images = frame[frame["file"].isin(others) & (frame["Pneumothorax"] == 1)]
    decided = reader[reader["finding"] == "Pneumothorax"].set_index("image_id")["score"]
    apart = (images["score_Pneumothorax"] >= threshold).astype(float) - decided.loc[
        images["file"]
    ].to_numpy()
    of_patient = (apart - apart.mean()).groupby(images["pid"]).sum()
    error = float(np.sqrt((of_patient**2).sum())) / len(apart)

    assert (row["high"] - row["low"]) / (2 * 1.96) == pytest.approx(error, rel=0.1)


@pytest.mark.parametrize(
    ("uncertainty", "given", "verdict"),
    [(False, False, ""), (True, False, "disparity"), (False, True, "disparity")],
)
def test_a_better_model_is_shown_where_the_threshold_is_known_or_its_error_counts(
    flagging, uncertainty, given, verdict
):
    """The model has a higher TPR than the reader; neither has a gap by sex.

    With a threshold that was chosen on tuning patients and is taken as known, models differ by how it happened
    to be chosen: an estimate without a verdict.
    """
    frame, settings, reader, _ = flagging
    thresholds = dict(settings.thresholds)
    if given:
        thresholds |= {"m:Cardiomegaly": 0.25}
    scores = pd.concat([labelled(frame).drop(columns="label"), reader])
    results = audit(
        planted_dataset(frame),
        scores[scores["finding"] == "Cardiomegaly"],
        settings=replace(settings, thresholds=thresholds, threshold_uncertainty=uncertainty),
        attributes=["sex"],
        shortcuts={},
    ).results
    rows = pick(results, analysis=Analysis.MODELS, metric="tpr")

    overall = the(rows, attribute=OVERALL)
    assert overall["value"] > 0.05
    assert overall["verdict"] == verdict
    assert overall["family"] == ("models" if verdict else "exploratory")
    gaps = rows[rows["attribute"] == "sex"]
    assert set(gaps["family"]) == {"models"}
    assert "disparity" not in set(gaps["verdict"])


def test_only_no_finding_is_compared_by_under_and_overdiagnosis(flagging):
    """They are its false positive and its false negative rate."""
    _, _, _, results = flagging
    rows = pick(results, analysis=Analysis.MODELS, attribute=OVERALL)

    for metric in ("underdiagnosis", "overdiagnosis"):
        assert set(pick(rows, metric=metric)["finding"]) == {"No Finding"}
    own = pick(rows, finding="No Finding").set_index("metric")["value"]
    assert own["underdiagnosis"] == own["fpr"]
    assert own["overdiagnosis"] == pytest.approx(-own["tpr"], abs=1e-12)


def test_a_planted_difference_of_gaps_at_the_threshold_is_found():
    """A model that misses women at its threshold, against one that does not: in the gap of TPR."""
    frame = planted_table(8, n_patients=1500)
    good = planted_scores(frame)
    female = frame.loc[frame["sex"] == "F", "file"]
    shifted = good.assign(
        model="shifted", score=good["score"] - 1.5 * good["image_id"].isin(female).to_numpy()
    )

    results = audit(
        planted_dataset(frame), pd.concat([good, shifted]), settings=RULED, attributes=["sex"]
    ).results

    row = the(
        results,
        analysis=Analysis.MODELS,
        finding="Cardiomegaly",
        group="female",
        metric="tpr",
    )
    gaps = [
        the(
            results,
            analysis=Analysis.OPERATING_POINT,
            model=model,
            finding="Cardiomegaly",
            group="female",
            reference="all other groups",
            metric="tpr",
        )["value"]
        for model in ("m", "shifted")
    ]
    assert row["value"] == pytest.approx(gaps[0] - gaps[1], abs=1e-12)
    assert row["verdict"] == "disparity"
    assert row["value"] > 0.2


def test_models_that_flag_the_same_images_differ_by_exactly_zero():
    """Whatever their scores, as with an increasing function of them and a rule; named as such."""
    frame = planted_table(9, n_patients=200)
    good = planted_scores(frame)
    both = pd.concat([good, good.assign(model="n", score=np.sinh(good["score"]))])

    results = audit(planted_dataset(frame), both, settings=RULED, attributes=["sex"]).results

    rows = pick(results, analysis=Analysis.MODELS)
    rates = rows[rows["metric"].isin(["tpr", "fpr"])]
    assert set(rates["value"]) == set(rates["low"]) == set(rates["high"]) == {0}
    assert set(rates["reasons"]) == {Reason.IDENTICAL_DECISIONS}
    assert rates["note"].str.startswith("m and n flag the same of all").all()


def test_without_a_threshold_rates_are_not_compared():
    """Nor with a threshold for one model only."""
    frame = planted_table(9, n_patients=100)
    good = planted_scores(frame)
    both = pd.concat([good, good.assign(model="n", score=-good["score"])])
    settings = replace(
        RULED, n_resamples=0, operating_point="none", thresholds={"m:Cardiomegaly": 0.5}
    )

    results = audit(planted_dataset(frame), both, settings=settings, attributes=["sex"]).results

    rows = pick(results, analysis=Analysis.MODELS)
    assert set(rows["metric"]) == set(pick(rows, finding="Pneumothorax")["metric"])
    assert "tpr" not in set(rows["metric"])


def test_the_detectable_difference_of_models_does_not_depend_on_their_names():
    """Either may be the worse one."""
    frame = planted_table(8, n_patients=100)
    own = planted_scores(frame)
    noise = np.random.default_rng(0).normal(size=len(own))
    worse = own.assign(model="worse", score=own["score"] + 2 * noise)
    found = []
    for name in ("a", "z"):
        both = pd.concat([own.assign(model=name), worse])
        results = audit(planted_dataset(frame), both, settings=QUICK, attributes=["sex"]).results
        rows = results[(results["analysis"] == Analysis.MODELS) & (results["metric"] == "auroc")]
        found.append(rows["detectable_gap"].to_numpy())

    np.testing.assert_allclose(found[0], found[1], rtol=1e-9)


def test_models_that_rank_alike_are_equal_at_thresholds_chosen_anew():
    """By the same rule both flag the same images in every resample."""
    frame = planted_table(9, n_patients=100)
    own = planted_scores(frame)
    both = pd.concat([own, own.assign(model="exp", score=np.exp(own["score"]))])
    settings = replace(QUICK, threshold_uncertainty=True)

    results = audit(planted_dataset(frame), both, settings=settings, attributes=["sex"]).results

    rows = results[
        (results["analysis"] == Analysis.MODELS) & results["metric"].isin(["tpr", "fpr"])
    ]
    assert (rows["value"] == 0).all()
    assert set(rows["verdict"]) == {"equivalent"}
