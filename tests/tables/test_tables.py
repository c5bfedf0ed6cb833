"""Tables of differences, models, probes and perturbations: text that names what was compared."""

import pytest
from example_audit import (
    by_sex,
    example,
    insertion_rows,
    judged,
    overall,
    probe_rows,
    row,
    shortcut_rows,
)

from cxraudit import tables
from cxraudit.schema import ANNOTATED, CONTROLS, Analysis
from planted import POINT, planted_table, whole_audit_of


def test_gaps_have_interval_p_value_detectable_gap_and_verdict():
    """Rounded to three decimals, with signs."""
    table = tables.gaps_table(example(overall(), *by_sex("disparity")).results, "sex")

    assert table.iloc[0].to_dict() == {
        "finding": "Pneumothorax",
        "group": "female",
        "compared with": "all other groups",
        "labels": "",
        "difference": "−0.120 (−0.150 to −0.090)",
        "for all comparisons at once": "−0.170 to −0.070",
        "p (adjusted)": "0.020",
        "detectable with 80 % power": "0.080",
        "effective patients": "–",
        "verdict": "disparity",
        "note": "",
    }


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (
            {"analysis": Analysis.STANDARDISED, "condition": "age_group*view_position"},
            "all other groups, standardised by age × view",
        ),
        ({"analysis": Analysis.MODELS, "reference": "b"}, "b (model)"),
        ({"analysis": Analysis.HETEROGENEITY, "reference": "each other"}, "each other"),
        ({"analysis": Analysis.REFERENCE_GROUP, "reference": "male"}, "male (group)"),
    ],
)
def test_each_analysis_names_what_it_compares_with(cells, words):
    """From the keys of the row."""
    gap = judged(Analysis.SUBGROUPS, 0.1, "disparity", attribute="sex", group="female") | cells

    assert list(tables.gaps_table(example(gap).results, "sex")["compared with"]) == [words]


def test_gaps_of_a_shortcut_include_those_of_annotated_labels():
    """Marked by a column, not by a name."""
    annotated = [r | {"label_source": ANNOTATED} for r in shortcut_rows()[:3]]
    table = tables.gaps_table(example(*shortcut_rows(), *annotated).results, "drain")

    assert list(table["labels"]).count("annotated") == 1
    assert list(table["group"]).count("as observed") == 3  # less three ways of reweighting


def test_other_analyses_are_not_in_the_table():
    """A changed gap under corruption or erasure is no gap of the attribute."""
    others = [
        judged(analysis, 0.1, "disparity", attribute="sex", group="female")
        for analysis in (Analysis.CORRUPTION, Analysis.ERASURE, Analysis.COUNTERFACTUAL)
    ]

    assert tables.gaps_table(example(*others).results, "sex").empty


def test_overall_has_one_column_per_model():
    """A finding that one model lacks is empty there."""
    rows = [overall(), overall(0.8, model="b"), overall(0.7, model="b", finding="Edema")]
    table = tables.overall_table(example(*rows).results).set_index("finding")

    assert table.loc["Pneumothorax"].tolist() == ["0.900 (0.870–0.930)", "0.800 (0.770–0.830)"]
    assert table.loc["Edema", "m"] == ""


def test_models_are_compared_overall_and_where_their_gaps_differ():
    """Gaps that are inconclusive are left out."""
    named = {"reference": "b", "attribute": "sex", "group": "female"}
    rows = [
        judged(Analysis.MODELS, 0.1, "inconclusive", reference="b"),
        judged(Analysis.MODELS, 0.2, "disparity", **named),
        judged(Analysis.MODELS, 0.3, "inconclusive", **(named | {"group": "male"})),
    ]

    table = tables.models_table(example(*rows).results)

    assert list(table["of"]) == ["AUROC, all patients", "AUROC gap of female to all other groups"]
    assert set(table["models"]) == {"m − b"}


def test_probes_have_one_column_each():
    """In the order of METRICS, by attribute and space, with the verdict beside the interval."""
    table = tables.probes_table(example(*probe_rows("age_group", "decodable")).results)

    assert list(table.columns) == [
        "attribute",
        "space",
        "linear probe AUROC",
        "k-NN probe AUROC",
        "MLP probe AUROC",
        "control probe AUROC",
        "patients fitted to",
    ]
    assert list(table["attribute"]) == ["age", "age"]
    assert table.loc[0, "linear probe AUROC"] == "0.970 (0.940–1.000) decodable"
    assert table.loc[1, "MLP probe AUROC"] == ""
    assert list(table["patients fitted to"]) == ["210", "210"]


def test_an_attribute_that_could_not_be_probed_says_why():
    """In the place of its AUROC."""
    row = probe_rows("race", "")[0]
    nothing = dict.fromkeys(("value", "low", "high", "at"), float("nan"))

    table = tables.probes_table(example(row | nothing | {"note": "one group only: white"}).results)

    assert table.loc[0, "linear probe AUROC"] == "not probed: one group only: white"
    hidden = tables.probes_table(example(row | nothing | {"note": ""}).results)
    assert hidden.loc[0, "linear probe AUROC"] == "not probed"
    assert table.loc[0, "patients fitted to"] == ""


def test_counterfactuals_have_one_row_per_change():
    """Over all images and by finding; groups of attributes are in the figure."""
    rows = insertion_rows("disparity", "equivalent", "disparity")
    table = tables.perturbations_table(example(*rows).results)

    assert list(table["metric"]) == ["change of score"] * 5 + ["FPR"]
    assert list(table["compared with"]) == ["unedited"] * 3 + [*CONTROLS, "unedited"]
    assert list(table["images"]) == ["all"] * 5 + ["negatives"]


def test_html_is_escaped_and_has_no_empty_columns():
    """A column without a word is left out; LaTeX has booktabs."""
    gap = judged(Analysis.SUBGROUPS, 0.1, "disparity", attribute="sex", group="<b>")
    table = tables.gaps_table(example(gap).results, "sex")

    assert "&lt;b&gt;" in tables.to_html(table)
    assert "note" not in tables.to_html(table)
    assert "\\toprule" in tables.to_latex(table)


def test_a_value_without_an_interval_stands_alone():
    """As without resamples."""
    plain = row(Analysis.SUBGROUPS, 0.9, low=float("nan"), high=float("nan"))

    assert list(tables.overall_table(example(plain).results)["m"]) == ["0.900"]


def test_the_cohort_is_counted_by_group():
    """Patients and images of all and of each group, and images with each finding; hidden ones are dashes."""
    frame = planted_table(0, n_patients=150)
    audit = whole_audit_of(frame, attributes=["sex"], shortcuts={}, settings=POINT)

    table = tables.cohort_table(audit.results, audit.facts).set_index("group")

    assert table.loc["", "patients"] == "150"
    assert table.loc["", "images"] == f"{len(frame):,}"
    female = frame[frame["sex"] == "F"]
    n = int(female["Pneumothorax"].sum())
    assert table.loc["female", "images"] == str(len(female))
    assert table.loc["female", "patients"] == str(female["pid"].nunique())
    assert table.loc["female", "Pneumothorax"].startswith(f"{n} (")

    hidden = audit.results.assign(
        reasons=audit.results["reasons"].where(audit.results["group"] != "male", "SUPPRESSED")
    )
    shown = tables.cohort_table(hidden, audit.facts | {"patients": None}).set_index("group")
    assert shown.loc["male", "Pneumothorax"] == "–"
    assert shown.loc["", "patients"] == "–"
