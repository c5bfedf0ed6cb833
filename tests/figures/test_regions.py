"""The figure of regions shows every perturbation of every finding, and the change on the same images."""

import pytest
from example_audit import example, overall, region_rows

from cxraudit import figures
from cxraudit.schema import control_of


def test_every_edit_has_a_row_and_its_own_change():
    """In the order of the results."""
    rows = [*region_rows(), *(r | {"finding": "Edema"} for r in region_rows(without=0.5))]
    chart = figures.regions(example(overall(), *rows).results)

    (panel,) = chart.panels
    assert [part.title for part in panel.parts] == ["Pneumothorax", "Edema"]
    for part in panel.parts:
        assert [one.name for one in part.rows] == [
            "without-lungs",
            control_of("without-lungs"),
            "same-label-swap",
        ]
        assert [one.cells[1].value for one in part.rows] == pytest.approx(
            [part.rows[0].cells[0].value - 0.91, -0.01, -0.02]
        )
    assert panel.columns[0].guides[0].at == 0.5
    assert panel.parts[1].rows[0].cells[0].value == 0.5
    assert len(chart.legend) == 3


def test_rows_of_other_images_are_counted_and_lie_on_the_side_of_their_own_change():
    """A control of 28 of 203 images; hidden numbers are not shown."""
    of = {"without-lungs": 203, control_of("without-lungs"): 28, "same-label-swap": None}
    rows = [r | {"n": of[r["condition"]]} for r in region_rows()]

    (panel,) = figures.regions(example(overall(), *rows).results).panels

    (part,) = panel.parts
    assert [one.note for one in part.rows] == ["203 images", "28 images", ""]
    assert not any(part.guides)
    for one in part.rows:
        low, high = panel.columns[1].axis.low, panel.columns[1].axis.high
        assert low < one.cells[1].value < 0 < high
