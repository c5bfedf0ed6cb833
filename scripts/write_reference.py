"""Write the tables of docs/reference that are made from the program: ``python scripts/write_reference.py``.

A table stands between ``<!-- name -->`` and ``<!-- end -->``.
"""

import ast
import inspect
import json
import re
from enum import StrEnum
from pathlib import Path

from cxraudit.metrics import METRICS
from cxraudit.run_file import SCHEMA_FILE, schema
from cxraudit.schema import Analysis, Reason
from cxraudit.settings import AuditSettings, options_table

FOLDER = Path(__file__).parents[1] / "docs" / "reference"
PAGES = ("configuration.md", "tables.md")
SCHEMA = FOLDER / SCHEMA_FILE


def page(name: str) -> str:
    """Return a page with its tables made anew."""
    text = (FOLDER / name).read_text(encoding="utf-8")
    return re.sub(
        r"(<!-- (?!end)(\w+) -->\n).*?(?=<!-- end -->)",
        lambda found: f"{found[1]}\n{TABLES[found[2]]()}\n",
        text,
        flags=re.DOTALL,
    )


def schema_text() -> str:
    """Return the JSON schema of run files, as ``cxraudit run --schema`` prints it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def options() -> str:
    """Return the options of an audit."""
    return options_table(AuditSettings)


def analyses() -> str:
    """Return the values of the column ``analysis``."""
    return _of_members(Analysis, "`analysis`")


def reasons() -> str:
    """Return the codes of the column ``reasons``."""
    return _of_members(Reason, "code")


def metrics() -> str:
    """Return the metrics."""
    rows = [[f"`{one.name}`", one.label, one.description, one.source] for one in METRICS.values()]
    return _markdown(["metric", "label", "meaning", "source"], rows)


TABLES = {"options": options, "analyses": analyses, "reasons": reasons, "metrics": metrics}


def _of_members(kind: type[StrEnum], heading: str) -> str:
    """Return the members of an enumeration with their docstrings, or their names in words."""
    documented = _member_docs(kind)
    rows = [
        [f"`{one.value}`", documented.get(one.name) or one.name.lower().replace("_", " ")]
        for one in kind
    ]
    return _markdown([heading, "meaning"], rows)


def _member_docs(kind: type[StrEnum]) -> dict[str, str]:
    (body,) = ast.parse(inspect.getsource(kind)).body
    assert isinstance(body, ast.ClassDef)
    return {
        item.targets[0].id: _plain(following.value.value)
        for item, following in zip(body.body, body.body[1:], strict=False)
        if isinstance(item, ast.Assign)
        and isinstance(item.targets[0], ast.Name)
        and isinstance(following, ast.Expr)
        and isinstance(following.value, ast.Constant)
    }


def _plain(docstring: object) -> str:
    """Return a docstring on one line, names in single and double backquotes alike."""
    return " ".join(str(docstring).split()).replace("``", "`")


def _markdown(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *([c.replace("|", "\\|") for c in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    for name in PAGES:
        (FOLDER / name).write_text(page(name), encoding="utf-8")
    SCHEMA.write_text(schema_text(), encoding="utf-8")
