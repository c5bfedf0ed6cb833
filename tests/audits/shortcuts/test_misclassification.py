"""Errors of the detector of a shortcut: the gap corrected for them, and bounds over all errors."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from cxraudit.audits import shortcuts
from cxraudit.datasets.detector_labels import BY_FINDING
from cxraudit.schema import (
    BOUNDS,
    CHANCE,
    CORRECTED,
    NEGATIVES,
    POSITIVES,
    WITHOUT,
    Analysis,
)
from planted import POINT, QUICK, pick, planned, planted_dataset, planted_table, the

RATES = {"sensitivity": 0.85, "specificity": 0.9}


def errors_of(rates, by=0.05):
    """Rates with the ends of their intervals."""
    ends = {
        f"{name}{end}": min(rate + step, 1.0)
        for name, rate in rates.items()
        for end, step in (("_low", -by), ("_high", by))
    }
    return {"drain": {**rates, **ends}}


def mislabelled(frame, *, rates=RATES, predicted=0.7, seed=0):
    """The data set with labels of drains by a detector with errors, in a share of the images."""
    rng = np.random.default_rng(seed)
    has = frame["drain"] == 1
    is_predicted = rng.random(len(frame)) < predicted
    right = np.where(has, rates["sensitivity"], rates["specificity"])
    wrong = is_predicted & (rng.random(len(frame)) > right)
    dataset = planted_dataset(frame)
    images = dataset.images.assign(
        drain=np.where(has ^ wrong, "yes", "no"),
        drain_source=np.where(is_predicted, "predicted", "annotated"),
    )
    return replace(dataset, images=images, label_errors=errors_of(rates))


def rows_of(frame, dataset, *, settings=QUICK, metric="auroc"):
    """Rows about the drain: of AUROC, or of all metrics."""
    results = planned(
        frame,
        lambda cohort, sample: shortcuts.plan(cohort, sample, {"drain": "Pneumothorax"}),
        settings=settings,
        dataset=dataset,
        attributes=[],
    )
    return pick(results, metric=metric) if metric else results


def gap_of_labels(frame):
    """With − without by the true labels."""
    negative = frame["Pneumothorax"] == 0
    areas = [
        roc_auc_score(frame.loc[kept, "Pneumothorax"], frame.loc[kept, "score_Pneumothorax"])
        for kept in (negative | (frame["drain"] == 1), negative | (frame["drain"] == 0))
    ]
    return areas[0] - areas[1]


@pytest.fixture(scope="module")
def corrected():
    """A planted gap, with 70 % of the labels by a detector: the gap itself, and the rows."""
    frame = planted_table(3, n_patients=1500, drain_gap=1.2)
    return gap_of_labels(frame), rows_of(frame, mislabelled(frame))


def test_the_corrected_gap_covers_the_gap_of_true_labels(corrected):
    """That of the labels as given is smaller."""
    truth, rows = corrected
    given = the(rows, analysis=Analysis.SHORTCUT, reference=WITHOUT, label_source="")
    row = the(rows, analysis=Analysis.SHORTCUT_LABEL_ERRORS, condition=CORRECTED)

    assert given["value"] < truth - 0.02
    assert row["low"] < truth < row["high"]
    assert abs(row["value"] - truth) < 0.04
    assert "sensitivity 0.85, specificity 0.90" in row["note"]


def test_bounds_hold_the_gap_of_true_labels_and_of_those_given(corrected):
    """They have no value: every gap between them is possible."""
    truth, rows = corrected
    given = the(rows, analysis=Analysis.SHORTCUT, reference=WITHOUT, label_source="")
    row = the(rows, analysis=Analysis.SHORTCUT_LABEL_ERRORS, condition=BOUNDS)

    assert np.isnan(row["value"])
    assert row["low"] < truth < row["high"]
    assert row["low"] < given["value"] < row["high"]
    assert "worst case" in row["method"]


def test_neither_is_judged(corrected):
    """They stand beside the gap that is."""
    _, rows = corrected

    assert set(pick(rows, analysis=Analysis.SHORTCUT_LABEL_ERRORS)["verdict"]) == {""}


def test_a_perfect_detector_changes_nothing():
    """The corrected gap is that of the labels, and so are both bounds."""
    frame = planted_table(4, n_patients=200, drain_gap=0.8)
    perfect = mislabelled(frame, rates={"sensitivity": 1.0, "specificity": 1.0})
    perfect = replace(perfect, label_errors={"drain": {"sensitivity": 1.0, "specificity": 1.0}})

    rows = pick(rows_of(frame, perfect, settings=POINT), analysis=Analysis.SHORTCUT_LABEL_ERRORS)

    truth = gap_of_labels(frame)
    assert the(rows, condition=CORRECTED)["value"] == pytest.approx(truth, abs=1e-9)
    bounds = the(rows, condition=BOUNDS)
    assert (bounds["low"], bounds["high"]) == pytest.approx((truth, truth), abs=1e-9)


def test_errors_that_do_not_fit_give_neither():
    """A detector without skill: both rows stay, undefined."""
    frame = planted_table(4, n_patients=100)
    useless = replace(
        mislabelled(frame), label_errors={"drain": {"sensitivity": 0.5, "specificity": 0.5}}
    )

    rows = pick(rows_of(frame, useless, settings=POINT), analysis=Analysis.SHORTCUT_LABEL_ERRORS)

    assert len(rows) == 2
    assert rows[["value", "low", "high"]].isna().all().all()


@pytest.mark.parametrize("unknown", ["errors", "detector"])
def test_without_a_detector_whose_errors_are_known_there_are_no_rows(unknown):
    """Nothing to correct for."""
    frame = planted_table(4, n_patients=60)
    dataset = mislabelled(frame, predicted=0.0 if unknown == "detector" else 0.7)
    if unknown == "errors":
        dataset = replace(dataset, label_errors={})

    rows = rows_of(frame, dataset, settings=POINT)

    assert pick(rows, analysis=Analysis.SHORTCUT_LABEL_ERRORS).empty


def test_the_interval_holds_the_error_of_the_detectors_rates():
    """Wider where they are less certain, with the same value; as without them where they are certain."""
    frame = planted_table(3, n_patients=600, drain_gap=1.2)
    dataset = mislabelled(frame)

    def row(errors):
        rows = rows_of(frame, replace(dataset, label_errors=errors))
        return the(rows, analysis=Analysis.SHORTCUT_LABEL_ERRORS, condition=CORRECTED)

    known, certain, uncertain = (
        row(errors) for errors in ({"drain": RATES}, errors_of(RATES, 1e-9), errors_of(RATES, 0.1))
    )

    assert known["value"] == certain["value"] == uncertain["value"]
    assert (certain["low"], certain["high"]) == pytest.approx(
        (known["low"], known["high"]), abs=1e-5
    )
    assert np.ptp(uncertain[["low", "high"]]) > 1.1 * np.ptp(known[["low", "high"]])
    assert "rates taken as known" in known["note"]
    assert "holds the error of these rates" in uncertain["note"]


CLASSES = {
    POSITIVES: {"sensitivity": 0.95, "specificity": 0.95},
    NEGATIVES: {"sensitivity": 0.8, "specificity": 0.95},
}


def by_class(frame, *, seed=0):
    """All labels are predicted, with other error rates among negatives, which are recorded by class."""
    rng = np.random.default_rng(seed)
    has, positive = frame["drain"] == 1, frame["Pneumothorax"] == 1
    right = np.select(
        [positive & has, positive & ~has, ~positive & has],
        [
            CLASSES[POSITIVES]["sensitivity"],
            CLASSES[POSITIVES]["specificity"],
            CLASSES[NEGATIVES]["sensitivity"],
        ],
        CLASSES[NEGATIVES]["specificity"],
    )
    dataset = planted_dataset(frame)
    images = dataset.images.assign(
        drain=np.where(has ^ (rng.random(len(frame)) > right), "yes", "no"),
        drain_source="predicted",
    )
    errors = {"drain": {BY_FINDING: {"Pneumothorax": CLASSES}}}
    return replace(dataset, images=images, label_errors=errors)


@pytest.fixture(scope="module")
def of_classes():
    """A score that follows drains in both classes, and its rows."""
    frame = planted_table(3, n_patients=4000, drain_gap=0.8)
    frame["score_Pneumothorax"] += 0.5 * frame["drain"]
    return frame, rows_of(frame, by_class(frame), settings=POINT, metric=None)


def test_each_class_is_corrected_by_its_own_rates(of_classes):
    """The gap by those of positives, the separation by those of its class."""
    frame, rows = of_classes
    corrected = pick(rows, analysis=Analysis.SHORTCUT_LABEL_ERRORS, condition=CORRECTED)

    gap = the(corrected, reference=WITHOUT)
    assert gap["value"] == pytest.approx(gap_of_labels(frame), abs=0.02)
    for group, positive in ((POSITIVES, 1), (NEGATIVES, 0)):
        part = frame[frame["Pneumothorax"] == positive]
        expected = roc_auc_score(part["drain"], part["score_Pneumothorax"]) - 0.5
        row = the(corrected, group=group, reference=CHANCE)
        assert row["value"] == pytest.approx(expected, abs=0.05)
        bounds = the(rows, condition=BOUNDS, group=group, reference=CHANCE)
        assert bounds["low"] < expected < bounds["high"]


def test_a_class_without_measured_rates_is_not_corrected(of_classes):
    """Its row has no value, and says why; there are no bounds."""
    frame, _ = of_classes
    frame = frame.head(600)
    measured = {"drain": {BY_FINDING: {"Pneumothorax": {POSITIVES: CLASSES[POSITIVES]}}}}
    dataset = replace(by_class(frame), label_errors=measured)

    rows = pick(
        rows_of(frame, dataset, settings=POINT, metric=None),
        analysis=Analysis.SHORTCUT_LABEL_ERRORS,
        group=NEGATIVES,
    )

    row = the(rows, condition=CORRECTED)
    assert len(rows) == 1
    assert np.isnan(row["value"])
    assert "its error rates among negatives were not measured" in row["note"]
