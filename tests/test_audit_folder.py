"""The folder of an audit may hold anything of the user's: only ours is replaced."""

import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
from small_audit import small_audit

from cxraudit import steps
from cxraudit.audits.result import Audit, open_audit
from cxraudit.errors import ConfigError, DataError
from cxraudit.folders import RECORD
from cxraudit.workspace import AuditFolder
from planted import planted_table

OWN = {
    "image": "file",
    "patient": "pid",
    "label": {"Pneumothorax": "Pneumothorax"},
    "score": {"Pneumothorax": "score_Pneumothorax"},
}
WRITTEN = {"results.parquet", "results.csv", "report.html"}


@pytest.fixture(autouse=True)
def small(monkeypatch) -> None:
    """The audit and its page are replaced by small ones."""

    def write_report(audits: list[Audit], path: Path) -> Path:
        path.write_text("report")
        return path

    monkeypatch.setattr(steps, "audit", lambda *arguments, **options: small_audit())
    monkeypatch.setattr(steps, "write_report", write_report)


@pytest.fixture
def table(tmp_path) -> Path:
    """A table of scores and labels, in a folder of its own."""
    path = tmp_path / "table" / "table.csv"
    path.parent.mkdir()
    planted_table(0, n_patients=40).to_csv(path, index=False)
    return path


def content(folder: Path) -> dict[str, bytes]:
    """All files in a folder."""
    return {str(file): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_table_that_is_audited_in_its_own_folder_is_not_replaced(table):
    """It is called results.csv, like a file of ours: nothing is written."""
    own = table.rename(table.with_name("results.csv"))
    before = content(own.parent)

    with pytest.raises(DataError, match=r"results\.csv is an input of this command \(scores\)"):
        steps.audit_files(own, **OWN, out=own.parent)

    assert content(own.parent) == before


def test_neither_is_one_that_took_the_place_of_our_results(table):
    """The record of the folder lists its name from an earlier audit."""
    steps.audit_files(table, **OWN, out=table.parent)
    shutil.copy(table, table.with_name("results.csv"))

    with pytest.raises(DataError, match="is an input of this command"):
        steps.audit_files(table.with_name("results.csv"), **OWN, out=table.parent)

    assert table.with_name("results.csv").read_bytes() == table.read_bytes()


@pytest.mark.parametrize(
    "name",
    [
        "results.parquet",
        "results.parquet.manifest.json",
        "flow.csv",
        "points.parquet",
        "report.html",
        RECORD,
    ],
)
def test_a_file_of_the_user_is_refused_before_the_audit(table, tmp_path, name):
    """And the folder is as it was."""
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_text("mine")

    with pytest.raises(DataError, match=name.replace(".", r"\.")):
        steps.audit_files(table, **OWN, out=out)

    assert content(out) == {str(out / name): b"mine"}


def test_other_files_of_the_user_stay(table, tmp_path):
    """Notes, and pictures in a folder called figures."""
    out = tmp_path / "out"
    (out / "figures").mkdir(parents=True)
    for name in ("notes.txt", "embeddings.parquet", "figures/mine.svg", "figures/mine.png"):
        (out / name).write_text("mine")
    before = content(out)

    for _ in range(2):
        steps.audit_files(table, **OWN, out=out)

    assert before.items() <= content(out).items()
    assert {file.name for file in out.iterdir()} >= WRITTEN


def test_a_file_that_takes_a_name_we_no_longer_use_stays(table, tmp_path):
    """Of an earlier audit with points, and of a later one without."""
    out = tmp_path / "out"
    small_audit(points=pd.DataFrame({"x": [0.5]})).save(out)
    small_audit().save(out)
    (out / "points.parquet").write_text("mine")

    with pytest.raises(DataError, match=r"points\.parquet, which"):
        small_audit().save(out)

    assert (out / "points.parquet").read_text() == "mine"


def test_an_audit_that_failed_makes_nothing_ours(table, tmp_path, monkeypatch):
    """A user's flow.csv that comes later stays."""

    def failing(*arguments, **options):
        raise DataError("something is wrong.")

    with monkeypatch.context() as patch:
        patch.setattr(steps, "audit", failing)
        with pytest.raises(DataError, match="something is wrong"):
            steps.audit_files(table, **OWN, out=tmp_path / "out")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "flow.csv").write_text("mine")

    with pytest.raises(DataError, match=r"flow\.csv, which"):
        steps.audit_files(table, **OWN, out=tmp_path / "out")


def test_the_audit_of_another_table_stays(table, tmp_path):
    """By its place: another name, or the same name in another folder."""
    out = tmp_path / "out"
    steps.audit_files(table, **OWN, out=out)
    renamed = shutil.copy(table, table.with_name("other.csv"))
    elsewhere = tmp_path / "elsewhere" / "table.csv"
    elsewhere.parent.mkdir()
    shutil.copy(table, elsewhere)
    before = content(out)

    for other in (renamed, elsewhere):
        with pytest.raises(DataError, match=r"another table of scores \(table\.csv\).*--overwrite"):
            steps.audit_files(other, **OWN, out=out)

    assert content(out) == before


