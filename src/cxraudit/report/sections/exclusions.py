"""Excluded images, with reasons."""

from markupsafe import Markup

from cxraudit.audits.result import Audit
from cxraudit.figures import flow_diagram
from cxraudit.report.blocks import Block, Paragraph, Section, table
from cxraudit.report.sections.context import Context


def build(audit: Audit, context: Context) -> Section | None:
    """Show the flow of images through the filters, and the notes on the data set."""
    notes = [Paragraph(str(note)) for note in audit.facts["notes"]]
    blocks: list[Block] = [Paragraph("None: every image of the data set is in the audit.")]
    if len(audit.exclusions):
        listed = Markup(
            "The images that were excluded are not listed, since small cells are hidden; the counts of each "
            "step are in <code>flow.csv</code>."
            if context.facts.suppression
            else "Every excluded image is listed with its reason in <code>excluded.parquet</code>; the "
            "counts of each step in <code>flow.csv</code>."
        )
        drawn = context.draw(flow_diagram(audit.flow), "flow")
        blocks = [drawn, Paragraph(listed), table(audit.exclusions)]
    return Section("Excluded images", "exclusions", [*blocks, *notes])
