"""No cell of a CSV is run by a spreadsheet, and what was written is what is read."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxraudit.files import read_written, write_table
from cxraudit.spreadsheets import escape, escaped, unescape, unescaped

RUN = [
    "=1+1",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-1+1",
    "-cmd",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\tx",
    " =1",
    "\u00a0=1",
    "\ufeff=1",
    "\u200b=1",
    "\x00=1",
    '"=1"',
    "'=1",
    "“=1”",
    "＝1",
    "＋1+1",
    "－1+1",
    "＠SUM(A1)",
    "﹦1",
    '=HYPERLINK("https://example.org")',
    "--1+1",
]
KEPT = ["-1", "+1", "-0.5", "-1e-3", "-5 %", "-1,5", "-", "--", "pre-op", "a=b", "x@y", "5-10", ""]


@pytest.mark.parametrize("text", RUN)
def test_a_cell_that_would_be_run_begins_with_an_apostrophe(text):
    """Formulas in every disguise; the text comes back as it was."""
    assert escape(text).startswith("'")
    assert escape(text) != text
    assert unescape(escape(text)) == text


@pytest.mark.parametrize("text", KEPT)
def test_plain_numbers_and_words_stay_as_they_are(text):
    """A text column of ids -1 and of dashes is no formula."""
    assert escape(text) == text


@pytest.mark.parametrize("separator", [";", "\t", "\r", "\n"])
def test_a_formula_after_a_separator_of_another_country_is_escaped(separator):
    """A spreadsheet that separates by semicolons splits the cell there."""
    assert escape(f"ward{separator}=1") == f"ward{separator}'=1"


@settings(deadline=None)
@given(st.text(st.sampled_from("=+-@＝＋'\"; \t\r\n1.5a,"), max_size=8))
def test_what_was_escaped_is_read_back(text):
    """Exactly, whatever the text."""
    assert unescape(escape(text)) == text


@settings(deadline=None)
@given(st.text(st.sampled_from("=+-@'\"; \t1a"), max_size=8))
def test_escaping_twice_is_undone_twice(text):
    """A table that was escaped before is a text like any other."""
    assert unescape(unescape(escape(escape(text)))) == text


def test_numbers_stay_numbers_and_headings_are_escaped():
    """A negative difference is no formula; the name of a column can be one."""
    table = pd.DataFrame({"=x": ["a"], "gap": [-0.5], "group": pd.Categorical(["=1"])})

    changed = escaped(table)

    assert changed.to_csv(index=False) == "'=x,gap,group\na,-0.5,'=1\n"
    assert list(unescaped(changed).columns) == ["=x", "gap", "group"]


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.tsv"])
def test_every_text_format_is_escaped(tmp_path, name):
    """CSV, compressed CSV, and TSV."""
    path = write_table(pd.DataFrame({"group": ["=1", "ward"]}), tmp_path / name)

    assert pd.read_csv(path, sep="\t")["group"].tolist() == ["'=1", "ward"]


def test_parquet_holds_the_plain_text(tmp_path):
    """Programs read Parquet, and run nothing."""
    path = write_table(pd.DataFrame({"group": ["=1"]}), tmp_path / "t.parquet")

    assert pd.read_parquet(path)["group"].tolist() == ["=1"]


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.text(st.sampled_from("=+-@'\"; \t\r\n,1NA"), max_size=6), st.integers(0, 2000)
        ),
        max_size=4,
    )
)
def test_a_written_csv_is_read_back_exactly(tmp_path_factory, rows):
    """Formulas, line breaks, quotes, the word NA, and an empty text."""
    columns = {"step": "str", "images": "int64"}
    table = pd.DataFrame(rows, columns=list(columns)).astype(columns)

    path = write_table(table, tmp_path_factory.mktemp("csv") / "t.csv")

    pd.testing.assert_frame_equal(read_written(path, columns), table)
