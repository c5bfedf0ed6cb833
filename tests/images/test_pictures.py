"""PNG, JPEG, TIFF and BMP; everything else is refused in one sentence, and starts nothing."""

import os
import stat
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from image_files import RAMP, jpeg, png
from PIL import Image, features

from cxraudit.errors import ImageError
from cxraudit.images import ImageNote, decode_image, read_image, to_grey

FILE = Path("a.png")
EIGHT = (RAMP // 16).astype(np.uint8)


def saved(image, format_, **options):
    """The bytes of an image in a format."""
    file = BytesIO()
    image.save(file, format_, **options)
    return file.getvalue()


def refused(data, path=FILE):
    """The sentence that refuses a file."""
    with pytest.raises(ImageError) as caught:
        decode_image(data, path)
    sentence = str(caught.value)
    assert sentence.startswith(str(path))
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


@pytest.mark.parametrize("format_", ["PNG", "TIFF", "BMP"])
@pytest.mark.parametrize("mode", ["L", "RGB", "P", "1"])
def test_formats_are_decoded_whatever_the_name(format_, mode):
    """In the mode they are stored in, as models expect it."""
    image = Image.fromarray(EIGHT).convert(mode)
    found = decode_image(saved(image, format_), Path("a.dcm"))

    is_grey_palette = format_ == "BMP" and mode == "P"  # which Pillow recognises
    assert found.image.mode == ("L" if is_grey_palette else mode)
    assert np.array_equal(np.asarray(to_grey(found.image)), np.asarray(to_grey(image)))
    assert found.notes == () if mode != "1" else (ImageNote.NO_CONTRAST,)


def test_an_image_keeps_its_bytes_whatever_its_file_holds_besides():
    """Grey, RGB and RGBA of 8 bits are as Pillow gives them."""
    for mode in ("L", "RGB", "RGBA"):
        data = saved(Image.fromarray(EIGHT).convert(mode), "PNG")
        found = decode_image(data, FILE).image
        assert found.mode == mode
        assert found.tobytes() == Image.open(BytesIO(data)).tobytes()


def test_postscript_starts_no_other_program(tmp_path, monkeypatch):
    """Pillow would hand EPS to Ghostscript: a program of that name on the path is not run."""
    marker, program = tmp_path / "marker", tmp_path / "gs"
    program.write_text(f"#!/bin/sh\ntouch {marker}\n")
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "a.png").write_bytes(
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n%%EOF\n"
    )

    with pytest.raises(ImageError, match="is PostScript"):
        read_image(tmp_path / "a.png")
    assert not marker.exists()


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "empty"),
        (b"%PDF-1.7\n" * 9, "PDF"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS"),
        (b"\n <!DOCTYPE html><html>404</html>", "HTML"),
        (b"PK\x03\x04" + bytes(60), "ZIP"),
        (b"\x1f\x8b\x08" + bytes(60), "gzip"),
        (b"\x08\x00\x05\x00UI" + bytes(200), "DICOM without its preamble"),
        (b"neither of these", "not an image"),
        (bytes(300), "not an image"),
    ],
)
def test_what_is_no_image_is_named(data, match):
    """By how it begins."""
    assert match in refused(data)


@pytest.mark.parametrize("format_", ["GIF", "WEBP", "PPM", "ICO", "TGA", "PCX", "JPEG2000", "PDF"])
def test_other_formats_are_refused(format_):
    """Though Pillow could decode most of them."""
    if format_ == "WEBP" and not features.check("webp"):
        pytest.skip("Pillow without WebP")
    assert "is not an image" in refused(saved(Image.fromarray(EIGHT), format_))


@pytest.mark.parametrize("format_", ["PNG", "TIFF", "MPO"])
def test_several_pages_are_refused(format_):
    """Animated PNG, pages of TIFF, stereo JPEG."""
    first, second = (Image.fromarray(v) for v in (EIGHT, 255 - EIGHT))
    data = saved(first, format_, save_all=True, append_images=[second])

    assert "holds 2 frames" in refused(data)


@pytest.mark.parametrize("size", [(10_000, 10_000), (60_000, 2_000), (2**31 - 1, 2**31 - 1)])
def test_images_too_large_for_the_memory_are_refused(size):
    """By the header: of 36 bytes, gigabytes would be allocated."""
    data = png(EIGHT[:1, :1, None])
    header = b"IHDR" + size[0].to_bytes(4, "big") + size[1].to_bytes(4, "big") + data[24:29]
    large = data[:12] + header + zlib.crc32(header).to_bytes(4, "big") + data[33:]

    assert "pixels" in refused(large)


