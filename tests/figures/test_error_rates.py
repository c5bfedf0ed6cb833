"""TPR against FPR of every group, at the values of the rows."""

import numpy as np
import pytest
from example_audit import example, judged, planted_audit, row

from cxraudit.figures import error_rates
from cxraudit.schema import Analysis, is_level


def marked(axes):
    """Position → colour of the face of every mark of a panel."""
    return {
        (float(line.get_xdata()[0]), float(line.get_ydata()[0])): line.get_markerfacecolor()
        for line in axes.lines
        if line.get_marker() not in ("None", None, "")
    }


def rates(finding: str = "Pneumothorax", **cells):
    """Both rates of all patients and of three groups; the unknown one is not compared."""
    named = {"analysis": Analysis.OPERATING_POINT, "finding": finding, "at": 0.3, **cells}
    of_groups = {"female": (0.1, 0.7), "male": (0.2, 0.8), "unknown": (0.3, 0.6)}
    rows = [row(value=0.75, metric="tpr", **named), row(value=0.15, metric="fpr", **named)]
    for group, (fpr, tpr) in of_groups.items():
        here = named | {"attribute": "sex", "group": group}
        rows += [row(value=tpr, metric="tpr", **here), row(value=fpr, metric="fpr", **here)]
        if group != "unknown":
            rows.append(judged(value=0.1, verdict="inconclusive", metric="tpr", **here))
    return rows


def test_every_group_is_drawn_at_its_rates():
    """One panel per finding; a group without positives has no mark, and the panel says why."""
    results = planted_audit().results
    levels = results[
        (results["analysis"] == Analysis.OPERATING_POINT)
        & (results["attribute"] == "race")
        & is_level(results)
    ]
    wide = levels.pivot(index=["finding", "group"], columns="metric", values="value")

    panels = {axes.get_title(loc="left"): axes for axes in error_rates(results, "race").axes}

    assert set(panels) == {"Cardiomegaly", "Pneumothorax"}
    for finding, axes in panels.items():
        expected = wide.loc[finding][["fpr", "tpr"]].dropna()
        np.testing.assert_allclose(sorted(marked(axes)), sorted(expected.to_numpy().tolist()))
    assert "asian: no positives" in [text.get_text() for text in panels["Cardiomegaly"].texts]


def test_bars_are_the_intervals_of_both_rates():
    """FPR across, TPR upwards, from low to high; none where there is no interval."""

    def bars(results):
        [axes] = error_rates(results, "sex").axes
        lines = [np.transpose(line.get_data()).tolist() for line in axes.lines]
        return [ends for ends in lines if len(ends) == 2 and np.isfinite(ends).all()]

    results = example(*rates()).results

    for ends in ([[0.07, 0.7], [0.13, 0.7]], [[0.1, 0.67], [0.1, 0.73]]):
        assert any(np.allclose(ends, found) for found in bars(results))
    without = bars(results.assign(low=np.nan, high=np.nan))
    assert len(bars(results)) - len(without) == 6


def test_lines_are_the_rates_of_all_patients():
    """One across at TPR, one upwards at FPR."""
    [axes] = error_rates(example(*rates()).results, "sex").axes

    ends = [np.transpose(line.get_data()).tolist() for line in axes.lines]
    assert [[0.15, 0], [0.15, 1]] in ends
    assert [[0, 0.75], [1, 0.75]] in ends


def test_groups_that_are_not_compared_are_hollow():
    """In the panel and in the legend, where they are named so."""
    figure = error_rates(example(*rates()).results, "sex")

    faces = marked(figure.axes[0])
    [legend] = figure.legends
    assert faces[0.3, 0.6] == "white"
    assert len({faces[0.1, 0.7], faces[0.2, 0.8], "white"}) == 3
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels == ["female", "male", "unknown (not compared)"]


@pytest.mark.parametrize(("level", "words"), [(0.95, "95 %"), (0.8, "80 %")])
def test_the_legend_names_the_level_of_its_rows(level, words):
    """Not a default."""
    rows = [one | {"confidence_level": level} for one in rates()]

    [legend] = error_rates(example(*rows).results, "sex").legends

    assert f"bars: {words} interval" in legend.get_title().get_text()


def test_panels_without_one_below_have_an_axis():
    """Also above an empty place of the grid."""
    findings = ("Atelectasis", "Cardiomegaly", "Edema", "Pneumonia")
    audit = example(*(one for finding in findings for one in rates(finding)))

    panels = error_rates(audit.results, "sex").axes[:4]

    assert [axes.get_xlabel() for axes in panels] == ["", "FPR", "FPR", "FPR"]


def test_rates_of_other_analyses_are_not_drawn():
    """Counterfactuals have the same metrics, and groups of the same attribute."""
    others = [
        row(Analysis.COUNTERFACTUAL, 0.5, metric=metric, attribute="sex", group="female")
        for metric in ("tpr", "fpr")
    ]

    [axes] = error_rates(example(*rates(), *others).results, "sex").axes

    assert sorted(marked(axes)) == [(0.1, 0.7), (0.2, 0.8), (0.3, 0.6)]
