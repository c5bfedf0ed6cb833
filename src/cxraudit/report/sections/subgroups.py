"""Subgroups: AUROC by group, raw and standardised."""

import pandas as pd

from cxraudit import figures, tables
from cxraudit.audits.result import Audit
from cxraudit.report.anchors import Anchor
from cxraudit.report.blocks import Block, Details, Heading, Section, muted, table
from cxraudit.report.sections.context import Context, of_model
from cxraudit.report.statements import NULL_MODEL
from cxraudit.schema import COMPLEMENT, Analysis
from cxraudit.vocabulary import attribute_name


def build(audit: Audit, context: Context) -> Section | None:
    """Show every attribute of every model, one model at a time."""
    rows = audit.results
    gaps = rows[(rows["analysis"] == Analysis.SUBGROUPS) & (rows["reference"] == COMPLEMENT)]
    attributes = [str(name) for name in dict.fromkeys(gaps["attribute"])]
    if not attributes:
        return None
    parts = [
        (_named(model), _model(of_model(rows, model), context, model, attributes))
        for model in context.models
    ]
    return Section("Subgroups", Anchor.SUBGROUPS, context.one_at_a_time("subgroups", parts))


def _named(model: str) -> str:
    return f"{model}, the null model: random scores" if model == NULL_MODEL else model


def _model(
    results: pd.DataFrame, context: Context, model: str, attributes: list[str]
) -> list[Block]:
    card = context.cards.get(model)
    blocks: list[Block] = []
    if card:
        trained_on = context.training[model].words
        blocks.append(muted(f"{model}: {card['summary']}. Trained on: {trained_on}."))
    for attribute in attributes:
        name = attribute_name(attribute)
        blocks += [
            Heading(f"By {name}"),
            context.draw(
                figures.forest(results, attribute),
                f"{model}-{attribute}",
                f"{model}: AUROC by {name}, and the gap of each group to all other groups",
            ),
        ]
        standardised = figures.standardised_gaps(results, attribute)
        if standardised is not None:
            caption = f"{model}: gaps in AUROC by {name}, as observed and standardised"
            blocks.append(context.draw(standardised, f"{model}-{attribute}-standardised", caption))
        numbers = [
            table(
                tables.levels_table(results, attribute), f"{model}: AUROC by {name}", attribute=name
            ),
            table(
                tables.gaps_table(results, attribute),
                f"{model}: gaps in AUROC by {name}",
                attribute=name,
            ),
        ]
        blocks.append(Details(f"Numbers by {name}", numbers))
    return blocks
