"""The section of tests of all groups at once."""

import pytest
from bs4 import BeautifulSoup
from example_audit import example, overall, row

from cxraudit.report.sections import heterogeneity
from cxraudit.report.sections.context import context_of
from cxraudit.schema import EACH_OTHER, Analysis, Reason


def one_test(p_adjusted, level=0.95):
    """A test of all groups by sex."""
    return row(
        Analysis.HETEROGENEITY,
        float("nan"),
        attribute="sex",
        reference=EACH_OTHER,
        p_value=p_adjusted / 2,
        p_adjusted=p_adjusted,
        confidence_level=level,
    )


def built(*rows):
    """Build the section."""
    audit = example(*rows)
    return heterogeneity.build(audit, context_of(audit, "toy", None))


def test_it_is_left_out_without_tests():
    """An audit without resamples has none."""
    assert built(overall()) is None


@pytest.mark.parametrize(
    ("level", "summary"), [(0.95, "0 of 1 test below 0.05"), (0.8, "1 of 1 test below 0.2")]
)
def test_the_level_is_that_of_the_run(level, summary):
    """An adjusted p of 0.1 is below 0.2, and not below 0.05."""
    _, details = built(one_test(0.1, level)).blocks

    assert details.summary.startswith(summary)


def test_two_training_runs_are_a_reason_of_their_own():
    """Not too few patients."""
    _, details = built(one_test(float("nan")) | {"reasons": Reason.TOO_FEW_RUNS.value}).blocks

    assert "two training runs" in details.summary


def test_the_table_has_both_p_values():
    """One row per model, finding and attribute."""
    _, details = built(one_test(0.02)).blocks

    cells = [
        cell.text for cell in BeautifulSoup(details.blocks[0].html, "html.parser").select("td")
    ]
    assert "0.010" in cells
    assert "0.020" in cells


def test_tests_that_were_not_possible_are_no_tests_above_the_level():
    """They are named, with the reason."""
    none = float("nan")
    impossible = "o test was possible: fewer than two groups have 10 patients with and without"

    _, alone = built(one_test(none)).blocks
    _, beside = built(one_test(0.02), one_test(none)).blocks

    assert alone.summary.startswith(f"N{impossible}")
    assert beside.summary == "1 of 1 test below 0.05 after adjustment; 1 more not possible"
    assert f"n{impossible}" in beside.blocks[0].html
