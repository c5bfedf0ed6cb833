"""DICOM by the standard: what was decoded wrongly before, and its siblings; each has its note."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from image_files import RAMP, dicom, jpeg_2000, table
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    RLELossless,
)

from cxraudit.errors import ImageError
from cxraudit.images import ImageNote, decode_image

FILE = Path("a.dcm")
QUARTERS = (25, 50, 75, 100)
STEPS = np.linspace(0, 4095, 256).astype(np.uint16).reshape(1, -1).repeat(256, axis=0)
"""Grey levels from black to white, one column each."""


def saved(image):
    """The bytes of a DICOM data set."""
    file = BytesIO()
    image.save_as(file, enforce_file_format=True)
    return file.getvalue()


def decoded(values=STEPS, **tags):
    """Grey levels and notes of a file."""
    found = decode_image(saved(dicom(values, **tags)), FILE)
    return np.asarray(found.image).astype(int), found.notes


def test_a_window_after_a_modality_table_is_in_values_of_the_table():
    """Quarter points 64, 128, 192 and 255, where pydicom's range of the stored bits gives 94 % white."""
    entries = np.linspace(0, 65535, 4096).astype(int)
    grey, notes = decoded(
        ModalityLUTSequence=[table(entries)], WindowCenter=32768, WindowWidth=65535
    )

    np.testing.assert_allclose(np.percentile(grey, QUARTERS), [64, 128, 192, 255], atol=1)
    assert notes == ()


@pytest.mark.parametrize(
    ("padding", "vr", "values"),
    [
        (65535, "US", STEPS + 600),
        (0, "US", STEPS + 600),
        (4700, "US", STEPS + 600),
        (-2000, "SS", STEPS.astype(np.int16) - 1000),
        (63536, "US", STEPS.astype(np.int16) - 1000),
        (-32768, "SS", STEPS.astype(np.int16)),
    ],
)
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_takes_no_part_in_minimum_and_maximum(padding, vr, values, photometric):
    """Tissue has all grey levels, padding is black; also if the value has the wrong sign for its VR."""
    values = values.copy()
    values[:64] = np.array(padding).astype(np.int64).astype(values.dtype)
    image = dicom(values, bits=16, PhotometricInterpretation=photometric)
    image.add_new("PixelPaddingValue", vr, padding)

    grey = np.asarray(decode_image(saved(image), FILE).image).astype(int)

    assert (grey[:64] == 0).all()
    expected = [64, 128, 191, 255]
    np.testing.assert_allclose(np.percentile(grey[64:], QUARTERS), expected, atol=1)


def test_padding_that_no_pixel_has_changes_nothing():
    """A value out of the range of the data, and one that is no number of the container."""
    plain, _ = decoded()

    for value in (65535, 9000):
        assert np.array_equal(decoded(PixelPaddingValue=value)[0], plain)


def test_an_image_of_padding_alone_is_black():
    """There is no minimum and maximum; the note says so."""
    grey, notes = decoded(np.full((64, 64), 7, dtype=np.uint16), PixelPaddingValue=7)

    assert (grey == 0).all()
    assert notes == (ImageNote.NEARLY_BLACK,)


@pytest.mark.parametrize(
    "tags",
    [
        {"WindowCenter": 2048, "WindowWidth": 0},
        {"WindowCenter": 2048, "WindowWidth": 0.5},
        {"WindowCenter": 2048, "WindowWidth": -100},
        {"WindowCenter": 2048, "WindowWidth": 0, "VOILUTFunction": "SIGMOID"},
        {"WindowCenter": 2048, "WindowWidth": 0, "VOILUTFunction": "LINEAR_EXACT"},
        {"WindowCenter": [2048, 100], "WindowWidth": [0, 100]},
        {"WindowCenter": 2048},
        {"WindowWidth": 4096},
        {"WindowCenter": 2048, "WindowWidth": 1e30 * 1e300},
    ],
)
def test_without_a_valid_window_values_are_stretched(tags):
    """Width 0 lost the image before; now minimum is black and maximum white, with a note."""
    grey, notes = decoded(**{tag: value for tag, value in tags.items() if value != np.inf})

    np.testing.assert_array_equal(grey, decoded()[0])
    assert ImageNote.WINDOW_INVALID in notes


def test_a_window_that_is_no_number_is_left_out():
    """Text in place of a number, as some exports have it."""
    data = saved(dicom(STEPS, WindowCenter=2048, WindowWidth=1000))
    found = decode_image(data.replace(b"2048", b"wide"), FILE)

    assert found.notes == (ImageNote.WINDOW_INVALID,)


