"""The audit finds what is planted in scores, stays quiet otherwise, and loses nothing silently."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.metrics import brier_score_loss, confusion_matrix, roc_auc_score

from cxraudit.audits.cells import AuditSettings, make_cohort
from cxraudit.audits.run import audit
from cxraudit.audits.scores import scores_from_wide
from cxraudit.datasets.table import from_frame
from cxraudit.errors import ConfigError, DataError, UnknownNameError
from cxraudit.report.words import answer
from cxraudit.schema import RESULT_COLUMNS
from planted import planted_dataset, planted_scores, planted_table

QUICK = AuditSettings(n_resamples=400, seed=0)
POINT = AuditSettings(n_resamples=0)


def audit_of(frame: pd.DataFrame, **options):
    """Audit a planted table."""
    return audit(
        planted_dataset(frame),
        planted_scores(frame),
        settings=options.pop("settings", QUICK),
        **options,
    )


def pick(results: pd.DataFrame, **where) -> pd.DataFrame:
    """Return the rows with these values."""
    for column, value in where.items():
        results = results[results[column] == value]
    return results


def test_point_values_equal_scikit_learn_in_every_group():
    """Overall, by group, and positives with and without a drain against all negatives."""
    frame = planted_table(0)
    results = audit_of(frame).results

    label, score = frame["Pneumothorax"], frame["score_Pneumothorax"]
    expected = {
        ("all", "all"): frame.index == frame.index,
        ("age_group", "80+"): frame["age"] >= 80,
        ("sex", "female"): frame["sex"] == "F",
        ("race", "black"): frame["race"] == "black",
        ("drain", "with"): (label == 0) | (frame["drain"] == 1),
        ("drain", "without"): (label == 0) | (frame["drain"] == 0),
    }
    for (attribute, group), mask in expected.items():
        row = pick(
            results,
            finding="Pneumothorax",
            attribute=attribute,
            group=group,
            metric="auroc",
            reference="",
        ).iloc[0]
        assert row["value"] == pytest.approx(roc_auc_score(label[mask], score[mask]), abs=1e-12)
        assert row["n"] == mask.sum()
        assert row["n_positive"] == label[mask].sum()
        assert row["n_patients"] == frame.loc[mask, "pid"].nunique()
        assert row["low"] < row["value"] < row["high"]


def test_a_gap_is_the_difference_of_its_two_levels():
    """Group minus rest, in the value; the mirror image has the mirrored interval."""
    results = audit_of(planted_table(1)).results
    female = pick(results, finding="Cardiomegaly", attribute="sex", group="female", metric="auroc")
    male = pick(results, finding="Cardiomegaly", attribute="sex", group="male", metric="auroc")

    gap = pick(female, reference="rest").iloc[0]
    mirror = pick(male, reference="rest").iloc[0]

    assert gap["value"] == pytest.approx(
        pick(female, reference="")["value"].iloc[0] - pick(male, reference="")["value"].iloc[0]
    )
    assert (gap["low"], gap["high"]) == pytest.approx((-mirror["high"], -mirror["low"]))
    assert gap["p_adjusted"] == mirror["p_adjusted"]
    assert gap["verdict"] == mirror["verdict"]


def test_planted_effects_are_found_and_absent_ones_are_not():
    """20 cohorts each: age and drain effects are found in at least 18; without them, sex and race
    and all else give a false disparity in at most 2.
    """
    found, alarms = {"age_group": 0, "drain": 0}, 0
    for seed in range(20):
        planted = audit_of(planted_table(seed, age_gap=1.2, drain_gap=1.2)).results
        for attribute in found:
            rows = pick(planted, attribute=attribute, metric="auroc", verdict="disparity")
            found[attribute] += bool(len(rows))
        quiet = audit_of(planted_table(1000 + seed)).results
        alarms += (pick(quiet, metric="auroc")["verdict"] == "disparity").any()

    assert min(found.values()) >= 18, found
    assert alarms <= 2


def test_a_group_without_positives_keeps_its_row_and_says_so():
    """NaN, its n, and the reason; the gap is undefined."""
    frame = planted_table(2)
    frame.loc[frame["race"] == "asian", "Cardiomegaly"] = 0

    results = audit_of(frame).results

    level = pick(results, finding="Cardiomegaly", group="asian", metric="auroc", reference="").iloc[
        0
    ]
    gap = pick(
        results, finding="Cardiomegaly", group="asian", metric="auroc", reference="rest"
    ).iloc[0]
    assert np.isnan(level["value"])
    assert level["n"] > 0
    assert level["note"] == "no positives"
    assert gap["verdict"] == "undefined"


def test_few_patients_give_no_verdict():
    """A group with three positive patients is inconclusive, whatever its gap."""
    frame = planted_table(3)
    few = frame.loc[frame["Cardiomegaly"] == 1, "pid"].drop_duplicates().head(3)
    frame["race"] = np.where(frame["pid"].isin(few), "rare", "other")

    gap = pick(
        audit_of(frame).results,
        finding="Cardiomegaly",
        group="rare",
        reference="rest",
        metric="auroc",
    ).iloc[0]

    assert gap["verdict"] == "inconclusive"
    assert "fewer than 10 patients" in gap["note"]


def test_a_finding_with_one_class_is_kept_and_undefined():
    """All negative: the other finding is audited as usual."""
    frame = planted_table(4)
    frame["Cardiomegaly"] = 0

    results = audit_of(frame).results

    one_class = pick(results, finding="Cardiomegaly", metric="auroc")
    assert one_class["value"].isna().all()
    assert set(one_class["reference"]) == {""}
    assert set(one_class["note"]) == {"no positives"}
    assert (
        pick(results, finding="Pneumothorax", attribute="all", metric="auroc")["value"]
        .notna()
        .all()
    )


def test_unknown_groups_are_counted_and_never_the_reference():
    """Impossible ages are a group of their own; the rest is the images whose age is known."""
    frame = planted_table(5)
    frame["age"] = frame["age"].astype(object)
    frame.loc[:99, "age"] = 412
    frame.loc[100:149, "age"] = "058Y"

    results = pick(
        audit_of(frame).results,
        finding="Pneumothorax",
        attribute="age_group",
        metric="auroc",
        reference="",
    )

    assert pick(results, group="unknown")["n"].iloc[0] == 100
    assert results["n"].sum() == len(frame)


def test_images_that_drop_out_are_listed_with_reason_and_number():
    """Without score, without label, scored but unknown."""
    frame = planted_table(6)
    dataset, scores = planted_dataset(frame), planted_scores(frame)
    scores = scores[scores["image_id"] != "image00000.png"]
    stranger = scores.head(1).assign(image_id="stranger.png")
    dataset.images.loc[3:6, "Cardiomegaly"] = np.nan

    exclusions = audit(dataset, pd.concat([scores, stranger]), settings=QUICK).exclusions.set_index(
        "step"
    )

    assert exclusions.loc["scored", "images"] == 1
    assert exclusions.loc["known", "images"] == 1
    assert exclusions.loc["labelled: Cardiomegaly", "images"] == 4


def test_every_row_says_how_it_was_made():
    """Counts, confidence level and method on every row; p, adjusted p and verdict on judged gaps."""
    results = audit_of(planted_table(7)).results

    assert list(results.columns) == list(RESULT_COLUMNS)
    assert (results["method"] != "").all()
    assert (results["confidence_level"] == 0.95).all()
    gaps = results[~results["reference"].isin(["", "each other"])]
    assert (gaps["verdict"] != "").all()
    known = gaps[gaps["low"].notna() & ~gaps["note"].str.contains("fewer than")]
    assert known[["p_value", "p_adjusted", "detectable_gap"]].notna().all().all()
    assert (known["p_adjusted"] >= known["p_value"]).all()
    with_margin = gaps["metric"].isin(["auroc", "tpr", "fpr", "detectability"])
    assert (gaps["margin"].notna() == with_margin).all()
    never = {"disparity", "equivalent", "within margin"}
    assert not never & set(gaps.loc[~with_margin, "verdict"])
    assert set(results.loc[results["reference"] == "", "verdict"]) == {""}


def test_the_same_inputs_give_the_same_table_in_any_order():
    """Rows shuffled, threads changed: identical results."""
    frame = planted_table(8)
    shuffled = frame.sample(frac=1, random_state=0)

    first = audit_of(frame).results
    second = audit_of(shuffled, settings=AuditSettings(n_resamples=400, n_threads=1)).results

    pd.testing.assert_frame_equal(first, second)


def test_what_groups_are_called_changes_no_number():
    """Races renamed: every row is as before, under its new name."""
    frame = planted_table(8)
    names = {"asian": "c", "black": "a", "white": "b"}
    renamed = frame.assign(race=frame["race"].map(names))

    first, second = audit_of(frame).results, audit_of(renamed).results
    key = ["finding", "attribute", "group", "reference", "metric"]
    first["group"] = first["group"].replace(names)

    # Names are sorted, and permutations exchange sorted groups: p-values of that test may differ.
    first, second = (
        r[r["reference"] != "each other"].sort_values(key, ignore_index=True)
        for r in (first, second)
    )
    pd.testing.assert_frame_equal(first, second)


def test_intersections_are_groups_of_their_own():
    """Women of 80 and over are worse; sex alone and the others are what they are; unknown stays unknown."""
    frame = planted_table(12, n_patients=1200)
    weak = (frame["age"] >= 80) & (frame["sex"] == "F")
    frame.loc[weak & (frame["Cardiomegaly"] == 1), "score_Cardiomegaly"] -= 1.6
    frame.loc[frame["pid"] % 40 == 0, "sex"] = ""

    results = audit_of(frame, attributes=["sex*age_group", "sex"]).results

    rows = pick(results, finding="Cardiomegaly", attribute="sex*age_group", metric="auroc")
    gaps = pick(rows, reference="rest")
    worst = gaps.sort_values("value").iloc[0]
    assert worst["group"] == "female, 80+"
    assert worst["verdict"] == "disparity"
    assert len(gaps) == 10
    level = pick(rows, reference="", group="female, 80+").iloc[0]
    mask = weak & (frame["pid"] % 40 != 0)
    assert level["value"] == pytest.approx(
        roc_auc_score(frame["Cardiomegaly"][mask], frame["score_Cardiomegaly"][mask])
    )
    assert pick(rows, reference="", group="unknown")["n"].iloc[0] == (frame["sex"] == "").sum()


def test_all_groups_of_an_attribute_are_tested_at_once():
    """One row per finding and attribute, with p and adjusted p: small where planted, for age only."""
    rows = pick(audit_of(planted_table(3, age_gap=1.2)).results, reference="each other")

    assert len(rows) == 2 * 3
    assert rows["value"].isna().all()
    assert (pick(rows, attribute="age_group")["p_adjusted"] < 0.05).all()
    assert (pick(rows, attribute="sex")["p_adjusted"] > 0.05).all()
    assert (rows["p_adjusted"] >= rows["p_value"]).all()


def test_a_gap_that_is_all_age_vanishes_at_equal_age():
    """One ward has most of the oldest, whose findings are scored badly: raw a disparity, adjusted not."""
    frame = planted_table(4, n_patients=1500, age_gap=1.8)
    rng = np.random.default_rng(0)
    old = frame.groupby("pid")["age"].first() >= 80
    ward = np.where(rng.random(old.size) < np.where(old, 0.9, 0.2), "geriatric", "other")
    frame["race"] = ward[frame["pid"]]

    rows = pick(
        audit_of(frame).results,
        finding="Cardiomegaly",
        attribute="race",
        group="geriatric",
        metric="auroc",
    )

    raw, adjusted = (
        pick(rows, reference="rest").iloc[0],
        pick(rows, reference="rest at equal age").iloc[0],
    )
    assert raw["high"] < 0
    assert abs(adjusted["value"]) < 0.4 * abs(raw["value"])
    assert adjusted["low"] <= 0 <= adjusted["high"]
    assert "effective images" in adjusted["note"]


def test_models_are_compared_on_the_images_both_scored():
    """A model with added noise is worse; a copy is not; the difference is of the common images."""
    frame = planted_table(5)
    good = planted_scores(frame)
    rng = np.random.default_rng(0)
    noisy = good.assign(model="noisy", score=good["score"] + rng.normal(scale=2, size=len(good)))
    copy = good.assign(model="copy")
    few = noisy[noisy["image_id"] < "image00900.png"]

    found = audit(planted_dataset(frame), pd.concat([good, few, copy]), settings=QUICK)

    rows = pick(found.results, finding="Cardiomegaly", attribute="all", metric="auroc")
    worse = rows[(rows["model"] == "m") & (rows["reference"] == "model noisy")].iloc[0]
    same = rows[(rows["model"] == "copy") & (rows["reference"] == "model m")].iloc[0]
    common = frame["file"] < "image00900.png"
    label = frame["Cardiomegaly"][common]
    theirs = few[few["finding"] == "Cardiomegaly"].sort_values("image_id")["score"]
    expected = roc_auc_score(label, frame["score_Cardiomegaly"][common]) - roc_auc_score(
        label, theirs
    )
    assert worse["value"] == pytest.approx(expected, abs=1e-12)
    assert worse["verdict"] == "disparity"
    assert same["value"] == 0
    assert same["verdict"] == "inconclusive"
    assert {"noisy"} == {
        r.removeprefix("model ")
        for r in found.results.loc[found.results["model"] == "m", "reference"]
        if r.startswith("model ")
    }


def test_images_that_one_model_did_not_score_are_counted_for_it():
    """Two models on different images stand in one table; the exclusions say which images differ."""
    frame = planted_table(6)
    scores = planted_scores(frame)
    half = scores[scores["image_id"] < "image00500.png"].assign(model="half")

    found = audit(planted_dataset(frame), pd.concat([scores, half]), settings=POINT)

    lost = found.exclusions.set_index("step")["images"]
    assert lost["scored: half, Cardiomegaly"] == len(frame) - 500
    assert "scored: m, Cardiomegaly" not in lost


def test_a_model_asked_in_two_ways_is_two_models():
    """Named by the prompt set, never mixed."""
    frame = planted_table(6)
    scores = planted_scores(frame)

    found = audit(
        planted_dataset(frame),
        pd.concat([scores, scores.assign(prompt_set="other")]),
        settings=POINT,
    )

    assert set(found.results["model"]) == {"m [none]", "m [other]"}


def test_unknown_and_conflicting_patients_are_shown_and_never_compared():
    """They have levels, no gaps, and are in nobody's reference."""
    frame = planted_table(7)
    frame["sex"] = frame["sex"].where(frame["pid"] % 5 != 0, "")
    frame.loc[frame.groupby("pid").cumcount().eq(1) & (frame["pid"] % 7 == 0), "sex"] = "F"

    rows = pick(audit_of(frame).results, finding="Cardiomegaly", attribute="sex", metric="auroc")

    levels, gaps = pick(rows, reference=""), pick(rows, reference="rest")
    assert set(levels["group"]) >= {"female", "male", "unknown", "conflicting"}
    assert set(gaps["group"]) == {"female", "male"}
    value = levels.set_index("group")["value"]
    gap = gaps.set_index("group")["value"]
    assert gap["female"] == pytest.approx(value["female"] - value["male"])


