"""The study's tables, and the comparison of both protocols."""

import numpy as np
import pandas as pd
import pytest

from cxraudit.audits.run import audit
from cxraudit.paper.numbers import published
from cxraudit.paper.protocol import evaluate
from cxraudit.paper.tables import (
    as_latex,
    attributes_table,
    shown_side_by_side,
    side_by_side,
    zeroshot_table,
)
from cxraudit.schema import RESULT_COLUMNS, Analysis, typed_frame
from cxraudit.settings import AuditSettings

SETTINGS = AuditSettings(n_resamples=500, operating_point="none", calibration="none")


def test_the_table_has_six_models_and_six_findings_with_their_mean():
    """Cells are the published ones."""
    table = zeroshot_table(published())

    assert table.shape == (6, 1 + 2 * 7)
    assert table["Atelectasis", "AUC"].iloc[1] == "0.68 [0.66, 0.69]"
    assert zeroshot_table(published(), dataset="none").empty


def test_latex_has_as_many_cells_in_every_row_and_braces_in_pairs():
    """So that it compiles."""
    latex = as_latex(zeroshot_table(published()), caption="c", label="l")

    rows = [line for line in latex.splitlines() if line.startswith(("MedCLIP", "CXR"))]
    assert {row.count("&") for row in rows} == {14}
    assert latex.count("{") == latex.count("}")


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("a_b", r"a\_b"),
        (r"\input{/etc/passwd}", r"\textbackslash{}input\{/etc/passwd\}"),
        ("50 % & more $", r"50 \% \& more \$"),
        ("#1 ~ ^", r"\#1 \textasciitilde{} \textasciicircum{}"),
        ("a\nb", "a b"),
        ("−0.1", "$-$0.1"),
    ],
)
def test_names_are_no_commands_of_latex(name, printed):
    """Of models, findings and columns."""
    table = zeroshot_table(published())
    table.iloc[0, 0] = name
    table = table.rename(columns={"Atelectasis": name})

    latex = as_latex(table, caption="c", label="l")

    assert latex.count(printed) == 2
    assert latex.count(name) == (printed.count(name) * 2)


@pytest.mark.parametrize("drains", [True, False])
def test_each_protocol_has_its_estimates(make_cohort, drains):
    """Same AUROC where every image is labelled, wider intervals over patients, a verdict per group."""
    dataset, scores, *_ = make_cohort(drains=drains)
    numbers = evaluate(dataset, scores)
    table = side_by_side(numbers, audit(dataset, scores, settings=SETTINGS).results)

    assert len(table) == len(numbers)
    np.testing.assert_allclose(table["auroc"], table["audit_auroc"], atol=1e-12)
    correlated = table[table["finding"] == "Pneumothorax"]
    assert correlated["width_ratio"].median() > 1.05
    assert table["ap_at_prevalence"].notna().all()
    overall = table["attribute"] == "all"
    assert (table.loc[overall, "verdict"] == "").all()


def test_each_group_has_the_gap_to_all_other_groups(make_cohort):
    """Value and verdict are those of the audit."""
    dataset, scores, *_ = make_cohort(drains=False)
    results = audit(dataset, scores, settings=SETTINGS).results
    table = side_by_side(evaluate(dataset, scores, n_resamples=20), results)

    groups = table[table["attribute"] != "all"]
    assert (groups["verdict"] != "").all()
    row = groups[(groups["finding"] == "Pneumothorax") & (groups["group"] == "asian")].iloc[0]
    expected = results[
        (results["analysis"] == Analysis.SUBGROUPS)
        & (results["finding"] == "Pneumothorax")
        & (results["group"] == "asian")
        & (results["metric"] == "auroc")
        & (results["reference"] != "")
    ].iloc[0]
    assert (row["gap"], row["gap_low"], row["verdict"]) == tuple(
        expected[["value", "low", "verdict"]]
    )


def test_the_drain_has_the_gap_of_the_shortcut(make_cohort):
    """With − without, on the row of the images with a drain."""
    dataset, scores, *_ = make_cohort()
    results = audit(dataset, scores, settings=SETTINGS).results
    table = side_by_side(evaluate(dataset, scores, n_resamples=20), results).set_index("group")

    assert table.loc["with", "gap"] == pytest.approx(
        table.loc["with", "auroc"] - table.loc["without", "auroc"], abs=1e-12
    )
    assert np.isnan(table.loc["without", "gap"])


def test_missing_numbers_are_shown_as_a_dash(make_cohort):
    """A level without an interval has no brackets; an undefined value is a dash."""
    dataset, scores, *_ = make_cohort()
    table = side_by_side(
        evaluate(dataset, scores, n_resamples=20), audit(dataset, scores, settings=SETTINGS).results
    )
    table.loc[table["group"] == "all", ["published_low", "published_high", "width_ratio"]] = np.nan

    shown = shown_side_by_side(table).set_index("group")

    assert "[" not in shown.loc["all", "published: AUROC [images]"]
    assert shown.loc["all", "ratio of widths"] == "–"
    assert shown.loc["all", "audit: gap"] == "–"
    assert shown.loc["with", "audit: gap"].startswith("+0.")


def test_attributes_are_tabled_by_model_and_space():
    """One row per space with the cells of the MLP; empty where it was not fitted."""
    results = typed_frame(
        [
            {
                "model": "m",
                "analysis": Analysis.PROBE.value,
                "condition": space,
                "metric": metric,
                "attribute": attribute,
                "value": value,
                "low": value - 0.1,
                "high": value + 0.1,
            }
            for space, value in (("image", 0.9), ("PCA (2 axes)", 0.6))
            for metric in ("mlp_probe_auroc", "linear_probe_auroc")
            for attribute in ("sex", "age_group")
        ],
        RESULT_COLUMNS,
    )
    table = attributes_table(results)

    assert table["space"].tolist() == ["image", "PCA (2 axes)"]
    assert table["age"].tolist() == ["0.90 [0.80, 1.00]", "0.60 [0.50, 0.70]"]
    assert attributes_table(results[results["metric"] != "mlp_probe_auroc"]).empty
    assert attributes_table(pd.DataFrame(columns=list(RESULT_COLUMNS))).empty
