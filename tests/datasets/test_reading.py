"""One reader for every table: cells stay text, and what cannot be read without a guess is refused."""

import gzip

import pandas as pd
import pytest

from cxraudit.datasets import reading
from cxraudit.datasets.reading import plain_frame, read_table
from cxraudit.errors import DataError

ROWS = [["f0.png", "0012", "Köln", "0.5"], ["f1.png", "1E3", "a, b", ""]]
NAMES = ["file", "pid", "site", "score"]


def packed(content: bytes) -> bytes:
    """Compress without the time, which would differ between the processes that run the tests."""
    return gzip.compress(content, mtime=0)


def text(separator: str = ",", end: str = "\n", close: str = "") -> str:
    """The table of `ROWS` with a separator, an end of line, and what each row ends with."""
    quoted = [
        [f'"{cell}"' if separator in cell else cell for cell in row] for row in [NAMES, *ROWS]
    ]
    return "".join(separator.join(row) + close + end for row in quoted)


def read(tmp_path, content: str | bytes, name: str = "t.csv", **options):
    """Read a file with this content."""
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(file, **options)


def cells(frame: pd.DataFrame) -> list[list[str]]:
    """All cells, blank ones as empty text."""
    return frame.astype(object).where(frame.notna(), "").to_numpy().tolist()


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (text(), "t.csv"),
        (text(), "T.CSV"),
        (text(), "t.txt"),
        (text(), "no suffix"),
        (text(";"), "t.csv"),
        (text("\t"), "t.csv"),
        (text("\t"), "t.tsv"),
        (text(";"), "t.tsv"),
        (text("|"), "t.csv"),
        (text(end="\r\n"), "t.csv"),
        (text(end="\r"), "t.csv"),
        (text(close=","), "t.csv"),
        (text(close=",,,"), "t.csv"),
        ("sep=;\n" + text(";"), "t.csv"),
        ('"sep=\t"\r\n' + text("\t", "\r\n"), "t.csv"),
        ("sep=,\n" + text(), "t.csv"),
        (text().encode("utf-8-sig"), "t.csv"),
        (text(";").encode("utf-8-sig"), "t.csv"),
        (text().encode("utf-16"), "t.csv"),
        (text("\t").encode("utf-16-le"), "t.txt"),
        (text().encode("utf-16-be"), "t.csv"),
        (text().encode("utf-32"), "t.csv"),
        (packed(text().encode()), "t.csv.gz"),
        (packed(text().encode()), "t.csv"),
        (packed(text().encode()[:40]) + packed(text().encode()[40:]), "t.csv.gz"),
        (text().rstrip("\n"), "t.csv"),
        ("\n\n" + text(), "t.csv"),
    ],
)
def test_cells_are_the_same_in_every_form_of_text(tmp_path, content, name):
    """Separator, encoding, ends of lines, compression and trailing separators change nothing."""
    table = read(tmp_path, content, name)

    assert list(table.frame.columns) == NAMES
    assert cells(table.frame) == ROWS
    assert table.notices == ()


def test_text_that_is_not_utf_8_is_read_with_a_notice(tmp_path):
    """As Windows writes it in western Europe."""
    table = read(tmp_path, text().encode("cp1252"))

    assert cells(table.frame) == ROWS
    assert "1 lines were read as Windows-1252" in table.notices[0].sentence


@pytest.mark.parametrize("end", [",", ",,"])
def test_single_rows_may_end_with_a_separator(tmp_path, end):
    """Only the first of them, or only the last."""
    lines = text().splitlines()
    for number in (1, 2):
        longer = [line + end if k == number else line for k, line in enumerate(lines)]
        assert cells(read(tmp_path, "\n".join(longer)).frame) == ROWS


def test_a_header_may_end_with_separators_that_rows_lack(tmp_path):
    """As that of ChestX-ray14 does."""
    lines = text().splitlines()

    assert cells(read(tmp_path, "\n".join([lines[0] + ",,,", *lines[1:]])).frame) == ROWS


def test_a_column_without_a_name_is_numbered(tmp_path):
    """Data frames are often written with their index."""
    table = read(tmp_path, ",file\n0,a\n1,b\n")

    assert list(table.frame.columns) == ["column 1", "file"]


def test_rows_without_any_value_are_left_out_and_counted(tmp_path):
    """Spreadsheets end with them."""
    table = read(tmp_path, text() + ",,,\n,,,\n")

    assert cells(table.frame) == ROWS
    assert table.notices[0].count == 2


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (
            "a,b\n1,2\n1,2,3\n",
            "1 row of another length than its header, first in line 3: 3 fields",
        ),
        ("a,b,c\n1,2,3\n1,2\n", "2 fields where the header has 3"),
        ("a;b\n1;0,5;x\n1;2\n", "of another length"),
        ("a,b\n1,2,\n1,2,3,\n", "of another length"),
        ("a,a\n1,2\n", "more than one column called a"),
        ("a, a\n1,2\n", "more than one column called a"),
        ('a,b\n1,"x\n2,"y"\n', "row|line"),
        ('a,b\n"1,x\n"2",y\n', "row|line"),
        ("Table 1\na,b\n1,2\n", "take out lines above it"),
        ("a,b\n0,1,2\n1,3,4\n", "or that of row names"),
        ("a b c\n1 2 3\n", "by blanks"),
        ("a:b:c\n1:2:3\n", "by colons"),
        ('a,b\n1,"x\n2,y\n', "row|line"),
        ("", "is empty"),
        ("\n\n", "is empty"),
        (b"a,b\n1,\x00\n", "NUL|not valid"),
        ("<!DOCTYPE html><html>", "web page"),
        ('{"a": [1]}', "JSON"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0", "Git LFS pointer"),
        (b"PK\x03\x04 something", "zip archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "old Excel workbook"),
        (b"PAR1 and nothing else", "cannot be read"),
        (packed(text().encode())[:-12], "cut short"),
        (b"\x1f\x8b damaged", "is damaged"),
        (b"\x81\x8d\x8f\x90\x9d" * 20, "neither UTF-8 nor Windows-1252"),
        ("a;b,c\n1;2,3\n", "may be comma or semicolon"),
    ],
)
def test_what_cannot_be_read_without_a_guess_is_refused(tmp_path, content, match):
    """In one sentence that says what was found."""
    with pytest.raises(DataError, match=match):
        read(tmp_path, content)