def test_perfect_scores_prove_no_equivalence():
    """AUROC 1 everywhere: a score interval for the level, no verdict for the gap."""
    frame = planted_table(8, n_patients=80)
    frame["score_Cardiomegaly"] = frame["Cardiomegaly"].astype(float)

    rows = pick(audit_of(frame).results, finding="Cardiomegaly", metric="auroc")

    level = pick(rows, attribute="all").iloc[0]
    assert level["value"] == 1
    assert 0.8 < level["low"] < 1
    assert "Newcombe" in level["method"]
    assert set(pick(rows, attribute="sex", reference="rest")["verdict"]) == {"inconclusive"}


@pytest.mark.parametrize("column", ["model", "prompt_set", "finding", "image_id"])
def test_scores_without_a_key_are_refused(column):
    """Never grouped away."""
    frame = planted_table(9)
    scores = planted_scores(frame)
    scores[column] = scores[column].astype(object)
    scores.loc[3, column] = None

    with pytest.raises(DataError, match=f"1 rows without a {column}"):
        audit(planted_dataset(frame), scores, settings=POINT)


def test_a_shortcut_whose_finding_has_no_scores_is_refused():
    """Not silently left out."""
    frame = planted_table(9)
    scores = planted_scores(frame)

    with pytest.raises(ConfigError, match="has no scores"):
        audit(
            planted_dataset(frame),
            scores[scores["finding"] == "Cardiomegaly"],
            shortcuts={"drain": "Pneumothorax"},
        )


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_scores_that_are_no_numbers_are_refused(bad):
    """Never dropped silently."""
    frame = planted_table(9)
    frame.loc[5, "score_Pneumothorax"] = bad

    with pytest.raises(DataError, match=r"1 scores that are not finite numbers.*image00005"):
        audit_of(frame)


