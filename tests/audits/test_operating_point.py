"""Rates at a threshold and calibration: chosen on some patients, evaluated on the others."""

import re
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import brier_score_loss, confusion_matrix

from cxraudit.audits import operating_point
from cxraudit.audits.operating_point import NotTuned, tune
from cxraudit.errors import ConfigError
from cxraudit.metrics import METRICS, Family, of_family
from cxraudit.schema import COMPLEMENT, OVERALL, Analysis, Reason
from cxraudit.settings import AuditSettings
from planted import (
    QUICK,
    audit_of,
    cohort_of,
    pick,
    planned,
    planted_table,
    sample_of_finding,
    the,
    with_no_finding,
)

RATES = {"analysis": Analysis.OPERATING_POINT}


def at_a_threshold(frame, *, settings=QUICK, attributes=("sex",)):
    """Results of the plan of an operating point."""
    return planned(
        frame,
        lambda cohort, sample: operating_point.plan(cohort, sample, attributes, cohort.tuning()),
        settings=settings,
        attributes=attributes,
    )


def tuned_apart(frame, settings):
    """Return the images of tuning patients, and the others."""
    cohort = cohort_of(frame, settings=settings)
    tuning = cohort.tuning()
    indexed = frame.set_index("file").loc[cohort.images.index]
    return indexed[tuning], indexed[~tuning]


@pytest.fixture(scope="module")
def chosen():
    """Tuning images, the others with those flagged, and the rows of cardiomegaly."""
    frame = planted_table(18, n_patients=600)
    settings = AuditSettings(n_resamples=200)
    tuning, others = tuned_apart(frame, settings)
    negative = np.sort(tuning.loc[tuning["Cardiomegaly"] == 0, "score_Cardiomegaly"])[::-1]
    flagged = others["score_Cardiomegaly"] > negative[int(0.1 * negative.size)]
    rows = pick(at_a_threshold(frame, settings=settings), finding="Cardiomegaly")
    return tuning, others.assign(flagged=flagged), rows


def test_a_threshold_is_chosen_on_a_share_of_the_patients(chosen):
    """A fifth, and no patient is on both sides."""
    tuning, others, _ = chosen

    assert not set(tuning["pid"]) & set(others["pid"])
    assert others["pid"].nunique() == 480


@pytest.mark.parametrize("group", [OVERALL, "female"])
def test_rates_are_those_of_the_other_patients(chosen, group):
    """FPR at most 10 % on the tuning images; each rate as scikit-learn counts it on the others."""
    _, others, rows = chosen
    part = others[others["sex"] == "F"] if group else others
    here = pick(rows, group=group, reference="", **RATES).set_index("metric")

    tn, fp, fn, tp = confusion_matrix(part["Cardiomegaly"], part["flagged"]).ravel()

    value = here["value"]
    assert value["tpr"] == pytest.approx(tp / (tp + fn))
    assert value["fpr"] == pytest.approx(fp / (fp + tn))
    assert value["ppv"] == pytest.approx(tp / (tp + fp))
    assert value["npv"] == pytest.approx(tn / (tn + fn))
    assert value["selection_rate"] == pytest.approx((tp + fp) / len(part))
    assert value["balanced_accuracy"] == pytest.approx((tp / (tp + fn) + tn / (tn + fp)) / 2)
    assert here.loc["tpr", "n"] == len(part)
    assert here.loc["tpr", "low"] < value["tpr"] < here.loc["tpr", "high"]


def test_rows_hold_the_threshold_as_a_number(chosen):
    """And say how it was chosen; calibration has none."""
    tuning, others, rows = chosen
    rates = pick(rows, **RATES)
    (threshold,) = set(rates["at"])

    assert (others["flagged"] == (others["score_Cardiomegaly"] >= threshold)).all()
    negative = tuning.loc[tuning["Cardiomegaly"] == 0, "score_Cardiomegaly"]
    assert (negative >= threshold).mean() <= 0.1
    levels = pick(rates, reference="")
    assert levels["note"].str.contains("fpr=0.1, chosen on 120 other patients").all()
    assert pick(rows, analysis=Analysis.CALIBRATION)["at"].isna().all()


