"""Both arms of a shortcut, model by model."""

import pytest
from charted import row_panels, words
from example_audit import example, shortcut_rows

from cxraudit.figures import shortcut_arms
from cxraudit.schema import ANNOTATED


@pytest.mark.parametrize("verdict", ["disparity", "inconclusive", "small difference"])
def test_arms_and_gap_are_drawn_with_their_numbers(verdict):
    """Two marks and the gap with its verdict."""
    shown = words(shortcut_arms(example(*shortcut_rows(verdict)).results, "drain"))

    assert "with chest drain: 0.90" in shown
    assert "without chest drain: 0.80" in shown
    assert f"with − without: +0.10 (+0.07 to +0.13)\n{verdict}" in shown


def test_a_disparity_by_a_shortcut_has_one_look():
    """Whatever the sign of the gap: neither direction is better."""

    def shape(sign: int) -> str:
        rows = shortcut_rows("disparity")
        rows[2] |= {"value": 0.1 * sign}
        [part] = row_panels(shortcut_arms(example(*rows).results, "drain"))[0].parts
        return part.rows[-1].cells[1].look.shape

    assert shape(1) == shape(-1) == "diamond"


def test_every_model_has_its_rows():
    """One below the other."""
    rows = [*shortcut_rows(), *shortcut_rows(model="other")]

    chart = shortcut_arms(example(*rows).results, "drain")

    assert [part.title for part in row_panels(chart)[0].parts] == ["m", "other"]


def test_an_empty_arm_says_why():
    """In place of its mark, and without a gap."""
    rows = shortcut_rows()[:3]
    rows[0] |= {"value": float("nan"), "reasons": "NO_POSITIVES"}

    [part] = row_panels(shortcut_arms(example(*rows).results, "drain"))[0].parts

    assert part.rows[0].cells[0].why == "no positives"
    assert len(part.rows) == 2


def test_annotated_labels_do_not_stand_in_for_all():
    """Rows of one label source only are another figure's."""
    annotated = [r | {"label_source": ANNOTATED, "value": 0.6} for r in shortcut_rows()[:3]]

    shown = words(shortcut_arms(example(*shortcut_rows(), *annotated).results, "drain"))

    assert "0.60" not in shown
