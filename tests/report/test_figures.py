"""Figures and tables of the report as files."""

import re
import shutil
import subprocess
from xml.etree import ElementTree

import pandas as pd
import pytest
from bs4 import BeautifulSoup
from example_audit import by_sex, complete, example, overall, planted_audit

from cxraudit import open_audit, tables, write_figures, write_report
from cxraudit.cli import main
from cxraudit.errors import ConfigError, DataError, UnknownNameError
from cxraudit.folders import RECORD
from cxraudit.steps import report_step


@pytest.fixture(scope="module")
def small():
    """An audit with one attribute."""
    return example(overall(), *by_sex("disparity"))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """All files on an audit with something for every section."""
    folder = tmp_path_factory.mktemp("files") / "figures"
    return write_figures(complete(), folder, formats=["svg"], tables=["tex", "html"]), folder


def test_every_figure_and_table_of_the_report_is_a_file(written, tmp_path):
    """And each has a line with its caption."""
    files, folder = written
    page = write_report(complete(), tmp_path / "r.html").read_text(encoding="utf-8")
    soup = BeautifulSoup(page, "html.parser")

    names = {file.name for file in files}
    assert names | {RECORD, "captions.txt.manifest.json"} == {
        file.name for file in folder.iterdir()
    }
    drawn = {figure["id"].removeprefix("figure-") for figure in soup.find_all("figure")}
    assert {name.removesuffix(".svg") for name in names if name.endswith(".svg")} == drawn
    captions = (folder / "captions.txt").read_text(encoding="utf-8").splitlines()
    assert len(captions) == len(drawn) + sum(name.endswith(".tex") for name in names)
    assert all(name in "\n".join(captions) for name in names - {"captions.txt"})


def test_figures_are_valid_files_of_their_formats(small, tmp_path):
    """SVG, PDF and PNG of each, the same each time."""
    once = {file.name: file.read_bytes() for file in write_figures(small, tmp_path / "a")}
    twice = {file.name: file.read_bytes() for file in write_figures(small, tmp_path / "b")}

    assert once == twice
    assert once["toy-m-sex.pdf"].startswith(b"%PDF")
    assert once["toy-m-sex.png"].startswith(b"\x89PNG")
    assert ElementTree.fromstring(once["toy-m-sex.svg"]).tag.endswith("svg")


def test_files_of_others_stay_and_those_of_an_earlier_call_go(small, tmp_path):
    """A figure of ours that has no successor would be taken for one of these."""
    folder = tmp_path / "f"
    write_figures(complete(), folder, formats=["svg"])
    (folder / "mine.svg").write_text("mine")

    files = write_figures(small, folder, formats=["svg"])

    assert {file.name for file in folder.iterdir()} == {
        *(file.name for file in files),
        "mine.svg",
        "captions.txt.manifest.json",
        RECORD,
    }
    assert (folder / "mine.svg").read_text() == "mine"


def test_a_report_in_the_folder_stays(small, tmp_path):
    """In the folder of an audit, pages of ours are no figures of an earlier call."""
    audit = planted_audit()
    audit.save(tmp_path)
    report_step([tmp_path], tmp_path / "report.html")

    for _ in range(2):
        write_figures(small, tmp_path, formats=["svg"], tables=["html"])

    assert (tmp_path / "report.html").is_file()
    assert len(open_audit(tmp_path).results) == len(audit.results)


def test_a_file_of_the_user_is_not_replaced(small, tmp_path):
    """And nothing is written beside it."""
    (tmp_path / "toy-m-sex.svg").write_text("mine")

    with pytest.raises(DataError, match=r"toy-m-sex\.svg, which cxraudit did not write"):
        write_figures(small, tmp_path)

    assert [file.name for file in tmp_path.iterdir()] == ["toy-m-sex.svg"]


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"formats": ["sgv"]}, UnknownNameError, "Did you mean 'svg'"),
        ({"tables": ["docx"]}, UnknownNameError, "Known: html, tex"),
        ({"formats": [], "tables": []}, ConfigError, "nothing to write"),
        ({"formats": "svg"}, TypeError, "formats must be a sequence of names"),
    ],
)
def test_formats_that_are_not_known_are_refused(small, tmp_path, options, error, words):
    """Before anything is written."""
    with pytest.raises(error, match=words):
        write_figures(small, tmp_path / "f", **options)

    assert not (tmp_path / "f").exists()


def test_a_file_in_place_of_the_folder_is_refused(small, tmp_path):
    """In one sentence."""
    (tmp_path / "f").write_text("mine")

    with pytest.raises(ConfigError, match="cannot write to the folder"):
        write_figures(small, tmp_path / "f")


def test_the_command_takes_folders_of_audits(tmp_path, capsys):
    """Formats are separated by commas; a wrong one is a sentence and exit code 2."""
    planted_audit().save(tmp_path / "audit")
    line = ["figures", str(tmp_path / "audit"), "--out", str(tmp_path / "f")]

    assert main([*line, "--format", "png, svg", "--tables", "tex"]) == 0
    names = {file.suffix for file in (tmp_path / "f").iterdir()}
    assert main([*line, "--format", "gif"]) == 2

    assert {".png", ".svg", ".tex", ".txt"} <= names
    assert ".pdf" not in names
    assert "no format named 'gif'" in capsys.readouterr().err


SPECIAL = "&%$#_{}~^\\ −1 – × ≥ “a” \n b"


def test_latex_is_escaped():
    """Special signs of names and columns, and signs of our own; line breaks end no row."""
    text = tables.to_latex(pd.DataFrame({f"name {SPECIAL}": [SPECIAL]}), caption=SPECIAL)

    escaped = (
        r"\&\%\$\#\_\{\}\textasciitilde{}\textasciicircum{}\textbackslash{} "
        r"$-$1 -- $\times$ $\geq$ ``a'' b"
    )
    body = (
        text.replace(r"\textasciitilde ", r"\textasciitilde{}")
        .replace(r"\textasciicircum ", r"\textasciicircum{}")
        .replace(r"\textbackslash ", r"\textbackslash{} ")
    )
    assert body.count(escaped.split("~")[0][:20]) == 3
    assert not re.search(r"[−–×≥“”]", text)
    assert text.count("\\\\\n") == 2


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="there is no LaTeX")
def test_latex_compiles(tmp_path):
    """With names of all special signs."""
    table = tables.to_latex(pd.DataFrame({SPECIAL: [SPECIAL]}), caption=SPECIAL)
    document = "\\documentclass{article}\\usepackage{booktabs}\\begin{document}%s\\end{document}"
    (tmp_path / "t.tex").write_text(document.replace("%s", table), encoding="utf-8")

    subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    "name", ["<script>x</script>", "$\\frac{$", "../../up", "a\x00b", "x" * 300]
)
def test_hostile_names_stay_names(name, tmp_path):
    """In figures, tables, captions and file names."""
    rows = [one | {"model": name, "finding": name} for one in (overall(), *by_sex("disparity"))]

    files = write_figures(example(*rows), tmp_path / "f", formats=["svg"], tables=["tex", "html"])

    assert {file.parent for file in tmp_path.rglob("*.*") if file.is_file()} == {tmp_path / "f"}
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert "\x00" not in text
        assert file.suffix in (".txt", ".tex") or "<script" not in text
        if file.suffix == ".svg":
            tags = {one.tag.rpartition("}")[2] for one in ElementTree.fromstring(text).iter()}
            assert not tags & {"script", "image", "a", "foreignObject"}