def test_every_metric_has_a_level_and_a_gap(chosen):
    """Overall and by sex; of a finding that is not No Finding. Errors that grow as images get fewer have no
    gap.
    """
    _, _, rows = chosen
    expected = {*of_family(Family.DECISION), *of_family(Family.CALIBRATION)}
    expected -= set(operating_point.OF_NO_FINDING)

    assert set(pick(rows, group=OVERALL)["metric"]) == expected
    compared = {metric for metric in expected if METRICS[metric].compared}
    assert set(pick(rows, group="female", reference=COMPLEMENT)["metric"]) == compared
    assert set(pick(rows, group="female", reference="")["metric"]) == expected


def test_one_threshold_misses_a_group_whose_scores_are_shifted():
    """AUROC is equal, TPR and FPR are not: found at the operating point, and in calibration."""
    frame = planted_table(19, n_patients=1500)
    frame.loc[frame["sex"] == "F", "score_Cardiomegaly"] -= 1.0

    rows = pick(
        audit_of(frame, attributes=["sex"]), finding="Cardiomegaly", attribute="sex", group="female"
    )
    gaps = pick(rows, reference=COMPLEMENT).set_index("metric")

    assert gaps.loc["auroc", "verdict"] != "disparity"
    assert gaps.loc["tpr", "verdict"] == gaps.loc["fpr", "verdict"] == "disparity"
    assert gaps.loc["tpr", "value"] < -0.15
    assert gaps.loc["observed_expected", "low"] > 0.2
    assert gaps.loc["calibration_intercept", "low"] > 0.2
    assert gaps.loc["calibration_intercept", "verdict"] == ""  # exploratory


def test_no_finding_has_under_and_overdiagnosis():
    """Underdiagnosis is its FPR, overdiagnosis 1 − its TPR; no other finding has them."""
    frame = with_no_finding(planted_table(20))
    settings = AuditSettings(n_resamples=200, operating_point="tpr=0.9")

    results = at_a_threshold(frame, settings=settings)

    overall = pick(results, finding="No Finding", group=OVERALL)
    value = overall.set_index("metric")["value"]
    assert value["underdiagnosis"] == value["fpr"]
    assert value["overdiagnosis"] == pytest.approx(1 - value["tpr"])
    assert "underdiagnosis" not in set(pick(results, finding="Cardiomegaly")["metric"])


def test_underdiagnosis_is_judged():
    """Positive women are scored nearer to No Finding: a disparity."""
    frame = with_no_finding(planted_table(27, n_patients=1500))
    missed = (frame["sex"] == "F") & (frame["Cardiomegaly"] == 1)
    frame.loc[missed, "score_No Finding"] += 1.5

    gap = the(
        at_a_threshold(frame),
        finding="No Finding",
        metric="underdiagnosis",
        group="female",
        reference=COMPLEMENT,
    )

    assert gap["verdict"] == "disparity"
    assert gap["value"] > 0


@pytest.fixture(scope="module")
def probabilities():
    """Scores that are probabilities, and settings that take them as such."""
    frame = planted_table(21)
    frame["score_Cardiomegaly"] = expit(2 * frame["score_Cardiomegaly"] - 2.5)
    frame["score_Pneumothorax"] = expit(frame["score_Pneumothorax"])
    settings = AuditSettings(n_resamples=200, calibration="as is", operating_point="fixed=0.5")
    return frame, settings


def test_probabilities_can_be_taken_as_they_are(probabilities):
    """All images are evaluated at a fixed threshold; the Brier score is scikit-learn's."""
    frame, settings = probabilities

    overall = pick(
        at_a_threshold(frame, settings=settings), finding="Cardiomegaly", attribute=OVERALL
    ).set_index("metric")

    assert overall.loc["tpr", "n"] == len(frame)
    assert overall.loc["brier", "value"] == pytest.approx(
        brier_score_loss(frame["Cardiomegaly"], frame["score_Cardiomegaly"])
    )


