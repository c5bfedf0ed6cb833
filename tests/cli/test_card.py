"""``cxraudit card`` and ``cxraudit checklist``: files, and what is refused."""

import sys

import pytest
from example_audit import planted_audit


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """An audit in a folder."""
    return planted_audit().save(tmp_path_factory.mktemp("card") / "audit")


def test_a_card_of_each_format(audited, tmp_path, run, capsys):
    """The files are printed."""
    readme, xml = tmp_path / "README.md", tmp_path / "card.xml"

    assert run("card", audited, "--format huggingface --out", readme) == 0
    assert run("card", audited, "--format chai --out", xml) == 0

    assert capsys.readouterr().out.split() == [
        str(readme),
        str(xml),
        str(xml.with_suffix(".md")),
    ]
    assert readme.read_text(encoding="utf-8").startswith("---\n")


def test_a_checklist_links_to_the_report_of_the_folder(audited, tmp_path, run):
    """Where there is one."""
    assert run("checklist claim", audited, "--out", tmp_path / "a.md") == 0
    (audited / "report.html").write_text("<p>")
    about = tmp_path / "about.toml"
    about.write_text('funding = "none"\n')
    assert run("checklist claim", audited, "--out", tmp_path / "b.md", "--about", about) == 0

    assert "](<" not in (tmp_path / "a.md").read_text(encoding="utf-8").replace("](<https", "")
    text = (tmp_path / "b.md").read_text(encoding="utf-8")
    assert "report.html#data-" in text
    assert "Stated: none" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--format pdf --out x.md", "huggingface"),
        ("--format chai --out x.md", "ends in .xml"),
        ("--format chai --out x.xml --model fog", "no model named 'fog'"),
        ("--format chai --out x.xml --about none.toml", "none.toml"),
        ("--format chai", "--out"),
    ],
)
def test_mistakes_are_one_sentence(arguments, words, audited, run, capsys, tmp_path, monkeypatch):
    """Exit code 2, and no file."""
    monkeypatch.chdir(tmp_path)

    assert run("card", audited, arguments) == 2

    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_without_the_extra_one_sentence_says_what_to_install(
    audited, run, capsys, tmp_path, monkeypatch
):
    """Only for the format that needs it."""
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)

    assert run("card", audited, "--format huggingface --out", tmp_path / "README.md") == 2
    assert "pip install 'cxraudit[models]'" in capsys.readouterr().err
    assert run("card", audited, "--format chai --out", tmp_path / "card.xml") == 0
