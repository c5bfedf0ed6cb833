"""Which groups have worse rates at the one threshold of each finding."""

from cxraudit.audits.result import Audit
from cxraudit.formatting import counted
from cxraudit.metrics import METRICS, Family, of_family
from cxraudit.report.statements import rows as find
from cxraudit.report.statements.statement import Statement, Tone
from cxraudit.schema import COMPLEMENT, NO_FINDING, Analysis, records
from cxraudit.stats.estimate import Verdict
from cxraudit.stats.thresholds import as_text
from cxraudit.vocabulary import group_phrase

_PHRASES = {
    "tpr": "findings are missed more often",
    "fpr": "false positives are more frequent",
    "underdiagnosis": "images with a finding are flagged as No Finding more often",
    "overdiagnosis": "images without any finding are flagged as positive more often",
}
_RENAMED_FOR_NO_FINDING = ("tpr", "fpr")
"""Rates that mean their opposite for No Finding, where they have names of their own."""


def statements(audit: Audit, model: str) -> list[Statement]:
    """State each rate and group with a disparity to its disadvantage."""
    found = []
    for metric in of_family(Family.DECISION):
        facts = METRICS[metric]
        if facts.better is None or facts.margin is None:
            continue
        gaps = find.of(
            audit, model, analysis=Analysis.OPERATING_POINT, metric=metric, reference=COMPLEMENT
        )
        if metric in _RENAMED_FOR_NO_FINDING:
            gaps = gaps[gaps["finding"] != NO_FINDING]
        worse = gaps["value"] < 0 if facts.better == "higher" else gaps["value"] > 0
        disparities = gaps[(gaps["verdict"] == Verdict.DISPARITY) & worse]
        for (attribute, group), part in disparities.groupby(["attribute", "group"], sort=False):
            n_findings = len(find.where(gaps, attribute=attribute, group=group))
            row = find.largest(records(part))
            phrase = _PHRASES.get(metric, f"{facts.label} is worse")
            found.append(
                Statement(
                    Tone.DISPARITY,
                    f"At one threshold, {phrase} in {group_phrase(str(attribute), str(group))}",
                    f"Disparity for {len(part)} of {counted(n_findings, 'finding')}. Largest for "
                    f"{row['finding'].lower()}, flagged at or above {as_text(row['at'])}: {facts.label} gap "
                    f"{find.difference(row)}.",
                )
            )
    return found
