"""Gaps raw and standardised: one group per finding, at its values."""

import numpy as np
from charted import row_panels, rows_of, values
from example_audit import by_sex, example, overall, planted_audit

from cxraudit.figures import standardised_gaps
from cxraudit.schema import COMPLEMENT, OBSERVED_GAP, Analysis


def test_the_gap_with_the_smallest_p_value_is_drawn_raw_and_standardised():
    """Of each finding, at the values of its rows, named by what was made equal."""
    results = planted_audit().results
    rows = results[
        (results["metric"] == "auroc")
        & (results["attribute"] == "race")
        & results["reference"].isin([COMPLEMENT, OBSERVED_GAP])
        & results["analysis"].isin(
            [Analysis.SUBGROUPS, Analysis.STANDARDISED, Analysis.STANDARDISATION]
        )
    ]
    raw = rows[(rows["analysis"] == Analysis.SUBGROUPS) & rows["p_value"].notna()]
    surest = raw.loc[raw.groupby("finding")["p_value"].idxmin(), ["finding", "group"]]
    drawn = rows.merge(surest, on=["finding", "group"])

    chart = standardised_gaps(results, "race")

    np.testing.assert_allclose(values(chart), sorted(drawn["value"]))
    names = [row.name for row in rows_of(row_panels(chart)[0])]
    assert names.count("raw") == 2
    at = names.index("standardised by age")
    assert names[at + 1] == "change by it"
    assert "standardised by chest drain" in names


def test_the_note_names_the_level_of_its_rows():
    """Not a default."""
    results = planted_audit().results.assign(confidence_level=0.8)

    assert "80 % interval" in standardised_gaps(results, "race").note


def test_without_standardised_gaps_there_is_no_figure():
    """None, not an empty one."""
    assert standardised_gaps(example(overall(), *by_sex("disparity")).results, "sex") is None
