"""Figures of embeddings show their rows."""

import numpy as np
import pytest
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

from cxraudit.figures.embeddings import (
    centroid_curves,
    erasure_changes,
    projections_and_probes,
    prompt_gaps,
    score_shifts,
)
from cxraudit.schema import Analysis


def marked(axes, *markers: str) -> list[float]:
    """Where the marks of some kinds stand."""
    return [float(line.get_xdata()[0]) for line in axes.lines if line.get_marker() in markers]


def test_probes_are_drawn_at_their_values():
    """Three probes on the whole embedding and one on two axes; the control probe is not drawn."""
    rows = [r | {"confidence_level": 0.8} for r in probe_rows("sex", "decodable")]

    _, _, probes = projections_and_probes(example(*rows).results, points()).axes

    assert sorted(marked(probes, "o", "s", "^")) == [0.52, 0.97, 0.97, 0.97]
    assert [label.get_text() for label in probes.get_yticklabels()] == [
        "whole embedding",
        "PCA (2 axes)",
    ]
    assert "80 % interval" in probes.get_xlabel()


def test_an_attribute_that_could_not_be_probed_is_drawn_without_probes():
    """Its images are there, and the words."""
    row = probe_rows("sex", "")[0]
    nothing = dict.fromkeys(("value", "low", "high", "at"), float("nan"))

    _, _, probes = projections_and_probes(example(row | nothing).results, points()).axes

    assert marked(probes, "o", "s", "^") == []
    assert "not probed" in [text.get_text() for text in probes.texts]


def test_images_of_no_known_group_are_not_drawn():
    """Two groups of twenty images each, and their names."""
    scatter = projections_and_probes(example(*probe_rows("sex", "decodable")).results, points())

    pca = scatter.axes[0]
    assert len(pca.collections[0].get_offsets()) == 40
    assert [text.get_text() for text in pca.texts] == ["female", "male"]


def test_reports_have_a_row_of_their_own():
    """Both on the axes fitted to both, with the distance of the means."""
    both = points().assign(modality=["image", "report"] * 30, joint_x=points()["pca_x"])
    both["joint_y"] = both["pca_y"]
    gap = row(Analysis.CENTROID, 0.81, metric="modality_gap", finding="")

    figure = projections_and_probes(example(*probe_rows("sex", "decodable"), gap).results, both)

    assert "0.81 of at most 2" in " ".join(t.get_text() for a in figure.axes for t in a.texts)


@pytest.mark.parametrize(
    ("verdict", "colour"),
    [("decodable and associated", "#c8451b"), ("decodable, not associated", "#0b6fa4")],
)
def test_shifts_have_the_colour_of_their_verdict(verdict, colour):
    """At their values, with the verdict as the panel's title."""
    rows = shift_rows("sex", verdict, verdict)

    axes = score_shifts(example(*rows).results).axes[0]

    assert marked(axes, "o") == [-0.5, -0.5]
    assert {line.get_color() for line in axes.lines if line.get_marker() == "o"} == {colour}
    assert axes.get_title("right") == verdict
    assert "95 % interval" in axes.get_xlabel()


def test_erasure_draws_the_group_with_the_largest_gap():
    """Of three groups, by the gaps of the whole cohort; AUROC over all test patients beside it."""
    changes = shift_rows("sex", "decodable and associated")
    other = [r | {"group": "male", "value": 0.3} for r in changes if r["metric"] == "auroc_gap"]
    gaps = by_sex("disparity")
    gaps[3] |= {"value": 0.4}

    left, right = erasure_changes(example(*changes, *other, *gaps).results).axes

    assert marked(left, "o") == [-0.1]
    assert marked(right, "o") == [0.3]


def test_prompt_pairs_are_drawn_and_those_of_the_scores_are_ringed():
    """By the prompts themselves, whatever the name of the pair."""
    scored = {"Pneumothorax": ("Chest Pneumothorax", "Chest No findings")}

    axes = prompt_gaps(example_gaps(), example(*prompt_rows()).results, scored=scored).axes[0]

    dots, ringed = (collection.get_offsets()[:, 0] for collection in axes.collections)
    np.testing.assert_allclose(sorted(dots), [-0.13, -0.12, -0.05])
    np.testing.assert_allclose(ringed, [-0.12])
    assert "by prompt 73 % to 79 %" in [text.get_text() for text in axes.texts]
    assert "95 % interval" in axes.get_xlabel()


def test_without_known_prompts_nothing_is_ringed():
    """As of a prompt file of the user's own."""
    axes = prompt_gaps(example_gaps(), example(*prompt_rows()).results).axes[0]

    assert len(axes.collections) == 1
    assert "ringed" not in axes.get_xlabel()


def test_centroid_curves_are_drawn_with_their_band():
    """One panel per attribute."""
    axes = centroid_curves(curves()).axes[0]

    np.testing.assert_allclose(axes.lines[0].get_ydata(), [0.4, 0.3, 0.2, 0.1])
    assert axes.get_title("left") == "sex"