def test_net_benefit_is_at_the_probability_of_the_threshold(probabilities):
    """Flagged positives minus flagged negatives at its odds, per image (Vickers & Elkin 2006)."""
    frame, settings = probabilities
    label, flagged = frame["Cardiomegaly"] == 1, frame["score_Cardiomegaly"] >= 0.2

    row = the(
        at_a_threshold(frame, settings=replace(settings, operating_point="fixed=0.2")),
        finding="Cardiomegaly",
        attribute=OVERALL,
        metric="net_benefit",
    )

    expected = (label & flagged).mean() - (~label & flagged).mean() * 0.2 / 0.8
    assert row["value"] == pytest.approx(expected, abs=1e-12)


def test_scores_that_are_no_probabilities_are_refused(probabilities):
    """With their range, and what to use instead."""
    _, settings = probabilities

    with pytest.raises(ConfigError, match=r"needs probabilities.* Use platt"):
        at_a_threshold(planted_table(21), settings=settings)


def test_a_group_of_which_no_image_is_flagged_is_not_taken_for_certain():
    """TPR 0 for 12 patients of 12 with 3 % elsewhere: the limits of both sides decide; inconclusive."""
    frame = planted_table(23, n_patients=900)
    positive = frame["Cardiomegaly"] == 1
    few = frame.loc[positive, "pid"].drop_duplicates().head(12)
    frame = frame[~(frame["pid"].isin(few) & ~positive)].reset_index(drop=True)
    negative = frame.loc[frame["Cardiomegaly"] == 0, "pid"].drop_duplicates().tail(40)
    frame["race"] = np.where(frame["pid"].isin([*few, *negative]), "rare", "other")
    rng = np.random.default_rng(0)
    frame["score_Cardiomegaly"] = rng.normal(size=len(frame))
    frame.loc[frame["pid"].isin(few), "score_Cardiomegaly"] = -3.0
    settings = AuditSettings(
        n_resamples=300, operating_point="fixed=1.9", tuning_share=0.01, calibration="none"
    )

    gap = the(
        at_a_threshold(frame, settings=settings, attributes=["race"]),
        finding="Cardiomegaly",
        group="rare",
        metric="tpr",
        reference=COMPLEMENT,
    )

    assert gap["method"] == "limits of both sides (MOVER)"
    assert gap["low"] < -0.01 < gap["high"]
    assert gap["verdict"] == "inconclusive"


@pytest.fixture
def few_patients():
    """60 patients, the settings they are split by, and the tuning patients."""
    frame = planted_table(25, n_patients=60)
    settings = AuditSettings(n_resamples=0, tuning_share=0.2)
    tuning, _ = tuned_apart(frame, settings)
    return frame, settings, frame["pid"].isin(tuning["pid"])


def test_a_finding_of_one_class_among_tuning_patients_says_so(few_patients):
    """Nothing can be chosen: one row with the reason, and no rates."""
    frame, settings, tuning = few_patients
    frame.loc[tuning, "Cardiomegaly"] = 0

    row = the(at_a_threshold(frame, settings=settings), finding="Cardiomegaly")

    assert (row["analysis"], row["metric"]) == (Analysis.OPERATING_POINT, "tpr")
    assert row["reasons"] == Reason.ONE_CLASS_TUNING
    assert row["note"] == "nothing to choose on: the images of the tuning patients hold one class"
    assert np.isnan(row["value"])
    assert row["n"] == 0


def test_a_finding_of_tuning_patients_only_says_so(few_patients):
    """Nothing is left to evaluate."""
    frame, settings, tuning = few_patients
    frame = frame.astype({"Pneumothorax": float})
    frame.loc[~tuning, "Pneumothorax"] = np.nan

    row = the(at_a_threshold(frame, settings=settings), finding="Pneumothorax")

    assert row["reasons"] == Reason.NOTHING_HELD_OUT
    assert "nothing to evaluate" in row["note"]


def test_a_fixed_threshold_needs_no_tuning_patients():
    """All images are evaluated, and nothing is reported as chosen."""
    frame = planted_table(26)
    settings = AuditSettings(n_resamples=0, operating_point="fixed=0.5", calibration="none")

    row = the(
        at_a_threshold(frame, settings=settings),
        finding="Cardiomegaly",
        attribute=OVERALL,
        metric="tpr",
    )

    assert row["n"] == len(frame)
    assert row["at"] == 0.5
    assert "chosen" not in row["note"]


