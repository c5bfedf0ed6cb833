"""CXA001: groups with too few patients for a verdict."""

import numpy as np

from cxraudit.audits.result import Audit
from cxraudit.datasets.base import NO_GROUP
from cxraudit.formatting import counted
from cxraudit.report.checks.check import Check, attention_if
from cxraudit.schema import Analysis, Reason, has_reason, is_level

_ANALYSES = (Analysis.SUBGROUPS, Analysis.SHORTCUT, Analysis.SHORTCUT_SUBSETS)
_REASONS = (
    Reason.NO_IMAGES,
    Reason.NO_POSITIVES,
    Reason.NO_NEGATIVES,
    Reason.TOO_FEW_PATIENTS,
)


def check(audit: Audit) -> Check:
    """Count the groups of single findings with too few patients with, or without, the finding."""
    rows = audit.results
    levels = rows[
        rows["analysis"].isin(_ANALYSES)
        & is_level(rows)
        & (rows["metric"] == "auroc")
        & ~rows["group"].isin(NO_GROUP)
    ]
    few = np.any([np.asarray(has_reason(levels, one), dtype=bool) for one in _REASONS], axis=0)
    groups = levels.loc[few, ["finding", "attribute", "group"]].drop_duplicates()
    return attention_if(
        len(groups),
        "CXA001",
        "Groups with too few patients",
        detail=f"{counted(len(groups), 'group')} of single findings with too few patients with (or "
        "without) the finding for a verdict; their rows are kept.",
        otherwise="Every group has enough patients for a verdict.",
    )
