"""Positives with and without a shortcut, and the four areas of shortcut × finding."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from cxraudit.audits import shortcuts
from cxraudit.audits.shortcuts import with_derived
from cxraudit.schema import (
    ANNOTATED,
    EXPLORATORY,
    NEGATIVES_REWEIGHTED,
    OBSERVED,
    POSITIVES_REWEIGHTED,
    WITH,
    WITHOUT,
    Analysis,
    Confirmatory,
    Reason,
    has_reason,
)
from planted import (
    POINT,
    QUICK,
    pick,
    planned,
    planted_dataset,
    planted_table,
    the,
)

DRAIN = {"drain": "Pneumothorax"}
SUBSETS = ("subgroup", "background", "bnsp", "bpsn")


def by_shortcut(frame, *, settings=QUICK, dataset=None, named=DRAIN):
    """Results of the plan of shortcuts."""
    return planned(
        frame,
        lambda cohort, sample: shortcuts.plan(cohort, sample, named),
        settings=settings,
        dataset=dataset,
        attributes=[],
    )


def labelled(frame, *, unknown=None, predicted=None):
    """The data set with some drains unknown, or predicted by a detector."""
    dataset = planted_dataset(frame)
    images = dataset.images
    if unknown is not None:
        images = images.assign(drain=images["drain"].mask(unknown, "unknown"))
    if predicted is not None:
        source = np.where(predicted, "predicted", "annotated")
        images = images.assign(drain_source=source)
    return replace(dataset, images=images)


@pytest.mark.parametrize(("group", "value"), [(WITH, 1), (WITHOUT, 0)])
def test_positives_of_each_kind_stand_against_all_negatives(group, value):
    """As by scikit-learn, with their counts."""
    frame = planted_table(0)
    kept = (frame["Pneumothorax"] == 0) | (frame["drain"] == value)
    label, score = frame.loc[kept, "Pneumothorax"], frame.loc[kept, "score_Pneumothorax"]

    row = the(
        by_shortcut(frame), analysis=Analysis.SHORTCUT, group=group, metric="auroc", reference=""
    )

    assert row["value"] == pytest.approx(roc_auc_score(label, score), abs=1e-12)
    assert (row["n"], row["n_positive"]) == (kept.sum(), label.sum())
    assert row["n_patients"] == frame.loc[kept, "pid"].nunique()
    assert row["low"] < row["value"] < row["high"]


def test_the_gap_is_with_minus_without():
    """Above zero where drains make the finding easier."""
    rows = pick(
        by_shortcut(planted_table(0, drain_gap=1.2)), analysis=Analysis.SHORTCUT, metric="auroc"
    )
    gap = the(rows, group=WITH, reference=WITHOUT)

    with_, without = (the(rows, group=group, reference="") for group in (WITH, WITHOUT))
    assert gap["value"] == pytest.approx(with_["value"] - without["value"], abs=1e-12)
    assert gap["verdict"] == "disparity"
    assert gap["value"] > 0


def test_the_four_areas_are_those_of_scikit_learn():
    """Subgroup, background, BPSN and BNSP (Borkan et al. 2019)."""
    frame = planted_table(17, n_patients=300)
    label, score = frame["Pneumothorax"] == 1, frame["score_Pneumothorax"]
    drain = frame["drain"] == 1
    cells = {
        "subgroup": drain,
        "background": ~drain,
        "bpsn": label ^ drain,
        "bnsp": label == drain,
    }

    value = pick(
        by_shortcut(frame, settings=POINT), analysis=Analysis.SHORTCUT_SUBSETS, reference=""
    ).set_index("group")["value"]

    assert set(value.index) == set(cells)
    for name, cell in cells.items():
        assert value[name] == pytest.approx(roc_auc_score(label[cell], score[cell]), abs=1e-12)


@pytest.mark.parametrize("effect", [1.0, 0.0])
def test_bpsn_lies_below_bnsp_where_drains_raise_the_score(effect):
    """And where they do not, the interval of the difference holds zero; neither is judged."""
    frame = planted_table(17, n_patients=800)
    frame.loc[frame["drain"] == 1, "score_Pneumothorax"] += effect

    gap = the(
        by_shortcut(frame), analysis=Analysis.SHORTCUT_SUBSETS, group="bnsp", reference="bpsn"
    )

    assert (gap["family"], gap["verdict"]) == (EXPLORATORY, "")
    assert (gap["low"] > 0.1) == (effect > 0)


def test_severity_alone_makes_bnsp_higher_than_bpsn():
    """Drains in severe positives, of a score that does not depend on drains: no separation in negatives."""
    rng = np.random.default_rng(0)
    frame = planted_table(17, n_patients=800)
    severe = rng.random(len(frame)) < 0.5
    positive = frame["Pneumothorax"] == 1
    frame.loc[positive & severe, "score_Pneumothorax"] += 1.5
    frame.loc[positive, "drain"] = severe[positive].astype(int)

    rows = by_shortcut(frame)

    gap = the(rows, analysis=Analysis.SHORTCUT_SUBSETS, group="bnsp", reference="bpsn")
    assert gap["low"] > 0.05
    reweighted = pick(rows, analysis=Analysis.SHORTCUT_PREVALENCE, condition=OBSERVED)
    by = {row["reference"]: row for _, row in reweighted.iterrows()}
    assert by[POSITIVES_REWEIGHTED]["low"] > 0.01
    assert by[NEGATIVES_REWEIGHTED]["low"] < 0 < by[NEGATIVES_REWEIGHTED]["high"]


def test_with_and_without_are_primary_and_other_questions_are_not():
    """The gap has a larger share of the error rate than all that follows."""
    results = pick(by_shortcut(planted_table(9, n_patients=300, drain_gap=0.4)), metric="auroc")
    gaps = results[results["reference"] != ""]

    assert set(pick(gaps, analysis=Analysis.SHORTCUT)["family"]) == {Confirmatory.PRIMARY}
    others = gaps[gaps["analysis"] != Analysis.SHORTCUT]
    assert set(others["family"]) <= {Confirmatory.SHORTCUT, EXPLORATORY}
    assert Analysis.SHORTCUT_SUBSETS in set(others["analysis"])
    tested = gaps[gaps["p_adjusted"].notna()].assign(
        factor=lambda rows: rows["p_adjusted"] / rows["p_value"]
    )
    factors = tested[tested["p_adjusted"] < 1].groupby("family")["factor"].max()
    assert factors[Confirmatory.PRIMARY] < factors[Confirmatory.SHORTCUT]


def test_without_labels_of_negatives_there_are_no_four_areas():
    """With and without need those of positives only."""
    frame = planted_table(8, n_patients=100)

    results = by_shortcut(
        frame, settings=POINT, dataset=labelled(frame, unknown=frame["Pneumothorax"] == 0)
    )

    assert Analysis.SHORTCUT in set(results["analysis"])
    assert Analysis.SHORTCUT_SUBSETS not in set(results["analysis"])


def test_unknown_labels_of_positives_are_counted():
    """They are on neither side, and levels and gap say so."""
    frame = planted_table(8, n_patients=100)
    positive = frame["Pneumothorax"] == 1
    unknown = positive & (frame["pid"] % 3 == 0)

    rows = pick(
        by_shortcut(frame, settings=POINT, dataset=labelled(frame, unknown=unknown)),
        analysis=Analysis.SHORTCUT,
        metric="auroc",
    )

    gap = the(rows, reference=WITHOUT)
    assert has_reason(rows, Reason.SHORTCUT_UNKNOWN).all()
    assert f"{unknown.sum()} of {positive.sum()} positives have no label" in gap["note"]
    assert pick(rows, reference="")["n_positive"].sum() == (positive & ~unknown).sum()


def test_predicted_labels_of_positives_are_counted():
    """The gap says how many are a detector's; none where all are by annotators."""
    frame = planted_table(8, n_patients=100)
    positive, predicted = frame["Pneumothorax"] == 1, frame["pid"] % 2 == 0

    by_detector, by_annotators = (
        the(
            by_shortcut(frame, settings=POINT, dataset=labelled(frame, predicted=some)),
            analysis=Analysis.SHORTCUT,
            metric="auroc",
            reference=WITHOUT,
            label_source="",
        )
        for some in (predicted, predicted & False)
    )

    assert Reason.PREDICTED_LABELS in by_detector["reasons"].split()
    counted = (
        f"{(positive & predicted).sum()} of {positive.sum()} labels of positives are a detector's"
    )
    assert counted in by_detector["note"]
    assert Reason.PREDICTED_LABELS not in by_annotators["reasons"].split()


