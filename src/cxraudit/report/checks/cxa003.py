"""CXA003: inverted scores."""

from cxraudit.audits.result import Audit
from cxraudit.report.checks.check import Check, attention_if
from cxraudit.report.statements.subgroups import below_chance
from cxraudit.schema import OVERALL, Analysis, is_level, records


def check(audit: Audit) -> Check:
    """Name the models and findings whose AUROC over all patients is below chance."""
    rows = audit.results
    overall = rows[
        (rows["analysis"] == Analysis.SUBGROUPS)
        & (rows["attribute"] == OVERALL)
        & (rows["metric"] == "auroc")
        & is_level(rows)
    ]
    inverted = records(overall[below_chance(overall)])
    named = ", ".join(f"{row['model']}: {row['finding']}" for row in inverted)
    return attention_if(
        named,
        "CXA003",
        "Inverted scores",
        detail=f"Ranked below chance: {named}.",
        otherwise="No finding is ranked below chance.",
    )
