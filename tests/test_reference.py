"""The reference pages are those the program makes, and name everything there is."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

import cxraudit
from cxraudit.schema import RESULT_COLUMNS, Analysis, Reason
from cxraudit.settings import AuditSettings, options_table

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def writer() -> ModuleType:
    """The script that writes the tables."""
    spec = importlib.util.spec_from_file_location("writer", ROOT / "scripts/write_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def text_of(name: str) -> str:
    """A page of the reference."""
    return (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["configuration.md", "tables.md"])
def test_tables_made_from_the_program_are_up_to_date(writer, name):
    """If not: python scripts/write_reference.py."""
    assert writer.page(name) == text_of(name)


def test_the_schema_of_run_files_is_up_to_date(writer):
    """Likewise."""
    assert writer.schema_text() == text_of("audit.schema.json")


def test_the_configuration_page_holds_the_options():
    """The table that `options_table` renders, whole."""
    assert options_table(AuditSettings) in text_of("configuration.md")


def test_every_column_of_the_results_is_explained():
    """In a row of the table of columns."""
    cells = re.findall(r"^\| ([^|]*) \|", text_of("tables.md"), re.MULTILINE)
    named = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}

    assert set(RESULT_COLUMNS) <= named


@pytest.mark.parametrize("kind", [Analysis, Reason])
def test_every_value_of_a_coded_column_is_explained(kind):
    """Each analysis and each reason."""
    text = text_of("tables.md")

    assert [one.value for one in kind if f"| `{one.value}` |" not in text] == []


def test_every_public_name_is_explained():
    """In the table of names."""
    named = set(re.findall(r"`(\w+)`", text_of("python.md")))

    assert set(cxraudit.__all__) - named == set()
