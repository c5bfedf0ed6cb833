"""Figures of perturbed images show their rows."""

import numpy as np
import pytest
from charted import planes, row_panels, words
from example_audit import corruption_rows, example, image_changes, insertion_rows, judged

from cxraudit.figures import corruption_curves, corruption_gaps, counterfactual, own_edits
from cxraudit.schema import COMPLEMENT, MEAN_FINDING, Analysis


def line(chart, panel: str, name: str):
    """A line of a panel."""
    [found] = [one for one in planes(chart)[panel].lines if one.name == name]
    return found


@pytest.mark.parametrize("level", [0.95, 0.8])
def test_a_counterfactual_shows_means_shares_and_groups(level):
    """With the level of its rows and the shares before and after."""
    rows = insertion_rows("disparity", "equivalent", "disparity")
    results = example(*(r | {"confidence_level": level} for r in rows)).results

    chart = counterfactual(results, image_changes(), "Pneumothorax")

    text = words(chart)
    assert "chest drain inserted: +1.10 (+1.07 to +1.13)" in text
    assert "control: same tube outside the lungs: +0.01 (−0.02 to +0.04)" in text
    assert "8 % → 65 %" in text
    assert f"bars: {100 * level:g} % interval" in text
    [part] = row_panels(chart)[-1].parts
    assert (part.title, [row.name for row in part.rows]) == ("sex", ["female", "male"])


def test_the_distribution_counts_all_images():
    """Heights are in proportion to the images of each step."""
    rows = insertion_rows("disparity", "equivalent", "disparity")
    changes = image_changes()

    chart = counterfactual(example(*rows).results, changes, "Pneumothorax")

    for row in row_panels(chart)[0].parts[0].rows:
        histogram = row.cells[0].histogram
        assert max(histogram.heights) == 1
        assert len(histogram.edges) == len(histogram.heights) + 1
        assert histogram.edges[0] <= changes["change"].quantile(0.005)


def test_the_band_is_the_margin_of_the_rows():
    """Of a change of the score, in standard deviations."""
    rows = insertion_rows("disparity", "equivalent", "disparity")
    results = example(*(r | {"margin": 0.4} for r in rows)).results

    [column] = row_panels(counterfactual(results, image_changes(), "Pneumothorax"))[0].columns

    assert column.margin == pytest.approx(0.4)


def test_curves_begin_with_the_unedited_images():
    """Severity 0 is the level minus its change."""
    rows = corruption_rows({"noise": ("equivalent",) * 3, "blur": ("equivalent",) * 3})

    chart = corruption_curves(example(*rows).results)

    assert list(planes(chart)) == ["noise", "blur"]
    found = line(chart, "noise", "Pneumothorax")
    np.testing.assert_allclose(found.x, [0, 1, 2, 3])
    np.testing.assert_allclose(found.y, [0.9, 0.86, 0.82, 0.78])
    assert [name for _, name in planes(chart)["noise"].x.ticks] == ["none", "1", "2", "3"]


def test_the_mean_over_findings_has_the_level_of_its_rows():
    """In the note; the band begins with severity 1."""
    rows = [
        r | {"finding": finding, "confidence_level": 0.8}
        for finding in ("Edema", "Mass", MEAN_FINDING)
        for r in corruption_rows({"noise": ("equivalent", "equivalent")})
    ]

    chart = corruption_curves(example(*rows).results)

    assert [text for _, text in chart.legend] == ["Edema", "Mass", "mean"]
    assert "80 % interval of the mean" in chart.note
    assert list(line(chart, "noise", "mean").ends) == [1, 2]


def test_gaps_are_those_of_the_group_with_the_lowest_gap():
    """At the highest severity, one per attribute."""
    rows = corruption_rows({"noise": ("equivalent", "equivalent")})
    men = [
        judged(
            Analysis.CORRUPTION,
            0.02 * severity,
            "inconclusive",
            attribute="sex",
            group="male",
            reference=COMPLEMENT,
            condition="noise",
            at=float(severity),
        )
        for severity in (1, 2)
    ]

    chart = corruption_gaps(example(*rows, *men).results)

    np.testing.assert_allclose(line(chart, "noise", "sex: female").y, [-0.02, -0.04])
    assert "sex: male" not in {one.name for one in planes(chart)["noise"].lines}


def test_without_groups_there_is_no_figure_of_gaps():
    """None, not an empty one."""
    rows = [r for r in corruption_rows({"noise": ("equivalent",)}) if "attribute" not in r]

    assert corruption_gaps(example(*rows).results) is None


def test_own_edits_are_shown_with_their_controls():
    """By their names, whatever these are; nothing of other perturbations."""
    hostile = "<b>drain</b> $\\frac{ |"
    rows = insertion_rows("disparity", "equivalent", "disparity")
    renamed = [
        row | {key: hostile for key in ("condition", "reference") if row.get(key) == "drain"}
        for row in rows
    ]
    changes = image_changes().replace({"condition": {"drain": hostile}})
    results = example(*renamed).results

    chart = own_edits(results, changes, "Pneumothorax", {hostile: ["control-edge"]})

    text = words(chart)
    assert f"{hostile}: +1.10 (+1.07 to +1.13)" in text
    assert "control: control-edge" in text
    assert "control-outside" not in text
    others = counterfactual(results, changes, "Pneumothorax", without=[hostile])
    assert hostile not in words(others)
