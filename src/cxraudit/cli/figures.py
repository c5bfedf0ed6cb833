"""``cxraudit figures``."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from cxraudit.cli._output import Answer
from cxraudit.cli._shared import shared


@shared("figures")
def figures(
    audits: Annotated[list[Path], Parameter(negative="")],
    *,
    out: Path,
    formats: Annotated[str, Parameter(name="--format")] = "svg,pdf,png",
    tables: str = "",
) -> Answer:
    """Write every figure of the report as a file, and its tables where wanted, for a paper.

    Parameters
    ----------
    audits
        Folders that `cxraudit audit` wrote.
    out
        Folder for the files; captions.txt lists them with their captions. Files of others stay.
    formats
        Formats of the figures, separated by commas: svg, pdf, png.
    tables
        Formats of the tables, separated by commas: tex (LaTeX with booktabs), html (which word processors
        open). Default: no tables.
    """
    from cxraudit.steps import figures_step

    paths = figures_step(audits, out, formats=_listed(formats), tables=_listed(tables))
    print(f"{len(paths)} files: {out}")
    return Answer({"files": paths})


def _listed(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]