def test_tables_that_do_not_fit_are_refused():
    """No image in common; an unknown attribute, shortcut and finding; an image scored twice."""
    frame = planted_table(10)
    dataset, scores = planted_dataset(frame), planted_scores(frame)

    with pytest.raises(DataError, match="none of the"):
        audit(dataset, scores.assign(image_id="x" + scores["image_id"]))
    with pytest.raises(UnknownNameError, match=r"no attribute named 'sexx'. Did you mean 'sex'"):
        audit(dataset, scores, attributes=["sexx"])
    with pytest.raises(UnknownNameError, match="no shortcut named 'tube'"):
        audit(dataset, scores, shortcuts={"tube": "Pneumothorax"})
    with pytest.raises(UnknownNameError, match="no finding named 'Mass'"):
        audit(dataset, scores.assign(finding="Mass").drop_duplicates("image_id"))
    with pytest.raises(DataError, match="already there"):
        audit(dataset, pd.concat([scores, scores.head(1)]))


def test_labels_of_one_class_only_say_that_nothing_can_be_said():
    """Every finding all negative."""
    frame = planted_table(11)
    frame[["Cardiomegaly", "Pneumothorax"]] = 0

    with pytest.raises(DataError, match="both positives and negatives"):
        audit_of(frame)


def test_groups_are_compared_with_a_chosen_one_and_with_each_other():
    """Values are differences of levels; a reference leaves the pairs without it to all_pairs."""
    frame = planted_table(13)
    settings = AuditSettings(n_resamples=200, references={"race": "white"}, all_pairs=True)
    rows = pick(audit_of(frame, settings=settings).results, finding="Cardiomegaly", metric="auroc")

    level = pick(rows, reference="", attribute="race").set_index("group")["value"]
    chosen = pick(rows, attribute="race", reference="white")
    assert set(chosen["group"]) == {"asian", "black"}
    for row in chosen.itertuples():
        assert row.value == pytest.approx(level[row.group] - level["white"], abs=1e-12)
        assert row.low < row.value < row.high
    between = rows[rows["reference"].isin(["asian", "black"]) & (rows["attribute"] == "race")]
    assert between[["group", "reference"]].to_numpy().tolist() == [["asian", "black"]]
    assert len(rows[rows["reference"].isin(["female", "male"])]) == 1
    ages = rows[(rows["attribute"] == "age_group") & rows["reference"].str.contains(r"\d")]
    assert len(ages) == 5 * 4 / 2


