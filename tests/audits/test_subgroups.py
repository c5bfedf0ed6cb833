"""Levels and gaps by subgroup: equal to scikit-learn, and every group that exists has a row."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from cxraudit.audits import families, subgroups
from cxraudit.audits.run import audit
from cxraudit.schema import COMPLEMENT, EACH_OTHER, OVERALL, Analysis, Confirmatory, Reason
from cxraudit.settings import AuditSettings
from planted import (
    ATTRIBUTES,
    QUICK,
    RANKED,
    audit_of,
    pick,
    planned,
    planted_dataset,
    planted_scores,
    planted_table,
    the,
)

SUBGROUPS = {"analysis": Analysis.SUBGROUPS}


def by_subgroup(frame, *, settings=QUICK, attributes=ATTRIBUTES):
    """Results of the plan of subgroups."""
    return planned(
        frame,
        lambda cohort, sample: subgroups.plan(cohort, sample, attributes),
        settings=settings,
        attributes=attributes,
    )


@pytest.fixture(scope="module")
def frame():
    """400 patients, no effects."""
    return planted_table(0)


@pytest.fixture(scope="module")
def results(frame):
    """By age, sex and race."""
    return by_subgroup(frame)


MASKS = {
    (OVERALL, OVERALL): lambda frame: frame.index == frame.index,
    ("age_group", "80+"): lambda frame: frame["age"] >= 80,
    ("sex", "female"): lambda frame: frame["sex"] == "F",
    ("race", "black"): lambda frame: frame["race"] == "black",
}


@pytest.mark.parametrize(("attribute", "group"), MASKS)
def test_areas_equal_scikit_learn_in_every_group(frame, results, attribute, group):
    """With counts of images and patients, and an interval around the value."""
    mask = MASKS[attribute, group](frame)
    label, score = frame.loc[mask, "Pneumothorax"], frame.loc[mask, "score_Pneumothorax"]

    row = the(
        results,
        finding="Pneumothorax",
        attribute=attribute,
        group=group,
        metric="auroc",
        reference="",
        **SUBGROUPS,
    )

    assert row["value"] == pytest.approx(roc_auc_score(label, score), abs=1e-12)
    assert row["n"] == mask.sum()
    assert row["n_positive"] == label.sum()
    assert row["n_patients"] == frame.loc[mask, "pid"].nunique()
    assert (
        row["n_positive_patients"]
        == frame.loc[mask & (frame["Pneumothorax"] == 1), "pid"].nunique()
    )
    assert row["low"] < row["value"] < row["high"]


def test_average_precision_is_at_the_prevalence_of_all_images(frame, results):
    """By sample weights; over all images it is the plain one."""
    women = frame["sex"] == "F"
    label, score = frame["Cardiomegaly"], frame["score_Cardiomegaly"]
    prevalence, own = label.mean(), label[women].mean()
    weight = np.where(label == 1, prevalence / own, (1 - prevalence) / (1 - own))
    rows = pick(results, finding="Cardiomegaly", metric="ap_at_prevalence", reference="")

    female = the(rows, group="female")["value"]
    assert female == pytest.approx(
        average_precision_score(label[women], score[women], sample_weight=weight[women]), abs=1e-9
    )
    assert the(rows, attribute=OVERALL)["value"] == pytest.approx(
        average_precision_score(label, score), abs=1e-9
    )


def test_a_gap_is_the_difference_of_its_two_levels(results):
    """Group minus all other groups; the mirror image has the mirrored interval."""
    rows = pick(results, finding="Cardiomegaly", attribute="sex", metric="auroc")
    gap, mirror = (the(rows, group=sex, reference=COMPLEMENT) for sex in ("female", "male"))
    female, male = (the(rows, group=sex, reference="") for sex in ("female", "male"))

    assert gap["value"] == pytest.approx(female["value"] - male["value"])
    assert (gap["low"], gap["high"]) == pytest.approx((-mirror["high"], -mirror["low"]))
    assert gap["p_adjusted"] == mirror["p_adjusted"]
    assert gap["verdict"] == mirror["verdict"]


def test_a_group_without_positives_keeps_its_row_and_says_so():
    """NaN, its n, and the reason; the gap is undefined."""
    frame = planted_table(2)
    frame.loc[frame["race"] == "asian", "Cardiomegaly"] = 0

    rows = pick(
        by_subgroup(frame, attributes=["race"]),
        finding="Cardiomegaly",
        group="asian",
        metric="auroc",
    )

    level, gap = the(rows, reference=""), the(rows, reference=COMPLEMENT)
    assert np.isnan(level["value"])
    assert level["n"] > 0
    assert level["note"] == "no positives"
    assert level["reasons"] == Reason.NO_POSITIVES
    assert gap["verdict"] == "undefined"
    assert gap["reasons"] == f"{Reason.TOO_FEW_PATIENTS} {Reason.NO_POSITIVES}"


def test_few_patients_give_no_verdict():
    """A group with three positive patients is inconclusive, whatever its gap."""
    frame = planted_table(3)
    few = frame.loc[frame["Cardiomegaly"] == 1, "pid"].drop_duplicates().head(3)
    frame["race"] = np.where(frame["pid"].isin(few), "rare", "other")

    gap = the(
        by_subgroup(frame, attributes=["race"]),
        finding="Cardiomegaly",
        group="rare",
        reference=COMPLEMENT,
        metric="auroc",
    )

    assert gap["verdict"] == "inconclusive"
    assert gap["reasons"] == Reason.TOO_FEW_PATIENTS
    assert "fewer than 10 patients" in gap["note"]


def test_a_finding_with_one_class_is_kept_and_undefined():
    """All negative: the other finding is audited as usual."""
    frame = planted_table(4)
    frame["Cardiomegaly"] = 0

    results = pick(by_subgroup(frame), metric="auroc")

    one_class = pick(results, finding="Cardiomegaly")
    assert one_class["value"].isna().all()
    assert set(one_class["reference"]) == {""}
    assert set(one_class["note"]) == {"no positives"}
    assert set(one_class["reasons"]) == {Reason.NO_POSITIVES}
    assert the(results, finding="Pneumothorax", attribute=OVERALL)["value"] > 0.5


def test_unknown_groups_are_counted():
    """Impossible ages are a group of their own, and every image is in one group."""
    frame = planted_table(5)
    frame["age"] = frame["age"].astype(object)
    frame.loc[:99, "age"] = 412
    frame.loc[100:149, "age"] = "058Y"

    rows = pick(
        by_subgroup(frame, settings=AuditSettings(n_resamples=0), attributes=["age_group"]),
        finding="Pneumothorax",
        attribute="age_group",
        metric="auroc",
        reference="",
    )

    assert the(rows, group="unknown")["n"] == 100
    assert rows["n"].sum() == len(frame)


def test_unknown_and_conflicting_patients_are_shown_and_never_compared():
    """They have levels, no gaps, and are in no group's reference."""
    frame = planted_table(7)
    frame["sex"] = frame["sex"].where(frame["pid"] % 5 != 0, "")
    frame.loc[frame.groupby("pid").cumcount().eq(1) & (frame["pid"] % 7 == 0), "sex"] = "F"

    rows = pick(
        by_subgroup(frame, attributes=["sex"]),
        finding="Cardiomegaly",
        attribute="sex",
        metric="auroc",
    )

    levels, gaps = pick(rows, reference=""), pick(rows, reference=COMPLEMENT)
    assert set(levels["group"]) >= {"female", "male", "unknown", "conflicting"}
    assert set(gaps["group"]) == {"female", "male"}
    value = levels.set_index("group")["value"]
    gap = gaps.set_index("group")["value"]
    assert gap["female"] == pytest.approx(value["female"] - value["male"])


