"""One page for a decision: intended use, verdicts, limits, and lines to sign."""

from collections.abc import Iterator
from os import PathLike
from pathlib import Path

from markupsafe import Markup

from cxraudit.audits.result import Audit
from cxraudit.files import package_version, write_text
from cxraudit.formatting import column_name, counted, listed, printed
from cxraudit.report.about import SUMMARISED, About
from cxraudit.report.checks import run_checks
from cxraudit.report.checks.check import State
from cxraudit.report.facts import facts_of
from cxraudit.report.matrix import Matrix, counts_of, in_words, matrices
from cxraudit.report.statements import NULL_MODEL
from cxraudit.report.templates import part, template


def write_summary(audit: Audit, path: str | PathLike[str], *, about: About | None = None) -> Path:
    """Write one page on an audit that a committee can sign.

    Parameters
    ----------
    audit : Audit
        The audit.
    path : str or path
        The HTML file; it holds everything and requests nothing.
    about : About, optional
        What is stated of the model; default: nothing, and the page says so.

    Returns
    -------
    pathlib.Path
        The HTML file.
    """
    facts, stated = facts_of(audit), about or About()
    every = [str(one) for one in dict.fromkeys(audit.results["model"])]
    models = [one for one in every if one != NULL_MODEL] or every
    found = [(model, matrices(audit, model)) for model in models]
    html = template("summary.html.j2").render(
        title=f"{listed(models)} on {facts.dataset}: fairness and robustness",
        style=Markup(part("report.css")),
        version=package_version(),
        made_at=str(audit.manifest.get("made_at", "")),
        synthetic=bool(audit.facts.get("truth")),
        about=[
            *((column_name(name), getattr(stated, name)) for name in SUMMARISED),
            ("audited on", f"{facts.dataset}: {facts.counts}; {facts.interval}s"),
        ],
        models=[(model, in_words(counts_of(tables)), tables) for model, tables in found],
        limits=list(limits_of(audit, [one for _, tables in found for one in tables])),
    )
    return write_text(Path(path), printed(html))


def limits_of(audit: Audit, found: list[Matrix]) -> Iterator[str]:
    """Yield what the audit does not settle, and what makes it weaker than it looks."""
    n = counts_of(found)
    open_ = n["inconclusive"] + n["unclear-size"]
    total = sum(n.values())
    if open_:
        yield (
            f"{open_} of {counted(total, 'comparison')} are not settled: these data show neither a "
            "difference nor that there is none."
        )
    if undefined := n["undefined"]:
        of_all = counted(undefined, "comparison")
        yield f"{of_all} undefined: a group lacks images with or without the finding."
    for check in run_checks(audit):
        if check.state in (State.ATTENTION, State.UNKNOWN):
            yield f"{check.code} in the report: {check.title} ({check.state})."
    yield "The audit describes this cohort and these labels; it does not certify the model for others."
