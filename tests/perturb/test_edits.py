"""Images changed on purpose: what an edit may touch, and that it is the same every time."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cxraudit.datasets import load
from cxraudit.errors import DataError, UnknownNameError
from cxraudit.images import read_image, to_grey
from cxraudit.perturb import CORRUPTIONS, DEVICES, UNEDITED, ImageEdit, choose
from cxraudit.perturb.devices import draw_drain, draw_sham
from cxraudit.perturb.run import plan_edits
from cxraudit.phantom.redraw import redrawn
from cxraudit.testing import sample_images


@pytest.fixture
def image(nih_release) -> Image.Image:
    """A synthetic radiograph."""
    path = sorted((nih_release / "images").glob("*.png"))[0]
    return read_image(path).resize((200, 200))


def values(picture):
    """Grey levels as numbers."""
    return np.asarray(picture, dtype=float)


@pytest.mark.parametrize("name", [*CORRUPTIONS, *DEVICES])
def test_an_edit_is_a_function_of_image_and_seed(name, image):
    """The same image twice, whatever came between; another image or seed differs where chance plays."""
    severity = 3 if name in CORRUPTIONS else 0
    first = values(ImageEdit(name, severity)(image, "a"))
    ImageEdit(name, severity)(image, "b")

    assert np.array_equal(first, values(ImageEdit(name, severity)(image, "a")))
    assert first.shape == values(image).shape
    if name in ("noise", "markers", "drain", "sham", "exposure", "rotation"):
        for others in (
            [ImageEdit(name, severity, seed)(image, "a") for seed in range(1, 6)],
            [ImageEdit(name, severity)(image, f"{k}") for k in range(5)],
        ):
            assert any(not np.array_equal(first, values(other)) for other in others)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_severities_grow(name, image):
    """Each severity is further from the image than the one before."""
    away = [
        np.abs(values(ImageEdit(name, severity)(image, "a")) - values(image)).mean()
        for severity in (1, 3, 5)
    ]
    assert 0 < away[0] < away[1] < away[2] or (name == "downsampling" and away[1] < away[2])


def test_a_drain_only_adds_brightness_and_the_sham_changes_as_much():
    """Same number of pixels, same amounts, in other places; nothing else moves."""
    grey = np.full((256, 220), 0.4, dtype=np.float32)
    drain = draw_drain(grey, np.random.default_rng(5)) - grey
    sham = draw_sham(grey, np.random.default_rng(5)) - grey

    assert drain.min() == 0
    assert 0.005 < (drain > 0).mean() < 0.03
    assert np.sort(drain[drain > 0]) == pytest.approx(np.sort(np.abs(sham[sham != 0])), abs=1e-6)
    assert not ((drain > 0) & (sham != 0)).any()
    rows = np.flatnonzero((sham != 0).any(axis=1))
    assert rows.min() > 0.75 * 256
    bright = np.full((256, 220), 0.9, dtype=np.float32)
    assert (draw_sham(bright, np.random.default_rng(5)) <= bright).all()


def test_a_drain_keeps_its_proportions_at_any_size():
    """The share of the image it covers is that of a tube 2 % wide, from 128 to 2,000 pixels."""
    shares = [
        (draw_drain(np.zeros((n, n), np.float32), np.random.default_rng(1)) > 0.05).mean()
        for n in (128, 512, 2000)
    ]
    assert max(shares) < 1.35 * min(shares)


def test_every_mode_of_image_is_taken():
    """L, RGB, RGBA and 16 bit; the unedited image is what models would see in grey."""
    for number, sample in enumerate(sample_images()):
        plain = ImageEdit(UNEDITED, 0)(sample, "x")
        assert np.array_equal(values(plain), values(to_grey(sample)))
        for edit in choose(["drain", "noise", "jpeg"]):
            assert edit(sample, f"{number}").mode == "L"


def test_a_drain_comes_with_its_control_and_nonsense_is_refused():
    """`drain` brings the sham; corruptions come in five severities; unknown names are answered."""
    names = [(edit.name, edit.severity) for edit in choose(["drain", "blur"])]
    assert names == [(UNEDITED, 0), ("drain", 0), *(("blur", k) for k in range(1, 6)), ("sham", 0)]
    assert len(choose()) == 1 + len(DEVICES) + 5 * len(CORRUPTIONS)
    with pytest.raises(UnknownNameError, match="Did you mean 'blur'"):
        choose(["blurr"])


def test_made_up_images_are_drawn_again_exactly(nih_release, mimic_release):
    """With the drain they have, nothing differs; without, only the drain does, in both layouts."""
    for layout, root in (("nih-cxr14", nih_release), ("mimic-cxr", mimic_release)):
        dataset = load(layout, root)
        add, remove = redrawn(dataset, True), redrawn(dataset, False)
        images = dataset.images
        column = "drain" if "drain" in images else "support_devices"
        ill = images["Pneumothorax"] == 1  # their drains are known, not guessed
        has = images[ill & (images[column] == "yes")].iloc[0]
        image = read_image(Path(has["path"]))
        assert np.array_equal(values(add(image, has["image_id"])), values(image))
        changed = np.abs(values(remove(image, has["image_id"])) - values(image)) > 12
        assert 0 < changed.mean() < 0.15
    with pytest.raises(DataError, match="cannot be drawn again"):
        redrawn(replace(dataset, truth=None), True)
    moved = replace(dataset, images=dataset.images.assign(path="/elsewhere/image.jpg"))
    with pytest.raises(DataError, match="not where"):
        redrawn(moved, True)
    assert {one.name for one in plan_edits(moved, ["drain"])} == {"unedited", "drain", "sham"}