@pytest.mark.parametrize(("n_patients", "verdict"), [(40, "inconclusive"), (800, "equivalent")])
def test_groups_of_perfect_scores_are_equivalent_if_there_are_enough_patients(n_patients, verdict):
    """AUROC 1 everywhere: a score interval for the level, and a gap from the limits of both sides."""
    frame = planted_table(8, n_patients=n_patients)
    frame["score_Cardiomegaly"] = frame["Cardiomegaly"].astype(float)

    rows = pick(by_subgroup(frame), finding="Cardiomegaly", metric="auroc")

    level = the(rows, attribute=OVERALL)
    assert level["value"] == 1
    assert 0.8 < level["low"] < 1
    assert "Newcombe" in level["method"]
    gaps = pick(rows, attribute="sex", reference=COMPLEMENT)
    assert set(gaps["verdict"]) == {verdict}
    assert (gaps["low"] < 0).all()
    assert (gaps["high"] > 0).all()


def test_intersections_are_groups_of_their_own():
    """Women of 80 and over are worse; sex alone and the others are what they are; unknown stays unknown."""
    frame = planted_table(12, n_patients=1200)
    weak = (frame["age"] >= 80) & (frame["sex"] == "F")
    frame.loc[weak & (frame["Cardiomegaly"] == 1), "score_Cardiomegaly"] -= 1.6
    frame.loc[frame["pid"] % 40 == 0, "sex"] = ""

    results = by_subgroup(frame, attributes=["sex*age_group", "sex"])

    rows = pick(results, finding="Cardiomegaly", attribute="sex*age_group", metric="auroc")
    gaps = pick(rows, reference=COMPLEMENT)
    worst = gaps.sort_values("value").iloc[0]
    assert worst["group"] == "female, 80+"
    assert worst["verdict"] == "disparity"
    assert len(gaps) == 10
    level = the(rows, reference="", group="female, 80+")
    mask = weak & (frame["pid"] % 40 != 0)
    assert level["value"] == pytest.approx(
        roc_auc_score(frame["Cardiomegaly"][mask], frame["score_Cardiomegaly"][mask])
    )
    assert the(rows, reference="", group="unknown")["n"] == (frame["sex"] == "").sum()


