"""Pairs of images that differ in more than an edit are found, and those that do not are not."""

import os

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw, ImageFilter

from cxraudit.images import read_image, to_grey
from cxraudit.perturb import perturb
from cxraudit.perturb.own import checks
from cxraudit.perturb.own.checks import (
    NEARLY_ALL,
    SHIFTED,
    check_pairs,
    compare,
    left_out,
    notices_of,
)
from cxraudit.perturb.own.table import KEY, ORIGINAL_FILE


@pytest.fixture(scope="module")
def radiographs(nih_release):
    """Eight synthetic radiographs."""
    files = sorted((nih_release / "images").glob("*.png"))[:8]
    return [to_grey(read_image(file)).resize((240, 240)) for file in files]


def shifted(image, across, down=0):
    """An image with its content moved by some pixels."""
    return image.transform(image.size, Image.Transform.AFFINE, (1, 0, -across, 0, 1, -down))


def test_a_copy_is_identical_in_any_mode_and_format(radiographs, tmp_path):
    """Colour of equal channels, and a file of another format."""
    image = radiographs[0]
    image.save(tmp_path / "copy.bmp")

    for copy in (image.copy(), image.convert("RGB"), read_image(tmp_path / "copy.bmp")):
        found = compare(image, copy)
        assert (found.identical, found.changed, found.shift) == (True, 0, 0)


def test_one_grey_level_of_one_pixel_is_no_copy(radiographs):
    """The smallest edit there is."""
    edited = radiographs[0].copy()
    edited.putpixel((7, 7), (edited.getpixel((7, 7)) + 1) % 256)

    assert not compare(radiographs[0], edited).identical


def local(image):
    """A bright disc within a lung."""
    edited = image.copy()
    ImageDraw.Draw(edited).ellipse((60, 80, 110, 130), fill=210)
    return edited


def regenerated(image):
    """As by an autoencoder: a little less sharp, with fine noise."""
    noise = np.random.default_rng(0).normal(scale=2, size=image.size)
    soft = np.asarray(image.filter(ImageFilter.GaussianBlur(0.8)), dtype=np.float64)
    return Image.fromarray(np.clip(soft + noise, 0, 255).astype(np.uint8))


@pytest.mark.parametrize(
    "edit",
    [local, regenerated, lambda image: perturb(image, "exposure", severity=2, image_id="a")],
    ids=["local", "regenerated", "exposure"],
)
def test_what_stays_where_it_was_is_not_displaced(radiographs, edit):
    """A local edit, an image by an autoencoder, and another exposure."""
    found = [compare(image, edit(image)) for image in radiographs]

    assert max(one.shift for one in found) <= SHIFTED
    assert not any(one.turned for one in found)
    assert all(one.same_size for one in found)


