"""CXA007: attributes that were not compared."""

from cxraudit.audits.result import Audit
from cxraudit.formatting import listed
from cxraudit.report.checks.check import Check, attention_if
from cxraudit.schema import COMPLEMENT, Analysis
from cxraudit.vocabulary import attribute_name


def check(audit: Audit) -> Check:
    """Name the attributes with a single known group."""
    rows = audit.results
    gaps = rows[(rows["analysis"] == Analysis.SUBGROUPS) & (rows["reference"] == COMPLEMENT)]
    compared = set(gaps["attribute"])
    alone = [attribute_name(name) for name in audit.facts["attributes"] if name not in compared]
    return attention_if(
        alone,
        "CXA007",
        "Attributes that were not compared",
        detail=f"Only one known group: {listed(alone) if alone else ''}.",
        otherwise="Every attribute has at least two known groups.",
    )
