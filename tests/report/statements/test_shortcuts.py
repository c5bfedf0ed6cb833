"""Statements on shortcuts: the gap with − without, and separation of the shortcut by the score."""

import pytest
from example_audit import (
    example,
    overall,
    planted_audit,
    row,
    separation_rows,
    shortcut_rows,
)

from cxraudit.report.statements import Tone, shortcuts
from cxraudit.report.statements.shortcuts import label_errors
from cxraudit.schema import (
    ANNOTATED,
    BOUNDS,
    CORRECTED,
    NEGATIVES,
    POSITIVES,
    WITH,
    WITHOUT,
    Analysis,
    Reason,
)
from cxraudit.stats.estimate import SHOWN


def statements_on(*rows):
    """Statements on shortcuts of an audit of some rows."""
    return shortcuts.statements(example(overall(), *rows), "m")


def test_a_planted_shortcut_is_found():
    """With the AUROCs of both arms as they are in the table."""
    audit = planted_audit()
    [gap, *_] = shortcuts.statements(audit, "m")
    rows = audit.results
    arms = rows[
        (rows["analysis"] == Analysis.SHORTCUT)
        & (rows["metric"] == "auroc")
        & (rows["reference"] == "")
    ]

    assert gap.tone == Tone.DISPARITY
    assert gap.headline == "AUROC for pneumothorax is higher with a chest drain in the image"
    for value in arms["value"]:
        assert f"{value:.2f}" in gap.detail


@pytest.mark.parametrize(
    ("verdict", "tone", "words"),
    [
        ("equivalent", Tone.EQUIVALENT, "gap within ±0.05"),
        ("small difference", Tone.SMALL, "gap within ±0.05"),
        ("difference of unclear size", Tone.UNCLEAR_SIZE, "the size is not settled"),
        ("inconclusive", Tone.INCONCLUSIVE, "inconclusive"),
        ("undefined", Tone.UNDEFINED, "gap undefined"),
    ],
)
def test_each_verdict_of_the_gap_has_its_statement(verdict, tone, words):
    """The tone is the verdict's."""
    gap = statements_on(*shortcut_rows(verdict)[:3])[0]

    assert gap.tone == tone
    assert words in gap.headline


def test_annotated_labels_are_named():
    """As a statement of their own."""
    rows = [r | {"label_source": ANNOTATED} for r in shortcut_rows()[:3]]

    assert "chest drain (annotated only)" in statements_on(*rows)[0].headline


SCORE = "The score for pneumothorax"


@pytest.mark.parametrize(
    ("positives", "negatives", "tone", "headline"),
    [
        (
            ("disparity", 0.2),
            ("disparity", 0.2),
            Tone.DISPARITY,
            f"{SCORE} separates images with and without a chest drain",
        ),
        (
            ("disparity", -0.2),
            ("disparity", -0.2),
            Tone.DISPARITY,
            f"{SCORE} is lower with a chest drain",
        ),
        (
            ("disparity", 0.2),
            ("disparity", -0.2),
            Tone.DISPARITY,
            f"{SCORE} is lower with a chest drain among images without pneumothorax, and higher among images "
            "with it",
        ),
        (
            ("inconclusive", 0.2),
            ("disparity", 0.2),
            Tone.DISPARITY,
            f"{SCORE} is higher with a chest drain among images without pneumothorax; the others: "
            "inconclusive",
        ),
        (
            ("disparity", 0.2),
            ("difference of unclear size", 0.2),
            Tone.UNCLEAR_SIZE,
            f"{SCORE} separates images with and without a chest drain; whether beyond the margin among "
            "images without pneumothorax is not settled",
        ),
        (
            ("equivalent", 0.01),
            ("small difference", 0.01),
            Tone.EQUIVALENT,
            f"{SCORE} does not separate images with and without a chest drain beyond the margin",
        ),
        (
            ("disparity", 0.2),
            ("small difference", 0.02),
            Tone.INCONCLUSIVE,
            f"{SCORE} is higher with a chest drain among images with pneumothorax; the others: small "
            "difference",
        ),
        (
            ("difference of unclear size", -0.2),
            ("inconclusive", 0.02),
            Tone.INCONCLUSIVE,
            f"{SCORE} is lower with a chest drain among images with pneumothorax; the others: inconclusive",
        ),
        (
            ("equivalent", 0.0),
            ("inconclusive", 0.0),
            Tone.INCONCLUSIVE,
            "Separation of images with and without a chest drain by the score for pneumothorax: inconclusive",
        ),
    ],
)
def test_separation_rests_on_images_without_the_finding(positives, negatives, tone, headline):
    """Each way is named, with what is known of the others."""
    by_group = {POSITIVES: positives, NEGATIVES: negatives}
    rows = [
        row | dict(zip(("verdict", "value"), by_group[row["group"]], strict=True))
        if row.get("reference")
        else row
        for row in separation_rows("", "")
    ]

    [statement] = statements_on(*rows)

    assert (statement.tone, statement.headline) == (tone, headline)
    only_positives = tone == Tone.INCONCLUSIVE and positives[0] in SHOWN
    assert ("or from anything else that goes with it" in statement.detail) == only_positives