def test_labels_by_annotators_have_rows_of_their_own():
    """If a detector labelled others: the same questions among annotated positives alone."""
    frame = planted_table(8, n_patients=100)
    label, predicted = frame["Pneumothorax"] == 1, frame["pid"] % 2 == 0
    kept = ~label | (~predicted & (frame["drain"] == 1))

    rows = by_shortcut(frame, settings=POINT, dataset=labelled(frame, predicted=predicted))

    annotated = pick(rows, label_source=ANNOTATED)
    assert set(annotated["analysis"]) == {Analysis.SHORTCUT, Analysis.SHORTCUT_SEPARATION}
    value = the(annotated, group=WITH, reference="", metric="auroc")["value"]
    expected = roc_auc_score(label[kept], frame.loc[kept, "score_Pneumothorax"])
    assert value == pytest.approx(expected, abs=1e-12)
    without_detector = by_shortcut(frame, settings=POINT)
    assert pick(without_detector, label_source=ANNOTATED).empty


@pytest.mark.parametrize(("share", "judged"), [(0.5, ANNOTATED), (1.0, "")])
def test_one_source_of_labels_is_judged(share, judged):
    """Annotated labels, of enough patients; else none, since errors that follow the score make a gap."""
    frame = planted_table(0, drain_gap=1.2)
    predicted = frame["pid"] % 100 < 100 * share

    rows = pick(
        by_shortcut(frame, dataset=labelled(frame, predicted=predicted)),
        analysis=Analysis.SHORTCUT,
        metric="auroc",
        reference=WITHOUT,
    ).set_index("label_source")

    assert rows.loc[judged, "family"] == Confirmatory.PRIMARY
    assert set(rows.drop(index=judged)["family"]) <= {EXPLORATORY}
    expected = "disparity" if judged else "inconclusive"
    assert rows.loc[judged, "verdict"] == expected


