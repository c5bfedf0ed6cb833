"""Statements on perturbed images: reliance on an inserted drain, and image degradation."""

import pytest
from example_audit import corruption_rows, example, insertion_rows, overall

from cxraudit.report.statements import Tone, perturbations
from cxraudit.schema import MEAN_FINDING

DISPARITY, EQUIVALENT, OPEN = "disparity", "equivalent", "inconclusive"


def statements_on(*rows):
    """Statements on perturbations of an audit of some rows."""
    return perturbations.statements(example(overall(), *rows), "m")


def test_reliance_is_stated_where_the_drain_changes_the_score_and_the_control_does_not():
    """The one statement that says so; with the shares flagged before and after."""
    [statement] = statements_on(*insertion_rows(DISPARITY, EQUIVALENT, DISPARITY))

    assert statement.tone == Tone.DISPARITY
    assert statement.headline == (
        "The score for pneumothorax relies on the chest drain: inserting one raises it"
    )
    assert "by +1.10 (+1.07 to +1.13) standard deviations" in statement.detail
    assert "threshold that flags 10 %" in statement.detail
    assert "8 % of these images are flagged before and 65 % after" in statement.detail


def test_a_falling_score_is_reliance_as_well():
    """With its direction."""
    [statement] = statements_on(*insertion_rows(DISPARITY, EQUIVALENT, DISPARITY, value=-0.9))

    assert statement.headline.endswith("inserting one lowers it")


@pytest.mark.parametrize(
    ("drain", "control", "beyond", "flagged", "tone", "words"),
    [
        (EQUIVALENT, EQUIVALENT, OPEN, EQUIVALENT, Tone.EQUIVALENT, "does not change beyond"),
        ("small difference", EQUIVALENT, OPEN, OPEN, Tone.SMALL, "does not change beyond"),
        (EQUIVALENT, EQUIVALENT, OPEN, DISPARITY, Tone.INCONCLUSIVE, "more images are flagged"),
        (
            DISPARITY,
            DISPARITY,
            OPEN,
            OPEN,
            Tone.INCONCLUSIVE,
            "the same tube outside the lungs and",
        ),
        (OPEN, EQUIVALENT, OPEN, OPEN, Tone.INCONCLUSIVE, "Reliance of the score"),
        (DISPARITY, EQUIVALENT, OPEN, OPEN, Tone.INCONCLUSIVE, "Reliance of the score"),
    ],
)
def test_each_outcome_has_its_statement(drain, control, beyond, flagged, tone, words):
    """Equivalence, a change that is not specific, and what is not settled."""
    [statement] = statements_on(*insertion_rows(drain, control, beyond, flagged=flagged))

    assert statement.tone == tone
    assert words in statement.headline


def test_without_the_control_nothing_is_stated():
    """A change means nothing without it."""
    rows = insertion_rows(DISPARITY, EQUIVALENT, DISPARITY)

    assert statements_on(rows[0]) == []


def test_the_finding_is_that_of_the_audited_shortcut():
    """A drain may be a shortcut of another finding."""
    rows = [r | {"finding": "Edema"} for r in insertion_rows(DISPARITY, EQUIVALENT, DISPARITY)]
    audit = example(overall(), *rows, facts={"shortcuts": {"drain": "Edema"}})

    [statement] = perturbations.statements(audit, "m")

    assert "score for edema relies on" in statement.headline
    assert statements_on(*rows) == []


def test_corruptions_are_sorted_by_what_they_cost():
    """Those beyond the margin from their first severity on, those within it, and the others."""
    rows = corruption_rows(
        {
            "noise": (EQUIVALENT, EQUIVALENT),
            "blur": (OPEN, DISPARITY),
            "jpeg": (EQUIVALENT, OPEN),
        }
    )

    found = {statement.tone: statement for statement in statements_on(*rows)}

    assert found[Tone.DISPARITY].headline == "AUROC falls with blur"
    assert found[Tone.DISPARITY].detail == (
        "AUROC: blur from severity 2 (−0.08). Most for pneumothorax with blur at severity 2: −0.08 "
        "(−0.11 to −0.05)."
    )
    assert found[Tone.EQUIVALENT].headline == "AUROC robust to noise up to severity 2"
    assert found[Tone.EQUIVALENT].detail == "The change of the AUROC lies within ±0.05."
    assert found[Tone.INCONCLUSIVE].headline == "Effect of jpeg on AUROC: inconclusive"


def test_a_robust_mean_does_not_hide_a_finding():
    """The mean over findings may stay while one of them falls."""
    one = corruption_rows({"blur": (DISPARITY,)})
    other = corruption_rows({"blur": (EQUIVALENT,)}, finding="Edema")
    mean = corruption_rows({"blur": (EQUIVALENT,)}, finding=MEAN_FINDING)

    [statement] = statements_on(*one, *other, *mean)

    assert statement.headline == "Mean AUROC robust to blur up to severity 1"
    assert "Single findings lose more (pneumothorax): most for pneumothorax" in statement.detail


def test_of_several_findings_the_mean_is_judged_and_the_worst_is_named():
    """The mean over findings decides; the largest loss is that of one finding."""
    one = corruption_rows({"blur": (DISPARITY,)})
    other = corruption_rows({"blur": (OPEN,)}, finding="Edema")
    mean = corruption_rows({"blur": (DISPARITY,)}, finding=MEAN_FINDING)

    [statement] = statements_on(*one, *other, *mean)

    assert statement.detail.startswith("Mean AUROC: blur from severity 1 (−0.04).")
    assert MEAN_FINDING not in statement.detail


def test_too_few_patients_are_the_reason_where_they_are():
    """Read from the reasons of the rows."""
    rows = [r | {"reasons": "TOO_FEW_PATIENTS"} for r in corruption_rows({"blur": (OPEN,)})]

    assert statements_on(*rows)[0].detail == "There are too few patients with or without a finding."


def test_without_perturbed_images_nothing_is_stated():
    """An audit of scores alone."""
    assert statements_on() == []
