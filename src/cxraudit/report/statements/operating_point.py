"""Which groups have worse rates at the one threshold of each finding, and what is not settled of them."""

import math

import pandas as pd

from cxraudit.audits.result import Audit
from cxraudit.formatting import counted, in_sentence
from cxraudit.metrics import METRICS
from cxraudit.report.statements import rows as find
from cxraudit.report.statements.statement import Statement, Tone
from cxraudit.report.statements.verdicts import (
    RATES,
    auroc_gaps,
    has_disparity,
    in_favour,
    not_disparities,
    rate_gaps,
)
from cxraudit.schema import records
from cxraudit.stats.estimate import Verdict
from cxraudit.stats.thresholds import as_text
from cxraudit.vocabulary import group_phrase

_PHRASES = {
    "tpr": "findings are missed more often",
    "fpr": "false positives are more frequent",
    "underdiagnosis": "images with a finding are flagged as No Finding more often",
    "overdiagnosis": "images without any finding are flagged as positive more often",
}
_WHERE = "At one threshold, "


def statements(audit: Audit, model: str) -> list[Statement]:
    """State each rate and group with a disparity to its disadvantage; per attribute, all other verdicts."""
    gaps = rate_gaps(audit, model)
    auroc = auroc_gaps(audit, model)
    found: list[Statement] = []
    for _, part in gaps.groupby("metric", sort=False):
        found += _disparities(part)
    for attribute, part in gaps.groupby("attribute", sort=False):
        found += in_favour(part, ~_worse(part), where=_WHERE)
        elsewhere = has_disparity(auroc, str(attribute))
        found += not_disparities(part, elsewhere=elsewhere, where=_WHERE)
    return found


def _worse(gaps: pd.DataFrame) -> "pd.Series[bool]":
    """Tell which differences are to the disadvantage of the group."""
    better_when_higher = [name for name in RATES if METRICS[name].better == "higher"]
    return (gaps["value"] < 0) == gaps["metric"].isin(better_when_higher)


def _disparities(gaps: pd.DataFrame) -> list[Statement]:
    """State each group with a disparity to its disadvantage in one rate."""
    found = []
    disparities = gaps[(gaps["verdict"] == Verdict.DISPARITY) & _worse(gaps)]
    for (attribute, group), part in disparities.groupby(["attribute", "group"], sort=False):
        n_findings = len(find.where(gaps, attribute=attribute, group=group))
        row = find.largest(records(part))
        label = METRICS[row["metric"]].label
        # Each training run has a threshold of its own.
        at = f", flagged at or above {as_text(row['at'])}" if math.isfinite(row["at"]) else ""
        found.append(
            Statement(
                Tone.DISPARITY,
                f"{_WHERE}{_PHRASES[row['metric']]} in {group_phrase(str(attribute), str(group))}",
                f"Disparity for {len(part)} of {counted(n_findings, 'finding')}. Largest for "
                f"{in_sentence(row['finding'])}{at}: {label} gap {find.difference(row)}.",
            )
        )
    return found