def test_intersections_are_screened_apart_from_what_was_declared():
    """They take a stated share of the error rate from the attributes, and their rows say so."""
    frame = planted_table(15)
    alone = by_subgroup(frame, attributes=["sex"])
    both = by_subgroup(frame, attributes=["sex", "sex*race"])

    def declared(results):
        return pick(results, attribute="sex", reference=COMPLEMENT, metric="auroc")[
            "p_adjusted"
        ].tolist()

    present = [Confirmatory.PRIMARY, Confirmatory.ALL_GROUPS]
    left = sum(families.SHARES[one] for one in present)
    taken = families.SHARES[Confirmatory.INTERSECTIONS]
    expected = np.minimum(np.array(declared(alone)) * (left + taken) / left, 1)
    # The test of all groups of the intersection takes a part of the share of such tests.
    assert declared(both) == pytest.approx(expected, rel=0.2)
    gaps = pick(both, reference=COMPLEMENT, metric="auroc")
    screened = gaps["attribute"] == "sex*race"
    assert (gaps["reasons"].str.split().map(lambda codes: "SCREENED" in codes) == screened).all()
    assert (gaps["note"].str.contains("Benjamini") == screened).all()


def test_groups_are_compared_with_a_chosen_one_and_with_each_other():
    """Values are differences of levels; a reference leaves the pairs without it to all_pairs."""
    frame = planted_table(13)
    settings = AuditSettings(n_resamples=200, references={"race": "white"}, all_pairs=True)
    rows = pick(by_subgroup(frame, settings=settings), finding="Cardiomegaly", metric="auroc")

    level = pick(rows, reference="", attribute="race").set_index("group")["value"]
    chosen = pick(rows, analysis=Analysis.REFERENCE_GROUP)
    assert set(chosen["attribute"]) == {"race"}
    assert set(chosen["reference"]) == {"white"}
    assert set(chosen["group"]) == {"asian", "black"}
    for row in chosen.itertuples():
        assert row.value == pytest.approx(level[row.group] - level["white"], abs=1e-12)
        assert row.low < row.value < row.high
    pairs = pick(rows, analysis=Analysis.GROUP_PAIRS)
    between = pick(pairs, attribute="race")
    assert between[["group", "reference"]].to_numpy().tolist() == [["asian", "black"]]
    assert len(pick(pairs, attribute="sex")) == 1
    assert len(pick(pairs, attribute="age_group")) == 5 * 4 / 2


