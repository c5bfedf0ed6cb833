"""Operating point and calibration by subgroup."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from markupsafe import Markup

from cxraudit import figures, tables
from cxraudit.audits.result import Audit
from cxraudit.formatting import count_or_hidden, sentence_case
from cxraudit.report.anchors import Anchor
from cxraudit.report.blocks import Block, Details, Section, muted, table
from cxraudit.report.sections.context import Context, of_model
from cxraudit.schema import OVERALL, Analysis
from cxraudit.stats.thresholds import as_text
from cxraudit.vocabulary import attribute_name

_ANALYSES = (Analysis.OPERATING_POINT, Analysis.CALIBRATION, Analysis.DECISION_CURVE)


def build(audit: Audit, context: Context) -> Section | None:
    """Show rates at one threshold per finding, and calibration, for every attribute and model."""
    rows = audit.results[audit.results["analysis"].isin(_ANALYSES)]
    if rows.empty:
        return None
    facts = context.facts
    blocks: list[Block] = [
        muted(
            Markup(
                "{}: {}. An image is flagged if its score is at or above the threshold; images whose score "
                "is the threshold are flagged, all of them. The column <code>at</code> of "
                "<code>results.csv</code> gives the threshold of each row."
            ).format(sentence_case(facts.operating_point), facts.tuning)
        )
    ]
    if facts.given and audit.facts["tuning"]["held_out"]:
        blocks.append(
            muted(
                "Net benefit and calibration need probabilities. They are of the patients whom no map to "
                "probabilities was fitted on, and stand behind counts of their own where these differ."
            )
        )
    if thresholds := audit.facts.get("thresholds"):
        blocks.append(table(_thresholds(thresholds), "Thresholds"))
    parts = []
    for model in context.models:
        own = of_model(rows, model)
        attributes = [str(name) for name in dict.fromkeys(own["attribute"]) if name != OVERALL]
        if attributes:
            parts.append((model, [_attribute(own, context, model, name) for name in attributes]))
    blocks += context.one_at_a_time("operating-point", parts)
    return Section("Operating point and calibration", Anchor.OPERATING_POINT, blocks)


def _thresholds(recorded: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row per model and finding: the threshold with all its digits, and where it comes from."""
    return pd.DataFrame(
        {
            "model": [one["model"] for one in recorded],
            "finding": [one["finding"] for one in recorded],
            "flagged at or above": [_written(one["threshold"]) for one in recorded],
            "source": [one["source"] for one in recorded],
            "patients evaluated": [count_or_hidden(one["patients"]) for one in recorded],
        }
    )


def _written(threshold: float | None) -> str:
    return "no image is flagged" if threshold is None else as_text(threshold)


def _attribute(results: pd.DataFrame, context: Context, model: str, attribute: str) -> Details:
    blocks: list[Block] = []
    name = attribute_name(attribute)
    if ((results["metric"] == "tpr") & (results["attribute"] == attribute)).any():
        rates = figures.error_rates(results, attribute)
        blocks.append(
            context.draw(
                rates,
                f"{model}-{attribute}-error-rates",
                f"{model}: TPR and FPR by {name} at one threshold",
            )
        )
        figure = figures.forest(results, attribute, metric="tpr")
        blocks.append(
            context.draw(
                figure,
                f"{model}-{attribute}-tpr",
                f"{model}: TPR by {name}, and the gap of each group",
            )
        )
    numbers = tables.operating_table(results, attribute)
    blocks.append(
        table(numbers, f"{model}: rates and calibration by {name}", nowrap=True, attribute=name)
    )
    curves = results[results["analysis"] == Analysis.DECISION_CURVE]
    if (curves["attribute"] == attribute).any():
        figure = figures.decision_curves(results, attribute)
        blocks.append(
            context.draw(
                figure, f"{model}-{attribute}-decision-curves", f"{model}: net benefit by {name}"
            )
        )
        blocks.append(
            muted(
                "Net benefit: flagged positives less flagged negatives at the odds of the threshold "
                "probability, per image; flagging none is 0. A model is of use at a probability where its "
                "line lies above both of the others."
            )
        )
        shown = tables.decision_table(results, attribute)
        summary = "Net benefit by threshold probability"
        blocks.append(
            Details(
                summary,
                [table(shown, f"{model}: net benefit by {name}", nowrap=True, attribute=name)],
            )
        )
    return Details(f"By {name}", blocks)