def test_a_reference_that_is_no_group_is_refused():
    """Nor is one of an attribute that is not audited."""
    frame = planted_table(13, n_patients=60)

    for references, said in (({"race": "green"}, "race group"), ({"ward": "ICU"}, "attribute")):
        with pytest.raises(UnknownNameError, match=said):
            audit_of(frame, settings=AuditSettings(n_resamples=0, references=references))


def test_cross_auc_shows_scores_that_are_shifted_for_a_group():
    """Every score of one sex is higher: each AUROC is as before, but across the sexes it is not."""
    frame = planted_table(14)
    frame.loc[frame["sex"] == "F", "score_Cardiomegaly"] += 0.8

    rows = pick(audit_of(frame).results, finding="Cardiomegaly", attribute="sex", group="female")
    label, score, female = (
        frame["Cardiomegaly"] == 1,
        frame["score_Cardiomegaly"],
        frame["sex"] == "F",
    )
    across = (label & female) | (~label & ~female)

    assert pick(rows, metric="auroc", reference="rest")["verdict"].iloc[0] != "disparity"
    assert pick(rows, metric="xauc", reference="")["value"].iloc[0] == pytest.approx(
        roc_auc_score(label[across], score[across])
    )
    gap = pick(rows, metric="xauc", reference="rest").iloc[0]
    assert gap["low"] > 0.1
    assert gap["p_adjusted"] < 0.001


