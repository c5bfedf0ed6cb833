"""AUROC at other shares of the shortcut, and without its association with the finding."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from cxraudit.audits import shortcuts
from cxraudit.audits.cohort import make_cohort
from cxraudit.audits.engine import Engine
from cxraudit.audits.plan import Comparison
from cxraudit.audits.shortcuts.prevalence_shift import SHARES
from cxraudit.schema import (
    EXPLORATORY,
    INDEPENDENT,
    NEGATIVES_REWEIGHTED,
    OBSERVED,
    POSITIVES_REWEIGHTED,
    REWEIGHTED,
    WITH,
    Analysis,
    Reason,
    has_reason,
)
from cxraudit.settings import AuditSettings
from planted import (
    POINT,
    pick,
    planned,
    planted_dataset,
    planted_scores,
    planted_table,
    sample_of_finding,
    the,
)

SETTINGS = AuditSettings(n_resamples=500)


def card_of(frame, *, settings=SETTINGS, dataset=None):
    """Rows of AUROC about the drain."""
    results = planned(
        frame,
        lambda cohort, sample: shortcuts.plan(cohort, sample, {"drain": "Pneumothorax"}),
        settings=settings,
        dataset=dataset,
        attributes=[],
    )
    return pick(results, metric="auroc")


def shift_of(frame, **options):
    """Rows of the prevalence of the shortcut."""
    return pick(card_of(frame, **options), analysis=Analysis.SHORTCUT_PREVALENCE)


def parts(frame):
    """Label, drain and score of pneumothorax."""
    return (
        frame["Pneumothorax"].to_numpy() == 1,
        frame["drain"].to_numpy() == 1,
        frame["score_Pneumothorax"].to_numpy(),
    )


def at_share(frame, share):
    """AUROC by scikit-learn with positives weighted to a share of drains."""
    label, drain, score = parts(frame)
    weight = np.ones(label.size)
    weight[label & drain] = share / (label & drain).sum()
    weight[label & ~drain] = (1 - share) / (label & ~drain).sum()
    weight[~label] = 1 / (~label).sum()
    return roc_auc_score(label, score, sample_weight=weight)


def independent(frame):
    """AUROC by scikit-learn with drains as frequent among positives as among negatives."""
    label, drain, score = parts(frame)
    weight = np.empty(label.size)
    for positive in (True, False):
        for has in (True, False):
            cell = (label == positive) & (drain == has)
            weight[cell] = (drain.mean() if has else 1 - drain.mean()) / cell.sum()
    return roc_auc_score(label, score, sample_weight=weight)


@pytest.fixture(scope="module")
def small():
    """250 patients: the table and its rows."""
    frame = planted_table(3, n_patients=250, drain_gap=0.8)
    return frame, shift_of(frame, settings=POINT)


@pytest.mark.parametrize("share", SHARES)
def test_the_area_at_a_share_is_that_of_weighted_images(small, share):
    """By scikit-learn's sample weights."""
    frame, rows = small

    row = the(rows, at=share, reference="", condition="")

    assert row["value"] == pytest.approx(at_share(frame, share), abs=1e-12)


def test_at_the_share_as_observed_it_is_the_area_of_all_images(small):
    """The share is a number of the row."""
    frame, rows = small
    label, drain, score = parts(frame)

    row = the(rows, condition=OBSERVED, reference="")

    assert row["value"] == pytest.approx(roc_auc_score(label, score), abs=1e-12)
    assert row["at"] == pytest.approx(drain[label].mean(), abs=1e-12)


def test_without_the_association_both_classes_have_the_drain_as_often(small):
    """In the share of all images; the difference is that to the area as observed."""
    frame, rows = small
    label, drain, score = parts(frame)

    level = the(rows, condition=INDEPENDENT, reference="")
    gap = the(rows, condition=OBSERVED, reference=INDEPENDENT)

    assert level["value"] == pytest.approx(independent(frame), abs=1e-12)
    assert level["at"] == gap["at"] == pytest.approx(drain.mean(), abs=1e-12)
    assert gap["value"] == pytest.approx(roc_auc_score(label, score) - level["value"], abs=1e-12)


def test_the_planted_truth_lies_in_the_intervals():
    """Against 40,000 patients of the same kind: shares, and what reweighting changes."""
    truth = planted_table(99, n_patients=40_000, drain_gap=0.8)
    label, _, score = parts(truth)

    rows = shift_of(planted_table(4, n_patients=800, drain_gap=0.8))

    for share in (0.0, 0.5, 1.0):
        row = the(rows, at=share, reference="", condition="")
        assert row["low"] < at_share(truth, share) < row["high"], share
    gap = the(rows, reference=INDEPENDENT)
    assert gap["low"] < roc_auc_score(label, score) - independent(truth) < gap["high"]


def thin(frame, *, label, keep):
    """Leave drains only to `keep` patients among images with a label, all others lack it."""
    part = frame["Pneumothorax"] == label
    patients = frame.loc[part, "pid"].drop_duplicates().head(keep)
    frame = frame.copy()
    frame.loc[part, "drain"] = frame.loc[part, "pid"].isin(patients).astype(int)
    return frame


