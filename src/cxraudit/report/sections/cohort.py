"""Cohort: patients, images and findings by group (Table 1), and the flow of images."""

from markupsafe import Markup

from cxraudit import tables
from cxraudit.audits.result import Audit
from cxraudit.figures import flow_diagram
from cxraudit.report.anchors import Anchor
from cxraudit.report.blocks import Block, Paragraph, Section, muted, table
from cxraudit.report.sections.context import Context


def build(audit: Audit, context: Context) -> Section | None:
    """Show who was audited, what the filters left out, and the notes on the data set."""
    blocks: list[Block] = []
    counts = tables.cohort_table(audit.results, audit.facts)
    if len(counts):
        blocks += [
            muted("Images with the finding, and their share of the images with a label of it."),
            table(counts, f"Cohort of {context.name} by group"),
        ]
    if len(audit.exclusions):
        drawn = context.draw(
            flow_diagram(audit.flow), "flow", "Flow of images and patients through the filters"
        )
        shown = table(audit.exclusions, "Images and patients left out, by step")
        blocks += [drawn, Paragraph(_listed(context)), shown]
    else:
        blocks.append(
            Paragraph("No image was left out: every image of the data set is in the audit.")
        )
    notes = [Paragraph(str(note)) for note in audit.facts["notes"]]
    return Section("Cohort", Anchor.COHORT, [*blocks, *notes])


def _listed(context: Context) -> Markup:
    return Markup(
        "The images that were excluded are not listed, since small cells are hidden; the counts of each "
        "step are in <code>flow.csv</code>."
        if context.facts.suppression
        else "Every excluded image is listed with its reason in <code>excluded.parquet</code>; the "
        "counts of each step in <code>flow.csv</code>."
    )
