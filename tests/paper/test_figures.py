"""The study's figures show the numbers of their tables."""

import numpy as np

from cxraudit.paper.calibration import calibration_points
from cxraudit.paper.embeddings import centroid_differences
from cxraudit.paper.figures import (
    calibration_curves,
    centroid_curves,
    drain_bars,
    projections,
    subgroup_bars,
)
from cxraudit.paper.numbers import published


def test_bars_of_groups_are_as_high_as_the_numbers():
    """Sex on MIMIC-CXR: a row of bars per model, all images first."""
    numbers = published()
    numbers = numbers[numbers["dataset"] == "mimic-cxr"]
    figure = subgroup_bars(numbers, "sex")

    assert len(figure.axes) == 6
    first = figure.axes[0]
    bars = {bars.get_label(): bars for bars in first.containers if len(bars) == 6}
    assert list(bars) == ["all", "female", "male"]
    rows = numbers[(numbers["model"] == first.get_ylabel()) & (numbers["group"] == "female")]
    assert [bar.get_height() for bar in bars["female"]] == rows["auroc"].tolist()


def test_bars_by_drain_are_as_high_as_the_numbers():
    """Two bars for each of six models."""
    numbers = published()
    numbers = numbers[numbers["dataset"] == "nih-cxr14"]
    (axes,) = drain_bars(numbers, "adjusted_auprc").axes

    heights = [bar.get_height() for bar in axes.patches]
    expected = [
        numbers[numbers["group"] == group]["adjusted_auprc"].tolist()
        for group in ("without", "with")
    ]
    assert heights == [*expected[0], *expected[1]]


def test_calibration_has_a_panel_per_finding_and_one_per_model(make_cohort):
    """With drains: pneumothorax of all models, then the model with and without a drain."""
    dataset, scores, *_ = make_cohort()
    figure = calibration_curves(calibration_points(dataset, scores))
    panels = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in panels] == ["Pneumothorax", "m"]
    labels = [text.get_text() for text in panels[1].get_legend().get_texts()]
    assert labels == ["all images", "with a drain", "without a drain"]


def test_projections_have_a_row_per_fit_and_a_column_per_attribute(points):
    """Modality is a column only where there are reports."""
    of_images = points[points["fit"] == "images"]
    assert len(projections(points).axes) == 4 * 4
    assert len(projections(of_images).axes) == 2 * 3


def test_centroid_curves_have_a_panel_per_attribute_and_a_line_per_pair(make_cohort):
    """Lines are the sorted differences."""
    dataset, _, vectors, texts = make_cohort()
    differences = centroid_differences("m", vectors, texts, dataset.images)
    figure = centroid_curves(differences)

    assert [len(axes.get_lines()) for axes in figure.axes] == [1, 1, 3, 1]
    by_sex = differences[differences["attribute"] == "sex"]["difference"]
    np.testing.assert_array_equal(figure.axes[1].get_lines()[0].get_ydata(), by_sex)
