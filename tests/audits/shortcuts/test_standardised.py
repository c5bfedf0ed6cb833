"""The gap with − without at one mix of view and age."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from cxraudit.audits import shortcuts
from cxraudit.audits.shortcuts import with_derived
from cxraudit.schema import WITH, WITHOUT, Analysis
from cxraudit.settings import AuditSettings
from planted import POINT, pick, planned, planted_dataset, planted_table, the

SETTINGS = AuditSettings(n_resamples=500)
COLUMNS = ["age_group", "view_position", "age_group*view_position"]


def gaps_of(frame, *, settings=SETTINGS, named=None):
    """Gaps with − without, as observed and after standardisation."""
    named = named or {"drain": "Pneumothorax"}
    results = planned(
        frame,
        lambda cohort, sample: shortcuts.plan(cohort, sample, named),
        settings=settings,
        dataset=with_derived(planted_dataset(frame), named),
        attributes=COLUMNS,
    )
    return pick(results, metric="auroc", group=WITH, reference=WITHOUT)


def portable(frame):
    """Drains lie in AP images more often, and AP images with the finding are ranked higher."""
    rng = np.random.default_rng(0)
    ap = rng.random(len(frame)) < np.where(frame["drain"] == 1, 0.8, 0.3)
    frame["view"] = np.where(ap, "AP", "PA")
    frame["score_Pneumothorax"] += 1.2 * ((frame["Pneumothorax"] == 1) & ap)
    return frame


def test_a_gap_that_is_the_view_s_vanishes_at_one_mix_of_views():
    """What is left includes zero, and is less than half of the gap as observed."""
    rows = gaps_of(portable(planted_table(5, n_patients=900)))

    observed = the(rows, analysis=Analysis.SHORTCUT)
    standardised = the(rows, condition="view_position")
    assert observed["verdict"] == "disparity"
    assert standardised["low"] < 0 < standardised["high"]
    assert abs(standardised["value"]) < observed["value"] / 2


def test_the_standardised_gap_is_that_of_weighted_images():
    """By scikit-learn: positives of each view have the same weight with and without the drain."""
    frame = portable(planted_table(6, n_patients=200))
    label, drain = frame["Pneumothorax"] == 1, frame["drain"] == 1
    areas = []
    for has in (True, False):
        weight = np.where(label, 0.0, 1.0)
        for view in ("AP", "PA"):
            sides = [label & (drain == one) & (frame["view"] == view) for one in (True, False)]
            own = label & (drain == has) & (frame["view"] == view)
            weight[own] = sum(side.sum() for side in sides) / own.sum()
        areas.append(roc_auc_score(label, frame["score_Pneumothorax"], sample_weight=weight))

    row = the(gaps_of(frame, settings=POINT), condition="view_position")

    assert row["value"] == pytest.approx(areas[0] - areas[1], abs=1e-12)
    assert "effective images" in row["note"]


def test_it_is_standardised_by_each_adjuster():
    """Age, view, and both."""
    rows = gaps_of(portable(planted_table(6, n_patients=200)), settings=POINT)

    assert set(pick(rows, analysis=Analysis.SHORTCUT_STANDARDISED)["condition"]) == set(COLUMNS)


def test_a_shortcut_is_not_standardised_by_its_own_column():
    """`view_position:AP` by age only."""
    frame = portable(planted_table(6, n_patients=200))

    rows = gaps_of(frame, settings=POINT, named={"view_position:AP": "Cardiomegaly"})

    assert set(pick(rows, analysis=Analysis.SHORTCUT_STANDARDISED)["condition"]) == {"age_group"}


def test_without_positives_on_a_side_there_is_no_gap_to_standardise():
    """All positives have a drain."""
    frame = portable(planted_table(6, n_patients=100))
    frame.loc[frame["Pneumothorax"] == 1, "drain"] = 1

    rows = gaps_of(frame, settings=POINT)

    assert pick(rows, analysis=Analysis.SHORTCUT_STANDARDISED).empty