def test_any_group_of_any_column_can_be_a_shortcut():
    """`sex:male` stratifies as a column that says so."""
    frame = planted_table(6, n_patients=200)
    kept = (frame["Cardiomegaly"] == 0) | (frame["sex"] == "M")

    rows = by_shortcut(
        frame,
        settings=POINT,
        dataset=with_derived(planted_dataset(frame), ["sex:male"]),
        named={"sex:male": "Cardiomegaly"},
    )

    row = the(
        rows,
        analysis=Analysis.SHORTCUT,
        attribute="sex:male",
        group=WITH,
        metric="auroc",
        reference="",
    )
    expected = roc_auc_score(frame.loc[kept, "Cardiomegaly"], frame.loc[kept, "score_Cardiomegaly"])
    assert row["value"] == pytest.approx(expected, abs=1e-12)


def test_a_finding_of_one_class_has_levels_that_say_why():
    """No positives: NaN on both sides, an undefined gap, and no further questions."""
    frame = planted_table(8, n_patients=60).assign(Pneumothorax=0)

    results = by_shortcut(frame)

    assert pick(results, metric="auroc")["value"].isna().all()
    assert (
        the(results, analysis=Analysis.SHORTCUT, metric="auroc", reference=WITHOUT)["verdict"]
        == "undefined"
    )
    assert set(results["analysis"]) == {Analysis.SHORTCUT, Analysis.SHORTCUT_SUBSETS}
