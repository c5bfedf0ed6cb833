"""One model and one shortcut: five panels that show their rows."""

import pytest
from example_audit import by_sex, example, judged, percentiles, planted_audit, shortcut_rows

from cxraudit.figures import shortcut_summary
from cxraudit.schema import ANNOTATED, Analysis


def panels(rows):
    """All panels of the figure, by title."""
    figure = shortcut_summary(example(*rows).results, percentiles(), "drain")
    found = {}
    for axes in figure.axes:
        for loc in ("left", "right"):
            if axes.get_title(loc):
                found[axes.get_title(loc)] = axes
    return found


def labels(axes) -> list[str]:
    """Labels of the lines of a panel."""
    return [label.get_text() for label in axes.get_yticklabels()]


def test_a_planted_shortcut_is_drawn():
    """Five panels, the last of subgroups standardised by the shortcut."""
    audit = planted_audit()

    figure = shortcut_summary(audit.results, audit.score_percentiles, "drain")

    assert len(figure.subfigs) == 3
    assert len(figure.axes) == 5


def test_gaps_are_named_by_their_analysis():
    """With what was held equal, and the source of labels where it is one only."""
    annotated = [r | {"label_source": ANNOTATED} for r in shortcut_rows()[:3]]

    axes = panels([*shortcut_rows(), *annotated])["Gaps"]

    assert labels(axes) == [
        "with − without",
        "with − without, annotated labels only",
        "… standardised by age × view",
        "BNSP − BPSN",
        "as observed − independent of the finding",
        "as observed − negatives reweighted",
        "as observed − positives reweighted",
    ]
    assert "+0.03" in [text.get_text().strip() for text in axes.texts]


def test_the_score_s_auroc_for_the_shortcut_is_a_diamond():
    """In the colour of its verdict, beside the four areas of shortcut × finding."""
    [axes] = [a for title, a in panels(shortcut_rows()).items() if title.startswith("AUROC of one")]

    assert len(labels(axes)) == 6
    diamonds = [line for line in axes.lines if line.get_marker() == "D"]
    assert [float(line.get_xdata()[0]) for line in diamonds] == [0.7, 0.7]


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

    axes = panels(rows)["Gaps of subgroups, standardised by chest drain"]

    assert labels(axes) == ["sex: female"]
    assert "95 % interval" in axes.get_xlabel()


@pytest.mark.parametrize("level", [0.95, 0.8])
def test_the_level_is_that_of_the_rows(level):
    """On the axis of the gaps."""
    rows = [r | {"confidence_level": level} for r in shortcut_rows()]

    assert f"{100 * level:g} % interval" in panels(rows)["Gaps"].get_xlabel()


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

    figure = shortcut_summary(results, percentiles().assign(shortcut="race:asian"), "race:asian")

    assert len(figure.subfigs) == 3
