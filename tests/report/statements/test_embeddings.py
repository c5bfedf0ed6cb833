"""Statements on embeddings: what is decodable, and what is associated with the score."""

import pytest
from example_audit import example, overall, probe_rows, row, shift_rows

from cxraudit.report.statements import Tone, embeddings
from cxraudit.schema import POSITIVES, Analysis

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


def test_an_attribute_that_is_hidden_ends_without_a_stray_mark():
    """Its note is hidden, too."""
    row = probe_rows("race", "")[0]
    nothing = dict.fromkeys(("value", "low", "high", "at"), float("nan"))

    statement = statements_on(row | nothing | {"note": "", "reasons": "SUPPRESSED"})
    unexplained = statements_on(row | nothing | {"note": "", "reasons": ""})

    assert statement.detail == "Hidden: too few patients."
    assert unexplained.detail == ""


def test_another_probe_that_decodes_is_named():
    """Not linearly decodable is not the same as not there."""
    statement = statements_on(*probe_rows("sex", HIDDEN, mlp=DECODABLE))

    assert statement.tone == Tone.UNCLEAR
    assert "MLP probe AUROC 0.97" in statement.detail


def test_a_probe_that_is_unclear_is_named():
    """It is not one that does not decode the attribute."""
    statement = statements_on(*probe_rows("sex", HIDDEN, mlp=UNCLEAR))

    assert "Whether another probe decodes it is unclear (MLP probe AUROC)." in statement.detail


def test_a_change_by_erasure_is_no_reliance():
    """Erasure also removes what goes with the attribute; an interval with zero shows no change."""
    changed = statements_on(*probe_rows("sex", DECODABLE), *shift_rows("sex", ASSOCIATED))
    rows = [
        r | {"low": -0.2, "high": 0.1} if r["reference"] == "before erasure" else r
        for r in map(dict, shift_rows("sex", ASSOCIATED))
        if "reference" in r
    ]
    unchanged = statements_on(*probe_rows("sex", DECODABLE), *rows)

    assert "Erasure from the embedding (LEACE) changes AUROC by −0.10" in changed.detail
    assert "it also removes what goes with the attribute, such as severity" in changed.detail
    assert not any("reli" in one.detail for one in (changed, unchanged))
    assert "no change of AUROC is detected" in unchanged.detail


@pytest.mark.parametrize(
    ("probe", "answer", "tone", "words"),
    [
        (
            HIDDEN,
            "associated, not shown to be decodable",
            Tone.ONLY_ASSOCIATED,
            "Sex: associated with the score for 1 of 2 findings, but not decoded by a linear probe fitted to "
            "210 patients (an AUROC of 1.00 or more is excluded)",
        ),
        (
            UNCLEAR,
            "association of unclear size, not shown to be decodable",
            Tone.ONLY_ASSOCIATED_UNCLEAR_SIZE,
            "Sex: associated, by an unclear size, with the score for 1 of 2 findings, but unclear whether "
            "decodable by a linear probe fitted to 210 patients",
        ),
    ],
)
def test_a_shown_shift_is_stated_whatever_the_probe_decodes(probe, answer, tone, words):
    """Opposite shifts of positives and negatives are no difference of all images together."""
    statement = statements_on(*probe_rows("sex", probe), *shift_rows("sex", answer, probe))

    assert (statement.tone, statement.headline) == (tone, words)
    assert "Among positives the score shifts most" in statement.detail


def of_shift(metric, value):
    """What else is known of the shift of `shift_rows`."""
    named = {"attribute": "sex", "group": "female", "condition": POSITIVES}
    return row(Analysis.SCORE_DIRECTION, value, metric=metric, **named)


@pytest.mark.parametrize(
    ("severity", "shares", "held", "unmeasured"),
    [
        ("", (None, None), "in female patients. ", ", such as severity, that"),
        ("", (0.0, None), "adjusted for other findings. ", ", such as severity, that"),
        (
            "",
            (0.4, None),
            "adjusted for other findings (labels unknown or in rare combinations in 40 % of images). ",
            ", such as severity, that",
        ),
        ("extent", (None, 0.0), "adjusted for extent. ", " that explains 20 %"),
        ("extent", (0.0, 0.0), "adjusted for other findings and extent. ", " that explains 20 %"),
        (
            "extent",
            (0.0, 0.3),
            "adjusted for other findings and extent (not known for 30 % of images). ",
            ", such as severity, that",
        ),
        ("extent", (None, 1.0), "in female patients. ", ", such as severity, that"),
    ],
)
def test_what_a_shift_is_adjusted_for_is_named(severity, shares, held, unmeasured):
    """With the shares of images of which it is not held; severity that was is not unmeasured."""
    rows = [*probe_rows("sex", DECODABLE), *shift_rows("sex", ASSOCIATED)]
    rows += [of_shift("robustness_value", 0.2)]
    for metric, share in zip(("not_held_share", "unknown_severity_share"), shares, strict=True):
        rows += [] if share is None else [of_shift(metric, share)]
    facts = {"settings": {"severity": severity, "margin": 0.05}}

    [statement] = embeddings.statements(example(overall(), *rows, facts=facts), "m")

    assert held in statement.detail
    assert (
        f"No rate of label errors would explain it, but it would be explained by something unmeasured{unmeasured}"
    ) in statement.detail