def test_intersections_are_screened_apart_from_what_was_declared():
    """They change no adjusted p-value of the attributes, and their rows say so."""
    frame = planted_table(15)
    alone = audit_of(frame, attributes=["sex"]).results
    both = audit_of(frame, attributes=["sex", "sex*race"]).results

    def declared(results):
        return pick(results, attribute="sex", reference="rest", metric="auroc")[
            "p_adjusted"
        ].tolist()

    assert declared(alone) == declared(both)
    screened = pick(both, attribute="sex*race", reference="rest")
    assert screened["note"].str.contains("Benjamini").all()
    assert not pick(both, attribute="sex", reference="rest")["note"].str.contains("Benjamini").any()


def test_a_gap_that_is_all_drains_vanishes_at_equal_drains():
    """Women have fewer drains, and without one the finding is scored badly: raw a gap, adjusted none."""
    frame = planted_table(16, n_patients=1500)
    rng = np.random.default_rng(0)
    ill, female = frame["Pneumothorax"] == 1, frame["sex"] == "F"
    frame.loc[ill, "drain"] = (rng.random(ill.sum()) < np.where(female[ill], 0.15, 0.85)).astype(
        int
    )
    frame.loc[ill & (frame["drain"] == 0), "score_Pneumothorax"] -= 1.5

    rows = pick(
        audit_of(frame).results,
        finding="Pneumothorax",
        attribute="sex",
        group="female",
        metric="auroc",
    )

    raw = pick(rows, reference="rest").iloc[0]
    adjusted = pick(rows, reference="rest at equal chest drain").iloc[0]
    assert raw["high"] < -0.05
    assert adjusted["low"] <= 0 <= adjusted["high"]


