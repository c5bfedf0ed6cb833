"""Heads: how scores of embeddings without a text side came about, by number of training patients."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from cxraudit import figures
from cxraudit.audits.embeddings.heads import DRAWS
from cxraudit.audits.result import Audit
from cxraudit.formatting import with_interval
from cxraudit.report.anchors import Anchor
from cxraudit.report.blocks import Block, Details, Heading, Section, muted, table
from cxraudit.report.sections.context import Context, of_model
from cxraudit.schema import COMPLEMENT, OVERALL, Analysis, is_level, records
from cxraudit.vocabulary import attribute_name


def build(audit: Audit, context: Context) -> Section | None:
    """Show how heads were fitted, and AUROC and gaps by the number of training patients."""
    fitted = audit.facts.get("heads") or []
    if not fitted:
        return None
    parts = [(one["model"], _model(audit, context, one)) for one in fitted]
    introduction = muted(
        "Scores are those of heads: logistic regression on the embeddings, fitted on patients who are in no "
        "result of this page, with a penalty chosen by the AUROC over folds of patients."
    )
    return Section("Heads", Anchor.HEADS, [introduction, *context.one_at_a_time("heads", parts)])


def _model(audit: Audit, context: Context, fitted: Mapping[str, Any]) -> list[Block]:
    model = str(fitted["model"])
    rows = of_model(audit.results, model)
    rows = rows[rows["analysis"] == Analysis.N_SHOT]
    blocks: list[Block] = [table(_fitted(fitted), f"{model}: heads, as they were fitted")]
    if rows.empty:
        return blocks
    for attribute in dict.fromkeys(rows["attribute"]):
        name = attribute_name(attribute)
        by = f"by {name}" if attribute != OVERALL else "over all patients"
        caption = f"{model}: AUROC {by} and number of training patients"
        picture = context.draw(
            figures.n_shot_curves(rows, attribute), f"{model}-{attribute or 'all'}-shots", caption
        )
        blocks += [Heading(f"Training patients, {by}"), picture]
    blocks += [
        muted(
            f"For each number {DRAWS} heads were fitted on other patients (the last is the head itself): the "
            "estimate is their mean, and its interval holds the error of the patients they were fitted on. "
            "These are exploratory."
        ),
        Details(
            "Numbers by training patients", [table(_numbers(rows), f"{model}: AUROC of heads")]
        ),
    ]
    return blocks


def _fitted(fitted: Mapping[str, Any]) -> pd.DataFrame:
    rows = fitted["findings"]
    counts = {"images": "images", "with the finding": "positive", "patients": "patients"}
    return pd.DataFrame(
        {
            "finding": [row["finding"] for row in rows],
            **{
                title: [f"{row[name]:,}" for row in rows]
                for title, name in counts.items()
                if all(name in row for row in rows)  # hidden, where small cells are
            },
            "inverse penalty": [f"{row['strength']:g}" for row in rows],
        }
    )


def _numbers(rows: pd.DataFrame) -> pd.DataFrame:
    shown = records(rows[is_level(rows) | (rows["reference"] == COMPLEMENT)])
    return pd.DataFrame(
        {
            "finding": [row["finding"] for row in shown],
            "training patients": [f"{row['at']:,.0f}" for row in shown],
            "attribute": [
                attribute_name(row["attribute"]) if row["attribute"] else "" for row in shown
            ],
            "group": [row["group"] or "all patients" for row in shown],
            "what": ["gap" if row["reference"] else "AUROC" for row in shown],
            "estimate": [
                with_interval(row["value"], row["low"], row["high"], signed=bool(row["reference"]))
                for row in shown
            ],
        }
    )
