"""The summary of an audit in a terminal: the statements of its report, word for word."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cxraudit.audits.result import Audit
    from cxraudit.workspace import AuditFolder


def print_summary(audit: "Audit") -> None:
    """Print the notices of an audit on stderr, and the statements on every model, each after its kind."""
    from cxraudit.cli._progress import tell
    from cxraudit.formatting import counted
    from cxraudit.notices import from_records
    from cxraudit.report.facts import Facts
    from cxraudit.report.statements import of_model
    from cxraudit.stats.compare import MIN_RESAMPLES

    for notice in from_records(audit.facts.get("notices", ())):
        tell(notice)
    facts = Facts(audit.facts)
    if facts.plan:
        print(f"{facts.plan[0].upper()}{facts.plan[1:]}.")
    if (resamples := facts.settings["n_resamples"]) < MIN_RESAMPLES:
        print(
            f"{counted(resamples, 'resample')}: no intervals and no verdicts, which take {MIN_RESAMPLES}."
        )
    for model in audit.facts["models"]:
        print(f"\n{model} on {facts.dataset}: {facts.counts}; {facts.estimand}")
        for one in of_model(audit, model):
            print(f"  {one.tone.word}: {one.headline}. {one.detail}".rstrip())
    print()


def document_of(audit: "Audit", place: "AuditFolder") -> dict[str, Any]:
    """Return the same as plain data, with the number of verdicts and where the files are.

    Rows that ``suppress_below`` hid are in no number.
    """
    from cxraudit.report.facts import Facts
    from cxraudit.report.statements import of_model

    facts = Facts(audit.facts)
    rows = audit.without_hidden().results
    judged = rows[rows["verdict"] != ""]
    models = audit.facts["models"]
    return {
        "dataset": facts.dataset,
        "models": list(models),
        "images": audit.facts["images"],
        "patients": audit.facts["patients"] if audit.facts.get("patients_known", True) else None,
        "plan": list(facts.plan),
        "statements": [
            {
                "model": model,
                "kind": one.tone.word,
                "headline": one.headline,
                "detail": one.detail,
            }
            for model in models
            for one in of_model(audit, model)
        ],
        "verdicts": {
            model: judged.loc[judged["model"] == model, "verdict"].value_counts().to_dict()
            for model in models
        },
        "notices": list(audit.facts.get("notices", ())),
        "paths": {"folder": place.folder, "results": place.results, "report": place.report},
    }