def test_the_audit_of_another_table_is_replaced_if_that_is_wanted(tmp_path):
    """With `overwrite`."""
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(name)
    small_audit().save(tmp_path / "out", inputs={"scores": tmp_path / "a.csv"})

    with pytest.raises(DataError, match="--overwrite"):
        small_audit().save(tmp_path / "out", inputs={"scores": tmp_path / "b.csv"})
    small_audit().save(tmp_path / "out", inputs={"scores": tmp_path / "b.csv"}, overwrite=True)

    assert Path(open_audit(tmp_path / "out").manifest["inputs"]["scores"]["path"]).name == "b.csv"


def test_the_same_table_is_audited_again(table, tmp_path, monkeypatch):
    """By another spelling of its path, with new content, or moved together with its audit."""
    out = table.parent / "out"
    steps.audit_files(table, **OWN, out=out)

    monkeypatch.chdir(table.parent)
    steps.audit_files("table.csv", **OWN, out="out")
    planted_table(1, n_patients=50).to_csv(table, index=False)
    steps.audit_files(table.parent / ".." / "table" / "table.csv", **OWN, out=out)
    moved = table.parent.rename(tmp_path / "moved")
    steps.audit_files(moved / "table.csv", **OWN, out=moved / "out")


def test_a_report_of_an_earlier_audit_does_not_stay_beside_new_results(tmp_path):
    """It would be taken for theirs; a page of the user's stays."""
    small_audit().save(tmp_path)
    steps.report_step([tmp_path], tmp_path / "report.html")
    (tmp_path / "mine.html").write_text("mine")

    small_audit().save(tmp_path)

    assert not (tmp_path / "report.html").exists()
    assert (tmp_path / "mine.html").exists()


@pytest.mark.parametrize("name", ["mine.html", "MINE.HTM"])
def test_a_page_of_the_user_is_not_replaced_by_a_report(tmp_path, name):
    """Even beside an audit of ours."""
    small_audit().save(tmp_path)
    (tmp_path / name).write_text("mine")

    with pytest.raises(DataError, match=f"{name}, which"):
        steps.report_step([tmp_path], tmp_path / name)

    assert (tmp_path / name).read_text() == "mine"


@pytest.mark.parametrize("name", ["results.csv", "report", "report.pdf", "results.parquet"])
def test_a_report_is_an_html_file(tmp_path, name):
    """A table of ours is not replaced by a page."""
    small_audit().save(tmp_path)
    before = content(tmp_path)

    with pytest.raises(ConfigError, match=r"is an HTML file, got .* Name it \w+\.html"):
        steps.report_step([tmp_path], tmp_path / name)

    assert content(tmp_path) == before


def test_a_link_in_the_place_of_a_result_is_refused(table, tmp_path):
    """Its target is a file of the user's."""
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / "mine.txt").write_text("mine")
    (out / "results.csv").symlink_to(tmp_path / "mine.txt")

    with pytest.raises(DataError, match=r"results\.csv, which"):
        steps.audit_files(table, **OWN, out=out)

    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_a_folder_that_is_a_link_is_written_through(table, tmp_path):
    """To the folder it leads to."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")

    steps.audit_files(table, **OWN, out=tmp_path / "link")

    assert open_audit(tmp_path / "real").facts


@pytest.mark.parametrize("kind", ["file", "below a file", "dangling link"])
def test_what_is_no_folder_is_refused(table, tmp_path, kind):
    """In one sentence."""
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    out = {"file": "file", "below a file": "file/out", "dangling link": "link"}[kind]

    with pytest.raises(ConfigError, match="cannot write to the folder"):
        steps.audit_files(table, **OWN, out=tmp_path / out)


def test_left_over_files_of_an_audit_are_removed(table, tmp_path):
    """Those of a killed run."""
    out = tmp_path / "out"
    out.mkdir()
    old = out / ".x.00000000-1-00000000.cxraudit-tmp"
    old.write_text("x")
    os.utime(old, (1, 1))

    steps.audit_files(table, **OWN, out=out)

    assert not list(out.rglob("*.cxraudit-tmp"))


def test_names_of_an_audit_are_known_before_it_is_made(tmp_path):
    """`check` refuses, and leaves nothing."""
    AuditFolder(tmp_path / "new").check()

    assert list(tmp_path.iterdir()) == []


def test_the_pages_and_their_prints_are_written_together(tmp_path, monkeypatch):
    """Report and summary, each with a PDF; a PDF of the user's is not replaced, and nothing is written then."""
    small_audit().save(tmp_path)
    monkeypatch.setattr(steps, "find_browser", lambda: "browser")
    monkeypatch.setattr(
        steps, "write_summary", lambda audit, path, about: path.write_text("summary")
    )
    monkeypatch.setattr(
        steps, "write_pdf", lambda page, target, browser: target.write_text("printed") and target
    )
    pages = {"pdf": True, "summary": tmp_path / "summary.html"}

    written = steps.report_step([tmp_path], tmp_path / "report.html", **pages)

    assert [one.name for one in written] == [
        "report.html",
        "summary.html",
        "report.pdf",
        "summary.pdf",
    ]
    assert all(one.is_file() for one in written)
    small_audit().save(tmp_path)
    assert not any(one.exists() for one in written)
    (tmp_path / "other.pdf").write_text("mine")
    with pytest.raises(DataError, match=r"other\.pdf"):
        steps.report_step([tmp_path], tmp_path / "other.html", **pages)
    assert not (tmp_path / "other.html").exists()
