"""The one reader of tables: CSV, TSV, Excel and Parquet, of users and of publishers.

Cells of text formats stay text: ``0012`` is not 12, and ``1E3`` is an identifier. What they mean is decided
by `cxraudit.datasets.values`. Separator, encoding and compression are recognised by the content, never by the
name of the file; a table that cannot be read without a guess is refused, and what was guessed is a notice.
"""

import csv
import io
import re
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from cxraudit.errors import DataError, MissingExtraError
from cxraudit.frames import to_pandas
from cxraudit.notices import SHOWN, Notice

MISSING = ("", "NA", "N/A", "#N/A", "<NA>", "NaN", "nan", "NULL", "null")
"""Cells without a value in every column, identifiers included. Further words, such as ``unknown``, are
recognised where groups and values are read."""

SEPARATORS = (",", ";", "\t", "|")
_SEPARATOR_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}

_BOMS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_ARCHIVES = (
    (b"PK\x03\x04", "a zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)"),
    (b"BZh", "compressed with bzip2"),
    (b"\xfd7zXZ", "compressed with xz"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd"),
    (b"7z\xbc\xaf", "a 7-zip archive"),
    (b"Rar!", "a rar archive"),
    (b"%PDF", "a PDF"),
    (b"ORC", "an ORC table"),
    (b"ARROW1", "an Arrow file"),
)
"""First bytes of what is no table that can be read here."""

LARGEST = 16 * 2**30
"""Bytes that a compressed table may unpack to."""

ROUNDED = 10**15
"""Excel keeps 15 digits: larger whole numbers in cells are no longer those that were typed."""


_LINE_BREAK = re.compile(r"\s*[\r\n]+\s*")


class Reading(NamedTuple):
    """A table, and what has to be stated of how it was read."""

    frame: pd.DataFrame
    """Text formats: every column is text, NaN where a cell is one of `MISSING`. Parquet: as typed there."""
    notices: tuple[Notice, ...] = ()


def read_table(path: Path, *, what: str = "the table", line_breaks: bool = False) -> Reading:
    """Read a table of any format.

    Parameters
    ----------
    path : pathlib.Path
        CSV or other separated text (also compressed with gzip), an Excel workbook, or Parquet.
    what : str
        Name of the table in messages.
    line_breaks : bool
        Whether cells may hold line breaks, as those of reports do.

    Returns
    -------
    Reading
        The table and its notices.

    Raises
    ------
    DataError
        If the file is missing, of another format, damaged, or cannot be read without a guess: rows of
        unlike length, a header twice, a line break in a cell.
    MissingExtraError
        If it is an Excel workbook and openpyxl is not installed.
    """
    where = f"{what} {path}"
    try:
        if path.is_dir():
            raise DataError(f"{where} is a folder. Give the file.")
        if not path.is_file():
            raise DataError(f"{where} is missing. {_beside(path)}")
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{where} cannot be read ({error.strerror}).") from None
    if data.startswith(b"\x1f\x8b"):
        data = _unpacked(data, where)
    if data.startswith(b"PAR1"):
        return _parquet(data, where)
    if data.startswith(b"PK\x03\x04") and b"xl/" in data:
        return _excel(data, where, path.name)
    for start, kind in _ARCHIVES:
        if data.startswith(start):
            raise DataError(
                f"{where} is {kind}. Unpack it, or save the table as CSV, Excel (.xlsx) or Parquet."
            )
    return _separated(data, where, path.name, line_breaks)


def _beside(path: Path) -> str:
    """Say what else lies there under a similar name."""
    others = (path.with_name(path.name.removesuffix(".gz")), path.with_name(path.name + ".gz"))
    found = next((other.name for other in others if other != path and other.is_file()), None)
    return f"There is {found} beside it: name that." if found else "Check the path."


def _unpacked(data: bytes, where: str) -> bytes:
    packed = zlib.decompressobj(wbits=31)
    try:
        parts = [packed.decompress(data, LARGEST)]
        while packed.eof and packed.unused_data.startswith(b"\x1f\x8b"):
            rest, packed = packed.unused_data, zlib.decompressobj(wbits=31)
            parts.append(packed.decompress(rest, LARGEST))
    except (zlib.error, MemoryError) as error:
        raise DataError(f"{where} is damaged: {error}. Download it again.") from None
    if packed.unconsumed_tail:
        raise DataError(f"{where} unpacks to more than {LARGEST // 2**30} GiB. Unpack it yourself.")
    if not packed.eof:
        raise DataError(f"{where} is cut short: its compressed content ends too early.")
    return b"".join(parts)


def _parquet(data: bytes, where: str) -> Reading:
    try:
        table = pyarrow.parquet.read_table(pa.BufferReader(data))
        _check_names(list(table.column_names), where)
        return Reading(table.to_pandas(ignore_metadata=True, integer_object_nulls=True))
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError, MemoryError) as error:
        raise DataError(f"{where} cannot be read: {_first_line(error)}. Write it again.") from None


