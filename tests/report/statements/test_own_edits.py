"""Statements on own edits: what is claimed beyond controls, and what is not."""

import pytest
from example_audit import example, insertion_rows, overall

from cxraudit.report.statements import Tone, perturbations
from cxraudit.report.statements.own_edits import controls_of, own_edits
from cxraudit.schema import CONTROLS, UNEDITED, Reason

DISPARITY, EQUIVALENT, OPEN = "disparity", "equivalent", "inconclusive"
HOSTILE = '<script>"x"</script> $\\frac{ \u202eabc'


def own(rows, *, edits, name="drain"):
    """An audit in which the rows of inserted devices are those of own edits."""
    renamed = [
        row | {key: name for key in ("condition", "reference") if row.get(key) == "drain"}
        for row in rows
    ]
    audit = example(overall(), *renamed)
    audit.facts["perturbed"] = {
        "images": 5,
        "edits": [{"name": edit, "control_of": list(of)} for edit, of in edits.items()],
    }
    return audit


WITH_CONTROLS = {"drain": (), **dict.fromkeys(CONTROLS, ("drain",))}


@pytest.mark.parametrize(
    ("drain", "control", "beyond", "flagged", "tone", "words"),
    [
        (
            DISPARITY,
            EQUIVALENT,
            DISPARITY,
            OPEN,
            Tone.DISPARITY,
            "raises the score for pneumothorax beyond each",
        ),
        (EQUIVALENT, EQUIVALENT, OPEN, EQUIVALENT, Tone.EQUIVALENT, "does not change the score"),
        ("small difference", EQUIVALENT, OPEN, OPEN, Tone.SMALL, "does not change the score"),
        (EQUIVALENT, EQUIVALENT, OPEN, DISPARITY, Tone.INCONCLUSIVE, "other images are flagged"),
        (EQUIVALENT, DISPARITY, DISPARITY, OPEN, Tone.INCONCLUSIVE, "but a control does"),
        (DISPARITY, DISPARITY, OPEN, OPEN, Tone.INCONCLUSIVE, "so does its control"),
        (OPEN, EQUIVALENT, OPEN, OPEN, Tone.INCONCLUSIVE, "by the edit ‘drain’: inconclusive"),
        (DISPARITY, EQUIVALENT, OPEN, OPEN, Tone.INCONCLUSIVE, "by the edit ‘drain’: inconclusive"),
    ],
)
def test_each_outcome_has_its_statement(drain, control, beyond, flagged, tone, words):
    """One per edit and outcome; nothing is said of the drain of cxraudit."""
    rows = insertion_rows(drain, control, beyond, flagged=flagged)

    [statement] = perturbations.statements(own(rows, edits=WITH_CONTROLS), "m")

    assert statement.tone == tone
    assert words in statement.headline
    assert "relies on the chest drain" not in statement.headline
    assert "control ‘control-edge’" in statement.detail


def without_controls(rows):
    """The rows of the edit against unedited images alone."""
    return [
        row
        for row in rows
        if row["condition"] == "drain" and row.get("reference", "") in ("", UNEDITED)
    ]


def test_without_a_control_nothing_is_claimed_beyond_one():
    """Whatever the change."""
    rows = without_controls(insertion_rows(DISPARITY, EQUIVALENT, DISPARITY))

    [statement] = perturbations.statements(own(rows, edits={"drain": ()}), "m")

    assert statement.tone == Tone.INCONCLUSIVE
    assert statement.headline.endswith("and has no control")
    assert "any other trace of the edit" in statement.detail


def test_a_control_without_a_score_of_the_model_is_no_control():
    """It is scored by another model alone."""
    rows = without_controls(insertion_rows(DISPARITY, EQUIVALENT, DISPARITY))

    [statement] = perturbations.statements(own(rows, edits=WITH_CONTROLS), "m")

    assert statement.headline.endswith("and has no control")


def test_a_control_that_was_not_compared_with_is_no_control():
    """On other images: a change is not claimed beyond it."""
    rows = insertion_rows(DISPARITY, EQUIVALENT, DISPARITY)
    rows = [row for row in rows if row.get("reference") != CONTROLS[0]]

    [statement] = perturbations.statements(own(rows, edits=WITH_CONTROLS), "m")

    assert statement.tone == Tone.INCONCLUSIVE
    assert "on other images" in statement.detail


def test_a_control_with_the_scores_of_the_originals_is_no_control():
    """What is beyond it is the bare change; others still count."""
    rows = [
        row | {"reasons": Reason.IDENTICAL_SCORES}
        if row["condition"] in CONTROLS and row.get("metric") == "score_change"
        else row
        for row in insertion_rows(DISPARITY, OPEN, DISPARITY)
    ]

    [statement] = perturbations.statements(own(rows, edits=WITH_CONTROLS), "m")

    assert statement.tone == Tone.INCONCLUSIVE
    assert statement.headline.endswith("and has no control")
    assert "the scores are those of the originals, so that it is none" in statement.detail


def test_names_are_text():
    """Marks that would turn a line around are written out."""
    rows = insertion_rows(DISPARITY, EQUIVALENT, DISPARITY)
    edits = {HOSTILE: (), **dict.fromkeys(CONTROLS, (HOSTILE,))}

    [statement] = perturbations.statements(own(rows, edits=edits, name=HOSTILE), "m")

    assert "<script>" in statement.headline
    assert "\u202e" not in statement.headline


def test_an_edit_that_is_a_control_only_has_no_statement():
    """One that has controls itself has one."""
    assert controls_of({"a": (), "b": ("a",), "c": ("b",)}) == {"a": ["b"], "b": ["c"]}


def test_audits_without_own_edits_have_none():
    """Also those of earlier versions."""
    assert own_edits(example(overall())) == {}


def test_scores_that_are_the_same_numbers_are_called_so():
    """No effect, and no absence of one, is claimed."""
    rows = insertion_rows(OPEN, OPEN, OPEN)
    rows = [
        row | {"reasons": Reason.IDENTICAL_SCORES}
        for row in rows
        if row["condition"] == "drain" and row.get("reference", "") in ("", UNEDITED)
    ]

    [statement] = perturbations.statements(own(rows, edits={"drain": ()}), "m")

    assert statement.tone == Tone.INCONCLUSIVE
    assert statement.headline.endswith("with the edit ‘drain’: nothing is shown")
    assert "may have changed no pixel" in statement.detail


def test_a_change_that_cannot_be_measured_is_called_undefined():
    """The scores of the originals do not vary."""
    rows = insertion_rows(OPEN, OPEN, OPEN)
    rows = [
        row
        | (
            {"reasons": Reason.CONSTANT_SCORES, "value": None, "verdict": "undefined"}
            if change
            else {}
        )
        for row in rows
        for change in [row["metric"] == "score_change"]
        if row["condition"] == "drain" and row.get("reference", "") in ("", UNEDITED)
    ]

    [statement] = perturbations.statements(own(rows, edits={"drain": ()}), "m")

    assert statement.tone == Tone.INCONCLUSIVE
    assert statement.headline.endswith("by the edit ‘drain’: undefined")
    assert "do not vary" in statement.detail
