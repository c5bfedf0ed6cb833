"""Which conclusions are other ones by reference labels than by working labels."""

import math
from typing import Any

from cxraudit.audits.result import Audit
from cxraudit.audits.two_labels import LabelConclusion, label_conclusions
from cxraudit.formatting import bounds, in_sentence, signed
from cxraudit.report.statements.rows import without_mirrors
from cxraudit.report.statements.statement import Statement, Tone
from cxraudit.schema import BOTH_LABELS, BOUNDS, CORRECTED, records
from cxraudit.vocabulary import group_phrase

_HEADLINES = {
    LabelConclusion.LABEL_ERROR: "The gap for {finding} in {group} is a product of the labels",
    LabelConclusion.PARTLY: "The gap for {finding} in {group} is smaller than by working labels",
    LabelConclusion.LARGER: "The gap for {finding} in {group} is larger than by working labels",
    LabelConclusion.HIDDEN: "The labels hide a gap for {finding} in {group}",
    LabelConclusion.REVERSED: "The labels reverse the gap for {finding} in {group}",
}
ESTIMATES = {
    BOTH_LABELS: "by both labels",
    CORRECTED: "corrected for label errors",
    BOUNDS: "within the bounds",
}
"""Condition → how a sentence names the estimate."""


def statements(audit: Audit, model: str) -> list[Statement]:
    """State every gap whose conclusion is another one by reference labels."""
    found = label_conclusions(audit)
    found = found[(found["model"] == model) & found["conclusion"].isin(list(_HEADLINES))]
    return [
        _statement(row)
        for _, part in found.groupby(["finding", "attribute"], sort=False)
        for row in records(without_mirrors(part))
    ]


def _statement(row: dict[str, Any]) -> Statement:
    concluded = LabelConclusion(row["conclusion"])
    group = group_phrase(row["attribute"], str(row["group"]))
    value = f"{signed(row['value'])} " if math.isfinite(row["value"]) else ""
    change = ""
    if math.isfinite(row["change"]):
        ends = bounds(row["change_low"], row["change_high"], signed=True)
        change = f"; they differ by {signed(row['change'])} ({ends})"
    return Statement(
        Tone.BY_LABELS,
        _HEADLINES[concluded].format(finding=in_sentence(row["finding"]), group=group),
        f"Gap by working labels {signed(row['working'])} "
        f"({bounds(row['working_low'], row['working_high'], signed=True)}), {ESTIMATES[row['rests_on']]} "
        f"{value}({bounds(row['low'], row['high'], signed=True)}){change}. Exploratory.",
    )
