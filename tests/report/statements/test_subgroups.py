"""Statements on subgroups: who has a lower AUROC, what is not settled, and equivalence."""

import pytest
from example_audit import by_sex, example, judged, overall, planted_audit, row

from cxraudit.report.statements import Tone, of_model, subgroups
from cxraudit.schema import Analysis
from cxraudit.settings import AuditSettings
from planted import planted_table, whole_audit_of


def statements_on(*rows, **facts):
    """Statements on subgroups of an audit of some rows."""
    return subgroups.statements(example(*rows, facts=facts), "m")


def test_a_planted_effect_is_found_and_nothing_else():
    """Worse at 80 and over; no disparity to the disadvantage of a sex or a race."""
    found = subgroups.statements(planted_audit(), "m")

    assert [s.headline for s in found if s.tone == Tone.DISPARITY] == [
        "AUROC is lower in patients aged 80 and over"
    ]


def test_the_first_statement_is_the_mean_auroc():
    """With the highest and the lowest finding."""
    first = statements_on(overall(0.9), overall(0.8, finding="Cardiomegaly"))[0]

    assert (first.tone, first.headline) == (Tone.OVERALL, "Mean AUROC 0.85 over 2 findings")
    assert "Highest for pneumothorax (0.90), lowest for cardiomegaly (0.80)" in first.detail


def test_numbers_of_a_disparity_are_those_of_its_row():
    """Level, size and interval of the largest gap, and how many findings have one."""
    [disparity] = [
        s for s in statements_on(overall(), *by_sex("disparity")) if s.tone == Tone.DISPARITY
    ]

    assert disparity.headline == "AUROC is lower in female patients"
    assert disparity.detail == (
        "Disparity for 1 of 1 finding. Largest for pneumothorax: AUROC 0.80, 0.12 below all other "
        "groups (gap −0.15 to −0.09)."
    )


def test_disparities_in_favour_are_stated_of_more_than_two_groups():
    """Of two groups, one is better because the other is worse: one statement."""
    races = [
        judged(Analysis.SUBGROUPS, value, "disparity", attribute="race", group=group)
        for group, value in (("asian", -0.1), ("black", 0.1), ("white", 0.02))
    ]
    levels = [row(Analysis.SUBGROUPS, 0.8, attribute="race", group="asian")]

    two = statements_on(overall(), *by_sex("disparity"))
    three = statements_on(overall(), *levels, *races)

    assert Tone.IN_FAVOUR not in {s.tone for s in two}
    [better] = [s for s in three if s.tone == Tone.IN_FAVOUR]
    assert better.headline == "By race: AUROC better than in all other groups in 2 comparisons"
    assert better.tone.word == "disparity"


@pytest.mark.parametrize(
    ("verdict", "tone", "headline"),
    [
        ("equivalent", Tone.EQUIVALENT, "By sex: gaps in AUROC within ±0.05"),
        ("small difference", Tone.SMALL, "By sex: gaps in AUROC within ±0.05"),
        (
            "inconclusive",
            Tone.INCONCLUSIVE,
            "By sex: no disparity in AUROC found, 1 of 1 comparison inconclusive",
        ),
        (
            "difference of unclear size",
            Tone.UNCLEAR_SIZE,
            "By sex: 1 difference in AUROC of unclear size",
        ),
    ],
)
def test_each_verdict_has_its_statement(verdict, tone, headline):
    """Mirrored groups count once; the tone is the verdict's."""
    found = statements_on(overall(), *by_sex(verdict, -0.03))

    assert [(s.tone, s.headline) for s in found[1:]] == [(tone, headline)]
    assert tone.word == verdict


def test_the_margin_is_that_of_the_rows():
    """Not a default."""
    rows = [r | {"margin": 0.1} for r in by_sex("equivalent", -0.03)[2:]]

    assert statements_on(overall(), *rows)[1].headline == "By sex: gaps in AUROC within ±0.1"


