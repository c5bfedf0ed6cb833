"""The forest plot shows every row at its value, by the facts of its metric."""

import numpy as np
import pytest
from example_audit import by_sex, example, judged, marks, overall, planted_audit, row

from cxraudit.figures import forest
from cxraudit.schema import COMPLEMENT, Analysis, is_level


def rates(value: float, verdict: str = "disparity"):
    """Levels and gaps of a rate at a threshold by sex."""
    named = {"metric": "fpr", "at": 0.3}
    return [
        row(Analysis.OPERATING_POINT, 0.2, **named),
        *by_sex(verdict, value, analysis=Analysis.OPERATING_POINT, **named),
    ]


def test_every_group_is_drawn_at_its_value():
    """Gaps on the right, groups with their patients on the left, and why a value is missing."""
    results = planted_audit().results
    rows = results[
        (results["analysis"] == Analysis.SUBGROUPS)
        & (results["metric"] == "auroc")
        & (results["attribute"] == "race")
    ]

    left, right = forest(results, "race").axes[:2]

    gaps = rows[rows["reference"] == COMPLEMENT]["value"].dropna()
    np.testing.assert_allclose(marks(right), sorted(gaps))
    np.testing.assert_allclose(marks(left), sorted(rows[is_level(rows)]["value"].dropna()))
    assert len(left.get_yticklabels()) == 6
    assert "no positives" in [text.get_text() for text in left.texts]


@pytest.mark.parametrize(("level", "words"), [(0.95, "95 %"), (0.8, "80 %")])
def test_the_axis_names_the_level_of_its_rows(level, words):
    """And the level that decides equivalence."""
    rows = [r | {"confidence_level": level} for r in [overall(), *by_sex("equivalent")]]

    label = forest(example(*rows).results, "sex").axes[1].get_xlabel()

    assert f"{words} interval" in label
    assert f"(equivalence: {200 * level - 100:g} %)" in label


def test_where_lower_is_better_a_higher_rate_is_worse():
    """FPR points the other way: the arrows of the axis and the marks are turned."""
    right = forest(example(*rates(0.2)).results, "sex", metric="fpr").axes[1]

    assert "← better" in right.get_xlabel()
    by_value = {
        round(float(line.get_xdata()[0]), 3): line.get_marker()
        for line in right.lines
        if line.get_marker() not in ("None", "") and len(line.get_xdata())
    }
    assert by_value == {0.2: "D", -0.2: "^"}


def test_the_margin_is_that_of_the_rows():
    """Shaded as wide as it was declared; nothing where none was."""

    def shaded(margin: float) -> list[float]:
        rows = [r | {"margin": margin} for r in by_sex("equivalent")[2:]]
        axes = forest(example(overall(), *by_sex("")[:2], *rows).results, "sex").axes[1]
        return [float(patch.get_width()) for patch in axes.patches]

    assert shaded(0.1) == [pytest.approx(0.2)]
    assert shaded(float("nan")) == []


def test_other_analyses_of_the_attribute_are_not_drawn():
    """Standardised gaps and group pairs have the same attribute and metric."""
    others = [
        judged(analysis, 0.5, "disparity", attribute="sex", group="female", condition="age_group")
        for analysis in (Analysis.STANDARDISED, Analysis.GROUP_PAIRS, Analysis.CORRUPTION)
    ]
    figure = forest(example(overall(), *by_sex("disparity"), *others).results, "sex")

    assert marks(figure.axes[1]) == [-0.12, 0.12]


def test_the_interval_of_all_comparisons_is_a_thin_line_around_the_thick_one():
    """Both are those of the row; a difference without the first has the second only."""
    axes = forest(example(overall(), *by_sex("disparity")).results, "sex").axes[1]
    lines = {
        float(line.get_linewidth()): sorted(float(x) for x in line.get_xdata())
        for line in axes.lines
        if len(line.get_xdata()) == 2 and line.get_ydata()[0] == 1
    }

    assert lines[0.6] == pytest.approx([-0.17, -0.07])
    assert lines[1.6] == pytest.approx([-0.15, -0.09])
    assert "thin: for all comparisons at once" in axes.get_xlabel()

    alone = [row | {"low_simultaneous": np.nan, "high_simultaneous": np.nan} for row in by_sex("")]
    axes = forest(example(overall(), *alone).results, "sex").axes[1]
    assert 0.6 not in {float(line.get_linewidth()) for line in axes.lines}
    assert "thin" not in axes.get_xlabel()
