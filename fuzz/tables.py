"""Mutations of tables: what cells, columns and rows hold, and how the file is written."""

import contextlib
import csv
import datetime
import decimal
import gzip
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from fuzz.case import Case
from fuzz.damage import damaged

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


# What a table holds


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


# How a table is written

ENCODINGS = (
    "utf-8",
    "utf-8-sig",
    "utf-16",
    "utf-16-le",
    "utf-32",
    "cp1252",
    "latin-1",
    "shift_jis",
    "cp437",
)


def write(sheet: Sheet, path: Path, rng: Generator, case: Case) -> Path:
    """Write a sheet in one of many ways; return the path, whose suffix says the format."""
    form = pick(rng, ["csv"] * 6 + ["tsv", "csv.gz", "parquet", "parquet", "parquet", "xlsx"])
    target = path.with_name(f"{path.name}.{form}")
    if form == "parquet":
        _write_parquet(sheet, target, rng, case)
    elif form == "xlsx":
        _write_excel(sheet, target, rng, case)
    else:
        target.write_bytes(_as_csv(sheet, form, rng, case))
    if chance(rng, 0.25):
        data, name = damaged(target.read_bytes(), rng)
        target.write_bytes(data)
        case.add(f"bytes: {name}")
        case.rows = None
    return target


def write_csv(sheet: Sheet, target: Path, rng: Generator, case: Case) -> None:
    """Write a sheet to a file whose name is fixed, as releases are: CSV, compressed by its suffix."""
    data = _as_csv(sheet, "csv.gz" if target.suffix == ".gz" else "csv", rng, case)
    if chance(rng, 0.25):
        data, name = damaged(data, rng)
        case.add(f"bytes: {name}")
        case.rows = None
    target.write_bytes(data)


def _as_csv(sheet: Sheet, form: str, rng: Generator, case: Case) -> bytes:
    separator = "\t" if form == "tsv" else ","
    lines, quoting, encoding = "\n", csv.QUOTE_MINIMAL, "utf-8"
    if chance(rng, 0.4):
        way = pick(rng, ["separator", "lines", "quoting", "encoding", "encoding"])
        if way == "separator":
            separator = pick(rng, [";", "\t", "|", ":", " ", "\x01"])
            case.add(f"separated by {separator!r}", harmless=separator in ";\t|")
        elif way == "lines":
            lines = pick(rng, ["\r\n", "\r", "\n\n", "\n\r"])
            case.add(f"lines end in {lines!r}", harmless=lines == "\r\n")
        elif way == "quoting":
            quoting = csv.QUOTE_ALL
            case.add("every field quoted", harmless=True)
        else:
            encoding = pick(rng, ENCODINGS)
            case.add(f"encoded as {encoding}", harmless=encoding in ("utf-8-sig", "utf-16"))
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, quoting=quoting, lineterminator=lines)
    writer.writerows([sheet.header, *sheet.rows])
    found = text.getvalue()
    if chance(rng, 0.15):
        found = _around(found, separator, rng, case)
    data = found.encode(encoding, errors="replace")
    if form == "csv.gz":
        data = gzip.compress(data, mtime=0)
    return data


def _around(text: str, separator: str, rng: Generator, case: Case) -> str:
    """Add lines before, after or at the end of lines, as programs do."""
    way = pick(
        rng, ["sep", "comment", "title", "blank end", "blank begin", "total", "field", "NUL"]
    )
    case.add(f"around the table: {way}", harmless=way == "blank end")
    if way in ("comment", "title", "total", "NUL", "field", "blank begin"):
        case.rows = None
    return {
        "sep": lambda: f"sep={separator}\n{text}",
        "comment": lambda: f"# exported by hand\n{text}",
        "title": lambda: f"Our scores{separator}{separator}\n\n{text}",
        "blank end": lambda: f"{text}\n\n",
        "blank begin": lambda: f"\n\n{text}",
        "total": lambda: f"{text}Total{separator}3\n",
        "field": lambda: text.replace("\n", f"{separator}\n"),
        "NUL": lambda: text + "\x00" * 100,
    }[way]()


def _write_parquet(sheet: Sheet, target: Path, rng: Generator, case: Case) -> None:
    columns = [
        [row[k] if k < len(row) else None for row in sheet.rows] for k in range(len(sheet.header))
    ]
    arrays = [_typed(values) for values in columns]
    if arrays and chance(rng, 0.5):
        k = int(rng.integers(len(arrays)))
        name, change = pick(rng, list(_TYPES.items()))
        try:
            arrays[k] = change(arrays[k], rng)
            case.add(f"column {sheet.header[k][:40]!r} of type {name}")
        except (pa.ArrowException, ValueError, TypeError, OverflowError):
            pass  # these values have no such type
    table = pa.Table.from_arrays(arrays, names=sheet.header)
    if chance(rng, 0.1):
        table = table.replace_schema_metadata(
            {"pandas": pick(rng, ["{}", "[", "null", "x" * 1000])}
        )
        case.add("metadata that are not those of pandas")
    pa.parquet.write_table(
        table,
        target,
        compression=pick(rng, ["snappy", "none", "gzip", "zstd"]),
        row_group_size=pick(rng, [1, 7, 1000]),
    )


