"""What a page is made of: sections of a few kinds of blocks, which the template draws."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd
from markupsafe import Markup

from cxraudit import tables
from cxraudit.charts import Chart
from cxraudit.charts.html import to_html
from cxraudit.charts.numbers import numbers_of
from cxraudit.report.checks.check import Check
from cxraudit.report.matrix import Matrix
from cxraudit.report.statements.statement import Statement


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Text; `Markup` is taken as HTML, anything else is escaped."""

    kind: ClassVar[str] = "paragraph"
    text: str
    muted: bool = False


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading within a section."""

    kind: ClassVar[str] = "heading"
    text: str


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of texts."""

    kind: ClassVar[str] = "listing"
    items: Sequence[str]


@dataclass(frozen=True, slots=True)
class Statements:
    """Statements as cards."""

    kind: ClassVar[str] = "statements"
    items: Sequence[Statement]


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture."""

    kind: ClassVar[str] = "drawing"
    chart: Chart
    name: str
    """Unique on the page: of its file, and in the link to it."""
    caption: str
    """What is drawn, for those who do not see it, too."""

    @property
    def id(self) -> str:
        """Of its element on the page."""
        return f"figure-{self.name}"

    @property
    def html(self) -> Markup:
        """The picture as an HTML element."""
        return to_html(self.chart, self.id, self.caption)

    @property
    def numbers(self) -> "Details | None":
        """The numbers of lines and points, which do not stand beside them; None if there are none."""
        numbers = numbers_of(self.chart)
        if numbers.empty:
            return None
        shown = Table(numbers, self.caption, attribute=self.chart.attribute)
        return Details("Numbers", [shown])


@dataclass(frozen=True, slots=True)
class Table:
    """A table of text."""

    kind: ClassVar[str] = "table"
    frame: pd.DataFrame
    caption: str
    nowrap: bool = False
    attribute: str = ""
    """Display name of what its groups are of; empty if of no single attribute."""

    @property
    def html(self) -> Markup:
        """The table as an HTML element."""
        return Markup(tables.to_html(self.frame, self.caption))


@dataclass(frozen=True, slots=True)
class Details:
    """Blocks that are folded away below a line of text."""

    kind: ClassVar[str] = "details"
    summary: str
    blocks: "Sequence[Block]"


@dataclass(frozen=True, slots=True)
class Verdicts:
    """A matrix of verdicts."""

    kind: ClassVar[str] = "verdicts"
    matrix: Matrix


@dataclass(frozen=True, slots=True)
class Switch:
    """Blocks of which one part is open at a time, such as that of a model."""

    kind: ClassVar[str] = "switch"
    name: str
    """Unique on the page."""
    parts: "Sequence[tuple[str, Sequence[Block]]]"


@dataclass(frozen=True, slots=True)
class Definitions:
    """Terms with their values."""

    kind: ClassVar[str] = "definitions"
    entries: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Checks:
    """Checks with code, state and detail."""

    kind: ClassVar[str] = "checks"
    items: Sequence[Check]


@dataclass(frozen=True, slots=True)
class Code:
    """Commands, as they are."""

    kind: ClassVar[str] = "code"
    text: str


Block = (
    Paragraph
    | Heading
    | Listing
    | Statements
    | Drawing
    | Table
    | Details
    | Verdicts
    | Switch
    | Definitions
    | Checks
    | Code
)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page with a title."""

    title: str
    id: str
    """Unique among the sections of an audit."""
    blocks: Sequence[Block]


def muted(text: str) -> Paragraph:
    """Return a paragraph that explains a figure or a table."""
    return Paragraph(text, muted=True)


def table(frame: pd.DataFrame, caption: str, *, nowrap: bool = False, attribute: str = "") -> Table:
    """Return a table of text as a block."""
    return Table(frame, caption, nowrap=nowrap, attribute=attribute)