def test_a_fixed_threshold_holds_where_tuning_patients_have_one_class(few_patients):
    """Nothing is chosen on them."""
    frame, _, tuning = few_patients
    frame.loc[tuning, "Cardiomegaly"] = 0
    settings = AuditSettings(n_resamples=0, operating_point="fixed=0.5", calibration="none")

    rates = pick(at_a_threshold(frame, settings=settings), finding="Cardiomegaly", metric="tpr")

    assert rates["value"].notna().all()


@pytest.mark.parametrize(
    ("change", "analyses"),
    [
        ({"operating_point": "none"}, {Analysis.CALIBRATION}),
        ({"calibration": "none"}, {Analysis.OPERATING_POINT}),
        ({}, {Analysis.CALIBRATION, Analysis.OPERATING_POINT}),
    ],
)
def test_each_part_can_be_left_out(change, analyses):
    """Thresholds, or probabilities."""
    frame = planted_table(27, n_patients=80)

    results = at_a_threshold(frame, settings=AuditSettings(n_resamples=0, **change))

    assert set(results["analysis"]) == analyses


def test_without_probabilities_there_is_no_net_benefit():
    """The threshold stands for none."""
    frame = planted_table(27, n_patients=80)

    results = at_a_threshold(frame, settings=AuditSettings(n_resamples=0, calibration="none"))

    assert "net_benefit" not in set(results["metric"])
    assert "tpr" in set(results["metric"])


def test_probabilities_by_platt_are_fitted_without_the_evaluated_patients():
    """Moving an evaluated image's score moves no other probability."""
    frame = planted_table(28, n_patients=100)
    cohort = cohort_of(frame)
    tuning = cohort.tuning()
    sample = sample_of_finding(cohort, frame, "Cardiomegaly")
    moved = sample.y_score.copy()
    moved[np.flatnonzero(~tuning)[0]] += 3

    before, after = (tune(cohort, one, tuning) for one in (sample, sample.with_(y_score=moved)))

    assert not isinstance(before, NotTuned)
    assert not isinstance(after, NotTuned)
    assert before.threshold == after.threshold
    assert (before.probability.values != after.probability.values).sum() == 1


def test_probabilities_by_platt_do_not_depend_on_the_direction_of_the_score():
    """A score that falls with the evidence has a negative slope, and the same probabilities."""
    frame = planted_table(29, n_patients=100)
    cohort = cohort_of(frame)
    sample = sample_of_finding(cohort, frame, "Cardiomegaly")

    rising, falling = (
        tune(cohort, one, cohort.tuning())
        for one in (sample, sample.with_(y_score=-sample.y_score))
    )

    assert not isinstance(rising, NotTuned)
    assert not isinstance(falling, NotTuned)
    assert falling.probability.values == pytest.approx(rising.probability.values, abs=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"operating_point": "f1"}, "no rule for a threshold is named 'f1'"),
        ({"operating_point": "fpr=2"}, "fpr must be a number above 0 and at most 1"),
        ({"tuning_share": 1.0}, "tuning_share must be more than 0 and less than 1"),
        ({"calibration": "isotonic"}, "calibration must be one of platt, as is, none"),
    ],
)
def test_rules_that_mean_nothing_are_refused(change, message):
    """One sentence that names what there is."""
    with pytest.raises(ConfigError, match=message):
        AuditSettings(**change)


LEVELS = {
    "0 and 1": [0.0, 1.0],
    "thirds": [0.0, 1 / 3, 2 / 3, 1.0],
    "single precision": [float(np.float32(x)) for x in (0.1, 0.2, 0.3, 0.7, 0.9)],
    "negative": [-3.5, -2.25, -1.1, -0.5],
    "1e-12 apart": [0.5 + k * 1e-12 for k in range(10)],
    "a million": [1e6, 1e6 + 1, 1e6 + 2.5],
}
"""Values of quantised scores."""