def _typed(values: list[str | None]) -> pa.Array:
    """Return numbers where all values are numbers, as a program would store them."""
    try:
        numbers = [None if value in (None, "") else float(value) for value in values]
    except (ValueError, OverflowError):
        return pa.array(values, pa.string())
    whole = all(n is None or (n.is_integer() and abs(n) < 2**53) for n in numbers)
    if whole and not any(value and set(value) & set(".en") for value in values):
        return pa.array([None if n is None else int(n) for n in numbers], pa.int64())
    return pa.array(numbers, pa.float64())


def _each(kind: pa.DataType, make: Callable[[Any, int], Any]) -> Callable[..., pa.Array]:
    return lambda array, rng: pa.array(
        [make(value, k) for k, value in enumerate(array.to_pylist())], kind
    )


_DAY = datetime.date(1990, 1, 1)
_TYPES: dict[str, Callable[..., pa.Array]] = {
    "text": lambda array, rng: array.cast(pa.string()),
    "large text": lambda array, rng: array.cast(pa.large_string()),
    "float": lambda array, rng: array.cast(pa.float64()),
    "float32": lambda array, rng: array.cast(pa.float32(), safe=False),
    "float16": lambda array, rng: array.cast(pa.float32(), safe=False).cast(pa.float16()),
    "int8": lambda array, rng: array.cast(pa.int8()),
    "uint64": lambda array, rng: array.cast(pa.uint64()),
    "boolean": lambda array, rng: pa.array([k % 3 == 0 for k in range(len(array))]),
    "boolean with missing": _each(pa.bool_(), lambda _, k: None if k % 5 == 0 else k % 2 == 0),
    "null": lambda array, rng: pa.nulls(len(array)),
    "bytes": _each(pa.binary(), lambda value, _: str(value).encode()),
    "bytes that are no text": _each(pa.binary(), lambda _, k: bytes([255, k % 256])),
    "category": lambda array, rng: array.dictionary_encode(),
    "list": _each(pa.list_(pa.string()), lambda value, _: [str(value)]),
    "empty list": _each(pa.list_(pa.int64()), lambda *_: []),
    "record": _each(pa.struct([("a", pa.string())]), lambda value, _: {"a": str(value)}),
    "map": _each(pa.map_(pa.string(), pa.string()), lambda value, _: [("a", str(value))]),
    "date": _each(pa.date32(), lambda _, k: _DAY + datetime.timedelta(k)),
    "time stamp": _each(pa.timestamp("ns", "UTC"), lambda _, k: 10**18 + k),
    "duration": _each(pa.duration("s"), lambda _, k: k),
    "time": _each(pa.time64("us"), lambda _, k: k),
    "decimal": _each(pa.decimal128(20, 2), lambda _, k: decimal.Decimal(k)),
    "nan": lambda array, rng: pa.array(np.where(rng.random(len(array)) < 0.3, np.nan, 1.0)),
    "infinity": lambda array, rng: pa.array(np.where(rng.random(len(array)) < 0.3, np.inf, 0.5)),
    "beyond 2^53": lambda array, rng: pa.array(np.arange(len(array)) + 2.0**53),
}


def _write_excel(sheet: Sheet, target: Path, rng: Generator, case: Case) -> None:
    book = openpyxl.Workbook()
    page = book.active
    if chance(rng, 0.2):
        book.create_sheet("notes").append(["x"])
        case.add("a second sheet")
    numbers = chance(rng, 0.5)
    for row in [] if chance(rng, 0.05) else [sheet.header, *sheet.rows]:
        page.append([_excel_cell(value, numbers, rng) for value in row])
    if chance(rng, 0.2):
        odd = pick(
            rng, [datetime.datetime(2020, 1, 1), True, "=1/0", "=SUM(A1:A3)", 1e300, "#REF!"]
        )
        page.cell(int(rng.integers(1, 9)), int(rng.integers(1, 6)), odd)
        case.add(f"a cell of Excel is {odd!r}")
    if chance(rng, 0.1):
        page.merge_cells("A2:B3")
        case.add("merged cells")
    book.save(target)


def _excel_cell(value: str, numbers: bool, rng: Generator) -> object:
    text = openpyxl.cell.cell.ILLEGAL_CHARACTERS_RE.sub("", value)[:32_000]
    with contextlib.suppress(ValueError, OverflowError):
        if numbers and math.isfinite(float(text)):
            return float(text)
    return text
