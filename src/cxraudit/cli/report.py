"""``cxraudit report`` and ``cxraudit run``."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from cxraudit.cli._options import Quiet, Switch
from cxraudit.cli._output import Answer
from cxraudit.cli._progress import tell, tracker
from cxraudit.cli._shared import shared
from cxraudit.errors import ConfigError


@shared("report")
def report(
    audits: Annotated[list[Path], Parameter(negative="")],
    *,
    out: Path | None = None,
    pdf: Annotated[bool, Parameter(negative="")] = False,
    summary: Path | None = None,
    about: Path | None = None,
) -> Answer:
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
        TOML file with what is stated of the model on this page: intended_use, population, model_version,
        responsible and monitoring, each a text.
    """
    from cxraudit.steps import report_step
    from cxraudit.workspace import AuditFolder

    if out is None and len(audits) > 1:
        raise ConfigError("a report on several audits needs its own file: name it with --out.")
    path = out if out is not None else AuditFolder(audits[0]).report
    if about is not None and summary is None:
        raise ConfigError("--about is for the summary: name its file with --summary.")
    files = report_step(audits, path, pdf=pdf, summary=summary, about=about)
    for written in files:
        print(written)
    return Answer({"files": files})


@shared("run")
def run(config: Path | None = None, *, schema: Switch = False, quiet: Quiet = False) -> Answer:
    """Run all steps described in one TOML file: data set, encoding, scores, audit, report.

    The file has the sections `[dataset]`, `[encode]` or `[scores]`, `[perturb]` and `[audit]`; their
    keys are the options of the Python functions, and those of `[audit]` the flags of `cxraudit audit`.
    `cxraudit init` writes one for a table of scores. Finished work is kept: the same command continues
    after an interruption.

    Parameters
    ----------
    config
        The file; `--schema` lists all keys.
    schema
        Print the JSON schema of run files, for editors, and do nothing else.
    """
    if schema:
        return _print_schema(config)
    if config is None:
        raise ConfigError(
            "name the run file: cxraudit run audit.toml. cxraudit init TABLE writes one."
        )
    from cxraudit.audits.result import open_audit
    from cxraudit.cli._summary import document_of, print_summary
    from cxraudit.run_file import read_run_file
    from cxraudit.steps import run_step
    from cxraudit.workspace import Workspace

    described = read_run_file(config)
    path = run_step(described, tracker(quiet), tell=tell)
    place = Workspace(described.out).audit
    found = open_audit(place.folder)
    print_summary(found)
    print(f"Report: {path}")
    return Answer(document_of(found, place))


def _print_schema(config: Path | None) -> Answer:
    import json

    from cxraudit import run_file

    if config is not None:
        raise ConfigError("--schema runs nothing. Leave out the run file.")
    made = run_file.schema()
    print(json.dumps(made, indent=2, ensure_ascii=False))
    return Answer({"schema": made})
