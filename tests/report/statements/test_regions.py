"""Statements on regions: what is stated of an AUROC above chance, at chance, and of neither."""

import re

import pytest
from example_audit import example, overall, region_rows, row

from cxraudit.report.statements import regions
from cxraudit.report.statements.statement import Tone
from cxraudit.schema import EXPLORATORY, Analysis, control_of


def stated(*rows):
    """Return the statements on the one model of an audit."""
    return regions.statements(example(overall(), *rows), "m")


@pytest.mark.parametrize(
    ("without", "chance", "expected"),
    [
        (0.72, 0.22, "still ranked above chance .*does not rest on what lies in them alone"),
        (0.90, 0.40, "still ranked above chance .*the score does not need what lies in them"),
        (0.50, 0.00, "falls to chance"),
        (0.30, -0.20, "ranked below chance .*moves the score the other way"),
        (0.55, 0.02, "falls to chance"),
        (0.58, 0.12, "still ranked above chance"),
    ],
)
def test_the_headline_follows_the_interval(without, chance, expected):
    """Of the difference to chance, and of the change."""
    (one,) = stated(*region_rows(without=without, chance=chance))

    assert one.tone == Tone.EXPLORATORY
    assert re.search(expected, one.headline)
    assert "Without the lungs" in one.headline
    assert "0.60 from an image to another one of the same patient" in one.detail


def test_a_wide_interval_settles_nothing():
    """It reaches from chance to far above it."""
    wide = [
        r | {"low": -0.1, "high": 0.3} if r.get("reference") == "chance" else r
        for r in region_rows()
    ]

    (one,) = stated(*wide)

    assert one.headline.endswith("inconclusive")


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(-0.24, -0.03, "ranked below chance"), (-0.28, 0.01, "inconclusive")],
)
def test_far_below_chance_is_not_at_chance(low, high, expected):
    """Whether the interval excludes 0.5 or just includes it."""
    rows = [
        r | {"value": -0.14, "low": low, "high": high} if r.get("reference") == "chance" else r
        for r in region_rows(without=0.36)
    ]

    (one,) = stated(*rows)

    assert expected in one.headline
    assert "falls to chance" not in one.headline


def test_what_is_not_ranked_has_nothing_to_lose():
    """An AUROC below chance on unedited images."""
    rows = [
        r | {"value": 0.3} if r.get("reference") == "unedited" else r
        for r in region_rows(without=0.7)
    ]

    assert stated(*rows) == []


def test_nothing_is_said_of_findings_elsewhere():
    """A fracture lies in neither lungs nor heart."""
    assert stated(*(r | {"finding": "Fracture"} for r in region_rows())) == []


def test_other_regions_are_named_with_their_edit_as_text():
    """Also one with a name that is no word; small changes are not stated."""
    name = "without-tube"

    def change(value):
        return row(
            Analysis.REGION,
            value,
            metric="score_change",
            condition=name,
            reference=control_of(name),
            family=EXPLORATORY,
        )

    (one,) = stated(change(-0.9))

    assert "‘without-tube’" in one.headline
    assert stated(change(-0.2)) == []


def test_the_heart_leaves_a_border_and_every_sentence_counts_images():
    """The lungs show the size of the heart; nothing is said to rest on something else."""
    rows = [
        r
        | {
            name: value.replace("lungs", "heart")
            for name, value in r.items()
            if name in ("condition", "reference")
        }
        | {"finding": "Cardiomegaly", "n": 28}
        for r in region_rows()
    ]

    (one,) = stated(*rows)

    assert "; 28 images)" in one.headline
    assert one.headline.endswith("the score does not rest on what lies in it alone")
    assert "borders of the lungs can show the size of the heart" in one.detail
    assert "something else" not in one.headline + one.detail


def test_several_findings_are_counted_each_and_hidden_numbers_are_not():
    """In the detail; a hidden number leaves no trace."""
    hidden = [r | {"finding": "Edema", "n": None} for r in region_rows()]

    (one,) = stated(*(r | {"n": 138} for r in region_rows()), *hidden)

    assert "Pneumothorax, 138 images: AUROC" in one.detail
    assert "Edema: AUROC" in one.detail
