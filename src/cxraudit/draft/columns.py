"""What the columns of a table hold, by the readers that an audit reads them with."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from cxraudit.datasets import values
from cxraudit.draft.names import Words, words_of
from cxraudit.errors import DataError
from cxraudit.schema import UNKNOWN

MOST_LABELS = 40
"""Different words for present, absent, uncertain and missing that a column of labels may have."""


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    name: str
    cells: pd.Series

    @property
    def about(self) -> str:
        """What a message calls the column."""
        return f"column '{self.name}'"

    @cached_property
    def words(self) -> Words:
        """The words of its name."""
        return words_of(self.name)

    @cached_property
    def n_different(self) -> int:
        """Number of different values, blanks left out; 0 if cells hold no single values."""
        try:
            return int(self.cells.nunique())
        except TypeError:  # lists and the like
            return 0

    def read(self, reader: Callable[[pd.Series, str], Any]) -> Any:
        """Return what a reader of `cxraudit.datasets.values` makes of the cells; None if it refuses them."""
        try:
            return reader(self.cells, self.about)
        except DataError:
            return None

    def refusal(self, reader: Callable[[pd.Series, str], Any]) -> str:
        """Return why a reader refuses the cells; nothing if it takes them."""
        try:
            reader(self.cells, self.about)
        except DataError as error:
            return str(error)
        return ""

    @cached_property
    def labels(self) -> pd.Series | None:
        """Labels (1, 0, −1 for uncertain), if all cells are labels or blank and one is not."""
        if self.n_different > MOST_LABELS:
            return None
        found = self.read(values.given_labels)
        return found.series if found is not None and found.series.notna().any() else None

    @cached_property
    def scores(self) -> pd.Series | None:
        """Numbers, if all cells are numbers or blank and one is not."""
        found = self.read(values.scores)
        return found.series if found is not None and found.series.notna().any() else None

    @cached_property
    def groups(self) -> list[str] | None:
        """Groups that are known, if the cells may be groups."""
        found = self.read(lambda cells, about: values.groups(cells, about, self.name))
        return None if found is None else sorted(set(found.series) - {UNKNOWN})

    @property
    def is_number(self) -> bool:
        """Whether it holds numbers that are no labels."""
        return self.scores is not None and self.labels is None

    def in_words(self) -> str:
        """Say what it holds, for a column that is not used."""
        if not self.n_different:
            return "blank, or no single values"
        if self.labels is not None:
            return "labels, or yes and no"
        present = self.cells.dropna()
        is_numeric = pd.to_numeric(present, errors="coerce").notna().all()
        kind = "numbers" if is_numeric else "text"
        return f"{kind}, {self.n_different:,} different values"


def columns_of(frame: pd.DataFrame) -> list[Column]:
    """Return the columns of a table."""
    return [Column(str(name), frame[name]) for name in frame.columns]


def share(part: "pd.Series[bool]") -> str:
    """Return the share of cells for which something is true, in whole percent.

    Examples
    --------
    >>> share(pd.Series([True, True, False]))
    '67 %'
    """
    return f"{part.mean():.0%}".replace("%", " %")