def test_chosen_comparisons_take_no_power_from_those_to_all_other_groups():
    """They are families of their own."""
    frame = planted_table(13, n_patients=150)
    more = AuditSettings(n_resamples=400, references={"race": "white"}, all_pairs=True)

    plain, chosen = (by_subgroup(frame, settings=settings) for settings in (QUICK, more))

    assert pick(plain, **SUBGROUPS)["p_adjusted"].equals(pick(chosen, **SUBGROUPS)["p_adjusted"])


def test_cross_auc_shows_scores_that_are_shifted_for_a_group():
    """Every score of one sex is higher: each AUROC is as before, but across the sexes it is not."""
    frame = planted_table(14)
    frame.loc[frame["sex"] == "F", "score_Cardiomegaly"] += 0.8

    rows = pick(
        by_subgroup(frame), finding="Cardiomegaly", attribute="sex", group="female", **SUBGROUPS
    )
    label, score, female = (
        frame["Cardiomegaly"] == 1,
        frame["score_Cardiomegaly"],
        frame["sex"] == "F",
    )
    across = (label & female) | (~label & ~female)

    assert the(rows, metric="auroc", reference=COMPLEMENT)["verdict"] != "disparity"
    assert the(rows, metric="xauc", reference="")["value"] == pytest.approx(
        roc_auc_score(label[across], score[across])
    )
    gap = the(rows, metric="xauc", reference=COMPLEMENT)
    assert gap["low"] > 0.1
    assert gap["p_value"] < 0.001


@pytest.fixture(scope="module")
def tested_at_once():
    """One test of all groups per attribute and finding, where age has an effect."""
    results = audit_of(planted_table(3, age_gap=1.2), shortcuts={}, settings=RANKED)
    return pick(results, analysis=Analysis.HETEROGENEITY)


def test_all_groups_of_an_attribute_are_tested_at_once(tested_at_once):
    """One row per finding and attribute, with p and adjusted p and no single difference."""
    assert len(tested_at_once) == 2 * 3
    assert set(tested_at_once["group"]) == {OVERALL}
    assert set(tested_at_once["reference"]) == {EACH_OTHER}
    assert tested_at_once["value"].isna().all()
    assert (tested_at_once["p_adjusted"] >= tested_at_once["p_value"]).all()


def test_the_test_of_all_groups_finds_what_is_planted(tested_at_once):
    """It is small for age, and not for sex; what is adjusted has a share of the error rate of the report."""
    age, sex = (pick(tested_at_once, attribute=name) for name in ("age_group", "sex"))
    assert (age["p_value"] < 0.05).all()
    assert age["p_adjusted"].min() < 0.05
    assert (sex["p_adjusted"] > 0.05).all()
    assert set(tested_at_once["family"]) == {Confirmatory.ALL_GROUPS}


def test_all_groups_are_tested_for_each_model_as_for_it_alone():
    """A second model on the same images, and one on others, change nothing of the first."""
    frame = planted_table(3, n_patients=100, age_gap=1.2)
    scores = planted_scores(frame)
    other = scores.assign(model="n", score=-scores["score"])
    less = scores[scores["image_id"] < "image00150.png"].assign(model="less")

    def tests(table):
        results = audit(planted_dataset(frame), table, settings=RANKED, shortcuts={}).results
        rows = pick(results, analysis=Analysis.HETEROGENEITY, model="m")
        return rows[["finding", "attribute", "p_value", "n"]].reset_index(drop=True)

    pd.testing.assert_frame_equal(tests(scores), tests(pd.concat([less, other, scores])))
