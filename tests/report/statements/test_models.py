"""Statements on models that score or rank the same images identically."""

import pytest
from example_audit import example, judged, overall

from cxraudit.report.sections import model_comparison
from cxraudit.report.sections.context import context_of
from cxraudit.report.statements import Tone, models
from cxraudit.schema import Analysis, Reason


def pair(reason: str, finding: str = "Pneumothorax", n: int = 400, **cells):
    """A comparison of two models over all images."""
    named = {"model": "m1", "reference": "m2", "finding": finding, "n": n}
    return judged(
        Analysis.MODELS, 0.0, "equivalent", attribute="", group="", reasons=reason, **named, **cells
    )


@pytest.mark.parametrize("model", ["m1", "m2"])
def test_identical_models_are_named_for_both(model):
    """With the images and the findings for which they are identical."""
    audit = example(pair(Reason.IDENTICAL_SCORES), pair("", finding="Edema"))

    [statement] = models.statements(audit, model)

    assert statement.tone == Tone.EQUIVALENT
    assert (
        statement.headline == "m1 and m2 give identical scores for all 400 images of Pneumothorax"
    )


def test_an_identical_ranking_leaves_thresholds_open():
    """Of several findings with other numbers of images."""
    audit = example(
        pair(Reason.IDENTICAL_RANKING), pair(Reason.IDENTICAL_RANKING, finding="Edema", n=300)
    )

    [statement] = models.statements(audit, "m1")

    assert statement.headline.endswith("all images of Edema, Pneumothorax")
    assert "Thresholds and calibration can differ" in statement.detail


def test_models_that_differ_are_not_stated_to_be_alike():
    """Nor is a model of which there is no other."""
    assert models.statements(example(pair("")), "m1") == []
    assert models.statements(example(overall()), "m") == []


def test_the_section_on_models_names_identical_ones():
    """Above the table."""
    audit = example(pair(Reason.IDENTICAL_SCORES))

    section = model_comparison.build(audit, context_of(audit, "toy", None))

    texts = [str(getattr(block, "text", "")) for block in section.blocks]
    assert "m1 and m2 give identical scores for all 400 images of Pneumothorax." in texts
