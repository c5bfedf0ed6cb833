"""The forest plot shows every row at its value, by the facts of its metric."""

import numpy as np
import pytest
from charted import marks_of, row_panels, rows_of, values, words
from example_audit import by_sex, example, judged, overall, planted_audit, row

from cxraudit.figures import forest
from cxraudit.schema import COMPLEMENT, Analysis, Reason, is_level


def rates(value: float, verdict: str = "disparity"):
    """Levels and gaps of a rate at a threshold by sex."""
    named = {"metric": "fpr", "at": 0.3}
    return [
        row(Analysis.OPERATING_POINT, 0.2, **named),
        *by_sex(verdict, value, analysis=Analysis.OPERATING_POINT, **named),
    ]


def test_every_group_is_drawn_at_its_value():
    """Gaps in the second column, groups with their patients in the first, and why a value is missing."""
    results = planted_audit().results
    rows = results[
        (results["analysis"] == Analysis.SUBGROUPS)
        & (results["metric"] == "auroc")
        & (results["attribute"] == "race")
    ]

    chart = forest(results, "race")

    gaps = rows[rows["reference"] == COMPLEMENT]["value"].dropna()
    np.testing.assert_allclose(values(chart, 1), sorted(gaps))
    np.testing.assert_allclose(values(chart, 0), sorted(rows[is_level(rows)]["value"].dropna()))
    drawn = rows_of(row_panels(chart)[0])
    assert len(drawn) == 6
    assert "no positives" in {cell.why for one in drawn for cell in one.cells if cell}


def test_the_line_of_all_patients_is_that_of_its_finding():
    """None where it is missing."""
    chart = forest(example(overall(), *by_sex("disparity")).results, "sex")
    missing = forest(example(overall(float("nan")), *by_sex("disparity")).results, "sex")

    [[guide, none]] = [part.guides for part in row_panels(chart)[0].parts]
    assert (guide.at, none) == (overall()["value"], None)
    assert [part.guides for part in row_panels(missing)[0].parts] == [(None, None)]


@pytest.mark.parametrize(("level", "named"), [(0.95, "95 %"), (0.8, "80 %")])
def test_the_note_names_the_level_of_its_rows(level, named):
    """And the level that decides equivalence."""
    rows = [r | {"confidence_level": level} for r in [overall(), *by_sex("equivalent")]]

    note = forest(example(*rows).results, "sex").note

    assert f"{named} interval" in note
    assert f"equivalence is decided by the {200 * level - 100:g} % interval" in note


def test_where_lower_is_better_a_higher_rate_is_worse():
    """FPR points the other way: the ends of the axis and the marks are turned."""
    [panel] = row_panels(forest(example(*rates(0.2)).results, "sex", metric="fpr"))

    assert panel.columns[1].ends == ("better", "worse for this group")
    by_value = {round(mark.value, 3): mark.look.shape for mark in marks_of(panel, 1)}
    assert by_value == {0.2: "diamond", -0.2: "triangle"}


def test_the_margin_is_that_of_the_rows():
    """As wide as it was declared; none where none was."""

    def shaded(margin: float) -> float:
        rows = [r | {"margin": margin} for r in by_sex("equivalent")[2:]]
        chart = forest(example(overall(), *by_sex("")[:2], *rows).results, "sex")
        return row_panels(chart)[0].columns[1].margin

    assert shaded(0.1) == 0.1
    assert np.isnan(shaded(float("nan")))


def test_other_analyses_of_the_attribute_are_not_drawn():
    """Standardised gaps and group pairs have the same attribute and metric."""
    others = [
        judged(analysis, 0.5, "disparity", attribute="sex", group="female", condition="age_group")
        for analysis in (Analysis.STANDARDISED, Analysis.GROUP_PAIRS, Analysis.CORRUPTION)
    ]
    chart = forest(example(overall(), *by_sex("disparity"), *others).results, "sex")

    assert values(chart, 1) == [-0.12, 0.12]


def test_the_interval_of_all_comparisons_is_beside_that_of_the_row():
    """A difference without the first has the second only, and the note does not name it."""
    chart = forest(example(overall(), *by_sex("disparity")).results, "sex")
    mark = next(one for one in marks_of(row_panels(chart)[0], 1) if one.value < 0)

    assert (mark.low_simultaneous, mark.high_simultaneous) == pytest.approx((-0.17, -0.07))
    assert (mark.low, mark.high) == pytest.approx((-0.15, -0.09))
    assert "−0.17 to −0.07 for all comparisons at once" in mark.hover
    assert "thin: for all comparisons at once" in chart.note

    alone = [row | {"low_simultaneous": np.nan, "high_simultaneous": np.nan} for row in by_sex("")]
    chart = forest(example(overall(), *alone).results, "sex")
    assert all(np.isnan(mark.low_simultaneous) for mark in marks_of(row_panels(chart)[0], 1))
    assert "thin" not in chart.note


def test_a_hidden_row_has_no_number_anywhere():
    """Neither its values nor its counts, but the reason."""
    nothing = {"value": np.nan, "low": np.nan, "high": np.nan, "low_simultaneous": np.nan}
    nothing |= {"high_simultaneous": np.nan, "reasons": Reason.SUPPRESSED, "p_adjusted": np.nan}
    counts = dict.fromkeys(("n", "n_positive", "n_patients", "n_positive_patients"))
    rows = [r | nothing | counts for r in by_sex("")]

    shown = words(forest(example(overall(), *rows).results, "sex"))

    assert shown.count("hidden: too few patients") == 2
    assert "female –" in shown
    assert "patient," not in shown
    assert "image" not in shown
