"""Gaps raw and standardised: one group per finding, at its values."""

import numpy as np
from example_audit import by_sex, example, marks, overall, planted_audit

from cxraudit.figures import standardised_gaps
from cxraudit.schema import COMPLEMENT, Analysis


def test_the_gap_with_the_smallest_p_value_is_drawn_raw_and_standardised():
    """Of each finding, at the values of its rows, labelled by what was made equal."""
    results = planted_audit().results
    rows = results[
        (results["metric"] == "auroc")
        & (results["attribute"] == "race")
        & (results["reference"] == COMPLEMENT)
        & results["analysis"].isin([Analysis.SUBGROUPS, Analysis.STANDARDISED])
    ]
    raw = rows[(rows["analysis"] == Analysis.SUBGROUPS) & rows["p_value"].notna()]
    surest = raw.loc[raw.groupby("finding")["p_value"].idxmin(), ["finding", "group"]]
    drawn = rows.merge(surest, on=["finding", "group"])

    axes = standardised_gaps(results, "race").axes[0]

    np.testing.assert_allclose(marks(axes), sorted(drawn["value"]))
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels.count("raw") == 2
    assert "standardised by age" in labels
    assert "standardised by chest drain" in labels


def test_the_axis_names_the_level_of_its_rows():
    """Not a default."""
    results = planted_audit().results.assign(confidence_level=0.8)

    assert "80 % interval" in standardised_gaps(results, "race").axes[0].get_xlabel()


def test_without_standardised_gaps_there_is_no_figure():
    """None, not an empty one."""
    assert standardised_gaps(example(overall(), *by_sex("disparity")).results, "sex") is None