@pytest.mark.parametrize("levels", LEVELS.values(), ids=LEVELS)
@pytest.mark.parametrize("rule", ["fpr=0.1", "fpr=0.6", "tpr=0.9", "youden", "prevalence"])
def test_the_threshold_as_it_is_printed_gives_the_printed_rates(levels, rule):
    """Read from the note, and from the column; ties are flagged; all or none are in words or reached."""
    frame = planted_table(31, n_patients=150)
    for finding in ("Cardiomegaly", "Pneumothorax"):
        score = frame[f"score_{finding}"]
        place = np.searchsorted(np.quantile(score, np.linspace(0, 1, len(levels) + 1))[1:-1], score)
        frame[f"score_{finding}"] = np.array(levels)[place]
    settings = AuditSettings(n_resamples=0, operating_point=rule, calibration="none")
    _, others = tuned_apart(frame, settings)

    results = at_a_threshold(frame, settings=settings)

    for finding in ("Cardiomegaly", "Pneumothorax"):
        rows = pick(results, finding=finding, attribute=OVERALL).set_index("metric")
        note = rows.loc["tpr", "note"]
        printed = re.match(r"flagged at or above (\S+) \(", note)
        threshold = float(printed[1]) if printed else np.inf
        assert printed or note.startswith("no image is flagged (")
        assert set(rows["at"]) == {threshold}
        flagged = others[f"score_{finding}"] >= threshold
        positive = others[finding] == 1
        assert rows.loc["tpr", "value"] == pytest.approx(flagged[positive].mean(), abs=1e-12)
        assert rows.loc["fpr", "value"] == pytest.approx(flagged[~positive].mean(), abs=1e-12)
        assert rows.loc["selection_rate", "value"] == pytest.approx(flagged.mean(), abs=1e-12)


def hard_labels(seed=32):
    """Scores of 0 and 1, of which more than a tenth of the negatives have a 1."""
    frame = planted_table(seed, n_patients=300)
    return frame.assign(score_Cardiomegaly=(frame["score_Cardiomegaly"] > 0.3).astype(float))


def test_hard_labels_with_too_many_false_positives_flag_no_image():
    """At most 10 % of the negatives can be flagged only if nobody is, which is stated in words."""
    rows = at_a_threshold(hard_labels(), settings=replace(QUICK, calibration="none"))

    overall = pick(rows, finding="Cardiomegaly", attribute=OVERALL).set_index("metric")
    gaps = pick(rows, finding="Cardiomegaly", reference=COMPLEMENT).set_index("metric")
    assert overall.loc["tpr", "note"].startswith("no image is flagged (fpr=0.1, chosen on 60")
    assert np.isinf(overall.loc["tpr", "at"])
    assert overall.loc["tpr", "value"] == overall.loc["fpr", "value"] == 0
    assert overall.loc["tpr", "high"] > 0.01
    assert set(gaps.loc[["tpr", "fpr"], "verdict"]) == {"equivalent"}
    assert not gaps.loc["selection_rate", ["value", "low", "high"]].to_numpy().any()
    assert overall.loc["ppv", "reasons"] == Reason.UNDEFINED_VALUE


def test_hard_labels_that_meet_the_target_are_flagged_as_they_are():
    """Each 1 is flagged, and nothing else."""
    frame = hard_labels()

    settings = replace(QUICK, operating_point="tpr=0.7", calibration="none")
    rows = at_a_threshold(frame, settings=settings)
    _, others = tuned_apart(frame, settings)

    row = the(rows, finding="Cardiomegaly", attribute=OVERALL, metric="selection_rate")
    assert row["note"].startswith("flagged at or above 1 (tpr=0.7")
    assert row["value"] == pytest.approx(others["score_Cardiomegaly"].mean())


def test_a_threshold_above_every_evaluated_score_says_so():
    """Tuning patients alone have the highest scores."""
    frame = planted_table(33, n_patients=100)
    settings = AuditSettings(n_resamples=0, calibration="none", operating_point="fpr=0.5")
    tuning, _ = tuned_apart(frame, settings)
    frame.loc[frame["pid"].isin(tuning["pid"]), "score_Cardiomegaly"] += 100

    row = the(
        at_a_threshold(frame, settings=settings),
        finding="Cardiomegaly",
        attribute=OVERALL,
        metric="selection_rate",
    )

    assert row["value"] == 0
    assert np.isfinite(row["at"])
    assert row["note"].endswith("which no evaluated image reaches")


