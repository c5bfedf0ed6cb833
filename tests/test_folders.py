"""What is ours in a folder is replaced; what is the user's is not."""

import json
import os

import pandas as pd
import pytest

from cxraudit.errors import DataError
from cxraudit.files import TEMPORARY, write_manifest, writer
from cxraudit.folders import (
    RECORD,
    claim,
    discard,
    recorded_files,
    remove_left_over,
    writable_folder,
    write_or_discard,
)


def test_checking_a_folder_leaves_nothing(tmp_path):
    """Neither it nor those it lies in; what was there, and what is in it, stays."""
    (tmp_path / "here").mkdir()

    for name in ("here", "new/deep", "here/new"):
        assert writable_folder(tmp_path / name) == tmp_path / name

    assert [path.name for path in tmp_path.rglob("*")] == ["here"]


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


def test_files_that_a_manifest_names_are_ours(tmp_path):
    """A folder that was copied without its hidden record."""
    for name in ("results.parquet", "flow.csv", "mine.csv"):
        (tmp_path / name).write_text("x")
    write_manifest(
        tmp_path / "results.parquet", outputs=[tmp_path / "results.parquet", tmp_path / "flow.csv"]
    )

    claim(tmp_path / "results.parquet", tmp_path / "flow.csv")

    with pytest.raises(DataError, match=r"mine\.csv, which"):
        claim(tmp_path / "mine.csv")


def test_a_manifest_of_another_program_makes_nothing_ours(tmp_path):
    """Only its name is like one of ours."""
    (tmp_path / "images.parquet").write_text("x")
    (tmp_path / "images.parquet.manifest.json").write_text('{"resources": []}')

    with pytest.raises(DataError, match=r"images\.parquet, which"):
        claim(tmp_path / "images.parquet")


def test_a_damaged_manifest_still_makes_its_file_ours(tmp_path):
    """So that the step that wrote it can be repeated."""
    (tmp_path / "images.parquet").write_text("x")
    (tmp_path / "images.parquet.manifest.json").write_text('{"made')

    claim(tmp_path / "images.parquet")


def test_a_link_of_someone_else_is_refused(tmp_path):
    """Also one that points nowhere, which would be replaced."""
    (tmp_path / "a.csv").symlink_to(tmp_path / "none.csv")

    with pytest.raises(DataError, match=r"a\.csv, which"):
        claim(tmp_path / "a.csv")


def test_an_input_is_never_replaced(tmp_path):
    """Also where it is recorded as ours, or is reached by another path."""
    claim(tmp_path / "results.csv")
    (tmp_path / "results.csv").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path)

    for read in (tmp_path / "results.csv", tmp_path / "link" / "results.csv"):
        with pytest.raises(DataError, match=r"results\.csv is an input of this command \(scores\)"):
            claim(tmp_path / "results.csv", inputs={"scores": read})


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"files": 3}', '{"files": [1]}'])
def test_a_damaged_record_is_one_sentence(tmp_path, content):
    """And nothing is replaced."""
    (tmp_path / RECORD).write_text(content)

    with pytest.raises(DataError, match="damaged"):
        claim(tmp_path / "a.csv")


DEAD = 2**22 + 1
"""Above the largest number of a process on Linux."""


def named(path, *, machine=None, process=None, started=None):
    """Write a temporary file as a process named by its parts would."""
    ours = writer()
    parts = [machine or ours[0], str(process or ours[1]), started or ours[2]]
    file = path / f".x.npy.{'-'.join(parts)}{TEMPORARY}"
    file.write_text("x")
    return file


def test_left_over_files_of_dead_runs_are_removed(tmp_path):
    """Of a dead process, and of an earlier one with our number, as in containers."""
    (tmp_path / "ours" / "deep").mkdir(parents=True)
    named(tmp_path, process=DEAD)
    named(tmp_path, started="00000000")
    named(tmp_path / "ours" / "deep", process=DEAD)

    assert remove_left_over(tmp_path, "ours", "none") == 3
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]


def test_files_that_may_still_be_written_stay(tmp_path):
    """Of this process, of one that runs, of another machine, and whatever is not named like ours."""
    kept = [
        named(tmp_path),
        named(tmp_path, process=os.getppid()),
        named(tmp_path, machine="00000000", process=DEAD),
        tmp_path / f".x.csv.{DEAD}.tmp",
        tmp_path / f".x{TEMPORARY}",
    ]
    for file in kept:
        file.write_text("x")

    assert remove_left_over(tmp_path) == 0
    assert sorted(tmp_path.iterdir()) == sorted(kept)


def test_a_file_that_nobody_wrote_for_a_day_is_left_over(tmp_path):
    """Also one of another machine."""
    old = named(tmp_path, machine="00000000")
    os.utime(old, (1, 1))

    assert remove_left_over(tmp_path) == 1


def test_folders_of_the_user_are_not_searched(tmp_path):
    """They may hold millions of files."""
    (tmp_path / "mine").mkdir()
    kept = named(tmp_path / "mine", process=DEAD)

    assert remove_left_over(tmp_path, "ours") == 0
    assert kept.is_file()


def test_a_file_that_is_discarded_is_no_longer_ours(tmp_path):
    """A user's file that takes its name later stays."""
    claim(tmp_path / "points.parquet")
    (tmp_path / "points.parquet").write_text("x")
    discard(tmp_path / "points.parquet")
    assert not (tmp_path / "points.parquet").exists()

    (tmp_path / "points.parquet").write_text("mine")
    discard(tmp_path / "points.parquet")

    assert (tmp_path / "points.parquet").read_text() == "mine"


def test_a_list_is_written_with_rows_and_discarded_without(tmp_path):
    """Another's file of its name is refused in the first case, and stays in the second."""
    file, rows = tmp_path / "failures.csv", pd.DataFrame({"a": [1]})
    write_or_discard(rows, file)
    assert file.is_file()
    write_or_discard(rows.head(0), file)
    assert not file.exists()
    file.write_text("mine")

    write_or_discard(rows.head(0), file)
    with pytest.raises(DataError, match=r"failures\.csv, which"):
        write_or_discard(rows, file)

    assert file.read_text() == "mine"


@pytest.mark.parametrize("name", ["../a.csv", "below/a.csv", "/a.csv", "..", ""])
def test_a_record_that_leads_out_of_its_folder_is_damaged(tmp_path, name):
    """Nothing outside the folder is ours."""
    (tmp_path / RECORD).write_text(json.dumps({"files": [name]}))

    with pytest.raises(DataError, match="damaged"):
        recorded_files(tmp_path)
