"""What is ours in a folder is replaced; what is the user's is not."""

import os

import pytest

from cxraudit.errors import DataError
from cxraudit.files import write_manifest
from cxraudit.folders import claim, recorded_files, remove_left_over


def test_a_file_of_someone_else_is_refused(tmp_path):
    """And nothing is recorded."""
    (tmp_path / "a.csv").write_text("x")

    with pytest.raises(DataError, match=r"a\.csv, which cxraudit did not write"):
        claim(tmp_path / "a.csv", tmp_path / "b.csv")
    assert recorded_files(tmp_path) == []


def test_a_file_that_was_claimed_before_is_ours(tmp_path):
    """Also if the program was killed between recording and writing."""
    claim(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text("x")

    claim(tmp_path / "a.csv")

    assert recorded_files(tmp_path) == ["a.csv"]


def test_a_file_with_a_manifest_is_ours(tmp_path):
    """As those of prepared images, which keep no record."""
    (tmp_path / "images.parquet").write_text("x")
    write_manifest(tmp_path / "images.parquet")

    claim(tmp_path / "images.parquet")

    assert recorded_files(tmp_path) == ["images.parquet"]


def test_claiming_one_file_does_not_claim_its_neighbours(tmp_path):
    """A user's scores.parquet in a folder that we write the cohort to."""
    (tmp_path / "scores.parquet").write_text("x")
    claim(tmp_path / "images.parquet")

    with pytest.raises(DataError, match=r"scores\.parquet"):
        claim(tmp_path / "scores.parquet")


def test_left_over_files_of_dead_runs_are_removed(tmp_path):
    """Those of a process that runs, and files of the user, stay."""
    dead = 2**22 + 1  # above the largest process number of Linux
    (tmp_path / "below").mkdir()
    gone = tmp_path / "below" / f".part-00000.npy.{dead}.cxraudit-tmp"
    kept = [tmp_path / f".x.csv.{os.getpid()}.cxraudit-tmp", tmp_path / f".x.csv.{dead}.tmp"]
    for file in (gone, *kept):
        file.write_text("x")

    assert remove_left_over(tmp_path) == 1

    assert sorted(tmp_path.rglob("*.*")) == sorted(kept)
