"""Report, figures and tables read the keys of results as columns: no text of theirs is taken apart."""

import ast
from pathlib import Path

import pytest

import cxraudit

ROOMS = ("figures", "report", "tables")
SOURCE = Path(cxraudit.__file__).parent

TAKES_TEXT_APART = {
    *("startswith", "endswith", "removeprefix", "removesuffix", "partition", "rpartition"),
    *("split", "rsplit", "splitlines", "replace", "strip", "str"),
    *("contains", "match", "fullmatch", "search", "findall", "extract", "sub"),
}
"""Methods, and the accessor of pandas, that read something out of text or change it."""

COLUMNS = {"analysis", "attribute", "condition", "group", "method", "note", "reference"}

ALLOWED = {
    ("report/page.py", "printed(html).replace"),
    ("report/page.py", "printed(html).replace('</td><td>', '<td>').replace"),
    ("figures/words.py", "reasons.split"),
    ("tables/probes.py", "strip"),
    ("tables/render.py", "html.replace"),
    ("tables/render.py", "import re"),
    ("tables/render.py", "_BETWEEN_TAGS.sub"),
    ("tables/render.py", "str(cell).split"),
}
"""Codes of reasons are separated by blanks; a cell without a verdict has no blank at its end; a table gets its
caption and the scope of its heads, and loses the blanks between its tags; a cell of LaTeX is one line."""


def files() -> list[Path]:
    """Every module of the rooms."""
    return sorted(file for room in ROOMS for file in (SOURCE / room).rglob("*.py"))


def taken_apart(tree: ast.AST) -> set[str]:
    """Return each use of a method that takes text apart, as it is written."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in TAKES_TEXT_APART:
            of_text = isinstance(node.value, ast.JoinedStr)
            found.add(node.attr if of_text else f"{ast.unparse(node.value)}.{node.attr}")
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.name for alias in node.names] + [getattr(node, "module", "") or ""]
            found |= {f"import {name}" for name in names if name in ("re", "regex")}
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.In, ast.NotIn)):
            inside = node.comparators[0]
            if (
                isinstance(inside, ast.Subscript)
                and isinstance(inside.slice, ast.Constant)
                and inside.slice.value in COLUMNS
            ):
                found.add(ast.unparse(node))
    return found


@pytest.mark.parametrize("file", files(), ids=lambda file: str(file.relative_to(SOURCE)))
def test_no_text_of_results_is_taken_apart(file):
    """Each use is in the list of what is allowed."""
    name = file.relative_to(SOURCE).as_posix()

    uses = taken_apart(ast.parse(file.read_text(encoding="utf-8")))

    assert uses <= {use for where, use in ALLOWED if where == name}


def test_what_is_allowed_is_used():
    """So that the list stays short."""
    used = {
        (file.relative_to(SOURCE).as_posix(), use)
        for file in files()
        for use in taken_apart(ast.parse(file.read_text(encoding="utf-8")))
    }

    assert used == ALLOWED


@pytest.mark.parametrize(
    "code",
    [
        "row['reference'].removeprefix('rest ')",
        "rows['note'].str.contains('too few')",
        "'too few' in row['note']",
        "import re",
        "name.partition(' (')[0]",
        "label.split(' from ')",
    ],
)
def test_the_search_finds_what_it_is_for(code):
    """Each way in which the first version took labels apart."""
    assert taken_apart(ast.parse(code))
