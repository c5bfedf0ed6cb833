"""Slices: where the model ranks worst, as far as other patients confirm it."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from cxraudit import figures
from cxraudit.audits.result import Audit
from cxraudit.figures.slices import SliceRow
from cxraudit.formatting import column_name, counted, decimal, listed, p_value, with_interval
from cxraudit.report.anchors import Anchor
from cxraudit.report.blocks import Block, Details, Paragraph, Section, muted, table
from cxraudit.report.sections.context import Context
from cxraudit.report.slices import Examined, examined, searches

_BIAS = (
    "Of many slices some seem bad by chance: the difference on the patients they were searched on is too far "
    "from zero, and only that on the other patients counts. It shares the error rate of the report."
)


def build(audit: Audit, context: Context) -> Section | None:
    """Show the slices that were confirmed, and how many were examined."""
    facts = audit.facts.get("slices")
    if not facts:
        return None
    parts = [
        (model, _model(audit.without_hidden(), context, model))
        for model in context.tested
        if searches(audit, model)
    ]
    some = any(one["findings"] for model in context.tested for one in searches(audit, model))
    blocks: list[Block] = [muted(f"{_patients(facts)} {_BIAS}")] if some else []
    blocks += context.one_at_a_time("slices", parts) if parts else []
    return Section("Slices", Anchor.SLICES, [*blocks, _searched(facts)])


def _patients(facts: Mapping[str, Any]) -> str:
    if facts["search_patients"] is None:
        return "Slices were searched on some patients, and compared on the others."
    return (
        f"Slices were searched on {facts['search_patients']:,} patients (tuning patients among them), and "
        f"compared on the {facts['confirmation_patients']:,} others."
    )


def _model(audit: Audit, context: Context, model: str) -> list[Block]:
    found = examined(audit, model)
    confirmed = [one for one in found if one.confirmed]
    others = [one for one in found if not one.confirmed]
    blocks: list[Block] = [Paragraph(_counts(audit, model, found, confirmed))]
    chart = figures.slice_gaps(
        [SliceRow(one.phrase if one.confirmed else "", one.gap, one.as_searched) for one in found]
    )
    if chart is not None:
        caption = f"{model}: slices that seemed worst, on patients they were not searched on"
        blocks.append(context.draw(chart, f"{model}-slices", caption))
    if confirmed:
        blocks.append(table(_numbers(confirmed), f"{model}: confirmed slices"))
    if others:
        listing = table(_numbers(others), f"{model}: slices that were examined, and not confirmed")
        blocks.append(Details("Examined, not confirmed", [listing]))
    return blocks


def _counts(
    audit: Audit, model: str, found: Sequence[Examined], confirmed: Sequence[Examined]
) -> str:
    searched = searches(audit, model)
    if not any(one["findings"] for one in searched):
        return (
            "No slices were searched: no finding has enough patients, with and without it, for two sides of "
            "a slice."
        )
    large = sum(one["searched"] for one in searched)
    if large and not found and not any(one["hidden"] for one in searched):
        return (
            f"Of {large:,} slices that were large enough, none seemed worse, so none was examined."
        )
    near = sum(one["neighbourhoods"] for one in searched)
    hidden = sum(one["hidden"] for one in searched)
    texts = f", {counted(near, 'neighbourhood')} of embeddings among their parts" if near else ""
    small = f" {counted(hidden, 'slice')} of few patients left out." if hidden else ""
    n = len(confirmed)
    return (
        f"Of {large:,} slices that were large enough{texts}, {counted(len(found), 'slice')} that seemed "
        f"worst {'was' if len(found) == 1 else 'were'} examined on the other patients; "
        f"{n or 'none'} {'was' if n <= 1 else 'were'} confirmed.{small}"
    )


def _numbers(slices: Sequence[Examined]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "finding": [one.finding for one in slices],
            "slice": [one.phrase for one in slices],
            "AUROC": [decimal(one.auroc) for one in slices],
            "gap": [
                with_interval(one.gap["value"], one.gap["low"], one.gap["high"], signed=True)
                for one in slices
            ],
            "where searched": [decimal(one.as_searched, signed=True) for one in slices],
            "p (adjusted)": [p_value(one.gap["p_adjusted"]) for one in slices],
            "verdict": [one.gap["verdict"] for one in slices],
        }
    )


def _searched(facts: Mapping[str, Any]) -> Details:
    """Say what slices were made of, and what was left out."""
    columns = [column_name(name) for name in facts["columns"] if name]
    blocks: list[Block] = [
        Paragraph(
            f"Columns: {listed(columns)}."
            if columns
            else "No column has two values that slices could be made of."
        ),
        Paragraph(
            f"A slice and its other images have at least {facts['smallest']} patients each with and without "
            "the finding among those that were searched. Images with an unknown value are on neither side, "
            "unless another value says that they are not in the slice."
        ),
    ]
    if facts["left_out"]:
        frame = pd.DataFrame(
            {
                "column": [one["column"] for one in facts["left_out"]],
                "why": [one["why"] for one in facts["left_out"]],
            }
        )
        blocks.append(table(frame, "Columns that no slice is made of"))
    return Details("What slices are made of", blocks)
