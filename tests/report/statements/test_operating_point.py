"""Statements on rates at one threshold."""

import pytest
from example_audit import by_sex, example, judged

from cxraudit.report.statements import Tone, operating_point
from cxraudit.schema import NO_FINDING, Analysis


def gap(metric: str, value: float, finding: str = "Edema", verdict: str = "disparity"):
    """A gap of women in a rate."""
    known = {"attribute": "sex", "group": "female", "at": 0.3}
    return judged(Analysis.OPERATING_POINT, value, verdict, metric=metric, finding=finding, **known)


def headlines(*rows) -> list[str]:
    """Headlines on disparities at the operating point of an audit of some rows."""
    found = operating_point.statements(example(*rows), "m")
    return [statement.headline for statement in found if statement.tone == Tone.DISPARITY]


@pytest.mark.parametrize(
    ("metric", "value", "words"),
    [
        ("tpr", -0.2, "findings are missed more often in female patients"),
        ("fpr", 0.2, "false positives are more frequent in female patients"),
    ],
)
def test_a_rate_is_stated_where_it_is_worse(metric, value, words):
    """Lower TPR and higher FPR; the opposite is no disadvantage."""
    assert headlines(gap(metric, value)) == [f"At one threshold, {words}"]
    assert headlines(gap(metric, -value)) == []


def test_the_threshold_is_stated():
    """As it can be applied."""
    [statement] = operating_point.statements(example(gap("tpr", -0.2)), "m")

    assert "Largest for edema, flagged at or above 0.3: TPR gap −0.20" in statement.detail


@pytest.mark.parametrize(
    ("verdict", "tone", "headline"),
    [
        ("equivalent", Tone.EQUIVALENT, "gaps in TPR and FPR within ±0.05"),
        ("small difference", Tone.SMALL, "gaps in TPR and FPR within ±0.05"),
        (
            "inconclusive",
            Tone.INCONCLUSIVE,
            "no disparity in TPR and FPR found, 2 of 2 comparisons inconclusive",
        ),
        (
            "difference of unclear size",
            Tone.UNCLEAR_SIZE,
            "2 differences in TPR and FPR of unclear size",
        ),
        ("undefined", Tone.UNDEFINED, "no gap in TPR and FPR is defined"),
    ],
)
def test_each_verdict_has_its_statement(verdict, tone, headline):
    """Per attribute, with the rates that it is about."""
    rows = [gap(metric, 0.02, verdict=verdict) for metric in ("tpr", "fpr")]

    [statement] = operating_point.statements(example(*rows), "m")

    assert (statement.tone, statement.headline) == (tone, f"At one threshold, by sex: {headline}")


def test_no_disparity_is_not_stated_beside_one_in_auroc():
    """By the same attribute; by another one, it is."""
    open_ = gap("tpr", -0.2, verdict="inconclusive")

    beside = operating_point.statements(example(*by_sex("disparity"), open_), "m")
    other = operating_point.statements(example(*by_sex("disparity", attribute="race"), open_), "m")

    assert beside[0].headline == "At one threshold, by sex: 1 of 1 comparison in TPR inconclusive"
    assert "no disparity in TPR found" in other[0].headline


def test_a_disparity_in_favour_is_stated_of_more_than_two_groups():
    """Of three groups, one can be better although no other is shown to be worse."""
    races = [
        gap("tpr", value, verdict=verdict) | {"attribute": "race", "group": group}
        for group, value, verdict in (
            ("asian", 0.3, "disparity"),
            ("black", -0.1, "inconclusive"),
            ("white", -0.1, "inconclusive"),
        )
    ]

    found = operating_point.statements(example(*races), "m")

    assert [s.tone for s in found] == [Tone.IN_FAVOUR, Tone.INCONCLUSIVE]
    assert found[0].headline == (
        "At one threshold, by race: TPR better than in all other groups in 1 comparison"
    )
    assert found[1].headline.endswith("2 of 3 comparisons in TPR inconclusive")


def test_rates_of_no_finding_have_their_own_names():
    """A false positive of No Finding is a missed patient."""
    rows = [gap(metric, 0.2, NO_FINDING) for metric in ("fpr", "underdiagnosis")]

    [statement] = headlines(*rows)

    assert "flagged as No Finding more often" in statement


def test_the_largest_gap_is_named():
    """With its finding, and how many findings have a disparity."""
    rows = [gap("tpr", -0.2), gap("tpr", -0.4, "Mass"), gap("tpr", -0.1, "Nodule", "inconclusive")]

    statement, open_ = operating_point.statements(example(*rows), "m")

    assert "1 of 3 comparisons in TPR inconclusive" in open_.headline
    assert statement.detail == (
        "Disparity for 2 of 3 findings. Largest for mass, flagged at or above 0.3: TPR gap −0.40 (−0.43 to −0.37)."
    )


def test_training_runs_have_no_common_threshold():
    """Each has its own, so that none is named."""
    [statement] = operating_point.statements(example(gap("tpr", -0.2) | {"at": float("nan")}), "m")

    assert "Largest for edema: TPR gap −0.20" in statement.detail
