"""Checks: what makes the audit weaker than it looks."""

from cxraudit.audits.result import Audit
from cxraudit.report.anchors import Anchor
from cxraudit.report.blocks import Checks, Section
from cxraudit.report.checks import run_checks
from cxraudit.report.sections.context import Context


def build(audit: Audit, context: Context) -> Section | None:
    """Show what every check found."""
    return Section("Checks", Anchor.CHECKS, [Checks(run_checks(audit))])
