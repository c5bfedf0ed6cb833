"""What follows from the published numbers, and what does not."""

import pandas as pd
import pytest

from cxraudit.paper.conclusions import judge_published, sentences
from cxraudit.paper.numbers import published


@pytest.fixture(scope="module")
def numbers():
    """The published numbers."""
    return published()


def test_one_model_recognises_pneumothorax_worse_with_a_drain(numbers):
    """The gap of CXR-CLIP is below zero, those of the five others above."""
    rows = judge_published(numbers, "drain")
    rows = rows[rows["width_factor"] == 1].set_index("model")

    assert rows.loc["CXR-CLIP", "high"] < 0
    assert (rows.drop(index="CXR-CLIP")["low"] > 0).all()
    assert "0.57 without and 0.52 with" in " ".join(sentences(numbers))


def test_no_comparison_by_race_is_within_the_margin_with_wider_intervals(numbers):
    """All pairs of three groups of six findings and models, for each width."""
    rows = judge_published(numbers, "race")

    assert len(rows) == 6 * 6 * 3 * 2
    wide = rows[rows["width_factor"] == 2]
    assert not wide["verdict"].isin(["equivalent", "small difference"]).any()


@pytest.mark.parametrize(
    ("auroc", "half_width", "verdict"),
    [
        ((0.90, 0.80), 0.02, "disparity"),
        ((0.84, 0.80), 0.02, "difference of unclear size"),
        ((0.82, 0.80), 0.01, "small difference"),
        ((0.80, 0.80), 0.02, "equivalent"),
        ((0.84, 0.80), 0.10, "inconclusive"),
    ],
)
def test_a_verdict_follows_from_gap_and_widths(auroc, half_width, verdict):
    """Two groups with known AUROCs and intervals."""
    numbers = pd.DataFrame(
        {
            "dataset": "d",
            "model": "m",
            "finding": "f",
            "attribute": "sex",
            "group": ["male", "female"],
            "auroc": auroc,
        }
    )
    numbers = numbers.assign(
        auroc_low=numbers["auroc"] - half_width, auroc_high=numbers["auroc"] + half_width
    )
    assert judge_published(numbers, "sex")["verdict"].iloc[0] == verdict
