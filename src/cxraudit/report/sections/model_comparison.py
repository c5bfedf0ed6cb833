"""Differences between models."""

import pandas as pd

from cxraudit import tables
from cxraudit.audits.result import Audit
from cxraudit.audits.score_notices import alike_models
from cxraudit.metrics import METRICS
from cxraudit.report.anchors import Anchor
from cxraudit.report.blocks import Details, Paragraph, Section, muted, table
from cxraudit.report.sections.context import Context
from cxraudit.tables.models import COMPARED


def build(audit: Audit, context: Context) -> Section | None:
    """Show how models differ on the same images and resamples."""
    found = {
        metric: shown
        for metric in COMPARED
        if not (shown := tables.models_table(audit.results, metric=metric)).empty
    }
    if not found:
        return None
    return Section(
        "Differences between models",
        Anchor.MODELS,
        [
            muted(
                f"On the same images and resamples, with {context.facts.interval}s; rates at the threshold "
                "of each model, on the images that both are evaluated on."
            ),
            *(Paragraph(f"{one.sentence}.") for one in alike_models(audit.results)),
            *(_differences(METRICS[metric].label, shown) for metric, shown in found.items()),
        ],
    )


def _differences(label: str, shown: pd.DataFrame) -> Details:
    summary = f"Differences of {label} and of its gaps"
    return Details(summary, [table(shown, f"{summary} between models")])
