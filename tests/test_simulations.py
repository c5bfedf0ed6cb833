"""The cohorts of simulations have the effects that they are said to have; conclusions are counted rightly."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from cxraudit.report.statements.own_edits import Response
from simulations import conclusions, embedded, pairs, shortcuts
from simulations.conclusions import Conclusion


def test_the_truth_of_a_gap_is_that_of_its_images():
    """By scikit-learn, positives with and without a drain against all negatives."""
    design = shortcuts.Design(effect=0.6, patients=300)
    dataset, scores = shortcuts.draw(design, 3)
    y_true = dataset.images[shortcuts.FINDING].to_numpy() == 1
    drain = dataset.images[shortcuts.SHORTCUT].to_numpy() == "yes"
    score = scores["score"].to_numpy()

    def area(positives):
        used = positives | ~y_true
        return roc_auc_score(y_true[used], score[used])

    truth = shortcuts.by_true_drains(design, 3)

    gap = area(y_true & drain) - area(y_true & ~drain)
    assert truth["shortcut", "with", "without", "", ""] == pytest.approx(gap, abs=1e-12)


def test_a_shift_along_the_direction_is_the_true_shift(monkeypatch):
    """In standard deviations of the score, to whose variance it adds."""
    design = embedded.Design(name="one", along=(0.5, -0.5))
    moved = 0.5 * np.sqrt(1 + 1.5**2 * 0.4 * 0.6)
    means, shares = np.array([1.5 + moved, 1.5, -moved, 0]), np.array([0.2, 0.2, 0.3, 0.3])
    spread = np.sqrt(1 + shares @ means**2 - (shares @ means) ** 2)

    monkeypatch.setattr(conclusions, "OF_TRUTH", 10_000)

    truth = conclusions.true_shifts(design)

    assert truth["yes", "positives"] == pytest.approx(moved / spread, abs=0.03)
    assert truth["yes", "negatives"] == pytest.approx(-moved / spread, abs=0.03)


def test_an_attribute_that_is_encoded_across_the_score_is_read_as_such():
    """One cohort; its intervals are compared with the truth."""
    design = embedded.DESIGNS["orthogonal, 4,000 patients"]

    found = conclusions.read(1, design, {("yes", "positives"): 0.0, ("yes", "negatives"): 9.0}, 200)

    assert (found.probe, found.answer) == ("decodable", "decodable, not associated")
    assert found.shifts == (True, False)
    assert not found.small


@pytest.mark.parametrize(
    ("design", "conclusion", "probe", "association"),
    [
        ("not encoded", Conclusion("decodable", "decodable and associated"), True, True),
        ("not encoded", Conclusion("not decodable", "not decodable", small=True), False, False),
        ("orthogonal", Conclusion("not decodable", "not decodable"), True, False),
        (
            "orthogonal",
            Conclusion("decodable", "decodable, association of unclear size"),
            False,
            True,
        ),
        ("opposite signs", Conclusion("decodable", "decodable, not associated"), False, True),
        (
            "along the direction, 0.15 SD",
            Conclusion("decodable", "decodable, not associated"),
            False,
            False,
        ),
        ("opposite signs", Conclusion("decodable", "unclear"), False, False),
    ],
)
def test_what_counts_as_false(design, conclusion, probe, association):
    """More than is true; what is left open is never false."""
    drawn = embedded.DESIGNS[design]

    assert conclusions.false_probe(drawn, conclusion) is probe
    assert conclusions.false_association(drawn, conclusion) is association


def test_false_and_missed_verdicts_on_a_shortcut():
    """Per row of the truth; rows without a verdict are counted apart."""
    key = ("shortcut", "with", "without", "", "")
    rows = pd.DataFrame(
        {
            "key": [key] * 4,
            "analysis": "shortcut",
            "condition": "",
            "metric": "auroc",
            "truth": 0.1,
            "low": [0.05, -0.1, 0.2, np.nan],
            "high": [0.2, 0.3, 0.4, np.nan],
            "verdict": ["disparity", "inconclusive", "equivalent", ""],
        }
    )

    (large,) = conclusions.shortcut_lines("one", rows)
    (absent,) = conclusions.shortcut_lines("one", rows.assign(truth=0.0))

    third = "33.3"
    assert large == ["one", "gap, with, without", "+0.100", "25.0", *[third] * 4, "66.7", "66.7"]
    assert absent[3:] == ["25.0", *[third] * 4, "0.0", third]


@pytest.mark.slow
def test_an_edit_is_claimed_of_the_model_that_relies_on_it_alone():
    """One cohort of the table of the documentation; noise is claimed of none."""
    found = {row[:2]: row[2] for row in pairs.stated(1, n_resamples=200)}

    assert found["phantom-clip", "drain"] == Response.BEYOND
    claimed = (Response.BEYOND, Response.ALONE)
    assert [key for key, response in found.items() if response in claimed] == [
        ("phantom-clip", "drain")
    ]
