"""Files of a release are found below its root."""

import gzip
import os
import re
import shutil
from pathlib import Path

import pytest

from cxraudit import datasets
from cxraudit.datasets.release import Count, ReleaseFile, find_all, find_one
from cxraudit.datasets.release_table import open_table
from cxraudit.errors import CxrAuditError, DataError, MissingColumnsError


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read any folder")
def test_a_folder_without_read_permission_is_named(mimic_release, tmp_path):
    """Permission denied."""
    root = shutil.copytree(mimic_release, tmp_path / "release")
    closed = root / "mimiciv"
    closed.chmod(0)
    try:
        with pytest.raises(DataError, match="permission denied"):
            datasets.load("mimic-cxr", root)
    finally:
        closed.chmod(0o755)


def test_an_unreadable_folder_is_one_sentence(tmp_path, monkeypatch):
    """For every user: root has all permissions, so the error is simulated."""
    (tmp_path / "closed").mkdir()
    listing = Path.iterdir

    def refuse(folder):
        if folder.name == "closed":
            raise PermissionError(13, "Permission denied")
        return listing(folder)

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(CxrAuditError, match=r"closed cannot be read \(permission denied\)"):
        find_one(tmp_path, ("patients.csv*",), hint="")


def test_folders_of_images_are_not_searched(tmp_path):
    """Tables are found at any depth, but not among images."""
    for folder in ("a/b", "a/images", ".hidden"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "t.csv").touch()

    assert list(find_all(tmp_path, "t.csv")) == [tmp_path / "a/b/t.csv"]


def test_two_releases_under_one_root_are_refused(tmp_path):
    """The message names both folders."""
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "t.csv").touch()

    with pytest.raises(DataError, match=r"two releases with t\.csv"):
        find_one(tmp_path, ("t.csv",), hint="")


def test_any_pattern_of_a_file_counts(tmp_path):
    """The first match under the root, or None."""
    (tmp_path / "t.csv.gz").touch()

    assert ReleaseFile("t", "", ("t.csv", "t.csv*")).find(tmp_path) == tmp_path / "t.csv.gz"
    assert ReleaseFile("u.csv", "").find(tmp_path) is None


def test_a_count_agrees_with_the_published_one_or_with_none():
    """Unequal counts do not agree."""
    assert Count("images", 3, 3).agrees
    assert Count("images", 3).agrees
    assert not Count("images", 3, 4).agrees


def write(path: Path, text: str) -> Path:
    """Write a table, compressed if it is named so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        gzip.compress(text.encode()) if path.suffix.lower() == ".gz" else text.encode()
    )
    return path


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_one_table_twice_is_read_once_with_a_notice(tmp_path, ends):
    """As downloaded and unpacked; the notice says which one was read."""
    write(tmp_path / "t.csv.gz", "a,b\n1,2\n")
    write(tmp_path / "t.csv", f"a,b{ends}1,2{ends}")

    path, notices = find_one(tmp_path, ("t.csv*",), hint="")

    assert path == tmp_path / "t.csv"
    assert [notice.sentence for notice in notices] == [
        "t.csv was read; t.csv.gz beside it holds the same table."
    ]


@pytest.mark.parametrize("other", ["a,b\n1,3\n", "a,b\n1,2\n3,4\n", "a,c\n1,2\n", "a,b\n01,2\n"])
def test_two_tables_of_one_name_that_differ_are_refused(tmp_path, other):
    """Which one is meant is not guessed; the message names both."""
    write(tmp_path / "t.csv.gz", "a,b\n1,2\n")
    write(tmp_path / "t.csv", other)

    with pytest.raises(DataError, match=r"t\.csv and t\.csv\.gz beside it differ"):
        find_one(tmp_path, ("t.csv*",), hint="")


@pytest.mark.parametrize("name", ["T.CSV", "t.CSV.GZ", "t.csv.gz", "T.csv", "t.xlsx"])
def test_the_case_of_a_name_does_not_matter(tmp_path, name):
    """Some programs write upper case."""
    write(tmp_path / "a" / name, "a,b\n1,2\n")

    assert find_one(tmp_path, ("t.csv*", "t.xlsx"), hint="")[0].name == name


@pytest.mark.parametrize("name", ["t.csv.part", "t.csv.bak", "t.csv.zip", "t.csv.gz.crdownload"])
def test_archives_copies_and_unfinished_downloads_are_no_tables(tmp_path, name):
    """They are named where the table is missing, and not read where it is there."""
    write(tmp_path / name, "a,b\n1,2\n")
    with pytest.raises(
        DataError, match=rf"t\.csv is missing under .*{re.escape(name)} is no table"
    ):
        find_one(tmp_path, ("t.csv*",), hint="")

    table = write(tmp_path / "t.csv", "a,b\n1,3\n")
    assert find_one(tmp_path, ("t.csv*",), hint="") == (table, [])


def test_a_folder_named_like_a_table_is_none(tmp_path):
    """One sentence says so; a table in it is found."""
    (tmp_path / "t.csv").mkdir()
    with pytest.raises(DataError, match=r"t\.csv is missing under .*t\.csv is no table"):
        find_one(tmp_path, ("t.csv*",), hint="")

    table = write(tmp_path / "t.csv" / "t.csv", "a,b\n1,3\n")
    assert find_one(tmp_path, ("t.csv*",), hint="")[0] == table


def test_a_column_of_a_release_table_is_read_with_its_notices(tmp_path):
    """Whole numbers lose .0 and repeats are refused; a table without rows or a column is refused."""
    table = open_table(write(tmp_path / "t.csv", "a,b\n12.0,x\n13,y\nz,y\n"), columns=("a",))

    assert table.ids("a").tolist() == ["12", "13", "z"]
    assert table.notices[0].about == "'a' of t.csv"
    with pytest.raises(DataError, match="1 row whose b was already there, first y"):
        table.ids("b", unique=True)
    with pytest.raises(DataError, match="has no rows"):
        open_table(write(tmp_path / "u.csv", "a,b\n"))
    with pytest.raises(MissingColumnsError, match="lacks the column c"):
        open_table(write(tmp_path / "u.csv", "a,b\n1,2\n"), columns=("c",))
