"""CONTRIBUTING draws the package as it is."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src/cxraudit"
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
TREE, LAYERS = re.findall(r"```text\n(.*?)```", TEXT, re.DOTALL)


def rooms(folder: Path) -> set[str]:
    """Return the modules and packages in a folder, a package with a slash."""
    modules = {file.name for file in folder.glob("*.py")}
    return modules | {f"{file.parent.name}/" for file in folder.glob("*/__init__.py")}


def test_the_layers_are_those_of_the_import_contract():
    """In the same order."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = contracts["tool"]["importlinter"]["contracts"][0]["layers"]

    drawn = [" ".join(layer.split()) for layer in LAYERS.split("→")]

    assert drawn == [layer.replace("cxraudit.", "") for layer in layers]


def test_every_room_is_in_the_tree_and_in_the_contract():
    """Each module and package of the first level, and those of audits, with what it is for."""
    below = {
        f"{name}/"
        for name in (
            *("changes", "two_labels", "shortcuts", "perturbations", "embeddings", "slices"),
            *("suppression", "wordings"),
        )
    }
    drawn = re.findall(r"[├└]── (\S+) +\S", TREE)

    assert set(drawn) - below == rooms(PACKAGE)
    assert below <= set(drawn)
    assert below == {name for name in rooms(PACKAGE / "audits") if name.endswith("/")}
    names = {name.removesuffix(".py").removesuffix("/") for name in rooms(PACKAGE)}
    assert names - {"__init__", "__main__"} == set(re.findall(r"\w+", LAYERS))


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`(?:python )?([\w/]+\.(?:py|md|toml))", TEXT)))
)
def test_named_files_exist(path):
    """Paths are those of the repository or of the package."""
    assert (ROOT / path).exists() or (PACKAGE / path).exists()