def test_width_one_and_a_narrow_exact_window_are_thresholds():
    """The least widths that the functions allow."""
    for tags in (
        {"WindowCenter": 2048, "WindowWidth": 1},
        {"WindowCenter": 2048, "WindowWidth": 0.01, "VOILUTFunction": "LINEAR_EXACT"},
    ):
        grey, _ = decoded(**tags)
        assert set(np.unique(grey)) == {0, 255}
        assert (grey == 255).mean() == pytest.approx(0.5, abs=0.01)


def test_of_several_windows_or_tables_the_first_is_used():
    """With a note."""
    first, _ = decoded(WindowCenter=1000, WindowWidth=500)
    both, notes = decoded(WindowCenter=[1000, 2000], WindowWidth=[500, 4000])
    assert np.array_equal(both, first)
    assert notes == (ImageNote.SEVERAL_WINDOWS,)

    bright, dark = (table((np.linspace(0, 1, 4096) ** g * 4095).round(), bits=12) for g in (0.5, 2))
    first, _ = decoded(VOILUTSequence=[bright])
    both, notes = decoded(VOILUTSequence=[bright, dark])
    assert np.array_equal(both, first)
    assert notes == (ImageNote.SEVERAL_WINDOWS,)


def test_a_table_takes_precedence_over_a_window():
    """As in pydicom; a sequence whose table is missing leaves the window."""
    curve = table((np.linspace(0, 1, 4096) ** 0.5 * 4095).round(), bits=12)
    window = {"WindowCenter": 1000, "WindowWidth": 500}
    assert np.array_equal(
        decoded(VOILUTSequence=[curve], **window)[0], decoded(VOILUTSequence=[curve])[0]
    )

    del curve.LUTData
    assert np.array_equal(decoded(VOILUTSequence=[curve], **window)[0], decoded(**window)[0])


@pytest.mark.parametrize(
    ("entries", "bits", "described"),
    [
        (np.arange(4096) // 4, 16, 4096),
        (np.arange(4096), 16, 4096),
        (np.arange(4096), 10, 4096),
        (np.arange(4096), 12, 5000),
        (np.arange(5000), 12, 4096),
        (np.arange(4096), 12, 0),
    ],
)
def test_a_table_unlike_its_description_is_used_as_it_is(entries, bits, described):
    """Fewer or more bits, fewer or more entries: a ramp stays a ramp, with a note."""
    grey, notes = decoded(VOILUTSequence=[table(entries, bits=bits, described=described)])

    np.testing.assert_allclose(np.percentile(grey, QUARTERS), [64, 128, 191, 255], atol=1)
    assert notes == (ImageNote.LUT_DIFFERS,)


def test_the_rescale_is_left_out_where_it_has_no_meaning():
    """Slope 0 would make every pixel the same."""
    grey, notes = decoded(RescaleSlope=0, RescaleIntercept=5)

    np.testing.assert_array_equal(grey, decoded()[0])
    assert notes == (ImageNote.RESCALE_INVALID,)


def test_an_unknown_function_of_the_window_is_linear():
    """With a note."""
    window = {"WindowCenter": 1000, "WindowWidth": 500}
    grey, notes = decoded(**window, VOILUTFunction="CUBIC")

    np.testing.assert_array_equal(grey, decoded(**window)[0])
    assert notes == (ImageNote.VOI_FUNCTION_UNKNOWN,)


def test_unused_bits_are_left_out_with_a_note():
    """A retired overlay in bit 15."""
    overlay = STEPS.copy()
    overlay[::2] |= 0x8000
    grey, notes = decoded(overlay)

    np.testing.assert_array_equal(grey, decoded()[0])
    assert notes == (ImageNote.UNUSED_BITS,)


def test_colour_becomes_luminance_with_a_note():
    """16-bit RGB was cut to its lower bytes before."""
    rgb = np.stack([STEPS * 16, STEPS * 8, STEPS * 4], axis=-1).astype(np.uint16)
    grey, notes = decoded(rgb, bits=16)

    weights = 0.299 + 0.587 / 2 + 0.114 / 4
    np.testing.assert_allclose(grey, STEPS * 16 / 65535 * 255 * weights, atol=1)
    assert notes == (ImageNote.COLOUR,)


def test_real_numbers_are_stretched():
    """Float Pixel Data; not a number is refused."""
    image = dicom(STEPS)
    del image.PixelData
    image.BitsAllocated, image.FloatPixelData = 32, (STEPS / 7).astype("<f4").tobytes()
    del image.BitsStored, image.HighBit, image.PixelRepresentation
    found = np.asarray(decode_image(saved(image), FILE).image).astype(int)
    np.testing.assert_array_equal(found, decoded()[0])

    values = (STEPS / 7).astype("<f4")
    values[3, 3] = np.nan
    image.FloatPixelData = values.tobytes()
    with pytest.raises(ImageError, match="not a number"):
        decode_image(saved(image), FILE)


def test_thirty_two_bits_are_decoded():
    """Beyond the depth for which grey levels are tabulated."""
    values = STEPS.astype(np.uint32) * 1000
    np.testing.assert_array_equal(decoded(values, bits=32)[0], decoded()[0])


@pytest.mark.parametrize(
    ("syntax", "name"),
    [(JPEGLosslessSV1, "JPEG Lossless"), (JPEGExtended12Bit, "JPEG Extended")],
)
def test_a_compression_without_decoder_is_named(syntax, name, monkeypatch):
    """With the extra to install."""
    from pydicom.pixels.decoders.base import Decoder

    monkeypatch.setattr(Decoder, "available_plugins", property(lambda self: ("pillow",)))
    monkeypatch.setattr(Decoder, "is_available", property(lambda self: JPEGLosslessSV1 != self.UID))
    data = saved(dicom(STEPS, syntax=syntax, code=b"\xff\xd8\xff\xd9"))

    with pytest.raises(
        ImageError, match=rf"{name}.*needs the extra: pip install 'cxraudit\[dicom\]'"
    ):
        decode_image(data, FILE)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"NumberOfFrames": 2}, "holds 2 frames"),
        ({"Rows": 60000, "Columns": 60000}, "60,000 × 60,000 pixels"),
        ({"PhotometricInterpretation": "HSV"}, "HSV"),
        ({"Rows": 300}, "less than expected"),
        ({"SamplesPerPixel": 2}, "Samples per Pixel"),
    ],
)
def test_what_is_not_decoded_is_refused_in_a_sentence(change, match):
    """Frames, size, colours and lengths."""
    with pytest.raises(ImageError, match=match) as caught:
        decoded(**change)

    assert str(caught.value).endswith(".")


