"""Differences between models."""

from cxraudit import tables
from cxraudit.audits.result import Audit
from cxraudit.audits.score_notices import alike_models
from cxraudit.report.blocks import Details, Paragraph, Section, muted, table
from cxraudit.report.sections.context import Context


def build(audit: Audit, context: Context) -> Section | None:
    """Show how models differ on the same images and resamples."""
    found = tables.models_table(audit.results)
    if found.empty:
        return None
    return Section(
        "Differences between models",
        "models",
        [
            muted(f"On the same images and resamples, with {context.facts.interval}s."),
            *(Paragraph(f"{one.sentence}.") for one in alike_models(audit.results)),
            Details("Differences of AUROC and of gaps", [table(found)]),
        ],
    )