def _excel(data: bytes, where: str, name: str) -> Reading:
    try:
        import openpyxl
    except ImportError:
        raise MissingExtraError("reading an Excel workbook", "excel") from None
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        sheets = [
            (sheet.title, [list(row) for row in sheet.iter_rows(values_only=True)])
            for sheet in book.worksheets
        ]
    except Exception as error:  # openpyxl raises whatever a damaged workbook leads to
        raise DataError(f"{where} cannot be read: {_first_line(error)}.") from None
    filled = [(title, rows) for title, rows in sheets if any(map(_has_value, rows))]
    if not filled:
        raise DataError(f"{where} has no rows.")
    title, rows = filled[0]
    cells = [[_cell(value, where) for value in row] for row in rows if _has_value(row)]
    text = io.StringIO()
    csv.writer(text).writerows(cells)
    read = _separated(text.getvalue().encode(), where, name, line_breaks=False, separator=",")
    if len(filled) == 1:
        return read
    others = ", ".join(other for other, _ in filled[1:])
    stated = f"The first sheet, '{title}', was read; not the others: {others}."
    return Reading(read.frame, (*read.notices, Notice(about=name, count=1, sentence=stated)))


def _has_value(row: list[Any]) -> bool:
    return any(value is not None and str(value).strip() for value in row)