def test_borkans_four_areas_tell_what_the_drain_alone_does():
    """Values by scikit-learn; BPSN lies below BNSP where drains raise the score, and equals it else."""
    frame = planted_table(17, n_patients=800)
    frame.loc[frame["drain"] == 1, "score_Pneumothorax"] += 1.0
    label, score = frame["Pneumothorax"] == 1, frame["score_Pneumothorax"]
    drain = frame["drain"] == 1

    rows = pick(audit_of(frame).results, attribute="drain", metric="auroc")

    value = pick(rows, reference="").set_index("group")["value"]
    for name, cell in {
        "subgroup": drain,
        "background": ~drain,
        "bpsn": label ^ drain,
        "bnsp": label == drain,
    }.items():
        assert value[name] == pytest.approx(roc_auc_score(label[cell], score[cell]), abs=1e-12)
    gap = pick(rows, group="bnsp", reference="bpsn").iloc[0]
    assert gap["verdict"] == "disparity"
    assert gap["value"] > 0.1


def tuned_apart(frame, settings):
    """Return the table split as the audit splits it: by patient, by the seed."""
    cohort = make_cohort(planted_dataset(frame), planted_scores(frame), settings)
    tuning = cohort.tuning()
    indexed = frame.set_index("file").loc[cohort.images.index]
    return indexed[tuning], indexed[~tuning]


def test_thresholds_are_chosen_on_some_patients_and_rates_are_of_the_others():
    """FPR at most 10 % on the tuning images; each rate as scikit-learn counts it on the rest."""
    frame = planted_table(18, n_patients=600)
    settings = AuditSettings(n_resamples=200)
    tuning, rest = tuned_apart(frame, settings)
    negative = np.sort(tuning.loc[tuning["Cardiomegaly"] == 0, "score_Cardiomegaly"])[::-1]
    called = rest["score_Cardiomegaly"] > negative[int(0.1 * negative.size)]

    rows = pick(audit_of(frame, settings=settings).results, finding="Cardiomegaly", reference="")

    assert not set(tuning["pid"]) & set(rest["pid"])
    assert rest["pid"].nunique() == pytest.approx(0.8 * frame["pid"].nunique(), abs=1)
    for group, mask in (("all", rest["pid"] >= 0), ("female", rest["sex"] == "F")):
        here = pick(rows, group=group).set_index("metric")
        tn, fp, fn, tp = confusion_matrix(rest["Cardiomegaly"][mask], called[mask]).ravel()
        assert here.loc["tpr", "value"] == pytest.approx(tp / (tp + fn))
        assert here.loc["fpr", "value"] == pytest.approx(fp / (fp + tn))
        assert here.loc["ppv", "value"] == pytest.approx(tp / (tp + fp))
        assert here.loc["selection_rate", "value"] == pytest.approx((tp + fp) / mask.sum())
        assert here.loc["tpr", "n"] == mask.sum()
        assert here.loc["tpr", "low"] < here.loc["tpr", "value"] < here.loc["tpr", "high"]
        assert "fpr=0.1, chosen on" in here.loc["tpr", "note"]


def test_one_threshold_misses_a_group_whose_scores_are_shifted():
    """AUROC is equal, TPR and FPR are not: found at the operating point, and in calibration."""
    frame = planted_table(19, n_patients=1500)
    frame.loc[frame["sex"] == "F", "score_Cardiomegaly"] -= 1.0

    rows = pick(audit_of(frame).results, finding="Cardiomegaly", attribute="sex", group="female")
    gaps = pick(rows, reference="rest").set_index("metric")

    assert gaps.loc["auroc", "verdict"] != "disparity"
    assert gaps.loc["tpr", "verdict"] == gaps.loc["fpr", "verdict"] == "disparity"
    assert gaps.loc["tpr", "value"] < -0.15
    assert gaps.loc["observed_expected", "low"] > 0.2
    assert gaps.loc["intercept", "verdict"] == "real, size unclear"