def test_excess_pixel_data_of_whole_frames_are_refused():
    """Twice the data that rows and columns state are two frames."""
    with pytest.raises(ImageError, match="holds 2 frames"):
        decoded(Rows=128)


def test_a_transfer_syntax_that_is_unknown_or_missing_is_named():
    """A private one; none."""
    data = saved(dicom(STEPS, syntax=ExplicitVRLittleEndian))
    uid = ExplicitVRLittleEndian.encode()
    with pytest.raises(ImageError, match=r"1\.2\.840\.10008\.1\.2\.9"):
        decode_image(data.replace(uid, b"1.2.840.10008.1.2.9"), FILE)

    file = pydicom.dcmread(BytesIO(data))
    del file.file_meta.TransferSyntaxUID
    buffer = BytesIO()
    file.save_as(buffer, implicit_vr=False, little_endian=True)
    with pytest.raises(ImageError, match="does not name its transfer syntax"):
        decode_image(buffer.getvalue(), FILE)


@pytest.mark.parametrize(
    "syntax",
    [ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, RLELossless, JPEG2000Lossless],
)
def test_a_file_that_ends_early_is_refused(syntax):
    """At any of fifty places, also of a deflated stream, of which the error of zlib ended a run."""
    values = np.random.default_rng(0).integers(0, 4096, (32, 32)).astype(np.uint16)
    code = jpeg_2000(values) if syntax == JPEG2000Lossless else None
    data = saved(dicom(values, syntax=syntax, code=code))
    ends = range(140, len(data) - 16, len(data) // 50)

    for end in ends:
        with pytest.raises(ImageError):
            decode_image(data[:end], FILE)


def test_a_deflated_file_that_would_fill_the_memory_is_refused(monkeypatch):
    """Before pydicom inflates it."""
    monkeypatch.setattr("cxraudit.images.header._LARGEST", 2**16)
    values = np.zeros((400, 400), dtype=np.uint16)

    with pytest.raises(ImageError, match="inflates to more than 65,536 bytes"):
        decoded(values, syntax=DeflatedExplicitVRLittleEndian)
    monkeypatch.setattr("cxraudit.images.header._LARGEST", 2**20)
    assert decoded(values, syntax=DeflatedExplicitVRLittleEndian)[0].shape == (400, 400)


def test_the_grey_ramp_of_the_other_tests_uses_every_level():
    """Each of 256 grey levels occurs."""
    assert len(np.unique(decoded(RAMP)[0])) == 256
