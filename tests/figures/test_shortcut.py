"""One model and one shortcut: five panels that show their rows."""

import numpy as np
import pytest
from charted import row_panels, rows_of
from example_audit import by_sex, example, judged, percentiles, planted_audit, shortcut_rows

from cxraudit.figures import shortcut_summary
from cxraudit.schema import ANNOTATED, Analysis


def summary(rows):
    """The figure of some rows."""
    return shortcut_summary(example(*rows).results, percentiles(), "drain")


def panels(rows):
    """All panels with rows, by title."""
    return {panel.title: panel for panel in row_panels(summary(rows))}


def names(panel) -> list[str]:
    """Names of the rows of a panel."""
    return [row.name for row in rows_of(panel)]


def test_a_planted_shortcut_is_drawn():
    """Five panels, the last of subgroups standardised by the shortcut."""
    audit = planted_audit()

    chart = shortcut_summary(audit.results, audit.score_percentiles, "drain")

    assert len(chart.panels) == 5
    assert len(chart.bands) == 4


def test_distributions_have_the_shares_and_the_mean_of_their_rows():
    """One per kind of image, on one scale."""
    shown = rows_of(panels(shortcut_rows())["Distribution of scores"])

    marks = [row.cells[0] for row in shown]
    assert max(height for mark in marks for height in mark.histogram.heights) == 1
    table = percentiles()
    kinds = table.groupby(["has_finding", "has_shortcut"])
    means = [float((part["percentile"] * part["share"]).sum()) for _, part in kinds]
    np.testing.assert_allclose(sorted(mark.value for mark in marks), sorted(means))


def test_gaps_are_named_by_their_analysis():
    """With what was held equal, and the source of labels where it is one only."""
    annotated = [r | {"label_source": ANNOTATED} for r in shortcut_rows()[:3]]

    panel = panels([*shortcut_rows(), *annotated])["Gaps"]

    assert names(panel) == [
        "with − without",
        "with − without, annotated labels only",
        "… standardised by age × view",
        "BNSP − BPSN",
        "as observed − independent of the finding",
        "as observed − negatives reweighted",
        "as observed − positives reweighted",
    ]
    assert any(row.cells[0].text.startswith("+0.03") for row in rows_of(panel))


def test_the_score_s_auroc_for_the_shortcut_has_a_verdict():
    """And its look, beside the four areas of shortcut × finding."""
    [panel] = [p for title, p in panels(shortcut_rows()).items() if title.startswith("AUROC of")]

    assert len(names(panel)) == 6
    marks = [row.cells[0] for row in rows_of(panel) if row.cells[0].words]
    assert [mark.value for mark in marks] == [0.7, 0.7]


def test_subgroups_are_drawn_raw_and_standardised_by_the_shortcut():
    """Of two groups only one; intersections are left out."""
    standardised = [
        judged(Analysis.STANDARDISED, -0.1, "disparity", attribute=a, group=g, condition="drain")
        for a, g in (("sex", "female"), ("sex", "male"), ("sex*race", "female, black"))
    ]
    crossed = judged(
        Analysis.SUBGROUPS, -0.1, "disparity", attribute="sex*race", group="female, black"
    )
    rows = [*shortcut_rows(), *by_sex("disparity"), crossed, *standardised]

    panel = panels(rows)["Gaps of subgroups in AUROC, standardised by chest drain"]

    assert names(panel) == ["sex: female"]
    [row] = rows_of(panel)
    assert [mark.value for mark in row.cells] == [-0.12, -0.1]


@pytest.mark.parametrize("level", [0.95, 0.8])
def test_the_level_is_that_of_the_rows(level):
    """In the note."""
    rows = [r | {"confidence_level": level} for r in shortcut_rows()]

    assert f"{100 * level:g} % interval" in summary(rows).note


def test_a_derived_shortcut_finds_its_standardised_gaps():
    """The condition is the name of the column, whatever its display name."""
    rows = [r | {"attribute": "race:asian"} for r in shortcut_rows()]
    gap = judged(
        Analysis.STANDARDISED,
        -0.1,
        "disparity",
        attribute="sex",
        group="female",
        condition="race:asian",
    )
    results = example(*rows, *by_sex("disparity"), gap).results

    chart = shortcut_summary(results, percentiles().assign(shortcut="race:asian"), "race:asian")

    assert len(chart.bands) == 4
