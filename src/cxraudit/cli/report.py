"""``cxraudit report`` and ``cxraudit run``."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from cxraudit.cli._options import Quiet
from cxraudit.cli._progress import tell, tracker
from cxraudit.errors import ConfigError


def report(
    audits: Annotated[list[Path], Parameter(negative="")],
    *,
    out: Path | None = None,
    pdf: Annotated[bool, Parameter(negative="")] = False,
    summary: Path | None = None,
    about: Path | None = None,
) -> None:
    """Write one self-contained HTML report on one or more audits.

    Parameters
    ----------
    audits
        Folders that `cxraudit audit` wrote.
    out
        The HTML file; `cxraudit figures` writes its figures as files. Default: report.html in the folder of
        the audit.
    pdf
        Also print each page to a PDF beside it, with everything unfolded; needs Chromium or Chrome.
    summary
        Also write one page for a decision to this HTML file: intended use, verdicts, limits, lines to sign.
    about
        TOML file with what is stated of the model on this page; see docs/how-to/summary.md.
    """
    from cxraudit.steps import report_step
    from cxraudit.workspace import AuditFolder

    if out is None and len(audits) > 1:
        raise ConfigError("a report on several audits needs its own file: name it with --out.")
    path = out if out is not None else AuditFolder(audits[0]).report
    if about is not None and summary is None:
        raise ConfigError("--about is for the summary: name its file with --summary.")
    for written in report_step(audits, path, pdf=pdf, summary=summary, about=about):
        print(written)


def run(config: Path, *, quiet: Quiet = False) -> None:
    """Run all steps described in one TOML file: data set, encoding, scores, audit, report.

    The file has the sections `[dataset]`, `[encode]` or `[scores]`, `[perturb]` and `[audit]`; their
    keys are the options of the Python functions. Finished work is kept: the same command continues
    after an interruption.

    Parameters
    ----------
    config
        The file; `docs/reference/configuration.md` lists all keys.
    """
    from cxraudit.audits.result import open_audit
    from cxraudit.cli._summary import print_summary
    from cxraudit.run_file import read_run_file
    from cxraudit.steps import run_step
    from cxraudit.workspace import Workspace

    described = read_run_file(config)
    path = run_step(described, tracker(quiet), tell=tell)
    print_summary(open_audit(Workspace(described.out).audit.folder))
    print(f"Report: {path}")
