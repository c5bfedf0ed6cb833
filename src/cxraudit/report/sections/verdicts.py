"""Verdicts: findings × groups in one table per question, one model at a time."""

from collections.abc import Sequence

from cxraudit.audits.result import Audit
from cxraudit.files import folder_name
from cxraudit.formatting import counted
from cxraudit.report.blocks import Block, Paragraph, Section, Switch, Verdicts, muted
from cxraudit.report.matrix import Matrix, counts_of, matrices
from cxraudit.report.sections.context import Context


def build(audits: Sequence[Audit], contexts: Sequence[Context]) -> Section:
    """Show the verdicts of every model on every data set; the first model is open."""
    blocks: list[Block] = []
    for audit, context in zip(audits, contexts, strict=True):
        blocks.append(Paragraph(_cohort(audit, context)))
        of_models = [
            (model, found) for model in context.tested if (found := matrices(audit, model))
        ]
        parts = [(f"{model}: {_counted(found)}", _shown(found)) for model, found in of_models]
        if len(parts) == 1:
            blocks += [Paragraph(parts[0][0]), *parts[0][1]]
        elif parts:
            blocks.append(Switch(f"verdicts-{folder_name(context.name)}", parts))
        else:
            blocks.append(muted("No groups were compared, and no shortcut."))
    return Section("Verdicts", "verdicts", blocks)


def _cohort(audit: Audit, context: Context) -> str:
    facts = context.facts
    findings = counted(len(audit.facts["findings"]), "finding")
    return f"{context.name}: {facts.counts}; {findings}; {facts.interval}s; {facts.estimand}."


def _counted(found: Sequence[Matrix]) -> str:
    """Count the verdicts, what is not settled as prominently as what is shown."""
    n = counts_of(found)
    parts = [
        (n["worse"], "disparity", "disparities"),
        (n["better"], "disparity in favour of a group", "disparities in favour of a group"),
        (n["unclear-size"], "difference of unclear size", "differences of unclear size"),
        (n["inconclusive"], "inconclusive", "inconclusive"),
        (n["small"] + n["equivalent"], "within the margin", "within the margin"),
        (n["undefined"], "undefined", "undefined"),
        (n["hidden"], "hidden", "hidden"),
    ]
    return ", ".join(counted(k, one, many) for k, one, many in parts if k) + "."


def _shown(found: Sequence[Matrix]) -> list[Block]:
    return [Verdicts(one) for one in found]
