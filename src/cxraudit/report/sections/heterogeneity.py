"""One test of all groups of an attribute at once."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from cxraudit.audits.result import Audit
from cxraudit.formatting import counted, p_value, sentence_case
from cxraudit.report.anchors import Anchor
from cxraudit.report.blocks import Details, Section, muted, table
from cxraudit.report.facts import Facts
from cxraudit.report.sections.context import Context
from cxraudit.schema import Analysis, Reason, has_reason, records
from cxraudit.vocabulary import attribute_name


def build(audit: Audit, context: Context) -> Section | None:
    """Show whether AUROC is the same in all groups, per model, finding and attribute."""
    found = audit.results[audit.results["analysis"] == Analysis.HETEROGENEITY]
    rows = records(found.assign(few_runs=has_reason(found, Reason.TOO_FEW_RUNS)))
    if not rows:
        return None
    impossible = _impossible(context.facts)
    frame = pd.DataFrame(
        {
            "model": [row["model"] for row in rows],
            "finding": [row["finding"] for row in rows],
            "attribute": [attribute_name(row["attribute"]) for row in rows],
            "patients": [row["n_patients"] for row in rows],
            "p": [p_value(row["p_value"]) for row in rows],
            "p (adjusted)": [p_value(row["p_adjusted"]) for row in rows],
            "note": [_why_not(row, impossible) for row in rows],
        }
    )
    return Section(
        "Tests of all groups at once",
        Anchor.HETEROGENEITY,
        [
            muted(
                "Whether the AUROC of a finding is the same in all groups of an attribute, in one Wald test "
                "with the covariance of patients; it says that groups differ, not which."
            ),
            Details(
                _summary(rows, impossible), [table(frame, "Tests of equal AUROC in all groups")]
            ),
        ],
    )


def _summary(rows: Sequence[Mapping[str, Any]], impossible: str) -> str:
    """Count the tests that reject, of those that were possible."""
    possible = [row for row in rows if math.isfinite(row["p_value"])]
    if not possible:
        return sentence_case(_why_not(rows[0], impossible))
    alpha = 1 - float(rows[0]["confidence_level"])
    rejected = sum(row["p_adjusted"] < alpha for row in possible)
    summary = f"{rejected} of {counted(len(possible), 'test')} below {alpha:.2g} after adjustment"
    missing = len(rows) - len(possible)
    return f"{summary}; {missing} more not possible" if missing else summary


def _why_not(row: Mapping[str, Any], otherwise: str) -> str:
    """Say why a row has no test; empty if it has one."""
    if math.isfinite(row["p_value"]):
        return ""
    if row["few_runs"]:
        return "no test was possible: two training runs do not show how far runs lie apart"
    return otherwise


def _impossible(facts: Facts) -> str:
    """Say why there is no test."""
    if not facts.settings["n_resamples"]:
        return "no test was possible: there are no resamples"
    return (
        f"no test was possible: fewer than two groups have {facts.settings['min_patients']} patients with "
        "and without the finding and a ranking that varies"
    )
