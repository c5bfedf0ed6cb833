"""Preparing one image: equal to OpenCV and to Pillow."""

import numpy as np
import pytest
from PIL import Image

from cxraudit.errors import ConfigError
from cxraudit.prepare import Preparation, prepared

RADIOGRAPH = (np.arange(600).reshape(20, 30) * 7 % 251).astype(np.uint8)
"""Below: its ``resize`` to 8 × 8 with the defaults of opencv-python-headless 5.0.0, then its ``normalize``
with NORM_MINMAX from 0 to 255."""
RESIZED = [
    [167, 170, 31, 58, 84, 110, 136, 163],
    [127, 153, 180, 206, 232, 70, 42, 60],
    [25, 51, 77, 104, 130, 156, 182, 209],
    [173, 199, 226, 64, 66, 53, 80, 106],
    [71, 97, 123, 150, 176, 202, 166, 192],
    [219, 57, 84, 47, 73, 99, 126, 152],
    [117, 143, 169, 196, 198, 185, 23, 50],
    [77, 40, 67, 93, 119, 145, 172, 198],
]
STRETCHED = [
    [176, 179, 10, 43, 74, 106, 138, 171],
    [127, 159, 192, 223, 255, 57, 23, 45],
    [2, 34, 66, 99, 131, 162, 194, 227],
    [183, 215, 248, 50, 52, 37, 70, 101],
    [59, 90, 122, 155, 187, 218, 174, 206],
    [239, 41, 74, 29, 61, 93, 126, 157],
    [115, 146, 178, 211, 214, 198, 0, 33],
    [66, 21, 54, 85, 117, 149, 182, 214],
]


def test_the_preprocessing_of_the_paper_equals_opencv():
    """Within one grey level of OpenCV's fixed-point arithmetic; two after the stretch."""
    image = Image.fromarray(RADIOGRAPH)

    plain = prepared(image, Preparation(size=8, stretching="none"))
    stretched = prepared(image, Preparation(size=8))

    np.testing.assert_allclose(np.asarray(plain).astype(int), RESIZED, atol=1)
    np.testing.assert_allclose(np.asarray(stretched).astype(int), STRETCHED, atol=2)


def test_antialiasing_equals_pillow():
    """Bicubic with antialiasing, without stretching."""
    image = Image.fromarray(RADIOGRAPH)
    antialiased = Preparation(size=16, resampling="antialiased", stretching="none")

    expected = image.resize((16, 16), Image.Resampling.BICUBIC)

    np.testing.assert_array_equal(np.asarray(prepared(image, antialiased)), np.asarray(expected))


def test_an_image_of_one_grey_level_becomes_black():
    """Stretching from minimum to maximum has no range to stretch."""
    flat = Image.fromarray(np.full((30, 30), 77, dtype=np.uint8))

    assert np.asarray(prepared(flat, Preparation(size=16))).max() == 0


def test_invalid_options_raise():
    """An unknown resampling, and a size out of range."""
    with pytest.raises(ConfigError, match="resampling is one of"):
        Preparation(resampling="nearest")
    with pytest.raises(ConfigError, match="size must lie"):
        Preparation(size=4)