def test_no_finding_has_under_and_overdiagnosis():
    """Ill and called healthy; healthy and called ill; for no other finding."""
    frame = planted_table(20)
    frame["No Finding"] = 1 - frame["Cardiomegaly"]
    frame["score_No Finding"] = -frame["score_Cardiomegaly"]
    dataset = from_frame(
        frame,
        name="t",
        root=Path(),
        image="file",
        patient="pid",
        findings=["No Finding", "Cardiomegaly"],
        sex="sex",
    )
    scores = scores_from_wide(
        frame,
        image="file",
        model="m",
        columns={f: f"score_{f}" for f in ("No Finding", "Cardiomegaly")},
    )
    settings = AuditSettings(n_resamples=200, operating_point="tpr=0.9")

    results = audit(dataset, scores, settings=settings).results

    value = pick(results, finding="No Finding", group="all", reference="").set_index("metric")[
        "value"
    ]
    assert value["underdiagnosis"] == value["fpr"]
    assert value["overdiagnosis"] == pytest.approx(1 - value["tpr"])
    assert "underdiagnosis" not in set(pick(results, finding="Cardiomegaly")["metric"])


def test_probabilities_can_be_taken_as_they_are():
    """All images are evaluated at a fixed threshold; what is no probability is refused."""
    frame = planted_table(21)
    frame["score_Cardiomegaly"] = expit(2 * frame["score_Cardiomegaly"] - 2.5)
    frame["score_Pneumothorax"] = expit(frame["score_Pneumothorax"])
    settings = AuditSettings(n_resamples=200, calibration="as is", operating_point="fixed=0.5")

    overall = pick(
        audit_of(frame, settings=settings).results, finding="Cardiomegaly", attribute="all"
    ).set_index("metric")

    assert overall.loc["tpr", "n"] == len(frame)
    assert overall.loc["brier", "value"] == pytest.approx(
        brier_score_loss(frame["Cardiomegaly"], frame["score_Cardiomegaly"])
    )
    with pytest.raises(ConfigError, match="needs probabilities"):
        audit_of(planted_table(21), settings=settings)


@pytest.mark.parametrize(
    "change", [{"interval": "bca"}, {"resample": "images"}, {"standardise": "matched"}]
)
def test_other_ways_give_other_intervals_and_the_same_values(change):
    """BCa, resampled images, matching weights: rows say so."""
    frame = planted_table(22)
    plain, other = (
        audit_of(frame).results,
        audit_of(frame, settings=AuditSettings(n_resamples=400, seed=0, **change)).results,
    )

    raw = (plain["reference"] == "rest") & (plain["metric"] == "auroc")
    np.testing.assert_allclose(plain.loc[raw, "value"], other.loc[raw, "value"])
    if "standardise" in change:
        adjusted = other["reference"].str.startswith("rest at equal")
        assert other.loc[adjusted, "note"].str.contains("matched by weights").all()
        return
    said = {"interval": "BCa", "resample": "image-level"}
    assert other.loc[raw, "method"].str.contains(next(said[key] for key in change)).all()
    assert (plain.loc[raw, "low"] != other.loc[raw, "low"]).all()
    if "resample" in change:
        width = {k: (r["high"] - r["low"])[raw].mean() for k, r in (("p", plain), ("i", other))}
        assert width["i"] < width["p"]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"interval": "exact"}, "interval must be one of percentile, bca"),
        ({"resample": "images"}, "resample must be one of patients, images"),
        ({"operating_point": "f1"}, "no rule for a threshold is named 'f1'"),
        ({"operating_point": "fpr=2"}, "no rule for a threshold"),
        ({"tuning_share": 1.0}, "tuning_share"),
        ({"calibration": "isotonic"}, "calibration must be"),
    ],
)
def test_settings_that_mean_nothing_are_refused(change, match):
    """One sentence that names what there is."""
    with pytest.raises(ConfigError, match=match):
        AuditSettings(**change)


def test_a_group_of_which_nobody_is_found_is_not_taken_for_certain():
    """TPR 0 for 12 patients of 12 with 3 % elsewhere: the limits of both sides decide, and cannot tell."""
    frame = planted_table(23, n_patients=900)
    ill = frame["Cardiomegaly"] == 1
    few = frame.loc[ill, "pid"].drop_duplicates().head(12)
    frame = frame[~(frame["pid"].isin(few) & ~ill)].reset_index(drop=True)
    healthy = frame.loc[frame["Cardiomegaly"] == 0, "pid"].drop_duplicates().tail(40)
    frame["race"] = np.where(frame["pid"].isin([*few, *healthy]), "rare", "other")
    rng = np.random.default_rng(0)
    frame["score_Cardiomegaly"] = rng.normal(size=len(frame))
    frame.loc[frame["pid"].isin(few), "score_Cardiomegaly"] = -3.0
    settings = AuditSettings(
        n_resamples=300, operating_point="fixed=1.9", tuning_share=0.01, calibration="none"
    )

    gap = pick(
        audit_of(frame, settings=settings).results,
        finding="Cardiomegaly",
        group="rare",
        metric="tpr",
        reference="rest",
    ).iloc[0]

    assert gap["method"] == "limits of both sides (MOVER)"
    assert gap["low"] < -0.01 < gap["high"]
    assert gap["verdict"] == "inconclusive"


