"""Distributions of scores by finding and shortcut."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from cxraudit.audits.cohort import make_cohort
from cxraudit.audits.shortcuts import score_percentiles
from planted import POINT, planted_dataset, planted_scores, planted_table, sample_of_finding

DRAIN = {"drain": "Pneumothorax"}


def described(frame, dataset=None):
    """Percentiles of the scores of pneumothorax."""
    cohort = make_cohort(dataset or planted_dataset(frame), planted_scores(frame), POINT)
    sample = sample_of_finding(cohort, frame, "Pneumothorax")
    return pd.concat(score_percentiles(cohort, sample, DRAIN))


@pytest.fixture(scope="module")
def frame():
    """300 patients."""
    return planted_table(7, n_patients=300, drain_gap=0.5)


def test_shares_of_each_kind_of_image_add_up_to_one(frame):
    """Of images with and without finding and shortcut."""
    table = described(frame)

    shares = table.groupby(["has_finding", "has_shortcut"])["share"].sum()

    assert len(shares) == 4
    assert np.allclose(shares, 1)


def test_the_mean_percentile_of_images_with_both_is_an_area(frame):
    """That of BNSP, but for the width of the bins."""
    cell = (frame["Pneumothorax"] == 1) == (frame["drain"] == 1)
    expected = roc_auc_score(frame.loc[cell, "Pneumothorax"], frame.loc[cell, "score_Pneumothorax"])

    both = described(frame).query("has_finding and has_shortcut == 'yes'")

    assert (both["percentile"] * both["share"]).sum() == pytest.approx(expected, abs=0.02)


def test_images_with_neither_are_spread_evenly(frame):
    """Percentiles are taken among them."""
    neither = described(frame).query("not has_finding and has_shortcut == 'no'")

    assert neither["share"].to_numpy() == pytest.approx(1 / len(neither), abs=0.01)


def test_counts_are_of_the_kind_of_image(frame):
    """Images and patients."""
    both = described(frame).query("has_finding and has_shortcut == 'yes'")
    images = frame[(frame["Pneumothorax"] == 1) & (frame["drain"] == 1)]

    assert set(both["n"]) == {len(images)}
    assert set(both["n_patients"]) == {images["pid"].nunique()}


def test_unknown_shortcuts_are_a_kind_of_their_own(frame):
    """Where all negatives are unknown, percentiles are among all of them."""
    dataset = planted_dataset(frame)
    unknown = dataset.images["drain"].mask(dataset.images["Pneumothorax"] == 0, "unknown")
    dataset = replace(dataset, images=dataset.images.assign(drain=unknown))

    table = described(frame, dataset)

    kinds = set(zip(table["has_finding"], table["has_shortcut"], strict=True))
    assert kinds == {(True, "yes"), (True, "no"), (False, "unknown")}


def test_other_findings_have_no_distribution(frame):
    """The shortcut is about one."""
    cohort = make_cohort(planted_dataset(frame), planted_scores(frame), POINT)
    sample = sample_of_finding(cohort, frame, "Cardiomegaly")

    assert score_percentiles(cohort, sample, DRAIN) == []
