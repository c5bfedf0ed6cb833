"""Checks: what makes the audit weaker than it looks."""

from cxraudit.audits.result import Audit
from cxraudit.report.blocks import Checks, Section
from cxraudit.report.checks import run_checks
from cxraudit.report.sections.context import Context


def build(audit: Audit, context: Context) -> Section | None:
    """Show what every check found."""
    return Section("Checks", "checks", [Checks(run_checks(audit))])
