"""``cxraudit card``: an audit as a model card."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from cxraudit.cli._output import Answer
from cxraudit.cli._shared import shared


@shared("card")
def card(
    audit: Path,
    *,
    format: Literal["huggingface", "chai"],
    out: Path,
    model: str | None = None,
    about: Path | None = None,
    overwrite: Annotated[bool, Parameter(negative="")] = False,
) -> Answer:
    """Write a model card with the evidence of an audit.

    What the audit contains is filled in, intervals, disparities and what is not settled among it; what only
    the developers can state comes from a TOML file or is *not stated*.
    Example: `cxraudit card work/audit --format huggingface --out README.md --about about.toml`.

    Parameters
    ----------
    audit
        Folder that `cxraudit audit` wrote.
    format
        `huggingface`: README.md with metadata of the Hub, needs the extra `models`. `chai`: the applied model
        card of the Coalition for Health AI as XML, and beside it as Markdown.
    out
        The file; one that cxraudit wrote is replaced if it is unchanged.
    model
        The model, where the audit has several.
    about
        TOML file with what is stated of the model, such as intended_use, population, model_version,
        responsible, license or limitations; a key that is not known is refused.
    overwrite
        Replace a file that others wrote or changed.
    """
    from cxraudit.audits.result import open_audit
    from cxraudit.cards import write_card
    from cxraudit.report.about import read_about

    stated = None if about is None else read_about(about)
    written = write_card(
        open_audit(audit),
        out,
        format=format,
        model=model,
        about=stated,
        overwrite=overwrite,
        inputs=[] if about is None else [about],
    )
    for file in written:
        print(file)
    return Answer({"files": list(written)})
