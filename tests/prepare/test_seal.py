"""A prepared image states its source, and notices any change of itself."""

import io

import numpy as np
import pytest
from PIL import Image

from cxraudit.prepare.seal import Seal, read_seal, sealed

SEAL = Seal(name="é.png", source="ab" * 32, preparation="how", notes=("NEARLY_BLACK",))


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    """Noise of 9 × 9 pixels."""
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 9), dtype=np.uint8))


def test_a_seal_is_read_as_it_was_written(picture):
    """And the pixels are those of the image."""
    data = sealed(picture, SEAL)

    assert read_seal(data) == SEAL
    with Image.open(io.BytesIO(data)) as image:
        np.testing.assert_array_equal(np.asarray(image), np.asarray(picture))


def test_the_same_image_and_seal_give_the_same_bytes(picture):
    """Nothing in the file depends on the run."""
    assert sealed(picture, SEAL) == sealed(picture.copy(), SEAL)


def test_a_flip_of_any_bit_breaks_the_seal(picture):
    """In the header, the statement, the pixels, the checksums and the end."""
    data = sealed(picture, SEAL)
    for place in range(8 * len(data)):
        harmed = bytearray(data)
        harmed[place // 8] ^= 1 << place % 8
        assert read_seal(bytes(harmed)) is None, place


def test_a_file_cut_anywhere_has_no_seal(picture):
    """Down to no byte at all; nor has one that was zeroed or continued."""
    data = sealed(picture, SEAL)
    assert all(read_seal(data[:length]) is None for length in range(len(data)))
    assert read_seal(bytes(len(data))) is None
    assert read_seal(data + b"\n") is None


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP"])
def test_an_image_of_another_program_has_no_seal(picture, kind):
    """Whatever its format; a PNG saved again keeps no statement."""
    buffer = io.BytesIO()
    picture.save(buffer, format=kind)
    assert read_seal(buffer.getvalue()) is None


@pytest.mark.parametrize("statement", ["", "[]", "{}", "null", '{"pixels": 1}', "[" * 200_000, "é"])
def test_a_statement_of_another_form_is_no_seal(picture, statement):
    """Text under our keyword that is not ours."""
    from PIL import PngImagePlugin

    chunks = PngImagePlugin.PngInfo()
    chunks.add_text("cxraudit", statement)
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", pnginfo=chunks)
    assert read_seal(buffer.getvalue()) is None


def test_pixels_of_another_image_under_a_seal_are_noticed(picture):
    """A program that keeps text chunks writes other pixels."""
    from PIL import PngImagePlugin

    with Image.open(io.BytesIO(sealed(picture, SEAL))) as image:
        image.load()
        chunks = PngImagePlugin.PngInfo()
        chunks.add_text("cxraudit", image.info["cxraudit"])
    buffer = io.BytesIO()
    Image.fromarray(255 - np.asarray(picture)).save(buffer, format="PNG", pnginfo=chunks)
    assert read_seal(buffer.getvalue()) is None