def _cell(value: Any, where: str) -> str:
    """Return a cell of a workbook as text: whole numbers without a point, dates as ISO."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        if abs(value) >= ROUNDED:
            raise DataError(
                f"{where} holds the number {value:.0f} in a cell; Excel rounds numbers beyond 15 digits, "
                "so it may be another one. Format the column as text and enter it again."
            )
        return str(int(value)) if float(value).is_integer() else repr(float(value))
    if hasattr(value, "isoformat"):
        return value.isoformat().removesuffix("T00:00:00")
    return str(value)


def _separated(
    data: bytes, where: str, name: str, line_breaks: bool, separator: str | None = None
) -> Reading:
    """Read separated text."""
    text, notices = _decoded(data, where, name)
    text = text.replace("\r\n", "\n") if "\n" in text else text.replace("\r", "\n")
    text, declared = _declared_separator(text)
    _refuse_other_text(text, where)
    separator = separator or declared or _separator(text, where)
    header, lines = _header(text, separator, where)
    table = _parsed(text, separator, len(header), lines, where)
    names = [column or f"column {number}" for number, column in enumerate(header, start=1)]
    frame = table.to_pandas().set_axis(range(len(names)), axis=1).astype("str")
    kept = [k for k, column in enumerate(header) if column or frame[k].notna().any()]
    frame = frame[kept].set_axis([names[k] for k in kept], axis=1)
    _check_names(list(frame.columns), where)
    if not line_breaks:
        _refuse_line_breaks(frame, text, separator, where)
    empty = frame.isna().all(axis=1)
    if empty.any():
        stated = f"{int(empty.sum()):,} rows without any value were left out."
        notices.append(Notice(about=name, count=int(empty.sum()), sentence=stated))
        frame = frame[~empty].reset_index(drop=True)
    return Reading(frame, tuple(notices))


def _decoded(data: bytes, where: str, name: str) -> tuple[str, list[Notice]]:
    """Decode text by its byte order mark, else as UTF-8, else as Windows-1252 with a notice."""
    encoding = next((codec for start, codec in _BOMS if data.startswith(start)), None)
    first, second = data[:1000:2].count(0), data[1:1000:2].count(0)
    if encoding is None and max(first, second) > len(data[:1000]) / 6:
        encoding = "utf-16-be" if first > second else "utf-16-le"
    try:
        text = data.decode(encoding or "utf-8")
    except UnicodeDecodeError:
        if encoding:
            raise DataError(
                f"{where} looks like {encoding.upper()}, but is not valid. Save it as UTF-8."
            ) from None
        return _windows(data, where, name)
    if "\x00" in text:
        raise DataError(f"{where} holds NUL characters: it is damaged or no text. Save it as CSV.")
    return text, []


def _windows(data: bytes, where: str, name: str) -> tuple[str, list[Notice]]:
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        raise DataError(
            f"{where} is neither UTF-8 nor Windows-1252 text, or no text at all. Save it as UTF-8."
        ) from None
    if "\x00" in text:
        raise DataError(f"{where} is no table of text. Save it as CSV, Excel (.xlsx) or Parquet.")
    lines = [line for line in text.splitlines() if not line.isascii()]
    stated = f"The file is not UTF-8; {len(lines):,} lines were read as Windows-1252."
    return text, [Notice(about=name, count=len(lines), sentence=stated)]


def _declared_separator(text: str) -> tuple[str, str | None]:
    """Take off a first line such as ``sep=;``, which Excel writes."""
    first, _, rest = text.partition("\n")
    plain = first.strip("\r ").strip('"').lower()
    if not plain.startswith("sep=") or len(plain) > 5:
        return text, None
    separator = first.strip("\r ").strip('"')[4:5] or "\t"
    return rest, separator


def _refuse_other_text(text: str, where: str) -> None:
    start = text[:200].lstrip().lower()
    if start.startswith(("<!doctype", "<html", "<?xml")):
        raise DataError(f"{where} is a web page or XML, not a table. Download the table itself.")
    if start.startswith(("{", "[{")):
        raise DataError(f"{where} is JSON, not a table. Save it as CSV or Parquet.")
    if start.startswith("version https://git-lfs"):
        raise DataError(f"{where} is a Git LFS pointer. Fetch the file it points to.")


def _separator(text: str, where: str) -> str:
    """Return the separator that divides the first rows into equally many fields, and into most."""
    sample = text[:50_000].splitlines(keepends=True)
    lines = sample[:100] if len(text) <= 50_000 else sample[:-1][:100]
    found: dict[str, int] = {}
    for separator in SEPARATORS:
        try:
            rows = [row for row in csv.reader(lines, delimiter=separator) if row]
        except csv.Error:
            continue
        width = len(rows[0]) if rows else 0
        alike = sum(abs(len(row) - width) <= 1 for row in rows)
        if width > 1 and alike >= 0.5 * len(rows):
            found[separator] = width
    if not found:
        _refuse_other_separators(sample[:100], where)
        return ","
    best = max(found.values())
    fitting = [separator for separator, width in found.items() if width == best]
    if len(fitting) > 1:
        names = " or ".join(_SEPARATOR_NAMES[separator] for separator in fitting)
        raise DataError(
            f"the separator of {where} may be {names}. Write the first line 'sep=;' (or ',') above it."
        )
    return fitting[0]


def _refuse_other_separators(lines: list[str], where: str) -> None:
    """Refuse a table of one column whose lines all have three or more parts of another kind."""
    kinds = {"blanks": None, "colons": ":", "carets": "^", "tildes": "~"}
    for name, other in kinds.items():
        widths = {len(line.split(other)) for line in lines if line.strip()}
        if len(widths) == 1 and min(widths) > 2:
            raise DataError(
                f"{where} divides its columns by {name}. Save it with commas, semicolons or tabs."
            )


def _header(text: str, separator: str, where: str) -> tuple[list[str], int]:
    """Return the names of the columns, without empty ones at the end, and the lines they take."""
    rows = csv.reader(io.StringIO(text), delimiter=separator)
    try:
        first: list[str] = next((row for row in rows if any(row)), [])
        names = [_LINE_BREAK.sub(" ", name.strip("\ufeff\u200b \t\r\n\xa0")) for name in first]
    except csv.Error as error:
        raise DataError(f"{where} cannot be read: {error}.") from None
    while names and not names[-1]:
        names.pop()
    if not names:
        raise DataError(f"{where} is empty.")
    return names, rows.line_num


def _parsed(text: str, separator: str, width: int, lines: int, where: str) -> pa.Table:
    """Return all rows as text; empty fields beyond the header are dropped."""
    unlike: list[Any] = []

    def note(row: Any) -> str:
        unlike.append(row)
        return "skip"

    table = _arrow(text, separator, width, lines, note, where)
    if not unlike:
        return table
    return _arrow(_trimmed(text, separator, width, lines, where), separator, width, 0, None, where)


def _trimmed(text: str, separator: str, width: int, lines: int, where: str) -> str:
    """Drop empty fields beyond the header.

    Raises
    ------
    DataError
        If a row is shorter than the header, or longer with values.
    """
    trimmed = io.StringIO()
    writer = csv.writer(trimmed, delimiter=separator)
    reader = csv.reader(io.StringIO(text), delimiter=separator)
    wrong: list[tuple[int, int]] = []
    try:
        for row in reader:
            if reader.line_num <= lines or not row:
                continue
            if len(row) < width or any(cell.strip() for cell in row[width:]):
                wrong.append((reader.line_num, len(row)))
            else:
                writer.writerow(row[:width])
    except csv.Error as error:
        raise DataError(f"{where} cannot be read: {error}.") from None
    if wrong:
        line, length = wrong[0]
        number = "1 row" if len(wrong) == 1 else f"{len(wrong):,} rows"
        raise DataError(
            f"{where} has {number} of another length than its header, first in line {line:,}: "
            f"{length} fields where the header has {width}. {_remedy(wrong, width, separator)}"
        )
    return trimmed.getvalue()


def _remedy(wrong: list[tuple[int, int]], width: int, separator: str) -> str:
    """Say what to do about rows of another length than the header."""
    if width == 1:
        return "The first line names the columns: take out lines above it."
    named = _SEPARATOR_NAMES.get(separator, separator)
    quote = f"Quote cells that hold the separator ({named}), and check decimal marks"
    if len(wrong) > 1 and {length for _, length in wrong} == {width + 1}:
        return f"{quote}; or name the last column, or that of row names, in the first line."
    return f"{quote}; close quotation marks, and take out lines that are no rows."


def _arrow(
    text: str, separator: str, width: int, lines: int, on_wrong: Any, where: str
) -> pa.Table:
    names = [str(number) for number in range(width)]
    content = text.encode("utf-8", "replace")
    try:
        return pyarrow.csv.read_csv(
            pa.BufferReader(content),
            read_options=pyarrow.csv.ReadOptions(
                column_names=names,
                skip_rows=lines,
                use_threads=False,
                block_size=max(1 << 20, min(len(content) + 1, (1 << 31) - 1)),
            ),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=separator, newlines_in_values=True, invalid_row_handler=on_wrong
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                null_values=list(MISSING),
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error):
            return pa.table({name: pa.array([], pa.string()) for name in names})
        raise DataError(f"{where} cannot be read: {_first_line(error)}.") from None
    except (pa.ArrowException, ValueError, MemoryError) as error:
        raise DataError(f"{where} cannot be read: {_first_line(error)}.") from None


def _check_names(names: list[str], where: str) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise DataError(
            f"{where} has more than one column called {', '.join(repeated[:SHOWN])}. Rename all but one."
        )
    broken = [name for name in names if "\n" in name or "\r" in name]
    if broken:
        raise DataError(f"{where} has a line break in the column name {broken[0]!r}. Rename it.")


def _refuse_line_breaks(frame: pd.DataFrame, text: str, separator: str, where: str) -> None:
    """Refuse cells with line breaks, unless every quotation mark is closed where a field ends."""
    if '"' not in text:
        return
    try:
        list(csv.reader(io.StringIO(text), delimiter=separator, strict=True))
    except csv.Error:
        pass
    else:
        return
    for column in frame:
        broken = frame[column].str.contains(r"[\r\n]", na=False)
        if broken.any():
            row = int(broken.to_numpy().argmax())
            raise DataError(
                f"{where} has a line break in the column '{column}', first in row {row + 1}: "
                f"{frame[column].iloc[row][:40]!r}. Close its quotation marks, or take it out."
            )


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0][:200].rstrip(".") if text else type(error).__name__


def plain_frame(frame: object, what: str) -> pd.DataFrame:
    """Return a data frame of any library as pandas, with each column named once, by text.

    Raises
    ------
    DataError
        If two columns have one name.
    TypeError
        If it is no data frame.
    """
    raw = to_pandas(frame, what).reset_index(drop=True)
    raw = raw.set_axis([str(name) for name in raw.columns], axis=1)
    _check_names(list(raw.columns), what)
    return raw
