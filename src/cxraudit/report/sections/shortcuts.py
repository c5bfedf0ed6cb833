"""Shortcuts: a finding with and without, for instance, a chest drain in the image."""

import pandas as pd

from cxraudit import figures, tables
from cxraudit.audits.result import Audit
from cxraudit.formatting import in_sentence, sentence_case
from cxraudit.report.anchors import Anchor
from cxraudit.report.blocks import Block, Details, Heading, Paragraph, Section, muted, table
from cxraudit.report.sections.context import Context, of_model
from cxraudit.report.statements.shortcuts import label_errors
from cxraudit.schema import WITHOUT, Analysis
from cxraudit.vocabulary import shortcut_name, with_article


def build(audit: Audit, context: Context) -> Section | None:
    """Show, per shortcut, both arms of all models, and one figure of everything else per model."""
    rows = audit.results
    gaps = rows[(rows["analysis"] == Analysis.SHORTCUT) & (rows["reference"] == WITHOUT)]
    shortcuts = [str(name) for name in dict.fromkeys(gaps["attribute"])]
    blocks = [block for name in shortcuts for block in _shortcut(audit, context, name)]
    return Section("Shortcuts", Anchor.SHORTCUTS, blocks) if blocks else None


def _shortcut(audit: Audit, context: Context, shortcut: str) -> list[Block]:
    name = shortcut_name(shortcut)
    finding = in_sentence(str(audit.facts["shortcuts"][shortcut]))
    blocks: list[Block] = [
        Heading(f"{sentence_case(name)} and {finding}"),
        context.draw(
            figures.shortcut_arms(audit.results, shortcut),
            shortcut,
            f"AUROC for {finding} with and without {with_article(name)}, by model",
        ),
        muted(
            f"Bars are {context.facts.interval}s. Each dot compares images with {finding} (with, or "
            f"without, {with_article(name)}) with all images without it. A gap means that {finding} is "
            f"recognised better in one kind of image. The {name} is one explanation; images with and "
            "without differ in other ways, too (severity, view)."
        ),
        *(Paragraph(sentence) for sentence in label_errors(audit, shortcut)),
    ]
    drawn = 0
    for model in context.tested:
        percentiles = of_model(audit.score_percentiles, model)
        if percentiles.empty or shortcut not in set(percentiles["shortcut"]):
            continue
        results = of_model(audit.results, model)
        figure = figures.shortcut_summary(results, percentiles, shortcut)
        blocks += [
            Heading(f"{model}: scores and {name}"),
            context.draw(
                figure, f"{model}-{shortcut}-summary", f"{model}: scores for {finding} and {name}"
            ),
        ]
        if not drawn:
            blocks.append(muted(_explained(name)))
        drawn += 1
    numbers = pd.concat(
        tables.gaps_table(of_model(audit.results, model), shortcut).assign(model=model)
        for model in context.models
    )
    return [
        *blocks,
        Details(
            "Numbers",
            [table(numbers, f"{sentence_case(name)}: gaps for {finding}", attribute=name)],
        ),
    ]


def _explained(name: str) -> str:
    return (
        "Top left: scores of the four kinds of image, as percentiles among images with neither. Top right: "
        f"AUROC of one kind against another; diamonds: AUROC of the same score for the {name}, among images "
        "alike in the finding (0.5: no separation). Bottom left: an AUROC is linear in the share of "
        f"positives with the {name}, so that it is known for every share; the dashed line is the AUROC with "
        f"the {name} equally frequent in images with and without the finding. Bottom right: gaps, raw and "
        "after both arms were weighted to one mix of age and view, with verdicts; BNSP − BPSN, and how much "
        f"lower AUROC would be if images were reweighted so that the {name} is equally frequent in both "
        f"classes (in its share of all images; in negatives as in positives; the reverse). These have no "
        f"verdict: severity that goes with the {name} makes them differ from zero as well. Last: gaps of "
        f"subgroups, raw and standardised by the {name}."
    )
