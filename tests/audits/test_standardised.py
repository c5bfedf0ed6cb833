"""Gaps at one mix of age, view or a shortcut: what is due to the mix goes, what is not stays."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from cxraudit.audits import standardised, subgroups
from cxraudit.schema import COMPLEMENT, Analysis, Reason
from cxraudit.settings import AuditSettings
from planted import QUICK, pick, planned, planted_table, the

AP_AND_PA = ("view_position",)


def gaps_of(frame, attributes, adjusters, *, settings=QUICK, shortcuts=(), changes=False):
    """Gaps to all other groups, as observed and after standardisation."""

    def plan(cohort, sample):
        return [
            *subgroups.plan(cohort, sample, attributes),
            *standardised.plan(cohort, sample, attributes, adjusters, dict(shortcuts)),
        ]

    named = list(dict.fromkeys([*attributes, *adjusters]))
    found = planned(frame, plan, settings=settings, attributes=named)
    return found if changes else pick(found, reference=COMPLEMENT)


def test_a_gap_that_is_all_age_vanishes_at_one_mix_of_age():
    """One ward has most of the oldest, whose findings are scored badly: a disparity as observed only."""
    frame = planted_table(4, n_patients=1500, age_gap=1.8)
    rng = np.random.default_rng(0)
    old = frame.groupby("pid")["age"].first() >= 80
    ward = np.where(rng.random(old.size) < np.where(old, 0.9, 0.2), "geriatric", "other")
    frame["race"] = ward[frame["pid"]]

    rows = pick(
        gaps_of(frame, ["race"], ["age_group"]),
        finding="Cardiomegaly",
        group="geriatric",
        metric="auroc",
    )

    observed = the(rows, analysis=Analysis.SUBGROUPS)
    adjusted = the(rows, analysis=Analysis.STANDARDISED, condition="age_group")
    assert observed["high"] < 0
    assert abs(adjusted["value"]) < 0.4 * abs(observed["value"])
    assert adjusted["low"] <= 0 <= adjusted["high"]
    assert "effective images" in adjusted["note"]


def test_the_change_by_standardisation_is_judged_by_itself():
    """It is the difference of the two gaps, excludes 0 where the mix explains one, and holds 0 where not."""
    frame = planted_table(4, n_patients=1500, age_gap=1.8)
    rng = np.random.default_rng(0)
    old = frame.groupby("pid")["age"].first() >= 80
    ward = np.where(rng.random(old.size) < np.where(old, 0.9, 0.2), "geriatric", "other")
    frame["race"] = ward[frame["pid"]]
    found = {}
    for attribute, group in (("race", "geriatric"), ("sex", "female")):
        rows = gaps_of(frame, [attribute], ["age_group"], changes=True)
        own = pick(rows, finding="Cardiomegaly", group=group, metric="auroc")
        gaps = pick(own, reference=COMPLEMENT)
        change = the(own, analysis=Analysis.STANDARDISATION)
        observed = the(gaps, analysis=Analysis.SUBGROUPS)["value"]
        adjusted = the(gaps, analysis=Analysis.STANDARDISED, condition="age_group")["value"]
        assert change["value"] == pytest.approx(adjusted - observed, abs=1e-12)
        assert (change["family"], change["verdict"]) == ("exploratory", "")
        found[attribute] = change

    assert found["race"]["low"] > 0
    assert found["sex"]["low"] <= 0 <= found["sex"]["high"]
    assert found["sex"]["high"] - found["sex"]["low"] < 0.08


def test_a_gap_that_is_all_drains_vanishes_at_one_mix_of_drains():
    """Women have fewer drains, and without one the finding is scored badly."""
    frame = planted_table(16, n_patients=1500)
    rng = np.random.default_rng(0)
    positive, female = frame["Pneumothorax"] == 1, frame["sex"] == "F"
    frame.loc[positive, "drain"] = (
        rng.random(positive.sum()) < np.where(female[positive], 0.15, 0.85)
    ).astype(int)
    frame.loc[positive & (frame["drain"] == 0), "score_Pneumothorax"] -= 1.5

    rows = pick(
        gaps_of(frame, ["sex"], [], shortcuts={"drain": "Pneumothorax"}),
        finding="Pneumothorax",
        group="female",
        metric="auroc",
    )

    observed = the(rows, analysis=Analysis.SUBGROUPS)
    adjusted = the(rows, analysis=Analysis.STANDARDISED, condition="drain")
    assert observed["high"] < -0.05
    assert adjusted["low"] <= 0 <= adjusted["high"]


def test_a_gap_that_is_not_the_view_s_stays_at_one_mix_of_views():
    """Views are as frequent in both sexes: weighting changes little."""
    frame = planted_table(5, n_patients=900)
    frame["view"] = np.where(frame["pid"] % 3 == 0, "AP", "PA")
    frame.loc[(frame["sex"] == "F") & (frame["Cardiomegaly"] == 1), "score_Cardiomegaly"] -= 0.8

    rows = pick(
        gaps_of(frame, ["sex"], AP_AND_PA), finding="Cardiomegaly", group="female", metric="auroc"
    )

    observed, adjusted = (
        the(rows, analysis=analysis) for analysis in (Analysis.SUBGROUPS, Analysis.STANDARDISED)
    )
    assert observed["verdict"] == adjusted["verdict"] == "disparity"
    assert adjusted["value"] == pytest.approx(observed["value"], abs=0.02)


@pytest.mark.parametrize("target", ["both", "matched"])
def test_a_standardised_gap_is_that_of_weighted_areas(target):
    """By scikit-learn with sample weights: each stratum and class has the same weight on both sides."""
    frame = planted_table(6, n_patients=200)
    rng = np.random.default_rng(1)
    frame["view"] = np.where(rng.random(len(frame)) < 0.3 + 0.4 * (frame["sex"] == "F"), "AP", "PA")
    label, female = frame["Cardiomegaly"] == 1, frame["sex"] == "F"
    areas = []
    for side in (female, ~female):
        weight = np.zeros(len(frame))
        for view in ("AP", "PA"):
            for positive in (True, False):
                cell = (frame["view"] == view) & (label == positive)
                sizes = [(cell & one).sum() for one in (female, ~female)]
                total = sum(sizes) if target == "both" else min(sizes)
                weight[cell & side] = total / (cell & side).sum()
        areas.append(
            roc_auc_score(
                label[side], frame.loc[side, "score_Cardiomegaly"], sample_weight=weight[side]
            )
        )

    row = the(
        gaps_of(
            frame,
            ["sex"],
            AP_AND_PA,
            settings=AuditSettings(n_resamples=0, standardise=target),
        ),
        analysis=Analysis.STANDARDISED,
        finding="Cardiomegaly",
        group="female",
        metric="auroc",
    )

    assert row["value"] == pytest.approx(areas[0] - areas[1], abs=1e-12)
    assert row["note"].startswith({"both": "weighted;", "matched": "matched by weights;"}[target])


def test_a_standardised_gap_rests_on_the_images_that_keep_a_weight():
    """Nearly all of one sex are AP, all of the other PA: what is compared are 8 images, and too few."""
    frame = planted_table(24, n_patients=900)
    frame["view"] = np.where(frame["sex"] == "F", "AP", "PA")
    few = frame.index[(frame["sex"] == "F")][:8]
    frame.loc[few, "view"] = "PA"
    frame.loc[few, "Cardiomegaly"] = [1, 0] * 4
    frame.loc[few, "score_Cardiomegaly"] = [-3.0, 3.0] * 4

    gap = the(
        gaps_of(frame, ["sex"], AP_AND_PA),
        analysis=Analysis.STANDARDISED,
        finding="Cardiomegaly",
        group="female",
        metric="auroc",
    )

    assert gap["n"] == 8
    assert gap["verdict"] == "inconclusive"
    assert gap["reasons"] == Reason.TOO_FEW_PATIENTS
    assert "fewer than 10 patients" in gap["note"]


def test_images_of_unknown_view_are_left_out():
    """They are in no stratum: the counts of the group are those of known views."""
    frame = planted_table(7, n_patients=200)
    frame["view"] = np.where(frame["pid"] % 2 == 0, "AP", "PA")
    frame.loc[frame["pid"] % 5 == 0, "view"] = ""

    row = the(
        gaps_of(frame, ["sex"], AP_AND_PA, settings=AuditSettings(n_resamples=0)),
        analysis=Analysis.STANDARDISED,
        finding="Cardiomegaly",
        group="female",
        metric="auroc",
    )

    assert row["n"] == ((frame["sex"] == "F") & (frame["view"] != "")).sum()


def test_an_attribute_is_not_standardised_by_itself():
    """Nor an intersection by one of its parts; both by the other adjuster."""
    frame = planted_table(8, n_patients=150)
    frame["view"] = np.where(frame["pid"] % 2 == 0, "AP", "PA")
    attributes = ["sex", "age_group", "sex*age_group", "view_position"]
    adjusters = ["age_group", "view_position", "age_group*view_position"]

    rows = pick(
        gaps_of(frame, attributes, adjusters, settings=AuditSettings(n_resamples=0)),
        analysis=Analysis.STANDARDISED,
    )

    by = rows.groupby("attribute")["condition"].agg(set).to_dict()
    assert by == {
        "sex": set(adjusters),
        "age_group": {"view_position"},
        "sex*age_group": {"view_position"},
        "view_position": {"age_group"},
    }


def test_a_shortcut_is_an_adjuster_for_its_finding_only():
    """Drains give pneumothorax away, not cardiomegaly."""
    frame = planted_table(9, n_patients=100)

    rows = gaps_of(
        frame,
        ["sex"],
        [],
        settings=AuditSettings(n_resamples=0),
        shortcuts={"drain": "Pneumothorax"},
    )

    assert set(pick(rows, condition="drain")["finding"]) == {"Pneumothorax"}
