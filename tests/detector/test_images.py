"""Input images of the detector."""

from pathlib import Path

import numpy as np
import torch

from cxraudit.content import source_of
from cxraudit.detector.images import as_input, augment, read_images


def test_an_image_is_read_the_same_alone_and_with_others(lines):
    """Grey, of the given size, in the given order, each with its source."""
    table = lines.images.head(3)

    together = read_images(table, 16)

    assert together.images.shape == (3, 16, 16)
    assert together.errors == ["", "", ""]
    assert together.sources == [source_of(Path(path)) for path in table["path"]]
    np.testing.assert_array_equal(read_images(table.iloc[1:2], 16).images[0], together.images[1])


def test_an_unreadable_image_has_a_reason(lines):
    """Missing, or not the image that its data set states; the others are read."""
    table = lines.images.head(3).assign(image_sha256=["", "", "0" * 64])
    table.loc[1, "path"] = "/nowhere.png"

    read = read_images(table, 16)

    assert read.errors[0] == ""
    assert "missing" in read.errors[1]
    assert "was changed since" in read.errors[2]
    assert [source is None for source in read.sources] == [False, True, True]
    assert read.images[0].any()
    assert not read.images[1:].any()


def test_progress_counts_every_image(lines):
    """Unreadable ones included."""
    counts: list[int] = []
    table = lines.images.head(2).assign(path=[lines.images["path"].iloc[0], "/nowhere.png"])
    read_images(table, 16, progress=counts.append)

    assert sum(counts) == 2


def test_the_input_has_three_equal_channels():
    """Standardised by the mean and standard deviation of ImageNet."""
    images = np.full((2, 32, 32), 114, dtype=np.uint8)

    batch = as_input(images, torch.device("cpu"))

    assert batch.shape == (2, 3, 32, 32)
    assert torch.equal(batch[:, 0], batch[:, 2])
    assert abs(float(batch.mean())) < 0.02


def test_augmented_images_are_shifted_and_flipped_copies():
    """By at most a sixteenth of the size; grey levels do not change."""
    images = np.zeros((40, 32, 32), dtype=np.uint8)
    images[:, 16, 10] = 255

    augmented = augment(images, np.random.default_rng(0))

    rows, columns = np.nonzero(augmented.max(axis=0))
    assert set(np.unique(augmented)) == {0, 255}
    assert (np.abs(rows - 16) <= 2).all()
    assert (np.minimum(np.abs(columns - 10), np.abs(columns - 21)) <= 2).all()
    assert {10, 21} <= set(columns)
