"""Both arms of a shortcut, model by model."""

import pytest
from example_audit import example, shortcut_rows

from cxraudit.figures import shortcut_arms
from cxraudit.schema import ANNOTATED


def texts(figure) -> str:
    """All text in the panel."""
    return " ".join(text.get_text() for text in figure.axes[0].texts)


@pytest.mark.parametrize("verdict", ["disparity", "inconclusive", "small difference"])
def test_arms_and_gap_are_drawn_with_their_numbers(verdict):
    """Two labelled dots and the gap with its verdict."""
    words = texts(shortcut_arms(example(*shortcut_rows(verdict)).results, "drain"))

    assert "with chest drain  0.90" in words
    assert "without chest drain  0.80" in words
    assert f"gap +0.10\n(+0.07 to +0.13)\n{verdict}" in words


def test_every_model_has_its_line():
    """One below the other."""
    rows = [*shortcut_rows(), *shortcut_rows(model="other")]

    figure = shortcut_arms(example(*rows).results, "drain")

    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["m", "other"]


def test_an_empty_arm_says_why():
    """In place of its dot."""
    rows = shortcut_rows()[:3]
    rows[0] |= {"value": float("nan"), "note": "no positives"}

    assert "with chest drain: no positives" in texts(shortcut_arms(example(*rows).results, "drain"))


def test_annotated_labels_do_not_stand_in_for_all():
    """Rows of one label source only are another figure's."""
    annotated = [r | {"label_source": ANNOTATED, "value": 0.6} for r in shortcut_rows()[:3]]

    words = texts(shortcut_arms(example(*shortcut_rows(), *annotated).results, "drain"))

    assert "0.60" not in words
