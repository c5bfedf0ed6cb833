"""Figures of perturbed images show their rows."""

import numpy as np
import pytest
from example_audit import corruption_rows, example, image_changes, insertion_rows, judged

from cxraudit.figures import corruption_curves, corruption_gaps, counterfactual
from cxraudit.schema import COMPLEMENT, MEAN_FINDING, Analysis


def words(figure) -> str:
    """All text of a figure."""
    found = [text.get_text() for axes in figure.axes for text in axes.texts]
    found += [axes.get_xlabel() for axes in figure.axes]
    found += [axes.get_title("left") for axes in figure.axes]
    return "\n".join(found)


@pytest.mark.parametrize("level", [0.95, 0.8])
def test_a_counterfactual_shows_means_shares_and_groups(level):
    """With the level of its rows and the shares before and after."""
    rows = insertion_rows("disparity", "equivalent", "disparity")
    results = example(*(r | {"confidence_level": level} for r in rows)).results

    figure = counterfactual(results, image_changes(), "Pneumothorax")

    text = words(figure)
    assert "chest drain inserted: +1.10 (+1.07 to +1.13)" in text
    assert "control: same tube outside the lungs: +0.01 (−0.02 to +0.04)" in text
    assert "8 % → 65 %" in text
    assert f"mean, {100 * level:g} % interval" in text
    assert [label.get_text() for label in figure.axes[2].get_yticklabels()] == [
        "sex: female",
        "sex: male",
    ]


def test_the_band_is_the_margin_of_the_rows():
    """Of a change of the score, in standard deviations."""
    rows = insertion_rows("disparity", "equivalent", "disparity")
    results = example(*(r | {"margin": 0.4} for r in rows)).results

    bands = counterfactual(results, image_changes(), "Pneumothorax").axes[0].patches

    assert [float(band.get_width()) for band in bands] == [pytest.approx(0.8)]


def test_curves_begin_with_the_unedited_images():
    """Severity 0 is the level minus its change."""
    rows = corruption_rows({"noise": ("equivalent",) * 3, "blur": ("equivalent",) * 3})

    figure = corruption_curves(example(*rows).results)

    assert [axes.get_title("left") for axes in figure.axes] == ["noise", "blur"]
    [line] = [line for line in figure.axes[0].lines if line.get_label() == "Pneumothorax"]
    np.testing.assert_allclose(line.get_xdata(), [0, 1, 2, 3])
    np.testing.assert_allclose(line.get_ydata(), [0.9, 0.86, 0.82, 0.78])
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["none", "1", "2", "3"]


def test_the_mean_over_findings_has_the_level_of_its_rows():
    """In the legend."""
    rows = [
        r | {"finding": finding, "confidence_level": 0.8}
        for finding in ("Edema", "Mass", MEAN_FINDING)
        for r in corruption_rows({"noise": ("equivalent", "equivalent")})
    ]

    labels = corruption_curves(example(*rows).results).axes[0].get_legend_handles_labels()[1]

    assert labels == ["Edema", "Mass", "mean (80 % interval)"]


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

    figure = corruption_gaps(example(*rows, *men).results)

    [line] = [line for line in figure.axes[0].lines if line.get_label() == "sex: female"]
    np.testing.assert_allclose(line.get_ydata(), [-0.02, -0.04])
    assert "sex: male" not in {line.get_label() for line in figure.axes[0].lines}


def test_without_groups_there_is_no_figure_of_gaps():
    """None, not an empty one."""
    rows = [r for r in corruption_rows({"noise": ("equivalent",)}) if "attribute" not in r]

    assert corruption_gaps(example(*rows).results) is None