def test_of_positives_alone_nothing_is_stated_of_the_others():
    """Where no label of a negative is known."""
    rows = [one for one in separation_rows("disparity", "") if one["group"] != NEGATIVES]

    [statement] = statements_on(*rows)

    assert statement.headline == (
        f"{SCORE} is higher with a chest drain among images with pneumothorax; there is no verdict on the "
        "others"
    )


def test_a_lower_score_with_the_shortcut_is_stated_as_such():
    """Separation below chance."""
    [statement] = statements_on(*separation_rows("disparity", "disparity", -0.2))

    assert statement.headline == "The score for pneumothorax is lower with a chest drain"


def test_the_detail_has_the_reweighted_and_the_standardised_gap():
    """From the rows of these analyses, the last mix of which is the finest."""
    detail = statements_on(*shortcut_rows())[1].detail

    assert "AUROC of the score for the chest drain: 0.70 (0.67 to 0.73) among positives" in detail
    assert (
        "AUROC would be 0.03 lower (+0.003 to +0.06) if images with and without the finding had a chest "
        "drain equally often; whatever goes with the chest drain, such as severity, is reweighted with it."
    ) in detail
    assert "If only images without the finding were reweighted" in detail
    assert "Standardised by age × view, the gap with − without is +0.09" in detail


def test_reweighting_by_a_detectors_labels_is_stated_with_its_limits():
    """Its errors are not corrected there."""
    rows = [r | {"reasons": Reason.PREDICTED_LABELS} for r in shortcut_rows()]

    detail = statements_on(*rows)[1].detail

    assert "rests on labels of a detector and is not corrected for its errors" in detail


def test_of_two_sources_of_labels_the_judged_one_is_stated():
    """All labels together have no verdict, and no statement of their own."""
    together = [r | {"verdict": ""} for r in shortcut_rows()[:3]]
    annotated = [r | {"label_source": ANNOTATED} for r in shortcut_rows()[:3]]

    [statement] = statements_on(*together, *annotated)

    assert "(annotated only)" in statement.headline


def test_a_detectors_labels_without_a_verdict_are_explained():
    """Errors that depend on the score can produce a separation."""
    rows = [
        r | {"reasons": Reason.PREDICTED_LABELS}
        for r in separation_rows("inconclusive", "inconclusive")
    ]

    [statement] = statements_on(*rows)

    assert statement.tone == Tone.INCONCLUSIVE
    assert "errors that depend on the score can produce such a difference" in statement.detail
    assert "by all labels, some of them those of a detector" in statement.detail


def test_reliance_is_never_stated_from_scores_alone():
    """Only an intervention shows it."""
    text = " ".join(f"{s.headline} {s.detail}" for s in statements_on(*shortcut_rows()))

    assert "relies" not in text
    assert "uses" not in text
    assert "attributable" not in text
    assert "owed" not in text


def errors(low: float, high: float, corrected: float = 0.08):
    """The sentence on label errors of an audit with these bounds."""
    named = {"attribute": "drain", "group": WITH, "reference": WITHOUT}
    rows = [
        row(Analysis.SHORTCUT_LABEL_ERRORS, corrected, condition=CORRECTED, **named),
        row(
            Analysis.SHORTCUT_LABEL_ERRORS,
            float("nan"),
            condition=BOUNDS,
            **(named | {"low": low, "high": high}),
        ),
    ]
    return label_errors(example(overall(), *shortcut_rows(), *rows), "drain")


def test_label_errors_are_stated_with_their_bounds():
    """Whether the sign of the gap can depend on them."""
    [sure], [unsure] = errors(0.02, 0.2), errors(-0.02, 0.2)

    assert "the gap is +0.08 (+0.05 to +0.11) instead of +0.10" in sure
    assert "between +0.02 and +0.20, so its sign does not depend on them." in sure
    assert "its sign may depend on them" in unsure


def test_errors_that_cannot_be_corrected_are_stated():
    """Rates that do not fit the number of flagged images."""
    [sentence] = errors(0.02, 0.2, corrected=float("nan"))

    assert sentence.endswith("can neither be corrected nor bounded.")


def test_without_a_detector_there_is_no_sentence():
    """All labels are annotated, or no error is known."""
    assert label_errors(example(overall(), *shortcut_rows()), "drain") == []