def test_reports_may_hold_line_breaks(tmp_path):
    """Where the caller expects them."""
    table = read(tmp_path, 'study,findings\ns1,"Clear.\nNo effusion."\n', line_breaks=True)

    assert table.frame["findings"].tolist() == ["Clear.\nNo effusion."]


def test_cells_and_names_in_closed_quotation_marks_may_hold_line_breaks(tmp_path):
    """As reports do, and headers of spreadsheets."""
    frame = read(tmp_path, 'a,"b\n(0/1)",report\n1,0,"first, line\nsecond ""line"""\n2,1,\n').frame

    assert list(frame.columns) == ["a", "b (0/1)", "report"]
    assert cells(frame) == [["1", "0", 'first, line\nsecond "line"'], ["2", "1", ""]]


def test_a_missing_file_names_what_lies_beside_it(tmp_path):
    """The same table, compressed or not."""
    (tmp_path / "t.csv.gz").write_bytes(b"")

    with pytest.raises(DataError, match=r"There is t\.csv\.gz beside it"):
        read_table(tmp_path / "t.csv")
    with pytest.raises(DataError, match="Check the path"):
        read_table(tmp_path / "other.csv")
    with pytest.raises(DataError, match="is a folder"):
        read_table(tmp_path)


def test_what_unpacks_to_more_than_the_limit_is_refused(tmp_path, monkeypatch):
    """A small file that would fill the memory."""
    monkeypatch.setattr(reading, "LARGEST", 1000)

    with pytest.raises(DataError, match="unpacks to more than"):
        read(tmp_path, packed(b"a\n" + b"0\n" * 10_000))


def test_a_workbook_is_read_as_text(tmp_path):
    """Text stays text, whole numbers lose their point, dates are ISO; other sheets are named."""
    file = tmp_path / "t.xlsx"
    frame = pd.DataFrame(
        {
            "pid": ["0012", "12"],
            "age": [58.0, 58.5],
            "date": pd.to_datetime(["2024-01-31", "2024-02-01"]),
            "flag": [True, False],
        }
    )
    with pd.ExcelWriter(file) as book:
        frame.to_excel(book, sheet_name="images", index=False)
        frame.to_excel(book, sheet_name="older", index=False)

    table = read_table(file)

    assert cells(table.frame) == [
        ["0012", "58", "2024-01-31", "true"],
        ["12", "58.5", "2024-02-01", "false"],
    ]
    assert "not the others: older" in table.notices[0].sentence


def test_an_identifier_that_excel_has_rounded_is_refused(tmp_path):
    """Beyond 15 digits another patient may be meant."""
    file = tmp_path / "t.xlsx"
    pd.DataFrame({"pid": [1234567890123456789]}).to_excel(file, index=False)

    with pytest.raises(DataError, match="rounds numbers beyond 15 digits"):
        read_table(file)


def test_a_damaged_workbook_is_one_sentence(tmp_path):
    """Whatever the library raises."""
    file = tmp_path / "t.xlsx"
    pd.DataFrame({"pid": [1] * 100}).to_excel(file, index=False)
    content = file.read_bytes()

    with pytest.raises(DataError, match="cannot be read"):
        read(tmp_path, content[: len(content) // 2] + b"xl/", "half.xlsx")


def test_parquet_keeps_its_types(tmp_path):
    """Whatever the file is called."""
    frame = pd.DataFrame({"pid": ["0012"], "score": [0.5]})
    frame.to_parquet(tmp_path / "t.csv")

    pd.testing.assert_frame_equal(read_table(tmp_path / "t.csv").frame, frame)


def test_parquet_keeps_an_index_as_a_column_and_whole_numbers_beside_nulls(tmp_path):
    """Pandas would hide the one and round the other."""
    frame = pd.DataFrame({"file": ["a", "b"], "n": pd.array([2**60 + 1, None], dtype="Int64")})
    frame.set_index("file").to_parquet(tmp_path / "t.parquet")

    found = read_table(tmp_path / "t.parquet").frame

    assert found["file"].tolist() == ["a", "b"]
    assert found["n"].tolist() == [2**60 + 1, None]


def test_a_frame_with_a_name_twice_is_refused():
    """Which column is meant cannot be told."""
    with pytest.raises(DataError, match="more than one column called a"):
        plain_frame(pd.DataFrame([[1, 2]], columns=["a", "a"]), "the table")
