"""Statements on embeddings: what is decodable, and what is associated with the score."""

import pytest
from example_audit import example, overall, probe_rows, shift_rows

from cxraudit.report.statements import Tone, embeddings

DECODABLE, HIDDEN, UNCLEAR = "decodable", "not decodable", "unclear"
ASSOCIATED, NOT_ASSOCIATED = "decodable and associated", "decodable, not associated"
UNCLEAR_SIZE = "decodable, association of unclear size"


def statements_on(*rows):
    """The statement on the one attribute of some rows."""
    [statement] = embeddings.statements(example(overall(), *rows), "m")
    return statement


@pytest.mark.parametrize(
    ("probe", "shifts", "tone", "words"),
    [
        (
            DECODABLE,
            (ASSOCIATED, NOT_ASSOCIATED),
            Tone.ASSOCIATED,
            "Sex: decodable, and associated with the score for 1 of 2 findings",
        ),
        (
            DECODABLE,
            (UNCLEAR_SIZE, NOT_ASSOCIATED),
            Tone.ASSOCIATED_UNCLEAR_SIZE,
            "Sex: decodable, and associated, by an unclear size, with the score for 1 of 2 findings",
        ),
        (
            DECODABLE,
            (NOT_ASSOCIATED,),
            Tone.NOT_ASSOCIATED,
            "Sex: decodable, not associated with the score given the label",
        ),
        (
            DECODABLE,
            (NOT_ASSOCIATED, UNCLEAR),
            Tone.UNCLEAR,
            "Sex: decodable; association with the score unclear for 1 of 2 findings",
        ),
        (DECODABLE, (), Tone.UNCLEAR, "Sex: decodable; association with the score not tested"),
        (
            HIDDEN,
            (),
            Tone.NOT_DECODABLE,
            "Sex: not decoded by a linear probe fitted to 210 patients (an AUROC of 1.00 or more is excluded)",
        ),
        (
            UNCLEAR,
            (),
            Tone.UNCLEAR,
            "Sex: unclear whether decodable by a linear probe fitted to 210 patients",
        ),
    ],
)
def test_each_answer_has_its_statement(probe, shifts, tone, words):
    """From the linear probe and the shifts of the score given the label."""
    statement = statements_on(*probe_rows("sex", probe), *shift_rows("sex", *shifts))

    assert (statement.tone, statement.headline) == (tone, words)
    found = "Linear probe AUROC 0.97 (0.94 to 1.00) on held-out patients, fitted to 210 patients"
    assert found in statement.detail
    assert "from two axes of a PCA, 0.52" in statement.detail


def test_the_smallest_excluded_auroc_is_rounded_up():
    """What lies within the interval is not called excluded; so of the other probes."""
    rows = [r | {"value": 0.5, "low": 0.43, "high": 0.571} for r in probe_rows("sex", HIDDEN)]

    statement = statements_on(*rows)

    assert "(an AUROC of 0.58 or more is excluded)" in statement.headline
    excluded = (
        "Excluded, too: k-NN probe AUROC of 0.58 or more and MLP probe AUROC of 0.58 or more."
    )
    assert excluded in statement.detail


def test_an_attribute_that_could_not_be_probed_is_named():
    """With the reason and the numbers; that is no answer."""
    note = "fewer than 10 patients in a part of asian (validation: 4)"
    row = probe_rows("race", "")[0]
    nothing = dict.fromkeys(("value", "low", "high", "at"), float("nan"))

    statement = statements_on(row | nothing | {"note": note, "reasons": "TOO_FEW_PATIENTS"})

    assert (statement.tone, statement.headline) == (Tone.UNCLEAR, "Race: not probed")
    assert statement.detail == "Fewer than 10 patients in a part of asian (validation: 4)."


def test_another_probe_that_decodes_is_named():
    """Not linearly decodable is not the same as not there."""
    statement = statements_on(*probe_rows("sex", HIDDEN, mlp=DECODABLE))

    assert statement.tone == Tone.UNCLEAR
    assert "MLP probe AUROC 0.97" in statement.detail


def test_a_probe_that_is_unclear_is_named():
    """It is not one that does not decode the attribute."""
    statement = statements_on(*probe_rows("sex", HIDDEN, mlp=UNCLEAR))

    assert "Whether another probe decodes it is unclear (MLP probe AUROC)." in statement.detail


def test_reliance_needs_a_change_by_erasure():
    """An interval that excludes zero; without, no change is detected."""
    changed = statements_on(*probe_rows("sex", DECODABLE), *shift_rows("sex", ASSOCIATED))
    rows = [
        r | {"low": -0.2, "high": 0.1} if r["reference"] == "before erasure" else r
        for r in map(dict, shift_rows("sex", ASSOCIATED))
        if "reference" in r
    ]
    unchanged = statements_on(*probe_rows("sex", DECODABLE), *rows)

    assert "The score relies on it: erasure" in changed.detail
    assert "relies" not in unchanged.detail
    assert "no change of AUROC is detected" in unchanged.detail


def test_images_of_a_shortcut_are_named_by_having_it():
    """Of a drain: images with it."""
    statement = statements_on(
        *probe_rows("drain", DECODABLE), *shift_rows("drain", ASSOCIATED, group="yes")
    )

    assert statement.headline.startswith("Chest drain: decodable")
    assert "standard deviations in images with it" in statement.detail
