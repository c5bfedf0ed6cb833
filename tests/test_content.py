"""Content decides whether a file is the one that was read."""

import os
import shutil

import pytest

from cxraudit import content
from cxraudit.content import (
    changed_in_place,
    read_source,
    source_now,
    source_of,
    sources_from,
    sources_table,
    unchanged,
)


@pytest.fixture
def image(tmp_path):
    """A file of some bytes."""
    file = tmp_path / "a.png"
    file.write_bytes(b"0123456789")
    return file


def test_a_file_left_alone_is_unchanged(image):
    """By its size and times."""
    assert unchanged(source_of(image), image)


def test_a_moved_copy_is_unchanged(image, tmp_path):
    """Another folder and other times, the same bytes."""
    before = source_of(image)
    moved = tmp_path / "elsewhere.png"
    shutil.move(image, moved)
    os.utime(moved, (1, 1))

    assert unchanged(before, moved)


def test_other_bytes_of_the_same_size_and_time_are_a_change(image):
    """A program that sets the time of modification back cannot hide a change."""
    before = source_of(image)
    image.write_bytes(b"9876543210")
    os.utime(image, ns=(before.mtime_ns, before.mtime_ns))

    assert not unchanged(before, image)


def test_a_missing_file_is_a_change(image):
    """Nothing can be said of it."""
    before = source_of(image)
    image.unlink()

    assert not unchanged(before, image)


def test_given_bytes_are_not_read_again(image):
    """The hash is that of what was decoded."""
    assert source_of(image, b"other").sha256 == source_of(image, b"other").sha256
    assert source_of(image, b"other").sha256 != source_of(image).sha256


def test_a_file_is_described_as_it_was_before_it_was_read(image, monkeypatch):
    """A change during the reading shows in its times."""
    data, source = read_source(image)
    assert (data, source) == (b"0123456789", source_of(image))

    image.write_bytes(b"9876543210")

    assert not unchanged(source, image)


@pytest.fixture
def settled(monkeypatch):
    """Files of this test count as unchanged for long."""
    monkeypatch.setattr(content, "SETTLED", 0)


def test_the_times_of_a_file_that_just_changed_are_not_trusted(image):
    """A second change within the resolution of the clock would leave them as they are."""
    source = source_of(image)
    assert (source.mtime_ns, source.ctime_ns) == (0, 0)
    os.utime(image, (1, 1))
    assert source_of(image).mtime_ns == 0  # the change of times is a change, too
    assert unchanged(source, image)


def test_a_change_that_leaves_size_and_times_is_seen_if_the_file_was_new(image, monkeypatch):
    """As on a file system whose clock ticks every two seconds."""
    now = image.stat()
    source = source_of(image)
    image.write_bytes(b"9876543210")
    monkeypatch.setattr(type(image), "stat", lambda self, follow_symlinks=True: now)

    assert not unchanged(source, image)


def test_folders_pipes_and_devices_are_not_read(tmp_path):
    """A pipe would be waited for without end."""
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path, tmp_path / "pipe.png", tmp_path / "none.png"):
        with pytest.raises(OSError, match=r"not a regular file|No such file"):
            read_source(path)


@pytest.mark.usefixtures("settled")
def test_a_file_with_the_same_times_is_not_read(image, monkeypatch):
    """With other times it is, and keeps its hash."""
    before = source_of(image)
    os.utime(image, (1, 1))
    touched = source_now(image, before)
    assert (touched.sha256, touched.mtime_ns) == (before.sha256, 1_000_000_000)

    def never(path, data=None):
        raise AssertionError("read")

    monkeypatch.setattr(content, "source_of", never)
    assert source_now(image, touched) == touched


def test_sources_are_the_same_after_they_were_a_table(image):
    """Of any number of files, one row per name."""
    sources = {"007": source_of(image), "é": source_of(image, b"other")}

    assert sources_from(sources_table(sources)) == sources
    assert sources_from(sources_table({})) == {}


def test_a_change_in_place_is_found_without_reading_what_is_elsewhere(image, tmp_path):
    """Size and times first; the content only of a file in its place."""
    before = source_of(image)
    copy = tmp_path / "copy.png"
    copy.write_bytes(b"9876543210")
    os.utime(image, (1, 1))
    found = [changed_in_place(before, path) for path in (image, copy, tmp_path / "missing.png")]

    assert found == [False, False, False]
    copy.write_bytes(b"longer than before")
    assert changed_in_place(before, copy)
    image.write_bytes(b"9876543210")
    assert changed_in_place(before, image)
