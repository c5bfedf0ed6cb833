"""CXA005: several images per patient."""

from cxraudit.audits.result import Audit
from cxraudit.report.checks.check import Check, attention_if
from cxraudit.report.facts import facts_of


def check(audit: Audit) -> Check:
    """Say how many images a patient has, and whether resampling respects it."""
    each = audit.facts["images"] / max(audit.facts["patients"], 1)
    per_patient = f"{each:.1f} images per patient"
    return attention_if(
        not facts_of(audit).by_patient,
        "CXA005",
        "Several images per patient",
        detail=f"{per_patient}; images were resampled as if they were independent, so that intervals are "
        "too narrow.",
        otherwise=f"{per_patient}; patients, not images, are resampled.",
    )
