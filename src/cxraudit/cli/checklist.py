"""``cxraudit checklist``: a reporting guideline, filled from an audit."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from cxraudit.cli._output import Answer
from cxraudit.cli._shared import shared


@shared("checklist")
def checklist(
    guideline: Literal["stard-ai", "claim", "tripod-ai"],
    audit: Path,
    *,
    out: Path,
    model: str | None = None,
    about: Path | None = None,
    overwrite: Annotated[bool, Parameter(negative="")] = False,
) -> Answer:
    """Write a reporting checklist, filled as far as an audit goes.

    Every item is answered, partly answered or open, with its place in the report and in the results.
    Example: `cxraudit checklist claim work/audit --out claim.html`.

    Parameters
    ----------
    guideline
        STARD-AI (2025), CLAIM (2024) or TRIPOD+AI (2024).
    audit
        Folder that `cxraudit audit` wrote; places link to its report.html if it is there.
    out
        A file that ends in .md, .html or .csv; one that cxraudit wrote is replaced if it is unchanged.
    model
        The model, where the audit has several.
    about
        TOML file with what the authors state, as for `cxraudit card`.
    overwrite
        Replace a file that others wrote or changed.
    """
    from cxraudit.audits.result import open_audit
    from cxraudit.cards import write_checklist
    from cxraudit.report.about import read_about
    from cxraudit.workspace import AuditFolder

    stated = None if about is None else read_about(about)
    page = AuditFolder(audit).report
    written = write_checklist(
        open_audit(audit),
        out,
        guideline=guideline,
        model=model,
        about=stated,
        report=page if page.is_file() else None,
        overwrite=overwrite,
        inputs=[] if about is None else [about],
    )
    print(written)
    return Answer({"file": written})