@pytest.mark.parametrize("pixels", [8, 20])
def test_a_displacement_is_measured(radiographs, pixels):
    """To within 1 % of the side."""
    for image in radiographs:
        found = compare(image, shifted(regenerated(image), pixels, -pixels // 2))
        assert found.shift == pytest.approx(np.hypot(pixels, pixels // 2) / 240, abs=0.01)


@pytest.mark.parametrize("turn", [Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.ROTATE_90])
def test_turned_and_mirrored_images_are_found(radiographs, turn):
    """Where the image is not symmetrical: of radiographs, most."""
    found = [compare(image, image.transpose(turn)).turned for image in radiographs]

    assert sum(found) >= 6


def test_an_edit_of_all_pixels_is_not_local(radiographs):
    """And a disc is."""
    image = radiographs[0]
    inverted = Image.eval(image, lambda level: 255 - level)

    assert compare(image, inverted).changed > NEARLY_ALL
    assert compare(image, local(image)).changed < 0.1


def test_other_sizes_are_compared_at_one_size(radiographs):
    """The displacement is a share of the side."""
    image = radiographs[0]
    found = compare(image, image.resize((160, 160)))

    assert not found.same_size
    assert found.shift <= SHIFTED
    assert found.changed < 0.2


@pytest.fixture
def folder(radiographs, tmp_path):
    """Files of four originals, edited in several ways, and their table."""
    edited = {
        "disc": local,
        "copy": lambda image: image,
        "moved": lambda image: shifted(image, 20),
        "small": lambda image: image.resize((100, 100)),
        "inverse": lambda image: Image.eval(image, lambda level: 255 - level),
        "mirror": lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    }
    rows = []
    for number, image in enumerate(radiographs[:4]):
        original = tmp_path / f"{number}.png"
        image.save(original)
        for edit, change in edited.items():
            file = tmp_path / f"{number}-{edit}.png"
            change(image).save(file)
            rows.append((str(number), str(original), str(file), edit, f"{number:06d} {number}"))
    columns = ["image_id", ORIGINAL_FILE, "edited", "edit", KEY]
    return tmp_path, pd.DataFrame(rows, columns=columns)


def test_what_is_found_is_stated_and_counted(folder):
    """What cannot be compared is left out, and the others are named."""
    place, pairs = folder
    (place / "1-disc.png").unlink()
    (place / "2-disc.png").write_bytes(b"no image")
    radiograph = Image.open(place / "0.png")
    radiograph.save(place / "3-disc.png")

    found = check_pairs(pairs, place / "checks")

    gone = left_out(found).set_index(["edit", "image_id"])["error"]
    assert set(gone["copy"]) == {checks.UNCHANGED}
    assert gone["disc", "1"] == "1-disc.png is missing."
    assert gone["disc", "2"].startswith("2-disc.png")
    assert gone["disc", "3"] == checks.OTHER
    assert len(gone) == 7
    told = " ".join(one.sentence for one in notices_of(found))
    for words in ("of another size", "displaced by more than 2 %", "mirrored", "not local"):
        assert words in told


def test_measures_are_kept_as_long_as_the_files_are_the_same(folder, monkeypatch):
    """A second call reads no image; a changed file is compared again."""
    place, pairs = folder
    first = check_pairs(pairs, place / "checks")
    local(Image.open(place / "0.png")).save(place / "0-copy.png")

    again = check_pairs(pairs, place / "checks")
    monkeypatch.setattr(checks, "decode_image", None)
    third = check_pairs(pairs, place / "checks")

    assert first["identical"].sum() == 4
    assert again["identical"].sum() == third["identical"].sum() == 3


def test_a_file_of_the_same_size_and_time_is_compared_again(folder):
    """What counts is its content."""
    place, pairs = folder
    file = place / "0-disc.bmp"
    original = Image.open(place / "0.png").convert("L")
    local(original).convert("L").save(file)
    before = file.stat()
    one = pairs.iloc[[0]].assign(edited=str(file))
    first = check_pairs(one, place / "checks")
    original.save(file)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.stat().st_size == before.st_size

    again = check_pairs(one, place / "checks")

    assert not first["identical"].any()
    assert again["identical"].all()


def test_what_is_left_out_is_not_counted(folder):
    """An edited file that is another image of the cohort is not compared."""
    place, pairs = folder
    Image.open(place / "0.png").save(place / "3-moved.png")
    moved = pairs[pairs["edit"] == "moved"]

    told = " ".join(one.sentence for one in notices_of(check_pairs(moved, place / "checks")))

    assert "3 of 3 edited images displaced" in told


def test_other_bits_than_those_of_the_original_are_named(folder):
    """The same pixels in 16 bits, of which 8-bit grey is stretched, and a file that is as the original is."""
    place, pairs = folder
    for number in range(4):
        deep = np.asarray(Image.open(place / f"{number}.png"), dtype=np.uint16) // 2 + 40
        Image.fromarray(deep * 257).save(place / f"{number}-disc.png")

    found = check_pairs(pairs, place / "checks")

    assert set(found.loc[found["edit"] == "disc", "stored"]) == {"8 bits and 16 bits"}
    assert set(found.loc[found["edit"] != "disc", "stored"]) == {""}
    [told] = [one for one in notices_of(found) if "stored in another way" in one.sentence]
    assert told.count == 4
    assert "(8 bits and 16 bits)" in told.sentence
    assert "0 (edited: 0-disc.png)" in told.sentence


def test_thresholds_stay_and_names_go_where_small_cells_are_hidden(folder):
    """No number is taken for a count, and no file is named."""
    place, pairs = folder

    hidden = " ".join(one.hidden for one in notices_of(check_pairs(pairs, place / "checks")))

    assert "displaced by more than 2 % of the shorter side" in hidden
    assert "more than 8 of 256 grey levels" in hidden
    assert ".png" not in hidden


def test_failures_name_the_file_and_no_folder(folder):
    """Of each pair that is left out."""
    place, pairs = folder

    gone = left_out(check_pairs(pairs, place / "checks"))

    assert gone["edited"].tolist() == [f"{number}-copy.png" for number in range(4)]
