"""The ways in which a table is written: CSV, TSV, Parquet and Excel, as programs and people write them."""

import contextlib
import csv
import datetime
import decimal
import gzip
import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.parquet

from fuzz.case import Case
from fuzz.damage import damaged
from fuzz.tables import Sheet, chance, pick

Generator = np.random.Generator

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
