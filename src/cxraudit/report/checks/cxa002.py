"""CXA002: unknown or contradicting attributes."""

from cxraudit.audits.result import Audit
from cxraudit.datasets.base import NO_GROUP
from cxraudit.formatting import counted
from cxraudit.report.checks.check import Check, attention_if
from cxraudit.schema import Analysis, is_level, records
from cxraudit.vocabulary import attribute_name


def check(audit: Audit) -> Check:
    """Name the attributes that are unknown, or contradict themselves, for some images."""
    rows = audit.results
    unknown = rows[
        (rows["analysis"] == Analysis.SUBGROUPS)
        & is_level(rows)
        & rows["group"].isin(NO_GROUP)
        & (rows["metric"] == "auroc")
        & (rows["n"] > 0)
    ]
    largest = unknown.sort_values("n").drop_duplicates(["attribute", "group"], keep="last")
    named = "; ".join(
        f"{attribute_name(row['attribute'])} {row['group']}: {counted(row['n'], 'image')}"
        for row in records(largest)
    )
    return attention_if(
        named,
        "CXA002",
        "Unknown or contradicting attributes",
        detail=f"{named}.",
        otherwise="Every image has a known group.",
    )