def test_shifts_of_unclear_size_are_counted_beside_those_of_clear_size():
    """Both are shown."""
    rows = [*probe_rows("sex", DECODABLE), *shift_rows("sex", ASSOCIATED, UNCLEAR_SIZE)]

    assert statements_on(*rows).headline == (
        "Sex: decodable, and associated with the score for 2 of 2 findings (of clear size for 1)"
    )


def test_a_shift_whose_interval_is_wide_is_stated():
    """Neither shown nor ruled out, with its numbers."""
    detail = statements_on(*probe_rows("sex", DECODABLE), *shift_rows("sex", UNCLEAR)).detail

    assert "The largest shift, for pneumothorax among positives, is −0.50" in detail
    assert detail.endswith("it is not settled whether it differs from 0, or is below 0.25.")


def test_label_errors_and_something_unmeasured_are_both_named():
    """Where both would explain a shift."""
    rows = [*probe_rows("sex", DECODABLE), *shift_rows("sex", ASSOCIATED)]
    rows += [of_shift("robustness_value", 0.2), of_shift("explaining_label_error_rate", 0.07)]

    assert (
        "Label errors of 7 % would explain it, and so would something unmeasured, such as severity,"
    ) in statements_on(*rows).detail


@pytest.mark.parametrize("probe", [HIDDEN, UNCLEAR, DECODABLE])
def test_a_shift_that_label_errors_could_explain_is_stated_whatever_the_probe(probe):
    """It is shown; only its cause is open."""
    answer = UNCLEAR if probe == DECODABLE else probe
    rows = [
        r | {"reasons": "LABEL_ERRORS"} if r["analysis"] == Analysis.ENCODING_USE else r
        for r in shift_rows("sex", answer)
    ]

    detail = statements_on(*probe_rows("sex", probe), *rows).detail

    assert "Among positives the score for pneumothorax shifts by −0.50" in detail


def test_groups_that_are_too_small_to_be_compared_are_named():
    """No answer is about them."""
    small = row(
        Analysis.SCORE_DIRECTION,
        float("nan"),
        metric="conditional_score_shift",
        attribute="sex",
        group="other",
        reasons="TOO_FEW_PATIENTS",
    )

    detail = statements_on(
        *probe_rows("sex", DECODABLE), *shift_rows("sex", NOT_ASSOCIATED), small
    ).detail

    assert detail.endswith("Not compared, for few patients: other.")


def test_without_a_change_by_erasure_there_is_no_sentence():
    """Where AUROC could not be computed, nothing is stated of its change."""
    rows = [r for r in shift_rows("sex", ASSOCIATED) if r["analysis"] != Analysis.ERASURE]

    assert "LEACE" not in statements_on(*probe_rows("sex", DECODABLE), *rows).detail


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("TOO_FEW_PATIENTS", "Too few patients with, or without, a finding can be compared."),
        ("UNDEFINED_VALUE", "What the scores are adjusted for determines the group."),
        (
            "IDENTICAL_RESAMPLES",
            "The shift is the same in every resample, so that it has no interval.",
        ),
        ("CONSTANT_SCORES", "All scores are equal."),
    ],
)
def test_why_no_shift_is_judged_is_stated(reason, sentence):
    """Of every finding, the same reason."""
    rows = [
        r | {"reasons": reason} if r["analysis"] == Analysis.ENCODING_USE else r
        for r in shift_rows("sex", UNCLEAR, UNCLEAR)
    ]

    statement = statements_on(*probe_rows("sex", DECODABLE), *rows)

    assert statement.detail.endswith(sentence)


def test_images_of_a_shortcut_are_named_by_having_it():
    """Of a drain: images with it."""
    statement = statements_on(
        *probe_rows("drain", DECODABLE), *shift_rows("drain", ASSOCIATED, group="yes")
    )

    assert statement.headline.startswith("Chest drain: decodable")
    assert "standard deviations in images with it" in statement.detail
