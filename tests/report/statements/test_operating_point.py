"""Statements on rates at one threshold."""

import pytest
from example_audit import example, judged

from cxraudit.report.statements import Tone, operating_point
from cxraudit.schema import NO_FINDING, Analysis


def gap(metric: str, value: float, finding: str = "Edema", verdict: str = "disparity"):
    """A gap of women in a rate."""
    return judged(
        Analysis.OPERATING_POINT,
        value,
        verdict,
        metric=metric,
        finding=finding,
        attribute="sex",
        group="female",
        at=0.3,
    )


def headlines(*rows) -> list[str]:
    """Headlines on the operating point of an audit of some rows."""
    found = operating_point.statements(example(*rows), "m")
    assert {statement.tone for statement in found} <= {Tone.DISPARITY}
    return [statement.headline for statement in found]


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


def test_only_disparities_are_stated():
    """What is not settled stands in the tables."""
    assert headlines(gap("tpr", -0.2, verdict="inconclusive")) == []


def test_rates_of_no_finding_have_their_own_names():
    """A false positive of No Finding is a missed patient."""
    rows = [gap(metric, 0.2, NO_FINDING) for metric in ("fpr", "underdiagnosis")]

    [statement] = headlines(*rows)

    assert "flagged as No Finding more often" in statement


def test_the_largest_gap_is_named():
    """With its finding, and how many findings have a disparity."""
    rows = [gap("tpr", -0.2), gap("tpr", -0.4, "Mass"), gap("tpr", -0.1, "Nodule", "inconclusive")]

    [statement] = operating_point.statements(example(*rows), "m")

    assert statement.detail == (
        "Disparity for 2 of 3 findings. Largest for mass, flagged at or above 0.3: TPR gap −0.40 (−0.43 to −0.37)."
    )