@pytest.mark.parametrize(
    "data",
    [
        png(RAMP[..., None], bits=16),
        png(EIGHT[..., None]),
        png(EIGHT[..., None], interlaced=True),
        jpeg(EIGHT),
        jpeg(EIGHT, progressive=True),
        saved(Image.fromarray(EIGHT), "TIFF"),
        saved(Image.fromarray(EIGHT), "BMP"),
    ],
    ids=["16 bits", "8 bits", "interlaced", "JPEG", "progressive", "TIFF", "BMP"],
)
def test_files_that_end_early_are_refused(data):
    """At any of 100 places before the last pixels."""
    whole = np.asarray(to_grey(decode_image(data, FILE).image))
    n_refused = 0
    for end in np.linspace(0, len(data) - 1, 100).astype(int):
        try:
            found = decode_image(data[:end], FILE)
        except ImageError:
            n_refused += 1
        else:
            # Only what follows the pixels is missing.
            assert end > 0.8 * len(data)
            assert np.array_equal(np.asarray(to_grey(found.image)), whole)

    assert n_refused >= 80


def test_a_tiff_with_fewer_strips_than_rows_is_refused():
    """Its header states twice the rows that it has."""
    data = saved(Image.fromarray(EIGHT), "TIFF")
    tag = data.index(b"\x01\x01\x04\x00\x01\x00\x00\x00\x40\x00")  # ImageLength
    longer = data[: tag + 8] + b"\x80" + data[tag + 9 :]

    assert "64 of its 128 rows" in refused(longer)


def test_depth_is_scaled_where_files_use_fewer_bits():
    """10, 12 and 14 bits in PNG of 16, grey and colour; all 16 bits stay."""
    for bits in (10, 12, 14, 16):
        values = np.rint(RAMP / 4095 * (2**bits - 1)).astype(np.uint16)
        grey = decode_image(png(values[..., None], bits=16), FILE)
        assert grey.notes == ((ImageNote.FEW_BITS,) if bits < 16 else ())
        np.testing.assert_allclose(np.asarray(grey.image), RAMP / 4095 * 65535, atol=64)
        colour = decode_image(png(np.stack([values] * 3, axis=-1), bits=16, colour=2), FILE)
        assert colour.notes == grey.notes
        assert colour.image.mode == ("I;16" if bits < 16 else "RGB")


def test_alpha_has_no_part_in_the_depth():
    """Grey of 12 bits in 16 beside an alpha of 16 bits; grey of 16 bits stays in 8, as Pillow has it."""
    values = np.stack([RAMP, np.full_like(RAMP, 65535)], axis=-1)

    few = decode_image(png(values, bits=16, colour=4), FILE)
    assert few.notes == (ImageNote.FEW_BITS,)
    np.testing.assert_allclose(np.asarray(few.image), RAMP / 4095 * 65535, atol=1)
    whole = decode_image(png(values * [[[16, 1]]], bits=16, colour=4), FILE)
    assert whole.image.mode == "RGBA"
    assert whole.notes == ()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_white_is_zero_is_inverted_in_tiff(dtype):
    """Pillow inverts 8 bits only."""
    values = (RAMP * 16 if dtype == np.uint16 else EIGHT).astype(dtype)
    image = Image.fromarray(values)
    plain = np.asarray(to_grey(decode_image(saved(image, "TIFF"), FILE).image)).astype(int)
    data = bytearray(saved(image, "TIFF"))
    tag = data.index(b"\x06\x01\x03\x00\x01\x00\x00\x00\x01\x00")  # BlackIsZero
    data[tag + 8] = 0

    found = np.asarray(to_grey(decode_image(bytes(data), FILE).image)).astype(int)

    np.testing.assert_array_equal(found, 255 - plain)


def test_real_numbers_in_tiff_are_scaled():
    """0…1, with a note."""
    data = saved(Image.fromarray((RAMP / 4095).astype(np.float32)), "TIFF")
    found = decode_image(data, FILE)

    assert found.notes == (ImageNote.RANGE_GUESSED,)
    np.testing.assert_allclose(np.asarray(found.image), RAMP / 4095 * 65535, atol=1)


def test_what_a_viewer_would_apply_is_noted():
    """Transparency of some pixels; the orientation of a camera."""
    image = Image.fromarray(EIGHT).convert("RGBA")
    assert decode_image(saved(image, "PNG"), FILE).notes == ()
    image.putpixel((3, 3), (9, 9, 9, 0))
    assert decode_image(saved(image, "PNG"), FILE).notes == (ImageNote.TRANSPARENCY_DROPPED,)

    exif = Image.Exif()
    exif[0x0112] = 1
    assert decode_image(jpeg(EIGHT, exif=exif), FILE).notes == ()
    exif[0x0112] = 6
    assert decode_image(jpeg(EIGHT, exif=exif), FILE).notes == (ImageNote.ORIENTATION_IGNORED,)


def test_damage_anywhere_is_refused_or_harmless():
    """1,000 seeded changes of bytes: an image or one sentence, never another exception."""
    rng = np.random.default_rng(0)
    files = [png(RAMP[..., None], bits=16), jpeg(EIGHT), saved(Image.fromarray(EIGHT), "BMP")]
    sentences = []
    for number in range(1000):
        data = bytearray(files[number % len(files)])
        for place in rng.integers(0, len(data), rng.integers(1, 6)):
            data[place] = rng.integers(0, 256)
        try:
            decode_image(bytes(data), FILE)
        except ImageError as error:
            sentences.append(str(error))

    assert 100 < len(sentences) < 900
    assert not [one for one in sentences if "\n" in one or not one.endswith(".")]
