"""Regions removed or kept alone: where a model has to look."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from cxraudit import figures
from cxraudit.audits.result import Audit
from cxraudit.formatting import with_interval
from cxraudit.metrics import METRICS
from cxraudit.report.anchors import Anchor
from cxraudit.report.blocks import Block, Details, Section, muted, table
from cxraudit.report.sections.context import Context, of_model
from cxraudit.schema import OVERALL, Analysis, is_level, records


def build(audit: Audit, context: Context) -> Section | None:
    """Show, per model, the AUROC of every finding under each perturbation of a region."""
    audit = audit.without_hidden()
    rows = audit.results[
        (audit.results["analysis"] == Analysis.REGION) & (audit.results["attribute"] == OVERALL)
    ]
    models = [model for model in context.tested if model in set(rows["model"])]
    if not models:
        return None
    parts = [(model, _model(of_model(rows, model), context, model)) for model in models]
    blocks = context.one_at_a_time("regions", parts)
    return Section("Regions of the image", Anchor.REGIONS, [muted(_INTRODUCTION), *blocks])


def _model(rows: pd.DataFrame, context: Context, model: str) -> list[Block]:
    levels = rows[is_level(rows) & (rows["metric"] == "auroc")]
    blocks: list[Block] = []
    if levels["value"].notna().any():
        caption = f"{model}: AUROC with a region removed, or kept alone"
        blocks += [
            context.draw(figures.regions(rows), f"{model}-regions", caption),
            muted(_FIGURE),
        ]
    blocks.append(
        Details("Numbers of the regions", [table(_numbers(rows), f"{model}: regions of the image")])
    )
    return blocks


def _numbers(rows: pd.DataFrame) -> pd.DataFrame:
    shown = records(rows)
    return pd.DataFrame(
        {
            "finding": [row["finding"] for row in shown],
            "perturbation": [row["condition"] for row in shown],
            "images": [_whom(row) for row in shown],
            "metric": [METRICS[row["metric"]].label for row in shown],
            "compared with": [row["reference"] for row in shown],
            "estimate": [
                with_interval(row["value"], row["low"], row["high"], signed=bool(row["reference"]))
                for row in shown
            ],
            "note": [row["note"] for row in shown],
        }
    )


def _whom(row: Mapping[str, Any]) -> str:
    """Return which images a row is about, with their number unless it is hidden."""
    which = row["group"] or "all"
    return which if pd.isna(row["n"]) else f"{which} ({int(row['n']):,})"


_INTRODUCTION = (
    "A region of each image was removed and filled smoothly from its border, so that nothing of it is left, "
    "or all else was. The control removes, or keeps, a region of the same number of pixels elsewhere in the "
    "same image. These are exploratory: estimates without a verdict."
)
_FIGURE = (
    "Each row is about the images that its perturbation applies to, and its change compares the same ones. "
    "With an AUROC above chance without the region that a finding lies in, the score does not rest on what "
    "lies in it alone: the outline that is left beside it can show the finding, too. An AUROC at chance does "
    "not show that it rests on the finding: whatever else lies in the region is gone, too. The "
    "outline of a region stays visible, faintly; a box hides it, and ‘outline’ shows nothing else. The last "
    "row gives each image the score of another one of the same patient with the same label: differences of "
    "this size do not matter."
)
