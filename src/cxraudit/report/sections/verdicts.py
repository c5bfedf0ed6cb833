"""Verdicts: findings × groups in one table per question, one model at a time."""

from collections.abc import Sequence

from cxraudit.audits.result import Audit
from cxraudit.formatting import counted
from cxraudit.report.anchors import Anchor
from cxraudit.report.blocks import Block, Paragraph, Section, Verdicts, muted
from cxraudit.report.matrix import counts_of, in_words, matrices
from cxraudit.report.sections.context import Context


def build(audits: Sequence[Audit], contexts: Sequence[Context]) -> Section:
    """Show the verdicts of every model on every data set; the first model is open."""
    blocks: list[Block] = []
    for audit, context in zip(audits, contexts, strict=True):
        blocks.append(Paragraph(_cohort(audit, context)))
        of_models = [
            (model, found) for model in context.tested if (found := matrices(audit, model))
        ]
        parts = [
            (f"{model}: {in_words(counts_of(found))}", [Verdicts(one) for one in found])
            for model, found in of_models
        ]
        blocks += context.one_at_a_time("verdicts", parts)
        if not parts:
            blocks.append(muted("No groups were compared, and no shortcut."))
    return Section("Verdicts", Anchor.VERDICTS, blocks)


def _cohort(audit: Audit, context: Context) -> str:
    facts = context.facts
    findings = counted(len(audit.facts["findings"]), "finding")
    return f"{context.name}: {facts.counts}; {findings}; {facts.interval}s; {facts.estimand}."