def test_a_share_is_no_surer_than_its_smaller_side():
    """Three patients with a drain: at 100 % the value, the interval and the caution are those of that side."""
    rows = card_of(thin(planted_table(3, n_patients=400), label=1, keep=3))
    side = the(rows, analysis=Analysis.SHORTCUT, group=WITH, reference="")
    row = the(rows, analysis=Analysis.SHORTCUT_PREVALENCE, at=1.0, reference="")

    assert row["value"] == pytest.approx(side["value"], abs=1e-12)
    assert "only 3 patients" in row["note"]
    assert Reason.TOO_FEW_PATIENTS in row["reasons"].split()
    assert not row["high"] - row["low"] < side["high"] - side["low"] - 1e-9


def test_differences_from_reweighted_images_have_no_verdict():
    """Severity that goes with the drain makes them differ as well: an estimate with its interval."""
    rows = shift_of(planted_table(4, n_patients=400, drain_gap=0.8))

    differences = rows[rows["reference"] != ""]
    assert set(differences["reference"]) == set(REWEIGHTED)
    assert set(differences["family"]) == {EXPLORATORY}
    assert set(differences["verdict"]) == {""}
    assert np.isfinite(differences[["low", "high"]].to_numpy()).all()


def test_drains_of_a_handful_of_patients_are_a_caution():
    """In the negatives of four patients: the number stands."""
    frame = thin(planted_table(4, n_patients=400, drain_gap=0.8), label=0, keep=4)

    row = the(shift_of(frame), reference=INDEPENDENT)

    assert np.isfinite(row["value"])
    assert row["reasons"] == Reason.TOO_FEW_PATIENTS


@pytest.mark.parametrize(
    ("condition", "of"), [(NEGATIVES_REWEIGHTED, True), (POSITIVES_REWEIGHTED, False)]
)
def test_one_class_is_reweighted_to_the_share_of_the_other(small, condition, of):
    """The other is as it is: by scikit-learn's sample weights."""
    frame, rows = small
    label, drain, score = parts(frame)
    share = drain[label == of].mean()
    weight = np.ones(label.size)
    for has in (True, False):
        moved = (label != of) & (drain == has)
        weight[moved] = (share if has else 1 - share) / moved.sum() * (label != of).sum()
    expected = roc_auc_score(label, score, sample_weight=weight)

    level = the(rows, condition=condition, reference="")
    difference = the(rows, condition=OBSERVED, reference=condition)

    assert level["value"] == pytest.approx(expected, abs=1e-12)
    assert level["at"] == pytest.approx(share, abs=1e-12)
    assert difference["value"] == pytest.approx(roc_auc_score(label, score) - expected, abs=1e-12)


@pytest.mark.slow
def test_intervals_hold_the_error_of_the_shares():
    """Forty cohorts without an association, where scores follow drains: all errors are those of the shares.

    With the shares taken as known the intervals held the truth, 0, in one of twenty.
    """
    covered = 0
    for seed in range(40):
        rng = np.random.default_rng([seed, 1])
        frame = planted_table(seed, n_patients=150)
        drains = rng.random(frame["pid"].max() + 1) < 0.3
        frame["drain"] = drains[frame["pid"]].astype(int)
        frame["score_Pneumothorax"] += 2 * frame["drain"]
        rows = shift_of(frame, settings=AuditSettings(n_resamples=200))
        row = the(rows, reference=INDEPENDENT)
        covered += row["low"] <= 0 <= row["high"]

    assert covered >= 35


def test_the_influences_hold_the_error_of_the_shares():
    """The interval is that of the replicates and of the influences alike: of the same standard error."""
    frame = planted_table(5, n_patients=300, drain_gap=0.8)
    cohort = make_cohort(planted_dataset(frame), planted_scores(frame), SETTINGS)
    sample = sample_of_finding(cohort, frame, "Pneumothorax")
    labels = shortcuts.labels_of(cohort, sample, "drain")
    plan = shortcuts.prevalence_shift(cohort, sample, labels)
    engine = Engine(cohort)

    for item in plan:
        if isinstance(item, Comparison):
            found = engine.value(item.group) - engine.value(item.reference)
            assert found.replicates[1:].std() == pytest.approx(found.standard_error, rel=0.12)


def test_enough_patients_on_every_side_are_no_caution():
    """No row of the audit of 500 patients has a reason."""
    rows = shift_of(planted_table(3, n_patients=500, drain_gap=0.8))

    assert not has_reason(rows, Reason.TOO_FEW_PATIENTS).any()


def test_without_labels_of_negatives_the_association_is_unknown():
    """The shares among positives are there."""
    frame = planted_table(8, n_patients=100)
    dataset = planted_dataset(frame)
    unknown = dataset.images["drain"].mask(dataset.images["Pneumothorax"] == 0, "unknown")
    dataset = replace(dataset, images=dataset.images.assign(drain=unknown))

    rows = shift_of(frame, settings=POINT, dataset=dataset)

    assert not set(REWEIGHTED) & {*rows["condition"], *rows["reference"]}
    assert set(SHARES) <= set(rows["at"])


def test_a_shortcut_of_all_positives_has_no_shares():
    """There is no side without it to weight."""
    frame = planted_table(8, n_patients=100).assign(drain=1)

    assert shift_of(frame, settings=POINT).empty
