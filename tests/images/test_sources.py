"""An image is decoded from the bytes that its source describes, or there is one sentence why not."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cxraudit.content import source_of
from cxraudit.errors import ImageError
from cxraudit.images import ImageNote, sources
from cxraudit.images.sources import notices_on, read_decoded, stated_content


@pytest.fixture
def picture(tmp_path):
    """A PNG."""
    path = tmp_path / "a.png"
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(path)
    return path


def test_image_and_source_are_of_the_same_bytes(picture):
    """With the hash that its data set states, and without one."""
    source = source_of(picture)

    assert read_decoded(picture)[1] == read_decoded(picture, source.sha256)[1] == source
    assert read_decoded(picture)[0].image.size == (8, 8)


def test_another_image_than_the_data_set_states_is_refused(picture):
    """Though it can be decoded."""
    with pytest.raises(ImageError, match="was changed since"):
        read_decoded(picture, "0" * 64)


def _broken(path):
    path.write_bytes(b"no image")


def _cut(path):
    path.write_bytes(path.read_bytes()[:40])


def _folder(path):
    path.unlink()
    path.mkdir()


def _pipe(path):
    path.unlink()
    os.mkfifo(path)


def _dangling(path):
    path.unlink()
    path.symlink_to("nowhere.png")


def _loop(path):
    path.unlink()
    path.symlink_to(path)


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (os.unlink, "is missing"),
        (_broken, "is not an image"),
        (_cut, "decoded"),
        (_folder, "not a regular file"),
        (_pipe, "not a regular file"),
        (_dangling, "is missing"),
        (_loop, "cannot be read"),
    ],
)
def test_what_cannot_be_decoded_is_stated_in_a_sentence(picture, harm, reason):
    """For each kind of file; none blocks."""
    harm(picture)

    with pytest.raises(ImageError, match=reason):
        read_decoded(picture)


def test_an_image_too_large_for_the_memory_is_listed(picture, monkeypatch):
    """The others go on."""

    def large(data, path):
        raise MemoryError

    monkeypatch.setattr(sources, "decode_image", large)
    with pytest.raises(ImageError, match="too large for the memory"):
        read_decoded(picture)


def test_a_path_that_is_too_long_is_listed(tmp_path):
    """As the system states it."""
    with pytest.raises(ImageError, match="File name too long"):
        read_decoded(tmp_path / ("x" * 300))


def test_a_path_that_no_system_allows_is_listed():
    """With a NUL in it, as a damaged table may hold."""
    with pytest.raises(ImageError, match="null byte"):
        read_decoded(Path("a\0b.png"))


def test_every_kind_of_note_is_one_notice():
    """With the number of its images, in the order of the codes."""
    black, white = ImageNote.NEARLY_BLACK, ImageNote.NEARLY_WHITE
    notes = [(black,), (), (white, black), (black,)]

    found = notices_on(list("abcd"), notes)

    assert [notice.count for notice in found] == [3, 1]
    assert found[0].sentence == f"{black.sentence} (3 images: a, c, d)"
    assert notices_on([], []) == []


def test_a_data_set_need_not_state_the_content_of_its_images():
    """Nor that of every image."""
    images = pd.DataFrame({"image_id": ["a", "b"]})

    assert stated_content(images) == ["", ""]
    assert stated_content(images.assign(image_sha256=["ab", None])) == ["ab", ""]
