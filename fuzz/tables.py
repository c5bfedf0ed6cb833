"""Mutations of tables: what cells, columns and rows hold, and how the file is written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fuzz.case import Case

Generator = np.random.Generator

ODD = (
    *(
        "",
        " ",
        "NA",
        "nan",
        "None",
        "?",
        "unknown",
        "Not reported",
        "n/a",
        "-",
        "null",
        "#N/A",
        "declined",
    ),
    *(
        "-1",
        "0.5",
        "2",
        "1e309",
        "-1e309",
        "inf",
        "-inf",
        "1e-320",
        "1E3",
        "0012",
        "12",
        "12.0",
        "1.0",
        "٣",
        "½",
    ),
    *(
        "9223372036854775808",
        "9007199254740993",
        "1" * 40,
        "1" * 5000,
        "0x10",
        "1_000",
        "1,5",
        "1.500,25",
        "50%",
    ),
    *("true", "TRUE", "yes", "no", "Y", "Positive", "negative", "u", "1*", "1,0", "0/1", "x"),
    *(
        "> 89",
        "90+",
        "<1",
        "058Y",
        "58 years",
        "58,5",
        "000Y",
        "006M",
        "-5",
        "300",
        "2020-01-01",
        "43831",
    ),
    *("M", "m", "hombre", "mujer", "Male ", "O", "1", "w", "diverse"),
    *(
        "AP",
        "ap",
        "PA ",
        "LL",
        "Lateral",
        "AP|PA",
        "rest",
        "all other groups",
        "female*80+",
        "a:b",
        "a=b",
    ),
    *(
        "\x00",
        "a\x00b",
        "\x1b[2J",
        "\u202egnp",
        "\ufeff",
        "\u200b",
        "\u00a0",
        "🫁",
        "é",
        "e\u0301",
        "肺",
        "\ufffd",
    ),
    *(
        r"$\frac{$",
        "$a$",
        "100 %",
        "a\\b",
        "{0}",
        "{{ 7*7 }}",
        "<script>alert(1)</script>",
        "=cmd|'/C calc'!A0",
    ),
    *(
        "a\nb",
        "a\r\nb",
        '"',
        "'",
        '"a',
        ";",
        "\t",
        ",",
        "|",
        "../../x",
        "/etc/passwd",
        "~",
        "CON",
        "x" * 300,
    ),
    "y" * 70_000,
)
"""Cells as they are found in tables, and cells of no real table."""

NAMES = (
    *(
        "",
        " ",
        "file",
        "FILE",
        " file",
        "pid",
        "Unnamed: 0",
        "image_id",
        "patient_id",
        "score",
        "sex",
        "age_group",
    ),
    *(
        "path",
        "study_id",
        "all",
        "0",
        "1.5",
        "nan",
        "None",
        "a*b",
        "a:b",
        "a=b",
        "x" * 300,
        "é",
        "🫁",
        "\u202e",
    ),
    *(
        "a\nb",
        "a,b",
        '"',
        "$\\frac{$",
        "{{ 7*7 }}",
        "<b>",
        "../x",
        "drain_source",
        "s.1",
        "\x00",
        "subset",
        "finding",
    ),
)
"""Names of columns."""


@dataclass(slots=True)
class Sheet:
    """A table as text: names of the columns, and rows that may differ in length."""

    header: list[str]
    rows: list[list[str]]

    @classmethod
    def of(cls, frame: pd.DataFrame) -> "Sheet":
        """Return a data frame as text, empty where a value is missing."""
        text = frame.astype("object").where(frame.notna(), "")
        return cls(
            [str(name) for name in frame], [[str(c) for c in row] for row in text.to_numpy()]
        )

    def copy(self) -> "Sheet":
        """Return a sheet that can be changed."""
        return Sheet(list(self.header), [list(row) for row in self.rows])


def chance(rng: Generator, share: float) -> bool:
    """Return true with a probability."""
    return bool(rng.random() < share)


def pick(rng: Generator, items: Sequence[Any]) -> Any:
    """Return one item at random, as it is."""
    return items[int(rng.integers(len(items)))]


def _odd_cells(sheet: Sheet, rng: Generator, case: Case) -> None:
    column, value = int(rng.integers(len(sheet.header))), pick(rng, ODD)
    n = pick(rng, [1, 1, 2, 5, len(sheet.rows) // 2, len(sheet.rows)])
    for row in rng.permutation(len(sheet.rows))[:n]:
        if column < len(sheet.rows[row]):
            sheet.rows[row][column] = value
    case.add(f"{n} cells of {sheet.header[column][:40]!r} are {value[:40]!r}")


def _odd_column(sheet: Sheet, rng: Generator, case: Case) -> None:
    column, values = int(rng.integers(len(sheet.header))), [pick(rng, ODD[:-1]) for _ in range(4)]
    for row in sheet.rows:
        if column < len(row):
            row[column] = pick(rng, values)
    case.add(f"column {sheet.header[column][:40]!r} holds {[v[:40] for v in values]!r}")


def _changed_cells(sheet: Sheet, rng: Generator, case: Case) -> None:
    """Change how values are written, in part of a column: 1 → 1.0, 0012, ' 1', 1e0, 1,5."""
    column = int(rng.integers(len(sheet.header)))
    change = pick(rng, _WRITTEN)
    for row in sheet.rows:
        if column < len(row) and chance(rng, 0.5):
            row[column] = change(row[column])
    case.add(f"cells of {sheet.header[column][:40]!r} written otherwise: {change('1')!r} for '1'")


_WRITTEN: tuple[Callable[[str], str], ...] = (
    lambda text: f"{text}.0",
    lambda text: f"00{text}",
    lambda text: f" {text} ",
    lambda text: f"{text}e0",
    lambda text: text.replace(".", ","),
    lambda text: text.upper(),
    lambda text: text.lower(),
    lambda text: f"{text}*",
    lambda text: f"'{text}",
    lambda text: f"{text}\u00a0",
    lambda text: f'"{text}"',
    lambda text: text[::-1],
)


def _dropped_column(sheet: Sheet, rng: Generator, case: Case) -> None:
    column = int(rng.integers(len(sheet.header)))
    case.add(f"without column {sheet.header[column][:40]!r}")
    for row in (sheet.header, *sheet.rows):
        if column < len(row):
            del row[column]


def _renamed_column(sheet: Sheet, rng: Generator, case: Case) -> None:
    column, name = int(rng.integers(len(sheet.header))), pick(rng, NAMES)
    case.add(f"column {sheet.header[column][:40]!r} is named {name[:40]!r}")
    sheet.header[column] = name


def _doubled_column(sheet: Sheet, rng: Generator, case: Case) -> None:
    column = int(rng.integers(len(sheet.header)))
    case.add(f"column {sheet.header[column][:40]!r} is there twice")
    for row in (sheet.header, *sheet.rows):
        row.append(row[column] if column < len(row) else "")


def _swapped_names(sheet: Sheet, rng: Generator, case: Case) -> None:
    a, b = (int(rng.integers(len(sheet.header))) for _ in range(2))
    case.add(f"names of columns {a} and {b} exchanged")
    sheet.header[a], sheet.header[b] = sheet.header[b], sheet.header[a]


def _further_column(sheet: Sheet, rng: Generator, case: Case) -> None:
    name = f"further {rng.integers(1000)}"
    value = pick(rng, ["", "x", "1", "a,b", 'say "x"', "é"])
    case.add(f"a further column of {value!r}", harmless=True)
    sheet.header.append(name)
    for row in sheet.rows:
        row.append(value)


def _other_order_of_columns(sheet: Sheet, rng: Generator, case: Case) -> None:
    order = rng.permutation(len(sheet.header))
    if any(len(row) != len(sheet.header) for row in sheet.rows):
        return
    case.add("columns in another order", harmless=True)
    sheet.header[:] = [sheet.header[k] for k in order]
    for row in sheet.rows:
        row[:] = [row[k] for k in order]


def _fewer_rows(sheet: Sheet, rng: Generator, case: Case) -> None:
    n = pick(rng, [0, 0, 1, 2, 5, 20])
    case.add(f"{n} rows")
    del sheet.rows[n:]


def _doubled_rows(sheet: Sheet, rng: Generator, case: Case) -> None:
    for _ in range(pick(rng, [1, 3])):
        if sheet.rows:
            sheet.rows.append(list(pick(rng, sheet.rows)))
    case.add("rows that are there twice")


def _other_order_of_rows(sheet: Sheet, rng: Generator, case: Case) -> None:
    case.add("rows in another order")
    sheet.rows[:] = [sheet.rows[k] for k in rng.permutation(len(sheet.rows))]


def _header_again(sheet: Sheet, rng: Generator, case: Case) -> None:
    case.add("the header once more between the rows")
    sheet.rows.insert(int(rng.integers(len(sheet.rows) + 1)), list(sheet.header))


def _rows_of_other_length(sheet: Sheet, rng: Generator, case: Case) -> None:
    extra = pick(rng, [None, "", "x"])
    n = pick(rng, [1, 2, len(sheet.rows)])
    for row in rng.permutation(len(sheet.rows))[:n]:
        sheet.rows[row] = sheet.rows[row][:-1] if extra is None else [*sheet.rows[row], extra]
    case.add(f"{n} rows {'short by a field' if extra is None else f'with a further {extra!r}'}")
    case.notes["ragged"] = True


def _no_header(sheet: Sheet, rng: Generator, case: Case) -> None:
    case.add("no header")
    sheet.header[:] = sheet.rows.pop(0) if sheet.rows else []


_CONTENT: tuple[Callable[[Sheet, Generator, Case], None], ...] = (
    *(_odd_cells,) * 6,
    *(_changed_cells,) * 3,
    *(_odd_column,) * 2,
    *(_dropped_column, _renamed_column, _renamed_column, _doubled_column, _swapped_names),
    *(_further_column, _other_order_of_columns, _fewer_rows, _doubled_rows, _other_order_of_rows),
    *(_header_again, _rows_of_other_length, _no_header),
)


def mutated(sheet: Sheet, rng: Generator, case: Case) -> Sheet:
    """Return a sheet after none to three mutations of what it holds."""
    sheet = sheet.copy()
    for _ in range(pick(rng, [0, 1, 1, 1, 2, 3])):
        if sheet.header:
            pick(rng, _CONTENT)(sheet, rng, case)
    case.rows = None if case.notes.get("ragged") else len(sheet.rows)
    return sheet
