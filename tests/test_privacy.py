"""Recorded names hold no folder of the user's, and files are closed to others."""

import os
import stat
from pathlib import Path

import pandas as pd
import pytest

from cxraudit.files import write_atomic, write_manifest, write_table, write_text
from cxraudit.folders import claim, writable_folder
from cxraudit.privacy import make_folder, shown_command, shown_path, without_folders

WORK = Path("/home/jane/work")


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/home/jane/work/scores.parquet", "scores.parquet"),
        ("/home/jane/work/audit/results.csv", "audit/results.csv"),
        ("/home/jane/work", "."),
        ("/home/jane/cohort.csv", "../cohort.csv"),
        ("/home/jane/clinic/cohort.csv", "cohort.csv"),
        ("/home/cohort.csv", "cohort.csv"),
        ("/data/clinic/a b.csv", "a b.csv"),
        ("/home/jane/work/../x/cohort.csv", "cohort.csv"),
    ],
)
def test_a_file_is_named_relative_to_the_folder_or_by_its_name(path, shown):
    """Beside it, below it, or one folder up; no other folder is named."""
    assert shown_path(Path(path), WORK) == shown


def test_relative_paths_are_named_as_absolute_ones(tmp_path, monkeypatch):
    """The folder a command runs in makes no difference."""
    monkeypatch.chdir(tmp_path)

    assert shown_path(Path("run/a.csv"), tmp_path / "run") == "a.csv"


@pytest.mark.parametrize(
    ("argument", "shown"),
    [
        ("/home/jane/scores.csv", "…/scores.csv"),
        ("/home/jane/work/", "…/work/"),
        ("../jane/scores.csv", "…/scores.csv"),
        ("./scores.csv", "…/scores.csv"),
        ("~/scores.csv", "…/scores.csv"),
        ("~jane/scores.csv", "…/scores.csv"),
        ("reports=/data/jane/r", "reports=…/r"),
        ("--out=/data/jane/r", "--out=…/r"),
        ("hf-clip:/data/jane/clip", "hf-clip:…/clip"),
        ("a=hf-clip:/data/jane/clip", "a=hf-clip:…/clip"),
        ("/home/jane/my scores.csv", "'…/my scores.csv'"),
        ("C:\\Users\\jane\\scores.csv", "…/scores.csv"),
        ("C:/Users/jane/scores.csv", "…/scores.csv"),
        ("\\\\server\\jane\\scores.csv", "…/scores.csv"),
        ("file:///home/jane/scores.csv", "file:…/scores.csv"),
        ("jane/scores.csv", "…/scores.csv"),
        ("labels=jane/scores.csv", "labels=…/scores.csv"),
        ("a=/home/jane/x,/home/jane/y", "a=…/y"),
        ("scores.csv", "scores.csv"),
        ("AP/PA=male", "AP/PA=male"),
        ("A / B", "'A / B'"),
        ("hf-clip:google/siglip", "hf-clip:google/siglip"),
        ("https://example.org/a/b", "https://example.org/a/b"),
        ("sex*age_group", "'sex*age_group'"),
        ("\\frac{$", "'\\frac{$'"),
    ],
)
def test_recorded_commands_name_no_folder(argument, shown, tmp_path, monkeypatch):
    """Absolute paths, those with parents, and those in options; other words stay."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jane").mkdir()

    assert shown_command(["cxraudit", argument]) == f"cxraudit {shown}"


def test_messages_name_a_file_without_its_folders(tmp_path):
    """As it was given, absolute, or where a link leads, as libraries put it."""
    real = tmp_path / "real"
    real.mkdir()
    link = tmp_path / "link"
    link.symlink_to(real)
    text = f"{link}/1.png is cut; see '{real}/1.png' and {real}/2.png."

    assert without_folders(text, link / "1.png") == "1.png is cut; see '1.png' and 2.png."


def test_a_manifest_names_no_folder_of_the_user(tmp_path):
    """Inputs from anywhere, and paths among the facts."""
    folder = tmp_path / "secret_jane_doe"
    source = write_text(folder / "data" / "scores.csv", "a\n")
    out = folder / "work" / "run" / "out"

    write_manifest(out, inputs={"scores": source}, weights=folder / "weights.pt")

    assert "secret" not in (out.parent / "out.manifest.json").read_text(encoding="utf-8")


@pytest.fixture(params=[0o000, 0o022, 0o027, 0o077])
def umask(request):
    """The umask of the process, set for one test."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_nothing_is_open_to_others(tmp_path, umask):
    """Files, folders made for them, records, and manifests; what the umask forbids stays forbidden."""
    folder = tmp_path / "run"
    writable_folder(folder / "sub")
    claim(folder / "sub" / "a.csv")
    write_table(pd.DataFrame({"a": [1]}), folder / "sub" / "a.csv")
    write_table(pd.DataFrame({"a": [1]}), folder / "new" / "deep" / "a.parquet")
    write_manifest(folder / "sub" / "a.csv")

    found = [folder, *folder.rglob("*")]
    assert len(found) == 8
    for path in found:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o770 if path.is_dir() else 0o660) & ~umask


def test_a_file_is_closed_while_it_is_written(tmp_path, umask):
    """Also where the library makes the file anew."""
    modes = []

    def write(temporary: Path) -> None:
        modes.append(temporary.stat().st_mode)
        temporary.unlink()
        temporary.write_text("x")

    path = write_atomic(tmp_path / "file", write)

    assert not {mode & 0o007 for mode in [*modes, path.stat().st_mode]} - {0}


def test_a_folder_that_is_there_keeps_its_permissions(tmp_path):
    """It may be shared on purpose."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)

    make_folder(shared / "run")

    assert stat.S_IMODE(shared.stat().st_mode) == 0o755
