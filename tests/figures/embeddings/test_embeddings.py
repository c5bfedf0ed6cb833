"""Figures of embeddings show their rows."""

import numpy as np
import pytest
from charted import marks_of, planes, row_panels, rows_of, values, words
from example_audit import (
    by_sex,
    curves,
    example,
    points,
    probe_rows,
    prompt_rows,
    row,
    shift_rows,
)
from example_audit import prompt_gaps as example_gaps
from scipy.stats import gaussian_kde

from cxraudit.charts.spec import Axis
from cxraudit.figures.embeddings import (
    centroid_curves,
    erasure_changes,
    projections_and_probes,
    prompt_gaps,
    score_shifts,
)
from cxraudit.figures.embeddings.projections_and_probes import _density
from cxraudit.schema import Analysis


def test_probes_are_drawn_at_their_values():
    """Three probes on the whole embedding and one on two axes; the control probe is not drawn."""
    rows = [r | {"confidence_level": 0.8} for r in probe_rows("sex", "decodable")]

    chart = projections_and_probes(example(*rows).results, points())

    assert values(chart) == [0.52, 0.97, 0.97, 0.97]
    titles = [part.title for part in row_panels(chart)[0].parts]
    assert titles == ["whole embedding", "PCA (2 axes)"]
    assert "80 % interval" in chart.note


def test_an_attribute_that_could_not_be_probed_is_drawn_without_probes():
    """Its images are shown, and the words."""
    row = probe_rows("sex", "")[0]
    nothing = dict.fromkeys(("value", "low", "high", "at"), float("nan"))

    chart = projections_and_probes(example(row | nothing).results, points())

    assert values(chart) == []
    assert "not probed" in words(chart)
    assert len(planes(chart)) == 2


def test_images_of_no_known_group_are_not_drawn():
    """Two groups of twenty images each, and their names."""
    chart = projections_and_probes(example(*probe_rows("sex", "decodable")).results, points())

    pca = planes(chart)["sex: PCA, two axes"]
    assert np.bincount(pca.cloud.number).tolist() == [20, 20]
    assert [text for _, text in pca.names] == ["female", "male"]


def test_densities_are_those_of_a_gaussian_kernel():
    """With the width of Scott's rule, up to one factor: they share a scale."""
    rng = np.random.default_rng(0)
    sample = np.concatenate([rng.normal(-2, 0.5, 300), rng.normal(1, 1, 200)])
    along = Axis("", -5.0, 5.0)

    found = _density(sample, along)

    expected = gaussian_kde(sample)(np.linspace(-5, 5, len(found)))
    np.testing.assert_allclose(found / found.max(), expected / expected.max(), atol=0.02)


def test_reports_have_a_panel_of_their_own():
    """Both on the axes fitted to both, with the distance of the means."""
    both = points().assign(modality=["image", "report"] * 30, joint_x=points()["pca_x"])
    both["joint_y"] = both["pca_y"]
    gap = row(Analysis.CENTROID, 0.81, metric="modality_gap", finding="")

    chart = projections_and_probes(example(*probe_rows("sex", "decodable"), gap).results, both)

    assert "0.81 of at most 2" in chart.note
    assert [text for _, text in planes(chart)["modality: PCA of both"].names] == ["image", "report"]


@pytest.mark.parametrize(
    ("verdict", "colour"),
    [("decodable and associated", "red"), ("decodable, not associated", "blue")],
)
def test_shifts_have_the_look_of_their_verdict(verdict, colour):
    """At their values, with the verdict beside them."""
    rows = shift_rows("sex", verdict, verdict)

    chart = score_shifts(example(*rows).results)

    assert values(chart) == [-0.5, -0.5]
    marks = marks_of(row_panels(chart)[0])
    assert {mark.look.colour for mark in marks} == {colour}
    assert {mark.words for mark in marks} == {verdict}
    assert "95 % interval" in chart.note


def test_erasure_draws_the_group_with_the_largest_gap():
    """Of three groups, by the gaps of the whole cohort; AUROC over all test patients beside it."""
    changes = shift_rows("sex", "decodable and associated")
    other = [r | {"group": "male", "value": 0.3} for r in changes if r["metric"] == "auroc_gap"]
    gaps = by_sex("disparity")
    gaps[3] |= {"value": 0.4}

    chart = erasure_changes(example(*changes, *other, *gaps).results)

    assert values(chart, 0) == [-0.1]
    assert values(chart, 1) == [0.3]


def test_prompt_pairs_are_drawn_and_those_of_the_scores_are_ringed():
    """By the prompts themselves, whatever the name of the pair."""
    scored = {"Pneumothorax": ("Chest Pneumothorax", "Chest No findings")}

    chart = prompt_gaps(example_gaps(), example(*prompt_rows()).results, scored=scored)

    [row] = rows_of(row_panels(chart)[0])
    [mark] = row.cells
    np.testing.assert_allclose(mark.dots, [-0.13, -0.12, -0.05])
    np.testing.assert_allclose(mark.ringed, [-0.12])
    assert mark.words == "by prompt 73 % to 79 %"
    assert "95 % interval" in chart.note


def test_without_known_prompts_nothing_is_ringed():
    """As of a prompt file of the user's own."""
    chart = prompt_gaps(example_gaps(), example(*prompt_rows()).results)

    assert rows_of(row_panels(chart)[0])[0].cells[0].ringed == ()
    assert "ringed" not in chart.note


def test_centroid_curves_are_drawn_with_their_band():
    """One panel per attribute."""
    line = planes(centroid_curves(curves()))["sex"].lines[0]

    np.testing.assert_allclose(line.y, [0.4, 0.3, 0.2, 0.1])
    assert len(line.ends) == 4
