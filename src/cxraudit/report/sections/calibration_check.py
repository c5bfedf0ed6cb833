"""Calibration check: effects planted in synthetic radiographs, beside what the audit found."""

import pandas as pd

from cxraudit.audits.result import Audit
from cxraudit.formatting import column_name
from cxraudit.report.anchors import Anchor
from cxraudit.report.blocks import Paragraph, Section, table
from cxraudit.report.sections.context import Context
from cxraudit.report.statements import NULL_MODEL
from cxraudit.schema import COMPLEMENT, WITHOUT, Analysis
from cxraudit.stats.estimate import Verdict


def build(audit: Audit, context: Context) -> Section | None:
    """Compare planted and found disparities, where the truth is known."""
    truth = audit.facts.get("truth")
    if not truth:
        return None
    rows = _compared(audit.without_hidden().results, truth["planted"], context.models)
    if not rows:
        return None
    text = (
        "The radiographs are synthetic, so that the truth is known: a sound audit finds the planted effects "
        "and no others. Compared are disparities in AUROC."
    )
    if NULL_MODEL in context.models:
        text += " The scores of the null model are independent of the images: no effect should be found."
    return Section(
        "Calibration check on synthetic data with known truth",
        Anchor.CALIBRATION_CHECK,
        [Paragraph(text), table(pd.DataFrame(rows), "Planted effects and what was found")],
    )


def _compared(
    results: pd.DataFrame, planted: dict[str, bool], models: tuple[str, ...]
) -> list[dict[str, str]]:
    gaps = results[
        (results["metric"] == "auroc")
        & (
            ((results["analysis"] == Analysis.SUBGROUPS) & (results["reference"] == COMPLEMENT))
            | ((results["analysis"] == Analysis.SHORTCUT) & (results["reference"] == WITHOUT))
        )
    ]
    rows = []
    for attribute, effect in planted.items():
        own = gaps[gaps["attribute"] == attribute]
        if own.empty:
            continue
        row = {"effect of": column_name(attribute), "planted": "yes" if effect else "no"}
        for model in models:
            disparity = (own.loc[own["model"] == model, "verdict"] == Verdict.DISPARITY).any()
            row[f"audit of {model}"] = "disparity" if disparity else "no disparity found"
        rows.append(row)
    return rows
