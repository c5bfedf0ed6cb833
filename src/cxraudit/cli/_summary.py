"""The summary of an audit in a terminal: the statements of its report, word for word."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cxraudit.audits.result import Audit


def print_summary(audit: "Audit") -> None:
    """Print the notices of an audit on stderr, and the statements on every model, each after its kind."""
    from cxraudit.cli._progress import tell
    from cxraudit.notices import from_records
    from cxraudit.report.facts import Facts
    from cxraudit.report.statements import of_model

    for notice in from_records(audit.facts.get("notices", ())):
        tell(notice)
    facts = Facts(audit.facts)
    if facts.plan:
        print(f"{facts.plan[0].upper()}{facts.plan[1:]}.")
    for model in audit.facts["models"]:
        print(f"\n{model} on {facts.dataset}: {facts.counts}; {facts.estimand}")
        for one in of_model(audit, model):
            print(f"  {one.tone.word}: {one.headline}. {one.detail}".rstrip())
    print()
