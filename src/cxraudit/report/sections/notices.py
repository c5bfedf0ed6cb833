"""Notices: what was unknown, converted or left out when the inputs were read."""

import pandas as pd

from cxraudit.audits.result import Audit
from cxraudit.formatting import count_or_hidden
from cxraudit.report.anchors import Anchor
from cxraudit.report.blocks import Section, muted, table
from cxraudit.report.sections.context import Context


def build(audit: Audit, context: Context) -> Section | None:
    """List every notice with its count; None if the inputs were read without one."""
    rows = audit.facts.get("notices", [])
    if not rows:
        return None
    frame = pd.DataFrame(
        {
            "about": [row["about"] for row in rows],
            "count": [count_or_hidden(row["count"]) for row in rows],
            "notice": [row["sentence"] for row in rows],
        }
    )
    return Section(
        "Notices",
        Anchor.NOTICES,
        [
            muted("What was unknown, converted or left out when the inputs were read."),
            table(frame, "Notices"),
        ],
    )
