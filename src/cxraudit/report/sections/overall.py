"""AUROC over all patients."""

from cxraudit import tables
from cxraudit.audits.result import Audit
from cxraudit.report.anchors import Anchor
from cxraudit.report.blocks import Section, muted, table
from cxraudit.report.sections.context import Context


def build(audit: Audit, context: Context) -> Section | None:
    """Show the AUROC of every finding and model."""
    return Section(
        "All patients",
        Anchor.ALL_PATIENTS,
        [
            muted(f"AUROC with its {context.facts.interval}."),
            table(tables.overall_table(audit.results), "AUROC over all patients"),
        ],
    )
