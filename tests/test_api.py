"""The public names: declared once, imported on first use, the same in Python and on the command line."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import cxraudit
from planted import planted_dataset, planted_scores, planted_table

SOURCE = Path(cxraudit.__file__)


def for_type_checkers() -> dict[str, tuple[str, str]]:
    """Return the names that are imported for type checkers: name → module and its name there."""
    tree = ast.parse(SOURCE.read_text(encoding="utf-8"))
    (block,) = (
        node
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    return {
        alias.asname or alias.name: (node.module or "", alias.name)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def test_type_checkers_see_the_names_that_are_imported():
    """The same modules, the same names there."""
    assert for_type_checkers() == cxraudit._PUBLIC


def test_every_public_name_is_exported():
    """In the order of the declaration."""
    assert cxraudit.__all__ == list(cxraudit._PUBLIC)


@pytest.mark.parametrize("name", cxraudit.__all__)
def test_a_public_name_can_be_imported_and_is_documented(name):
    """Each has a docstring of its own."""
    found = getattr(cxraudit, name)

    assert name == "METRICS" or found.__doc__


def test_a_name_that_does_not_exist_is_an_attribute_error():
    """As of any module."""
    with pytest.raises(AttributeError, match="has no attribute 'fog'"):
        _ = cxraudit.fog


def test_importing_the_package_imports_nothing_heavy():
    """In a fresh interpreter."""
    code = (
        "import sys, cxraudit; "
        "print([name for name in ('numpy', 'pandas', 'torch', 'matplotlib') if name in sys.modules])"
    )

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"


def test_no_public_name_is_that_of_a_module():
    """``cxraudit.perturb`` is a package: a function of that name would vanish when it is imported."""
    modules = {path.stem for path in SOURCE.parent.iterdir()}

    assert set(cxraudit.__all__) & modules == set()


def test_folders_may_be_text(nih_release, tmp_path):
    """Of embeddings, of a data set, of a report: every public door takes str."""
    dataset = cxraudit.load_dataset("nih-cxr14", str(nih_release), {"only.sex": "female"})
    models = {"random": cxraudit.load_model("random")}

    cxraudit.encode_images(dataset.images, models, str(tmp_path / "embeddings"))

    store = cxraudit.EmbeddingStore(str(tmp_path / "embeddings" / "random"))
    assert store.finished()
    assert cxraudit.score(str(store.folder), "random", "Pneumonia").shape == (
        len(dataset.images),
        5,
    )


def test_one_audit_or_several_make_a_report(tmp_path):
    """With a path as text."""
    frame = planted_table(1, n_patients=80)
    settings = cxraudit.AuditSettings(n_resamples=100)
    made = cxraudit.audit(
        planted_dataset(frame), planted_scores(frame), attributes="sex", settings=settings
    )

    one = cxraudit.write_report(made, str(tmp_path / "one.html"))
    two = cxraudit.write_report([made, made], tmp_path / "two.html")

    assert one.stat().st_size < two.stat().st_size
