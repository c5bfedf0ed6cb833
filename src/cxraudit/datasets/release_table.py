"""A table of a release whose columns are read one by one, with the notices of all."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from cxraudit.datasets import values
from cxraudit.datasets.reading import read_table
from cxraudit.datasets.release import find_one
from cxraudit.errors import DataError
from cxraudit.notices import Notice, counted, named
from cxraudit.schema import require_columns, require_rows

_POINT_ZERO = r"[0-9]+\.0+"
"""A whole number as a program writes it that took identifiers for numbers."""


@dataclass(frozen=True, slots=True)
class ReleaseTable:
    """A table of a publisher, whose values are understood, unknown with a notice, or refused."""

    path: Path
    frame: pd.DataFrame
    notices: list[Notice] = field(default_factory=list)
    """Grows with every column that is read."""

    def require(self, columns: Iterable[str]) -> None:
        """Raise `MissingColumnsError` unless the table has all columns."""
        require_columns(str(self.path), self.frame, columns)

    def about(self, column: str) -> str:
        """Return what a message calls a column."""
        return f"'{column}' of {self.path.name}"

    def rows(self, mask: "pd.Series[bool]") -> "ReleaseTable":
        """Return some rows; their notices are those of the table."""
        return replace(self, frame=self.frame[mask.to_numpy()].reset_index(drop=True))

    def note(self, column: str, count: int, sentence: str) -> None:
        """Add a notice on a column, if there is anything to count."""
        if count:
            self.notices.append(Notice(about=self.about(column), count=count, sentence=sentence))

    def read(self, column: str, reader: Callable[[pd.Series, str], values.Values]) -> pd.Series:
        """Return a column as `reader` of `cxraudit.datasets.values` understands it."""
        found = reader(self.frame[column], self.about(column))
        self.notices.extend(found.notices)
        return found.series

    def texts(self, column: str) -> pd.Series:
        """Return text, NaN where there is none."""
        return values.texts(self.frame[column], self.about(column))

    def ids(self, column: str, *, unique: bool = False) -> pd.Series:
        """Return identifiers; whole numbers lose ``.0``, with a notice.

        Raises
        ------
        DataError
            If one is missing, or occurs twice although `unique`.
        """
        found = self.read(column, values.ids)
        points = found.str.fullmatch(_POINT_ZERO)
        if points.any():
            found = found.mask(points, found.str.partition(".")[0])
            number = int(points.sum())
            self.note(column, number, f"{counted(number, 'value')} such as 12.0, read as 12.")
        if unique:
            self.refuse_repeats(column, found)
        return found

    def refuse_repeats(self, column: str, found: pd.Series) -> None:
        """Raise `DataError` if an identifier occurs twice."""
        twice = found.duplicated()
        if twice.any():
            number = counted(int(twice.sum()), "row")
            raise DataError(
                f"{self.path} holds {number} whose {column} was already there, first "
                f"{found[twice].iloc[0]}. Keep one row of each."
            )

    def ages(self, column: str) -> values.Ages:
        """Return ages in years."""
        found = values.ages(self.frame[column], self.about(column), strict=False)
        self.notices.extend(found.notices)
        return found

    def sexes(self, column: str) -> pd.Series:
        """Return ``female``, ``male``, ``other`` and ``unknown``."""
        return self.read(column, lambda cells, about: values.sexes(cells, about, strict=False))

    def groups(self, column: str) -> pd.Series:
        """Return groups."""
        return self.read(column, lambda cells, about: values.groups(cells, about, column))

    def coded(self, column: str, codes: Callable[[str], str | None]) -> pd.Series:
        """Return groups by their codes, ``unknown`` for other values; see `values.coded`."""
        return self.read(column, lambda cells, about: values.coded(cells, about, codes))

    def note_unmatched(self, column: str, unmatched: pd.Series, sentence: str) -> None:
        """Say how many rows have an identifier that the images do not have."""
        counts = {str(name): int(n) for name, n in unmatched.value_counts().items()}
        number = sum(counts.values())
        if number:
            self.note(column, number, f"{counted(number, 'row')} {sentence}: {named(counts)}.")


def find_table(
    root: Path,
    patterns: Iterable[str],
    *,
    hint: str,
    columns: Iterable[str] = (),
    line_breaks: bool = False,
) -> ReleaseTable:
    """Find and read the table of a release.

    Raises
    ------
    DataError
        If it is missing, there twice, cannot be read, lacks a column, or has no rows.
    """
    path, notices = find_one(root, patterns, hint=hint)
    return open_table(path, columns=columns, notices=notices, line_breaks=line_breaks)


def open_table(
    path: Path,
    *,
    what: str = "the table",
    columns: Iterable[str] = (),
    notices: Iterable[Notice] = (),
    line_breaks: bool = False,
) -> ReleaseTable:
    """Read a table of a release.

    Raises
    ------
    DataError
        If it cannot be read, lacks a column, or has no rows.
    """
    read = read_table(path, what=what, line_breaks=line_breaks)
    table = ReleaseTable(path, read.frame, [*notices, *read.notices])
    table.require(columns)
    require_rows(str(path), read.frame)
    return table
