"""One range for every depth, and images without content."""

import numpy as np
import pytest
from PIL import Image

from cxraudit.images import ImageNote, to_grey
from cxraudit.images.grey import bits_used, full_range, tone

STEPS = np.linspace(0, 1, 128 * 96).reshape(96, 128)


@pytest.mark.parametrize(
    ("largest", "bits"),
    [
        *((0, 8), (1, 8), (255, 8), (256, 9), (1023, 10), (1024, 11), (4095, 12), (4096, 13)),
        *((16383, 14), (32767, 15), (32768, 16), (65535, 16), (65536, 17)),
    ],
)
def test_the_range_is_that_of_the_bits_used(largest, bits):
    """The smallest power of two that holds the largest value, at least 256."""
    assert bits_used(largest) == bits


@pytest.mark.parametrize("bits", [8, 9, 10, 11, 12, 13, 14, 15])
def test_fewer_bits_get_the_full_range(bits):
    """The same image as with all bits, to half a step, with a note."""
    white = 2**bits - 1
    values = np.rint(STEPS * white).astype(np.uint16)
    image, notes = full_range(Image.fromarray(values))

    assert image.mode == "I;16"
    assert notes == (ImageNote.FEW_BITS,)
    np.testing.assert_allclose(np.asarray(image), values * (65535 / white), atol=0.5)


@pytest.mark.parametrize("largest", [32768, 40000, 65535])
def test_sixteen_bits_stay_as_they_are(largest):
    """Bit for bit, without a note."""
    values = np.rint(STEPS * largest).astype(np.uint16)
    image, notes = full_range(Image.fromarray(values))

    assert np.array_equal(np.asarray(image), values)
    assert notes == ()


@pytest.mark.parametrize(
    ("values", "note", "white"),
    [
        (STEPS * 4095, ImageNote.FEW_BITS, 4095),
        (STEPS * 65535, None, 65535),
        (STEPS * (2**20 - 1), ImageNote.FEW_BITS, 2**20 - 1),
        (STEPS * (2**31 - 1), ImageNote.FEW_BITS, 2**31 - 1),
    ],
)
def test_thirty_two_bits_have_the_range_of_the_bits_used(values, note, white):
    """Also where these are more than 16, which were cut off before."""
    values = np.rint(values).astype(np.int32)
    image, notes = full_range(Image.fromarray(values))

    assert notes == ((note,) if note else ())
    np.testing.assert_allclose(np.asarray(image), values / white * 65535, atol=1)


@pytest.mark.parametrize(
    ("values", "black", "white"),
    [
        (STEPS, 0, 1),
        (STEPS * 0.4, 0, 1),
        (STEPS * 255, 0, 255),
        (STEPS * 4095, 0, 4095),
        (STEPS * 65535, 0, 65535),
        (STEPS * 1e6, 0, 2**20 - 1),
        (STEPS * 3000 - 1000, -1000, 2000),
        (STEPS - 0.5, -0.5, 0.5),
    ],
)
def test_the_range_of_real_numbers_is_noted_as_a_guess(values, black, white):
    """0…1, the bits used, or from minimum to maximum where values are negative."""
    image, notes = full_range(Image.fromarray(values.astype(np.float32)))

    assert notes == (ImageNote.RANGE_GUESSED,)
    expected = (values - black) / (white - black) * 65535
    np.testing.assert_allclose(np.asarray(image), expected, atol=1)


def test_signed_integers_are_stretched():
    """They have no black of their own."""
    image, notes = full_range(Image.fromarray(np.rint(STEPS * 3000 - 1000).astype(np.int32)))

    assert notes == (ImageNote.RANGE_GUESSED,)
    assert image.getextrema() == (0, 65535)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_raise(value):
    """In any pixel."""
    values = STEPS.astype(np.float32)
    values[3, 3] = value

    with pytest.raises(ValueError, match="not a number"):
        full_range(Image.fromarray(values))


def flat(shape=(200, 300), level=0, share=1.0, other=128):
    """An image with one grey level in a share of its rows, and two others left and right below."""
    values = np.full(shape, level, dtype=np.uint8)
    rest = values[int(share * shape[0]) :]
    rest[:] = other
    rest[:, : shape[1] // 2] = other + 30
    return values


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (flat(level=0), ImageNote.NEARLY_BLACK),
        (flat(level=16, share=0.93), ImageNote.NEARLY_BLACK),
        (flat(level=17, share=0.93), None),
        (flat(level=0, share=0.87), None),
        (flat(level=255, share=0.93), ImageNote.NEARLY_WHITE),
        (flat(level=239, share=0.93), ImageNote.NEARLY_WHITE),
        (flat(level=238, share=0.93), None),
        (flat(level=128), ImageNote.NO_CONTRAST),
        (flat(level=158, share=0.5), ImageNote.NO_CONTRAST),
        (flat(level=100, share=0.5), None),
        (flat(shape=(10, 8)), ImageNote.NEARLY_BLACK),
        (flat(shape=(1, 1)), ImageNote.NEARLY_BLACK),
        (flat(shape=(2000, 70)), ImageNote.NEARLY_BLACK),
    ],
)
def test_images_without_content_are_noted(values, expected):
    """90 % within 16 grey levels of black or white, or fewer than three grey levels."""
    notes = (expected,) if expected else ()

    assert tone(Image.fromarray(values)) == notes
    for mode in ("RGB", "RGBA", "LA", "P", "CMYK"):
        assert tone(Image.fromarray(values).convert(mode)) == notes, mode


def test_one_bright_pixel_does_not_hide_a_black_image():
    """Of 12 bits in 16 with one white pixel, all other pixels are below 17 of 256."""
    values = np.rint(STEPS * 4000).astype(np.uint16)
    assert tone(full_range(Image.fromarray(values))[0]) == ()
    values[5, 7] = 65535

    assert tone(full_range(Image.fromarray(values))[0]) == (ImageNote.NEARLY_BLACK,)


def test_a_bright_image_of_sixteen_bits_is_noted_though_a_stretch_would_hide_it():
    """Most models take the full range."""
    values = np.rint(62000 + STEPS * 3535).astype(np.uint16)

    assert tone(Image.fromarray(values)) == (ImageNote.NEARLY_WHITE,)
    assert to_grey(Image.fromarray(values)).getextrema() == (0, 255)


def test_every_note_has_a_sentence():
    """That ends in a full stop; codes can be joined by blanks."""
    for note in ImageNote:
        assert note.sentence.endswith(".")
        assert note.isidentifier()
