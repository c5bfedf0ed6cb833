"""Decoding PNG, JPEG and DICOM images, and the messages for files that cannot be decoded."""

from hashlib import sha256

import numpy as np
import pytest
from image_files import RAMP, write_dicom
from PIL import Image

from cxraudit.errors import ImageError
from cxraudit.images import decode_image, read_image, to_grey


def grey(path):
    """Return the grey levels of a decoded image."""
    image = read_image(path)
    assert image.mode == "L"
    return np.asarray(image).astype(int)


def test_twelve_bits_become_eight(tmp_path):
    """Without a window, grey levels are stretched from minimum to maximum."""
    np.testing.assert_allclose(grey(write_dicom(tmp_path / "a.dcm")), RAMP / 4095 * 255, atol=0.5)


def test_monochrome1_is_inverted(tmp_path):
    """Dense tissue is white, also where the file stores it as 0."""
    path = write_dicom(tmp_path / "a.dcm", PhotometricInterpretation="MONOCHROME1")

    np.testing.assert_allclose(grey(path), 255 - RAMP / 4095 * 255, atol=0.5)


def test_a_window_is_applied(tmp_path):
    """Below centre − width/2 black, above white, in between a ramp (DICOM PS3.3 C.11.2.1.2)."""
    found = grey(write_dicom(tmp_path / "a.dcm", WindowCenter=1000, WindowWidth=500))

    assert (found[RAMP < 745] == 0).all()
    assert (found[RAMP > 1255] == 255).all()
    middle = (RAMP > 760) & (RAMP < 1240)
    np.testing.assert_allclose(found[middle], ((RAMP[middle] - 999.5) / 499 + 0.5) * 255, atol=0.6)


def test_a_window_is_in_rescaled_values(tmp_path):
    """Slope and intercept are applied first: the same image as with the window on stored values."""
    plain = grey(write_dicom(tmp_path / "a.dcm", WindowCenter=1000, WindowWidth=500))
    rescaled = write_dicom(
        tmp_path / "b.dcm",
        RescaleSlope=2,
        RescaleIntercept=-1024,
        WindowCenter=976,
        WindowWidth=1000,
    )

    np.testing.assert_allclose(grey(rescaled), plain, atol=1)


def test_empty_tags_are_equivalent_to_absent_ones(tmp_path):
    """Windows, slopes and tables without values have no effect."""
    plain = grey(write_dicom(tmp_path / "a.dcm"))
    for number, tags in enumerate(
        (
            {"WindowCenter": None, "WindowWidth": None},
            {"WindowCenter": 1000},
            {"RescaleSlope": None, "RescaleIntercept": None},
            {"VOILUTSequence": []},
        )
    ):
        np.testing.assert_array_equal(grey(write_dicom(tmp_path / f"{number}.dcm", **tags)), plain)
    window = write_dicom(tmp_path / "w.dcm", WindowCenter=1000, WindowWidth=500, RescaleSlope=None)
    assert grey(window).max() == 255


def test_signed_and_eight_bit_images(tmp_path):
    """Negative values are darker than positive ones; 8-bit values are kept."""
    signed = (RAMP.astype(np.int32) - 2048).astype(np.int16)
    np.testing.assert_allclose(
        grey(write_dicom(tmp_path / "a.dcm", signed)), RAMP / 4095 * 255, atol=0.5
    )
    eight = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_array_equal(grey(write_dicom(tmp_path / "b.dcm", eight, bits=8)), eight)


def test_png_of_sixteen_bits_palette_and_transparency(tmp_path):
    """16 bits are stretched, palettes resolved, transparency dropped."""
    Image.fromarray(RAMP).save(tmp_path / "deep.png")
    found = np.asarray(to_grey(read_image(tmp_path / "deep.png"))).astype(int)
    np.testing.assert_allclose(found, RAMP / 4095 * 255, atol=0.5)
    eight = Image.fromarray((RAMP // 16).astype(np.uint8))
    for mode in ("P", "RGBA", "LA", "RGB"):
        eight.convert(mode).save(tmp_path / f"{mode}.png")
        same = to_grey(read_image(tmp_path / f"{mode}.png"))
        np.testing.assert_allclose(np.asarray(same).astype(int), RAMP // 16, atol=1)


def test_files_that_cannot_be_decoded_raise(tmp_path):
    """Missing, not an image, truncated, DICOM without pixels, with several frames, truncated."""
    (tmp_path / "text.png").write_text("no image")
    Image.fromarray((RAMP // 16).astype(np.uint8)).save(tmp_path / "whole.png")
    whole = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "truncated.png").write_bytes(whole[: len(whole) // 2])
    write_dicom(tmp_path / "empty.dcm", None)
    write_dicom(tmp_path / "frames.dcm", NumberOfFrames=2, Rows=32)
    short = write_dicom(tmp_path / "short.dcm")
    short.write_bytes(short.read_bytes()[:-3000])
    (tmp_path / "text.dcm").write_text("no image at all, but long enough to have a preamble" * 5)
    for name, match in (
        ("nowhere.png", "is missing"),
        ("text.png", "not an image"),
        ("truncated.png", "cannot be decoded"),
        ("empty.dcm", "without pixel data"),
        ("frames.dcm", "2 frames"),
        ("short.dcm", "cannot be decoded"),
        ("text.dcm", "not an image"),
    ):
        with pytest.raises(ImageError, match=match):
            read_image(tmp_path / name)


@pytest.mark.data
@pytest.mark.parametrize(
    ("pattern", "n", "pixels"),
    [
        ("dicom/*.dcm", 2, "0714c1e3589eb8935fc8ccc8fbee0be4e4f8e1c60d1afd9340ad9ab126d6d01a"),
        (
            "nih_images/original/*.png",
            12,
            "1fbf276b1159500534ac2d680fc700db877a260d678abd53de9023984c05e03e",
        ),
    ],
    ids=["DICOM", "ChestX-ray14"],
)
def test_real_images_have_the_grey_levels_of_the_first_decoder(real_data, pattern, n, pixels):
    """Pixel for pixel, as before DICOM was displayed by formulas of our own; nothing is noted."""
    found, digest = (
        [decode_image(p.read_bytes(), p) for p in sorted(real_data.glob(pattern))],
        sha256(),
    )
    for one in found:
        digest.update(to_grey(one.image).tobytes())

    assert [one.notes for one in found] == [()] * n
    assert digest.hexdigest() == pixels


def test_images_of_every_mode_become_the_same_grey():
    """L, RGB, RGBA and palette of one image; 16 bits are stretched to 8."""
    grey = np.random.default_rng(0).integers(0, 256, size=(20, 20), dtype=np.uint8)
    image = Image.fromarray(grey)

    for mode in ("L", "RGB", "RGBA", "P"):
        assert np.array_equal(np.asarray(to_grey(image.convert(mode))), grey), mode
    deep = np.asarray(to_grey(Image.fromarray(grey.astype(np.uint16) * 257)))
    assert np.abs(deep.astype(int) - grey).max() <= 255 - int(grey.max()) + int(grey.min()) + 1
    assert to_grey(Image.fromarray(np.full((4, 4), 900, dtype=np.uint16))).getextrema() == (0, 0)
