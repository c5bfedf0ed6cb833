"""The figure of decision curves draws the rows of the results."""

import numpy as np
import pytest
from charted import planes

from cxraudit import figures, tables
from cxraudit.audits.decision_curve import PROBABILITIES
from cxraudit.formatting import with_interval
from cxraudit.schema import FLAG_ALL, OVERALL, Analysis
from cxraudit.settings import AuditSettings
from planted import audit_of, pick, planted_table


@pytest.fixture(scope="module")
def results():
    """Of a model whose scores are mapped to probabilities."""
    settings = AuditSettings(n_resamples=100, operating_point="none")
    return audit_of(planted_table(12, n_patients=200), settings=settings, attributes=["sex"])


def test_every_group_has_a_line_of_the_model_and_one_of_flagging_all(results):
    """One panel per finding, with the values of the rows."""
    found = planes(figures.decision_curves(results, "sex"))

    assert set(found) == {"Cardiomegaly", "Pneumothorax"}
    drawn = [line.y for line in found["Cardiomegaly"].lines]
    rows = pick(results, analysis=Analysis.DECISION_CURVE, finding="Cardiomegaly", attribute="sex")
    wanted = [part["value"] for _, part in rows.groupby(["group", "condition"])]
    assert len(drawn) == len(wanted) == 4
    for values in wanted:
        assert any(np.array_equal(values, line) for line in drawn)


def test_groups_without_values_leave_their_lines_out(results):
    """As where small cells are hidden."""
    hidden = results.assign(value=results["value"].mask(results["group"] == "female"))

    plane = planes(figures.decision_curves(hidden, "sex"))["Cardiomegaly"]

    assert np.isfinite([plane.y.low, plane.y.high]).all()


def test_the_table_has_every_probability_of_every_group(results):
    """All patients first, with the net benefit of flagging every image beside it."""
    table = tables.decision_table(results, "sex")

    assert len(table) == 2 * 3 * len(PROBABILITIES)
    assert table["group"].iloc[0] == "all patients"
    row = pick(
        results, analysis=Analysis.DECISION_CURVE, attribute=OVERALL, condition=FLAG_ALL, at=0.2
    ).iloc[0]
    shown = table[(table["finding"] == row["finding"]) & (table["threshold probability"] == "0.2")]
    assert shown[FLAG_ALL].iloc[0] == with_interval(row["value"], row["low"], row["high"])


def test_without_curves_the_table_is_empty(results):
    """Not an error."""
    assert tables.decision_table(results[results["analysis"] == Analysis.SUBGROUPS], "sex").empty
