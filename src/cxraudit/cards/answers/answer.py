"""What an audit contains on one question, and where."""

from collections.abc import Iterable
from dataclasses import dataclass

from cxraudit.report.anchors import Anchor
from cxraudit.workspace import AuditFolder

RESULTS, FLOW, EXCLUSIONS = (
    one.name for one in (AuditFolder.results, AuditFolder.flow, AuditFolder.exclusions)
)
"""Files of an audit that answers point to."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an audit contains on one question."""

    text: str
    """Sentences with the numbers."""
    places: tuple[Anchor | str, ...] = ()
    """Sections of the report, and rows or files of the audit."""
    complete: bool = True
    """Whether nothing is left to the authors."""


def rows_of(*analyses: str) -> str:
    """Name rows of the results by their analyses."""
    return f"results.parquet: analysis {', '.join(analyses)}"


def sentences(*texts: str) -> str:
    """Join those texts that are not empty."""
    return " ".join(filter(None, texts))


def by_finding(parts: Iterable[tuple[str, str]]) -> str:
    """List one thing per finding: ``Edema 0.81; Pneumonia 0.73``."""
    return "; ".join(f"{finding} {text}" for finding, text in parts)