def test_an_inconclusive_statement_says_what_would_have_been_detected():
    """The detectable gap, or why there is none."""
    known = statements_on(overall(), *by_sex("inconclusive"))[1].detail
    few = [
        r | {"detectable_gap": float("nan"), "note": "fewer than 10 patients"}
        for r in by_sex("inconclusive")
    ]

    assert "a gap of about 0.08 (at most 0.08) is detected with 80 % power" in known
    assert "Too few patients or resamples for a verdict: fewer than 10 patients." in (
        statements_on(overall(), *few)[1].detail
    )


def test_comparisons_within_the_margin_are_counted():
    """Beside those that are inconclusive, with small differences among them."""
    small = [r | {"finding": "Edema"} for r in by_sex("small difference", -0.02)]
    other = [r | {"finding": "Mass"} for r in by_sex("undefined", -0.02)]

    detail = statements_on(overall(), *by_sex("inconclusive"), *small, *other)[1].detail

    assert detail.startswith(
        "Within ±0.05: 1 of 3 comparisons (1 small difference among them); 1 undefined (no positives "
        "or no negatives)."
    )


def test_without_resamples_nothing_is_claimed():
    """Point estimates only: every comparison is inconclusive, with the reason."""
    frame = planted_table(2, n_patients=120, age_gap=1.2)
    made = whole_audit_of(frame, settings=AuditSettings(n_resamples=0))

    found = of_model(made, "m")

    assert {statement.tone for statement in found} == {Tone.OVERALL, Tone.INCONCLUSIVE}
    assert any("fewer than 100 resamples" in statement.detail for statement in found)


def test_an_inverted_score_is_pointed_out():
    """Below chance with the whole interval; without an interval, by far."""
    inverted = statements_on(overall(0.2))[0].detail
    without = {"low": float("nan"), "high": float("nan")}

    assert "inverted" in inverted
    assert "inverted" in statements_on(overall(0.35, **without))[0].detail
    assert "inverted" not in statements_on(overall(0.45, **without))[0].detail


def test_nothing_to_compare_is_stated():
    """One group and no shortcut."""
    assert statements_on(overall())[1].headline == "Nothing was compared"


def test_without_a_value_there_is_no_mean():
    """No finding has both classes."""
    assert (
        statements_on(overall(float("nan")))[0].headline == "Overall: no finding could be evaluated"
    )


def test_unclear_and_disparity_are_both_stated():
    """A disparity for one finding does not hide what is open for another."""
    other = [r | {"finding": "Cardiomegaly"} for r in by_sex("inconclusive")]
    tones = {s.tone for s in statements_on(overall(), *by_sex("disparity"), *other)}

    assert {Tone.DISPARITY, Tone.INCONCLUSIVE} <= tones


def test_a_disparity_does_not_hide_what_is_within_the_margin():
    """It is counted, too."""
    other = [r | {"finding": "Cardiomegaly"} for r in by_sex("equivalent", 0.01)]

    last = statements_on(overall(), *by_sex("disparity"), *other)[-1]

    assert (last.tone, last.headline) == (
        Tone.EQUIVALENT,
        "By sex: the other gaps in AUROC within ±0.05",
    )
    assert last.detail == "Within ±0.05: 1 of 2 comparisons."


def test_what_is_not_defined_is_stated():
    """Silence would read as no gap."""
    found = statements_on(overall(), *by_sex("undefined"))[1]

    assert (found.tone, found.headline) == (
        Tone.UNDEFINED,
        "By sex: no gap in AUROC is defined",
    )


def test_no_disparity_is_not_stated_beside_one_in_a_rate():
    """By the same attribute."""
    rate = judged(
        Analysis.OPERATING_POINT, -0.4, "disparity", metric="tpr", attribute="sex", group="male"
    )

    found = statements_on(overall(), *by_sex("inconclusive"), rate)[1]

    assert found.headline == "By sex: 1 of 1 comparison in AUROC inconclusive"


def test_statements_are_in_the_order_of_their_tones():
    """Overall first, disparities next, equivalence last."""
    audit = example(overall(), *by_sex("equivalent"), *by_sex("disparity", attribute="race"))
    tones = [statement.tone for statement in of_model(audit, "m")]

    assert tones == [Tone.OVERALL, Tone.DISPARITY, Tone.EQUIVALENT]
