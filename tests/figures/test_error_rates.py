"""TPR against FPR of every group, at the values of the rows."""

import numpy as np
import pytest
from charted import planes
from example_audit import example, judged, planted_audit, row

from cxraudit.figures import error_rates
from cxraudit.schema import Analysis, is_level


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


def points(results, finding: str = "Pneumothorax"):
    """Group → its point."""
    return {point.name: point for point in planes(error_rates(results, "sex"))[finding].points}


def test_every_group_is_drawn_at_its_rates():
    """One panel per finding; a group without positives has no mark, and the panel says why."""
    results = planted_audit().results
    levels = results[
        (results["analysis"] == Analysis.OPERATING_POINT)
        & (results["attribute"] == "race")
        & is_level(results)
    ]
    wide = levels.pivot(index=["finding", "group"], columns="metric", values="value")

    found = planes(error_rates(results, "race"))

    assert set(found) == {"Cardiomegaly", "Pneumothorax"}
    for finding, plane in found.items():
        expected = wide.loc[finding][["fpr", "tpr"]].dropna()
        drawn = sorted([point.x, point.y] for point in plane.points)
        np.testing.assert_allclose(drawn, sorted(expected.to_numpy().tolist()))
    assert "asian: no positives" in found["Cardiomegaly"].notes


def test_bars_are_the_intervals_of_both_rates():
    """FPR across, TPR upwards, from low to high; none where there is no interval."""
    results = example(*rates()).results

    point = points(results)["female"]

    assert (point.low_x, point.high_x) == pytest.approx((0.07, 0.13))
    assert (point.low_y, point.high_y) == pytest.approx((0.67, 0.73))
    without = points(results.assign(low=np.nan, high=np.nan))["female"]
    assert np.isnan([without.low_x, without.high_x, without.low_y, without.high_y]).all()


def test_lines_are_the_rates_of_all_patients():
    """One across at TPR, one upwards at FPR."""
    plane = planes(error_rates(example(*rates()).results, "sex"))["Pneumothorax"]

    assert [guide.at for guide in plane.upright] == [0.15]
    assert [guide.at for guide in plane.across] == [0.75]


def test_groups_that_are_not_compared_are_hollow():
    """In the panel and in the legend, where they are named so."""
    results = example(*rates()).results

    looks = {name: point.look for name, point in points(results).items()}

    assert {name: look.hollow for name, look in looks.items()} == {
        "female": False,
        "male": False,
        "unknown": True,
    }
    assert looks["female"].colour != looks["male"].colour
    names = [text for _, text in error_rates(results, "sex").legend]
    assert names == ["female", "male", "unknown (not compared)"]


@pytest.mark.parametrize(("level", "named"), [(0.95, "95 %"), (0.8, "80 %")])
def test_the_note_names_the_level_of_its_rows(level, named):
    """Not a default."""
    rows = [one | {"confidence_level": level} for one in rates()]

    assert f"Bars: {named} interval" in error_rates(example(*rows).results, "sex").note


def test_rates_of_other_analyses_are_not_drawn():
    """Counterfactuals have the same metrics, and groups of the same attribute."""
    others = [
        row(Analysis.COUNTERFACTUAL, 0.5, metric=metric, attribute="sex", group="female")
        for metric in ("tpr", "fpr")
    ]

    found = points(example(*rates(), *others).results)

    assert sorted((point.x, point.y) for point in found.values()) == [
        (0.1, 0.7),
        (0.2, 0.8),
        (0.3, 0.6),
    ]
