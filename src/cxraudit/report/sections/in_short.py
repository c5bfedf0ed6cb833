"""In short: the disparities of all audits, and the attributes without one."""

from collections.abc import Sequence

from markupsafe import Markup

from cxraudit.audits.result import Audit
from cxraudit.formatting import counted
from cxraudit.report.blocks import Block, Listing, Paragraph, Section
from cxraudit.report.sections.context import Context
from cxraudit.report.statements import NULL_MODEL, STATEMENTS, Tone, embeddings, of_model
from cxraudit.report.statements.rows import without_mirrors
from cxraudit.schema import COMPLEMENT, Analysis, is_level
from cxraudit.stats.estimate import WITHIN_MARGIN, Verdict
from cxraudit.vocabulary import attribute_name

ABOUT_SCORES = tuple(one for one in STATEMENTS if one is not embeddings)


def build(audits: Sequence[Audit], contexts: Sequence[Context]) -> Section:
    """List every disparity, and count what was compared without finding one."""
    items = [
        Markup("<b>{}: {}</b> ({}). {}").format(
            model, statement.headline, context.name, statement.detail
        )
        for audit, context in zip(audits, contexts, strict=True)
        for model in context.tested
        for statement in of_model(audit, model, about=ABOUT_SCORES)
        if statement.tone == Tone.DISPARITY
    ]
    blocks: list[Block] = [Listing(items)] if items else [_nothing(audits)]
    without = [
        text
        for audit, context in zip(audits, contexts, strict=True)
        for text in _without_disparity(audit, context.name)
    ]
    if without:
        blocks.append(Paragraph(f"No disparity was found by {', '.join(without)}."))
    return Section("In short", "in-short", blocks)


def _nothing(audits: Sequence[Audit]) -> Paragraph:
    if any((~is_level(audit.results)).any() for audit in audits):
        return Paragraph(
            "No disparity was found. That is not the same as none: see what is inconclusive."
        )
    return Paragraph(
        "Nothing was compared: there is no attribute with two groups, and no shortcut."
    )


def _without_disparity(audit: Audit, name: str) -> list[str]:
    """Name the attributes without a disparity in AUROC, with how many comparisons settle it."""
    rows = audit.without_hidden().results
    gaps = rows[
        (rows["analysis"] == Analysis.SUBGROUPS)
        & (rows["metric"] == "auroc")
        & (rows["reference"] == COMPLEMENT)
        & (rows["model"] != NULL_MODEL)
    ]
    found = []
    for (model, attribute), part in gaps.groupby(["model", "attribute"], sort=False):
        if (part["verdict"] == Verdict.DISPARITY).any():
            continue
        compared = without_mirrors(part)
        within = int(compared["verdict"].isin(WITHIN_MARGIN).sum())
        found.append(
            f"{attribute_name(str(attribute))} ({model} on {name}: {within} of "
            f"{counted(len(compared), 'comparison')} within the margin, {len(compared) - within} not settled)"
        )
    return found
