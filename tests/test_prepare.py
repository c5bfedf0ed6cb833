"""Preparing images: equal to OpenCV, recorded, resumable."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cxraudit import datasets
from cxraudit.cli import main
from cxraudit.datasets.base import flow
from cxraudit.errors import ConfigError, DataError
from cxraudit.images import read_image
from cxraudit.prepare import Preparation, prepare_images, prepared

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


def test_a_prepared_cohort_is_a_data_set(nih_release, tmp_path):
    """It has the same labels and patients, images of the given size, and a note for the report."""
    dataset = datasets.load("nih-cxr14", nih_release)

    prepare_images(dataset, tmp_path, Preparation(size=32))
    again = datasets.load("prepared", tmp_path)

    pd.testing.assert_frame_equal(
        again.images.drop(columns="path"), dataset.images.drop(columns="path"), check_dtype=False
    )
    assert {read_image(Path(path)).size for path in again.images["path"]} == {(32, 32)}
    assert "32 × 32 (bilinear without antialiasing)" in again.notes[-1]
    assert again.truth == dataset.truth
    record = json.loads((tmp_path / "images.parquet.manifest.json").read_text())
    assert prepare_images(again, tmp_path / "twice", Preparation(size=16)).excluded.empty
    with pytest.raises(DataError, match="holds other images"):
        prepare_images(again, tmp_path, Preparation(size=32))
    assert record["prepared"] == {"size": 32, "resampling": "bilinear", "stretching": "min-max"}


def test_finished_images_are_kept_and_unreadable_ones_excluded(nih_release, tmp_path):
    """A second call writes only what is missing; an unreadable image is excluded and listed."""
    dataset = datasets.load("nih-cxr14", nih_release)
    unreadable = dataset.images["image_id"].iloc[3]
    images = dataset.images.assign(
        path=dataset.images["path"].mask(dataset.images["image_id"] == unreadable, "/nowhere.png")
    )
    dataset = replace(dataset, images=images)
    preparation = Preparation(size=32)
    first = prepare_images(dataset, tmp_path, preparation)
    path = first.images["path"].iloc[0]
    kept = first.images["path"].iloc[1]
    before = Path(path).read_bytes()
    stamp = Path(kept).stat().st_mtime_ns
    Path(path).unlink()

    second = prepare_images(dataset, tmp_path, preparation)

    assert Path(path).read_bytes() == before
    assert Path(kept).stat().st_mtime_ns == stamp
    assert second.excluded["image_id"].tolist() == [unreadable]
    assert flow(second)["step"].tolist()[-1] == "decoded"
    assert pd.read_csv(tmp_path / "failures.csv")["image_id"].tolist() == [unreadable]
    with pytest.raises(DataError, match="prepared differently"):
        prepare_images(dataset, tmp_path, Preparation(size=64))


def test_prepared_images_can_be_encoded(nih_release, tmp_path, capsys):
    """The command prepare, then encode."""
    ready, work = tmp_path / "ready", tmp_path / "work"

    assert (
        main(
            [
                "prepare",
                "nih-cxr14",
                "--root",
                str(nih_release),
                "--out",
                str(ready),
                "--size",
                "64",
                "-q",
            ]
        )
        == 0
    )
    assert (
        main(
            [
                "encode",
                "prepared",
                "--root",
                str(ready),
                "--model",
                "random",
                "--out",
                str(work),
                "-q",
            ]
        )
        == 0
    )

    assert "(dataset prepared)" in capsys.readouterr().out
