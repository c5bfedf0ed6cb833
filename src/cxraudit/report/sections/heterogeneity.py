"""One test of all groups of an attribute at once."""

import pandas as pd

from cxraudit.audits.result import Audit
from cxraudit.formatting import counted, p_value
from cxraudit.report.blocks import Details, Section, muted, table
from cxraudit.report.sections.context import Context
from cxraudit.schema import Analysis, records
from cxraudit.vocabulary import attribute_name


def build(audit: Audit, context: Context) -> Section | None:
    """Show whether AUROC is the same in all groups, per model, finding and attribute."""
    results = audit.results
    rows = records(results[results["analysis"] == Analysis.HETEROGENEITY])
    if not rows:
        return None
    alpha = 1 - float(rows[0]["confidence_level"])
    rejected = [row for row in rows if row["p_adjusted"] < alpha]
    frame = pd.DataFrame(
        {
            "model": [row["model"] for row in rows],
            "finding": [row["finding"] for row in rows],
            "attribute": [attribute_name(row["attribute"]) for row in rows],
            "patients": [row["n_patients"] for row in rows],
            "p": [p_value(row["p_value"]) for row in rows],
            "p (adjusted)": [p_value(row["p_adjusted"]) for row in rows],
        }
    )
    return Section(
        "Tests of all groups at once",
        "heterogeneity",
        [
            muted(
                "Whether the AUROC of a finding is the same in all groups of an attribute, in one Wald test "
                "with the covariance of patients; it says that groups differ, not which."
            ),
            Details(
                f"{len(rejected)} of {counted(len(rows), 'test')} below {alpha:.2g} after adjustment",
                [table(frame)],
            ),
        ],
    )