def test_an_adjusted_gap_rests_on_the_images_that_keep_a_weight():
    """Nearly all of one sex are AP, all of the other PA: what is compared are 8 images, and too few."""
    frame = planted_table(24, n_patients=900)
    frame["view"] = np.where(frame["sex"] == "F", "AP", "PA")
    few = frame.index[(frame["sex"] == "F")][:8]
    frame.loc[few, "view"] = "PA"
    frame.loc[few, "Cardiomegaly"] = [1, 0] * 4
    frame.loc[few, "score_Cardiomegaly"] = [-3.0, 3.0] * 4
    dataset = from_frame(
        frame,
        name="t",
        root=Path(),
        image="file",
        patient="pid",
        findings=["Cardiomegaly"],
        sex="sex",
        view="view",
    )
    scores = scores_from_wide(
        frame, image="file", model="m", columns={"Cardiomegaly": "score_Cardiomegaly"}
    )

    gap = pick(
        audit(dataset, scores, settings=QUICK).results,
        attribute="sex",
        group="female",
        metric="auroc",
        reference="rest at equal view",
    ).iloc[0]

    assert gap["n"] == 8
    assert gap["verdict"] == "inconclusive"
    assert "fewer than 10 patients" in gap["note"]


def test_findings_without_a_threshold_say_why():
    """One class among the tuning patients; all images are of tuning patients."""
    frame = planted_table(25, n_patients=60)
    settings = AuditSettings(n_resamples=0, tuning_share=0.2)
    tuning, _ = tuned_apart(frame, settings)
    frame.loc[frame["pid"].isin(tuning["pid"]), "Cardiomegaly"] = 0

    rows = pick(audit_of(frame, settings=settings).results, finding="Cardiomegaly", metric="tpr")

    assert rows["note"].tolist() == [
        "nothing to choose on: the images of the tuning patients hold one class"
    ]
    assert rows["value"].isna().all()
    frame.loc[~frame["pid"].isin(tuning["pid"]), "Pneumothorax"] = np.nan
    rows = pick(audit_of(frame, settings=settings).results, finding="Pneumothorax", metric="tpr")
    assert "nothing to evaluate" in rows["note"].iloc[0]


def test_a_fixed_threshold_needs_no_tuning_patients():
    """All images are evaluated, and nothing is said to have been chosen; one class among few is no error."""
    frame = planted_table(26)
    settings = AuditSettings(n_resamples=0, operating_point="fixed=0.5", calibration="none")

    row = pick(
        audit_of(frame, settings=settings).results,
        finding="Cardiomegaly",
        attribute="all",
        metric="tpr",
    ).iloc[0]

    assert row["n"] == len(frame)
    assert "chosen" not in row["note"]


def test_underdiagnosis_is_judged_and_worded_as_what_it_is():
    """One sex's ill score healthier: a disparity of underdiagnosis; the sentence says who is missed."""
    frame = planted_table(27, n_patients=1500)
    frame["No Finding"] = 1 - frame["Cardiomegaly"]
    frame["score_No Finding"] = -frame["score_Cardiomegaly"]
    ill = (frame["sex"] == "F") & (frame["Cardiomegaly"] == 1)
    frame.loc[ill, "score_No Finding"] += 1.5
    dataset = from_frame(
        frame,
        name="t",
        root=Path(),
        image="file",
        patient="pid",
        findings=["No Finding"],
        sex="sex",
    )
    scores = scores_from_wide(
        frame, image="file", model="m", columns={"No Finding": "score_No Finding"}
    )

    results = audit(dataset, scores, settings=QUICK).results

    gap = pick(results, metric="underdiagnosis", group="female", reference="rest").iloc[0]
    assert gap["verdict"] == "disparity"
    said = " ".join(statement.headline for statement in answer(results, "m", "t"))
    assert "ill patients are called healthy more often in female patients" in said
    assert "false alarms" not in said
    assert "missed" not in said
