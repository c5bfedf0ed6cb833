"""Files of a release are found below its root."""

import os
import shutil
from pathlib import Path

import pytest

from cxraudit import datasets
from cxraudit.datasets.release import Count, ReleaseFile, find_all, find_one
from cxraudit.errors import CxrAuditError, DataError


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