def test_images_a_rounding_error_below_a_given_threshold_are_counted():
    """0.7 in single precision is 0.69999999: below 0.7, as the note says."""
    frame = planted_table(34, n_patients=60)
    frame["score_Cardiomegaly"] = np.where(frame["Cardiomegaly"] == 1, float(np.float32(0.7)), 0.1)
    settings = AuditSettings(n_resamples=0, calibration="none", operating_point="fixed=0.7")

    row = the(
        at_a_threshold(frame, settings=settings),
        finding="Cardiomegaly",
        attribute=OVERALL,
        metric="tpr",
    )

    assert row["value"] == 0
    n = int(frame["Cardiomegaly"].sum())
    assert f"{n} images lie below it by less than single precision distinguishes" in row["note"]


@pytest.mark.parametrize("score", ["constant", "perfect"])
def test_scores_that_determine_no_probabilities_say_so(score):
    """Calibration keeps a row with the reason; rates are there."""
    frame = planted_table(35, n_patients=80)
    frame["score_Cardiomegaly"] = frame["Cardiomegaly"] if score == "perfect" else 0.3

    rows = pick(at_a_threshold(frame), finding="Cardiomegaly")

    row = the(rows, analysis=Analysis.CALIBRATION)
    assert row["reasons"] == Reason.NO_PROBABILITIES
    assert "no map from scores to probabilities" in row["note"]
    assert "tpr" in set(rows["metric"])


def test_intervals_hold_the_error_of_the_threshold_on_request():
    """Few tuning patients make the intervals of TPR and FPR wider; values, thresholds and calibration stay."""
    frame = planted_table(31, n_patients=500)
    settings = replace(QUICK, tuning_share=0.1)
    plain, anew = (
        pick(at_a_threshold(frame, settings=one), finding="Cardiomegaly")
        for one in (settings, replace(settings, threshold_uncertainty=True))
    )

    assert plain["value"].equals(anew["value"])
    assert plain["at"].equals(anew["at"])
    for metric in ("tpr", "fpr"):
        widths = [
            np.ptp(the(rows, metric=metric, group=OVERALL)[["low", "high"]].to_numpy(float))
            for rows in (plain, anew)
        ]
        assert widths[1] > 1.2 * widths[0]
    levels = pick(anew, reference="", **RATES)
    assert levels["note"].str.contains("chosen anew in every resample").all()
    calibrated = [pick(rows, analysis=Analysis.CALIBRATION) for rows in (plain, anew)]
    assert calibrated[0]["low"].equals(calibrated[1]["low"])


def test_a_given_threshold_has_no_error():
    """Nor has a number for all findings: nothing is chosen."""
    frame = planted_table(31, n_patients=100)
    settings = replace(QUICK, operating_point="fixed=0.7", calibration="none")

    plain, anew = (
        at_a_threshold(frame, settings=one)
        for one in (settings, replace(settings, threshold_uncertainty=True))
    )

    assert plain.equals(anew)


def test_a_rate_needs_patients_of_its_own_kind_only():
    """TPR of groups whose images all have, or all lack, the finding: one comparison, one verdict."""
    frame = planted_table(3, n_patients=200)
    group = frame["pid"] % 3
    frame["race"] = group.map({0: "a", 1: "b", 2: "c"})
    frame["Cardiomegaly"] = np.select([group == 1, group == 2], [1, 0], frame["Cardiomegaly"])
    found = audit_of(frame, settings=replace(QUICK, thresholds={"Cardiomegaly": 0.8}))

    where = {"finding": "Cardiomegaly", "attribute": "race", "reference": COMPLEMENT}
    first, second = (the(found, **where, metric="tpr", group=name) for name in "ab")

    assert first["value"] == pytest.approx(-second["value"])
    assert first["verdict"] == second["verdict"]
    assert "TOO_FEW_PATIENTS" not in first["reasons"]
    assert "TOO_FEW_PATIENTS" in the(found, **where, metric="tpr", group="c")["reasons"]
