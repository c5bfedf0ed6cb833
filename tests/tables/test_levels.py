"""Tables of levels list what METRICS declares, with intervals, rounded late."""

from dataclasses import replace

import pytest
from example_audit import by_sex, example, overall, planted_audit, row

from cxraudit import tables
from cxraudit.metrics import METRICS, Family
from cxraudit.schema import Analysis, is_level


def test_the_operating_table_has_rates_and_calibration():
    """One row per finding and group, values as in the rows."""
    results = planted_audit().results
    table = tables.operating_table(results, "sex").set_index(["finding", "group"])
    rows = results[
        (results["attribute"] == "sex")
        & is_level(results)
        & (results["analysis"] == Analysis.OPERATING_POINT)
    ].set_index(["finding", "group", "metric"])

    for finding, group in [("Cardiomegaly", "female"), ("Pneumothorax", "male")]:
        value = rows.loc[(finding, group, "tpr"), "value"]
        assert table.loc[(finding, group), "TPR"].startswith(f"{value:.3f}")
    assert {"flagged", "FPR", "PPV", "net benefit", "calibration slope"} <= set(table.columns)
    assert "Brier" not in table.columns


def test_probabilities_of_other_images_have_counts_of_their_own():
    """At a given threshold rates are of all patients, calibration of those no map was fitted on."""
    named = {"attribute": "sex", "group": "female", "at": 0.5}
    rates = row(Analysis.OPERATING_POINT, 0.8, metric="tpr", n_patients=135, n=293, **named)
    benefit = rates | {"metric": "net_benefit", "n_patients": 112, "n": 243}
    same = [one | {"finding": "Edema", "n_patients": 112, "n": 243} for one in (rates, benefit)]

    mixed = tables.operating_table(example(overall(), rates, benefit).results, "sex").iloc[0]
    both = tables.operating_table(example(overall(), rates, benefit, *same).results, "sex")
    alone = tables.operating_table(example(overall(), *same).results, "sex")

    assert list(mixed.index[2:]) == [
        *("patients", "images", "with finding", "TPR"),
        *("patients (probabilities)", "images (probabilities)", "with finding (probabilities)"),
        "net benefit",
    ]
    assert (mixed["patients"], mixed["images"]) == (135, 293)
    assert (mixed["patients (probabilities)"], mixed["images (probabilities)"]) == (112, 243)
    assert both.set_index("finding").loc["Edema", "patients (probabilities)"] == 112
    assert "patients (probabilities)" not in alone


def test_the_levels_table_marks_what_is_undefined():
    """One row per finding and group, all patients first; a dash where there is no number."""
    table = tables.levels_table(planted_audit().results, "race")

    assert len(table) == 8
    assert list(table.groupby("finding")["group"].first()) == ["all patients"] * 2
    empty = table[(table["finding"] == "Cardiomegaly") & (table["group"] == "asian")].iloc[0]
    assert empty["AUROC"] == "–"
    assert empty["note"]


@pytest.mark.parametrize(
    ("family", "analysis", "build"),
    [
        (Family.RANKING, Analysis.SUBGROUPS, tables.levels_table),
        (Family.DECISION, Analysis.OPERATING_POINT, tables.operating_table),
        (Family.CALIBRATION, Analysis.CALIBRATION, tables.operating_table),
    ],
)
def test_a_new_metric_is_one_row_of_metrics(monkeypatch, family, analysis, build):
    """Declared and computed, it is a column; declared as not shown, it is none."""
    new = replace(METRICS["auroc"], name="gini", label="Gini coefficient", family=family)
    rows = [
        overall(),
        *by_sex("disparity"),
        row(analysis, 0.62, metric="gini", attribute="sex", group="female"),
    ]
    results = example(*rows).results

    monkeypatch.setitem(METRICS, "gini", new)
    table = build(results, "sex").set_index("group")
    assert table.loc["female", "Gini coefficient"] == "0.620 (0.590–0.650)"

    monkeypatch.setitem(METRICS, "gini", replace(new, shown=False))
    assert "Gini coefficient" not in build(results, "sex").columns


def test_another_attribute_is_not_in_the_table():
    """Only all patients and the groups of the one that was named."""
    results = example(overall(), *by_sex("disparity"), *by_sex("disparity", attribute="x")).results

    assert list(tables.levels_table(results, "sex")["group"]) == ["all patients", "female", "male"]


def test_without_rows_the_table_is_empty():
    """As without an operating point."""
    assert tables.operating_table(example(overall()).results, "sex").empty


def test_a_group_called_like_all_patients_is_marked_as_a_group():
    """In the same column."""
    own = row(Analysis.SUBGROUPS, 0.7, attribute="ward", group="all patients")

    table = tables.levels_table(example(overall(), own).results, "ward")

    assert table["group"].tolist() == ["all patients", "all patients (group)"]
