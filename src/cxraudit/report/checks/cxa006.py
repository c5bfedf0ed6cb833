"""CXA006: images were excluded."""

from cxraudit.audits.result import Audit
from cxraudit.formatting import counted
from cxraudit.report.checks.check import Check, attention_if


def check(audit: Audit) -> Check:
    """Count the steps that excluded images."""
    n_steps = len(audit.exclusions)
    return attention_if(
        n_steps,
        "CXA006",
        "Images were excluded",
        detail=f"{counted(n_steps, 'step')}, listed under “Images and patients left out, by step”.",
        otherwise="Every image of the data set is in the audit.",
    )
