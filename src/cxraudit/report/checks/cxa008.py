"""CXA008: labels of a shortcut are predictions."""

from cxraudit.audits.result import Audit
from cxraudit.report.checks.check import Check, State, attention_if
from cxraudit.schema import Analysis, Reason, has_reason
from cxraudit.vocabulary import shortcut_name


def check(audit: Audit) -> Check:
    """Name the shortcuts some of whose labels a detector predicted."""
    code, title = "CXA008", "Predicted labels of shortcuts"
    rows = audit.results[audit.results["analysis"] == Analysis.SHORTCUT]
    if rows.empty:
        return Check(code, title, State.NOT_APPLICABLE, "No shortcut was audited.")
    predicted = dict.fromkeys(rows.loc[has_reason(rows, Reason.PREDICTED_LABELS), "attribute"])
    names = ", ".join(shortcut_name(str(name)) for name in predicted)
    return attention_if(
        names,
        code,
        title,
        detail=f"A detector predicted some labels of: {names}. The gap of annotated labels alone, and what "
        "errors of the detector can do to it, are in the section of the shortcut where they are known.",
        otherwise="All labels of shortcuts that were used are those of annotators.",
    )
