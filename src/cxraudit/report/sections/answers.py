"""Main results: what the audit supports about each model."""

from cxraudit.audits.result import Audit
from cxraudit.report.anchors import Anchor
from cxraudit.report.blocks import Section, Statements
from cxraudit.report.sections.context import Context
from cxraudit.report.sections.in_short import ABOUT_SCORES
from cxraudit.report.statements import of_model


def build(audit: Audit, context: Context) -> Section | None:
    """Show the statements on each model, but for those on embeddings: they stand with their figures."""
    parts = [
        (model, [Statements(of_model(audit, model, about=ABOUT_SCORES))])
        for model in context.tested
    ]
    blocks = context.one_at_a_time("results", parts)
    return Section("Main results", Anchor.RESULTS, blocks) if blocks else None
