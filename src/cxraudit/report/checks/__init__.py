"""What makes an audit weaker than it looks: one module per check, each with a code that can be cited.

A check is a module with ``check(audit) -> Check``; a line in `CHECKS` makes it part of every report.
"""

from cxraudit.audits.result import Audit
from cxraudit.report.checks import (
    cxa001,
    cxa002,
    cxa003,
    cxa004,
    cxa005,
    cxa006,
    cxa007,
    cxa008,
    cxa009,
    cxa010,
    cxa011,
)
from cxraudit.report.checks.check import Check, State

__all__ = ["CHECKS", "Check", "State", "run_checks"]

CHECKS = (
    cxa001,
    cxa002,
    cxa003,
    cxa004,
    cxa005,
    cxa006,
    cxa007,
    cxa008,
    cxa009,
    cxa010,
    cxa011,
)


def run_checks(audit: Audit) -> list[Check]:
    """Return what every check found, in the order of their codes."""
    return [module.check(audit) for module in CHECKS]
