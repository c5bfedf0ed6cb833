"""`write_card`: one model of one audit as a model card."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from cxraudit.audits.result import Audit
from cxraudit.cards import chai, huggingface
from cxraudit.cards.subject import Subject, subject_of
from cxraudit.cards.writing import demand_suffix, write_all
from cxraudit.errors import UnknownNameError
from cxraudit.report.about import About

FORMATS = {"huggingface": ".md", "chai": ".xml"}
"""Format → how its file ends."""


def write_card(
    audit: Audit,
    file: str | PathLike[str],
    *,
    format: str,
    model: str | None = None,
    about: About | None = None,
    overwrite: bool = False,
    inputs: Sequence[Path] = (),
) -> list[Path]:
    """Write a model card with the evidence of an audit.

    Parameters
    ----------
    audit : Audit
        The audit; small cells that are hidden stay hidden.
    file : str or path
        For ``huggingface`` a Markdown file such as README.md; for ``chai`` an XML file, beside which the
        same card is written as Markdown. A file that cxraudit wrote is replaced if it is unchanged.
    format : str
        ``huggingface`` or ``chai``.
    model : str, optional
        The model, where the audit has several besides the null model.
    about : About, optional
        What the developers state; default: nothing, and the card says so.
    overwrite : bool
        Replace a file that others wrote or changed.
    inputs : sequence of pathlib.Path
        Files that are never replaced.

    Returns
    -------
    list of pathlib.Path
        The files.

    Raises
    ------
    ConfigError
        If a file may not be replaced or ends in something else, or the model is not clear.
    UnknownNameError
        If there is no such format or model.
    MissingExtraError
        If ``huggingface`` is wanted and huggingface_hub is not installed.
    """
    if format not in FORMATS:
        raise UnknownNameError("format of cards", format, FORMATS)
    path = Path(file)
    demand_suffix(path, [FORMATS[format]], f"a card of the format {format}")
    texts = _texts(subject_of(audit, model, about), path, format)
    return write_all(texts, overwrite=overwrite, inputs=inputs)


def _texts(subject: Subject, path: Path, format: str) -> dict[Path, str]:
    if format == "huggingface":
        return {path: huggingface.as_text(subject)}
    return {path: chai.as_xml(subject), path.with_suffix(".md"): chai.as_text(subject)}
