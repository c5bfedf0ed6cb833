"""The figure of regions shows every perturbation of every finding, with lines at chance and unedited."""

import pytest
from example_audit import example, overall, region_rows

from cxraudit import figures
from cxraudit.schema import control_of


def test_every_edit_has_a_row_and_every_finding_a_line_at_its_unedited_auroc():
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
        assert part.guides[0].at == pytest.approx(0.91)
    assert panel.columns[0].guides[0].at == 0.5
    assert panel.parts[1].rows[0].cells[0].value == 0.5
    assert len(chart.legend) == 3
