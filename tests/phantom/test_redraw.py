"""Synthetic radiographs are drawn again exactly, with or without a drain."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cxraudit.datasets import load
from cxraudit.errors import DataError
from cxraudit.images import read_image
from cxraudit.phantom.redraw import redrawn


def grey(image):
    """Return the grey levels of an image."""
    return np.asarray(image, dtype=float)


@pytest.fixture(params=["nih-cxr14", "mimic-cxr"])
def dataset(request, nih_release, mimic_release):
    """A synthetic release in each layout: PNG and JPEG."""
    return load(request.param, nih_release if request.param == "nih-cxr14" else mimic_release)


def with_pneumothorax_and_drain(dataset):
    """Return the first such image; drains of images with pneumothorax are annotated."""
    images = dataset.images
    drain = "drain" if "drain" in images else "support_devices"
    return images[(images["Pneumothorax"] == 1) & (images[drain] == "yes")].iloc[0]


def test_an_image_drawn_again_with_its_drain_is_the_file(dataset):
    """Pixel by pixel."""
    row = with_pneumothorax_and_drain(dataset)
    image = read_image(Path(row["path"]))

    assert np.array_equal(grey(redrawn(dataset, True)(image, row["image_id"])), grey(image))


def test_an_image_drawn_again_without_its_drain_differs_by_the_drain(dataset):
    """In less than 15 % of the pixels."""
    row = with_pneumothorax_and_drain(dataset)
    image = read_image(Path(row["path"]))

    changed = np.abs(grey(redrawn(dataset, False)(image, row["image_id"])) - grey(image)) > 12

    assert 0 < changed.mean() < 0.15


def test_a_real_release_cannot_be_drawn_again(dataset):
    """It has no known effects."""
    with pytest.raises(DataError, match="is no synthetic release"):
        redrawn(replace(dataset, truth=None), True)


def test_images_that_were_moved_cannot_be_drawn_again(dataset):
    """Their content is not known."""
    moved = replace(dataset, images=dataset.images.assign(path="/elsewhere/image.jpg"))

    with pytest.raises(DataError, match="is not an image of the release"):
        redrawn(moved, True)
