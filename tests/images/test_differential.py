"""The decoder agrees with the formulas of the standards on generated files of every kind.

The stored values are known from the writer, so the reference depends on no decoder; where pydicom applies
the transformations rightly, it is a second reference.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from image_files import dicom, jpeg, jpeg_2000, png, table
from image_reference import grey_of, luminance, rgb_of_ybr, rounded
from PIL import Image
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)

from cxraudit.images import decode_image, to_grey

SIZE = (24, 32)
FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")
NATIVE = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
)


@dataclass(frozen=True)
class Variant:
    """A file and the grey levels it must give."""

    name: str
    data: bytes
    expected: np.ndarray


def saved(image) -> bytes:
    """The bytes of a DICOM data set."""
    file = BytesIO()
    image.save_as(file, enforce_file_format=True)
    return file.getvalue()


def ramp(bits, *, signed=False, least=0.0, most=1.0, channels=0, seed=0):
    """Values from end to end of a depth, with noise; in the smallest container."""
    rng = np.random.default_rng([bits, seed])
    shape = (*SIZE, channels) if channels else SIZE
    share = np.linspace(0, 1, int(np.prod(shape))).reshape(shape) + rng.normal(0, 0.02, shape)
    share = least + (most - least) * np.clip(share, 0, 1)
    values = np.rint(share * (2**bits - 1)).astype(np.int64) - (2 ** (bits - 1) if signed else 0)
    kind = ("i" if signed else "u") + str(1 if bits <= 8 else 2 if bits <= 16 else 4)
    return values.astype(kind)


def depths_and_windows() -> Iterator[Variant]:
    """Bits stored × signed × photometric × rescale × window."""
    rescales = (None, (1, 0), (2, -1024), (0.25, 3.5), (-1, 100))
    for bits, signed, photometric, rescale, function in itertools.product(
        (8, 10, 12, 14, 16),
        (False, True),
        ("MONOCHROME1", "MONOCHROME2"),
        rescales,
        (None, *FUNCTIONS),
    ):
        values = ramp(bits, signed=signed)
        slope, intercept = rescale or (1, 0)
        tags = {"PhotometricInterpretation": photometric}
        if rescale:
            tags |= {"RescaleSlope": slope, "RescaleIntercept": intercept}
        window = None
        if function:
            middle = slope * float(np.median(values)) + intercept
            window = (round(middle * 0.9, 3), round(abs(slope) * 2**bits * 0.55 + 1, 3), function)
            tags |= {"WindowCenter": window[0], "WindowWidth": window[1]}
            if function != "LINEAR":
                tags["VOILUTFunction"] = function
        expected = grey_of(
            values,
            slope=slope,
            intercept=intercept,
            window=window,
            inverted=photometric == "MONOCHROME1",
        )
        name = f"{bits} bits, signed {signed}, {photometric}, {rescale}, {window}"
        yield Variant(name, saved(dicom(values, bits=bits, **tags)), expected)


def modality_tables() -> Iterator[Variant]:
    """Entries of 8 to 16 bits, first value mapped below and above 0, windows, VOI tables after it."""
    curve = np.linspace(0, 1, 4096) ** 1.7
    for bits, first, function, vr in itertools.product(
        (8, 12, 16), (0, 300), (None, "LINEAR", "SIGMOID"), ("OW", "US")
    ):
        values, white = ramp(12), 2**bits - 1
        entries = np.rint(curve * white).astype(int)
        window = function and (white * 0.5, white * 0.8, function)
        tags = {"ModalityLUTSequence": [table(entries, first=first, bits=bits, vr=vr)]}
        if window:
            tags |= {"WindowCenter": window[0], "WindowWidth": window[1]}
            tags["VOILUTFunction"] = function
        expected = grey_of(values, modality=(first, entries.tolist()), window=window)
        yield Variant(
            f"modality {bits} {first} {window} {vr}", saved(dicom(values, **tags)), expected
        )
    values, entries = ramp(12, signed=True), np.rint(curve * 65535).astype(int)
    for signed in (False, True):  # of the descriptor
        item = table(entries, first=-2048, signed=signed)
        expected = grey_of(values, modality=(-2048, entries.tolist()))
        yield Variant(
            f"signed {signed}", saved(dicom(values, ModalityLUTSequence=[item])), expected
        )
    voi = np.rint(np.linspace(0, 1, 65536) ** 0.5 * 4095).astype(int)
    image = dicom(
        ramp(12),
        ModalityLUTSequence=[table(entries)],
        VOILUTSequence=[table(voi, bits=12)],  # 65,536 entries are described as 0
    )
    expected = grey_of(ramp(12), modality=(0, entries.tolist()), voi=(0, voi.tolist(), 4095))
    yield Variant("modality and VOI table", saved(image), expected)


def voi_tables() -> Iterator[Variant]:
    """Depths, data narrower than described, entries in one byte, first value mapped, rescaled input."""
    shape = 1 / (1 + np.exp(-np.linspace(-6, 6, 4096)))
    for bits, described, vr, syntax, photometric in itertools.product(
        (8, 10, 12, 16),
        (8, 12, 16),
        ("OW", "US"),
        (ExplicitVRLittleEndian, ImplicitVRLittleEndian),
        ("MONOCHROME1", "MONOCHROME2"),
    ):
        entries = np.rint((shape - shape.min()) / np.ptp(shape) * (2**bits - 1)).astype(int)
        item = table(entries, bits=described, vr=vr)
        image = dicom(
            ramp(12), syntax=syntax, VOILUTSequence=[item], PhotometricInterpretation=photometric
        )
        inverted = photometric == "MONOCHROME1"
        expected = grey_of(ramp(12), voi=(0, entries.tolist(), 2**bits - 1), inverted=inverted)
        yield Variant(
            f"VOI {bits} of {described}, {vr}, {syntax.name}, {photometric}", saved(image), expected
        )
    eight = np.rint(shape[::16] * 255).astype(int)
    for described, vr, n in itertools.product((8, 16), ("OW", "US"), (256, 255)):
        if (described, vr) == (16, "US") or (vr, n) == ("US", 255):
            continue  # 16-bit words are 16-bit entries, and words hold an even number of bytes
        item = table(eight[:n], bits=described, vr=vr, one_byte=True)
        expected = grey_of(ramp(8), voi=(0, eight[:n].tolist(), 255))
        image = dicom(ramp(8), bits=8, VOILUTSequence=[item])
        yield Variant(f"one byte {described} {vr} {n}", saved(image), expected)
    entries = np.rint(shape * 4095).astype(int)
    for slope, intercept, first, signed in itertools.product(
        (1, 0.5, -1), (-1024, 0, 500), (-1024, 0, 200), (False, True)
    ):
        item = table(entries, first=first, bits=12, signed=signed)
        image = dicom(
            ramp(12), RescaleSlope=slope, RescaleIntercept=intercept, VOILUTSequence=[item]
        )
        expected = grey_of(
            ramp(12), slope=slope, intercept=intercept, voi=(first, entries.tolist(), 4095)
        )
        if first < 0 and not signed and slope > 0 and intercept >= 0:
            continue  # 64,512 or −1,024: no value is negative, so it is the former
        yield Variant(f"VOI of {slope} {intercept}, {first} {signed}", saved(image), expected)


def paddings() -> Iterator[Variant]:
    """Padding of any value, within the range of the data or beyond, with a limit, signed, unlike VR."""
    for bits, signed, photometric, function, at, limit in itertools.product(
        (12, 16),
        (False, True),
        ("MONOCHROME1", "MONOCHROME2"),
        (None, "LINEAR"),
        ("least", "most", "middle", "beyond"),
        (False, True),
    ):
        values = ramp(bits, signed=signed, least=0.2, most=0.8)
        least = -(2 ** (bits - 1)) if signed else 0
        container = np.iinfo(values.dtype)
        value = {
            "least": least,
            "most": least + 2**bits - 1,
            "middle": int(np.median(values)),
            "beyond": container.max,
        }[at]
        if at == "beyond" and bits == 16:
            continue
        values[:6] = value
        tags = {"PhotometricInterpretation": photometric}
        vr = "SS" if signed else "US"
        image = dicom(values, bits=bits, **tags)
        image.add_new("PixelPaddingValue", vr, value)
        padding = values == value
        if limit:
            other = value - 30 if at == "most" else min(value + 30, container.max)
            image.add_new("PixelPaddingRangeLimit", vr, other)
            padding = (values >= min(value, other)) & (values <= max(value, other))
        window = function and (float(np.median(values[6:])), 2.0**bits * 0.4, function)
        if window:
            image.WindowCenter, image.WindowWidth = window[:2]
        expected = grey_of(
            values, padding=padding, window=window, inverted=photometric == "MONOCHROME1"
        )
        name = f"padding {bits} {signed} {photometric} {window} {at} {limit}"
        yield Variant(name, saved(image), expected)


def containers() -> Iterator[Variant]:
    """Unused bits that hold data, values in the upper bits, every transfer syntax."""
    for bits, signed, syntax in itertools.product((10, 12, 14), (False, True), NATIVE):
        values = ramp(bits, signed=signed)
        lower = values.view(np.uint16) & (2**bits - 1)
        noise = np.random.default_rng(0).integers(0, 2 ** (16 - bits), SIZE).astype(np.uint16)
        tags = {"BitsStored": bits, "PixelRepresentation": int(signed)}
        image = dicom(lower | (noise << bits), syntax=syntax, HighBit=bits - 1, **tags)
        yield Variant(f"unused {bits} {signed} {syntax.name}", saved(image), grey_of(values))
        noise &= 2 ** min(4, 16 - bits) - 1
        image = dicom((lower << (16 - bits)) | noise, syntax=syntax, HighBit=15, **tags)
        yield Variant(f"upper {bits} {signed} {syntax.name}", saved(image), grey_of(values))
    for bits, syntax in itertools.product((8, 12, 16), (*NATIVE, RLELossless, JPEG2000Lossless)):
        values = ramp(bits)
        code = jpeg_2000(values) if syntax == JPEG2000Lossless else None
        image = dicom(values, bits=bits, syntax=syntax, code=code)
        yield Variant(f"{bits} {syntax.name}", saved(image), grey_of(values))
    for bits in (8, 12, 16):
        values = ramp(bits, signed=True)
        image = dicom(values, bits=bits, syntax=RLELossless)
        yield Variant(f"{bits} RLE signed", saved(image), grey_of(values))
    for quality in (60, 95):
        code = jpeg(ramp(8), quality=quality)
        values = np.asarray(Image.open(BytesIO(code)))
        image = dicom(ramp(8), bits=8, syntax=JPEGBaseline8Bit, code=code)
        yield Variant(f"JPEG {quality}", saved(image), grey_of(values))


def palettes() -> Iterator[Variant]:
    """Entries of 8 and 16 bits, also in each other's container; indices from 0 or not."""
    rng = np.random.default_rng(0)
    for bits, entry, first, one_byte in itertools.product(
        (8, 16), (8, 12, 16), (0, 20), (False, True)
    ):
        if one_byte and entry > 8:
            continue
        n = 200 if bits == 8 else 3000
        values = rng.integers(0, min(2**bits, n + 60), SIZE).astype(f"u{bits // 8}")
        colours = rng.integers(0, 2**entry, (3, n))
        colours[0, 0] = 2**entry - 1
        image = dicom(values, bits=bits, PhotometricInterpretation="PALETTE COLOR")
        for name, entries in zip(("Red", "Green", "Blue"), colours, strict=True):
            described = [n, first, 8 if one_byte else 16]
            image.add_new(f"{name}PaletteColorLookupTableDescriptor", "US", described)
            data = entries.astype("u1" if one_byte else "<u2").tobytes()
            image.add_new(f"{name}PaletteColorLookupTableData", "OW", data)
        places = np.clip(values.astype(int) - first, 0, n - 1)
        expected = rounded(luminance(*colours[:, places]) / (2**entry - 1))
        yield Variant(f"palette {bits} {entry} {first} {one_byte}", saved(image), expected)


def colours() -> Iterator[Variant]:
    """RGB of any depth, in both planar configurations and every syntax; YBR."""
    for bits, planar, syntax in itertools.product((8, 10, 12, 16), (0, 1), (*NATIVE, RLELossless)):
        values = ramp(bits, channels=3)
        image = dicom(values, bits=bits, syntax=syntax, PlanarConfiguration=planar)
        if syntax == RLELossless and planar == 1:
            continue
        expected = rounded(luminance(*np.moveaxis(values, -1, 0)) / (2**bits - 1))
        yield Variant(f"RGB {bits} {planar} {syntax.name}", saved(image), expected)
    for used in (8, 10, 12, 14):
        values = ramp(used, channels=3).astype(np.uint16)
        expected = rounded(luminance(*np.moveaxis(values, -1, 0)) / (2**used - 1))
        yield Variant(f"RGB {used} in 16", saved(dicom(values, bits=16)), expected)
    for bits, planar in itertools.product((8, 16), (0, 1)):
        ybr = ramp(bits, channels=3, least=0.3, most=0.7)
        tags = {"PhotometricInterpretation": "YBR_FULL", "PlanarConfiguration": planar}
        white = 2**bits - 1
        expected = rounded(luminance(*np.moveaxis(rgb_of_ybr(ybr, white), -1, 0)) / white)
        yield Variant(f"YBR {bits} {planar}", saved(dicom(ybr, bits=bits, **tags)), expected)
    ybr = ramp(8, channels=3, least=0.2, most=0.8)
    ybr[:, 1::2, 1:] = ybr[:, ::2, 1:]
    pairs = np.stack([ybr[:, ::2, 0], ybr[:, 1::2, 0], ybr[:, ::2, 1], ybr[:, ::2, 2]], axis=-1)
    image = dicom(ybr, bits=8, PhotometricInterpretation="YBR_FULL_422", PixelData=pairs.tobytes())
    image["PixelData"].VR = "OB"
    expected = rounded(luminance(*np.moveaxis(rgb_of_ybr(ybr), -1, 0)) / 255)
    yield Variant("YBR 422", saved(image), expected)
    for subsampling in (0, 1, 2):
        code = jpeg(ramp(8, channels=3, least=0.2, most=0.8), quality=90, subsampling=subsampling)
        rgb = np.asarray(Image.open(BytesIO(code)))
        kind = "YBR_FULL" if subsampling == 0 else "YBR_FULL_422"
        image = dicom(
            rgb, bits=8, syntax=JPEGBaseline8Bit, code=code, PhotometricInterpretation=kind
        )
        expected = rounded(luminance(*np.moveaxis(rgb, -1, 0)) / 255)
        yield Variant(f"JPEG {subsampling}", saved(image), expected)


def pngs() -> Iterator[Variant]:
    """Every colour type and depth, interlaced or not, with gamma, palettes and transparency."""
    gamma = ((b"gAMA", (45455).to_bytes(4, "big")),)
    for bits, interlaced, extra in itertools.product((1, 2, 4, 8), (False, True), ((), gamma)):
        values = ramp(bits, seed=3)[..., None]
        file = png(values, bits=bits, interlaced=interlaced, chunks=extra)
        expected = rounded(values[..., 0] / (2**bits - 1))
        yield Variant(f"grey {bits} {interlaced} {len(extra)}", file, expected)
        palette = np.random.default_rng(bits).integers(0, 256, (2**bits, 3)).astype(np.uint8)
        chunks = (*extra, (b"PLTE", palette.tobytes()))
        file = png(values, bits=bits, colour=3, interlaced=interlaced, chunks=chunks)
        expected = rounded(luminance(*np.moveaxis(palette[values[..., 0]], -1, 0)) / 255)
        yield Variant(f"palette {bits} {interlaced} {len(extra)}", file, expected)
    for (colour, channels), bits, interlaced in itertools.product(
        ((2, 3), (4, 2), (6, 4)), (8, 16), (False, True)
    ):
        values = ramp(bits, channels=channels)
        file = png(values, bits=bits, colour=colour, interlaced=interlaced)
        used = values[..., :1].repeat(3, axis=-1) if colour == 4 else values[..., :3]
        expected = rounded(luminance(*np.moveaxis(used, -1, 0)) / (2**bits - 1))
        yield Variant(f"colour {colour} {bits} {interlaced}", file, expected)
    for used, interlaced, filters in itertools.product(
        (8, 10, 12, 14, 16), (False, True), ((0,), (1, 2), (3, 4), (4,))
    ):
        values = ramp(used).astype(np.uint16)[..., None]
        file = png(values, bits=16, interlaced=interlaced, filters=filters)
        yield Variant(f"{used} in 16 {interlaced} {filters}", file, grey_of(values[..., 0]))
    for used, interlaced, (colour, channels) in itertools.product(
        (8, 10, 12, 14), (False, True), ((2, 3), (6, 4))
    ):
        values = ramp(used, channels=channels).astype(np.uint16)
        file = png(values, bits=16, colour=colour, interlaced=interlaced)
        grey = luminance(*np.moveaxis(values[..., :3], -1, 0))
        expected = rounded((grey - grey.min()) / np.ptp(grey))
        yield Variant(f"{used} in 16, colour {colour} {interlaced}", file, expected)


def jpegs() -> Iterator[Variant]:
    """Grey, RGB and CMYK, progressive or not, of any subsampling."""
    for quality, progressive, optimize in itertools.product(
        (30, 75, 95), (False, True), (False, True)
    ):
        options = {"quality": quality, "progressive": progressive, "optimize": optimize}
        code = jpeg(ramp(8), **options)
        yield Variant(f"grey {options}", code, np.asarray(Image.open(BytesIO(code))).astype(int))
        for subsampling in (0, 1, 2):
            code = jpeg(ramp(8, channels=3), subsampling=subsampling, **options)
            rgb = np.asarray(Image.open(BytesIO(code)))
            expected = rounded(luminance(*np.moveaxis(rgb, -1, 0)) / 255)
            yield Variant(f"RGB {options} {subsampling}", code, expected)
        cmyk = Image.fromarray(ramp(8, channels=4), mode="CMYK")
        file = BytesIO()
        cmyk.save(file, "JPEG", **options)
        inks = np.asarray(Image.open(BytesIO(file.getvalue()))).astype(float) / 255
        red, green, blue = ((1 - inks[..., k]) * (1 - inks[..., 3]) for k in range(3))
        yield Variant(f"CMYK {options}", file.getvalue(), rounded(luminance(red, green, blue)))


FAMILIES: tuple[Callable[[], Iterator[Variant]], ...] = (
    depths_and_windows,
    modality_tables,
    voi_tables,
    paddings,
    containers,
    palettes,
    colours,
    pngs,
    jpegs,
)
FEWEST = 800


@cache
def variants(family) -> list[Variant]:
    """The variants of a family, made once."""
    return list(family())


def grey_levels(variant) -> np.ndarray:
    """What the package makes of a file."""
    name = "a.dcm" if variant.data[128:132] == b"DICM" else "a.png"
    return np.asarray(to_grey(decode_image(variant.data, Path(name)).image)).astype(int)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_grey_levels_equal_those_of_the_formulas(family, record_property):
    """Every pixel of every variant to one grey level."""
    largest = {}
    for variant in variants(family):
        difference = grey_levels(variant) - variant.expected
        assert difference.shape == SIZE, variant.name
        largest[variant.name] = int(np.abs(difference).max())
    worst = max(largest, key=largest.get)
    record_property("largest_difference", largest[worst])
    print(f"{family.__name__}: {len(largest)} variants, largest difference {largest[worst]}")  # noqa: T201

    assert largest[worst] <= 1, f"{worst}: {largest[worst]}"


def test_pydicom_agrees_where_it_follows_the_standard(record_property):
    """Rescale and window of every depth; with a negative slope, pydicom inverts what a window gives."""
    largest, n = 0, 0
    for variant in variants(depths_and_windows):
        file = pydicom.dcmread(BytesIO(variant.data))
        slope, intercept = (
            float(file.get(f"Rescale{k}", d)) for k, d in (("Slope", 1), ("Intercept", 0))
        )
        if slope < 0:
            continue
        shown = apply_voi_lut(apply_modality_lut(file.pixel_array, file), file).astype(float)
        low, high = shown.min(), shown.max()
        if "WindowWidth" in file:
            least = -(2 ** (file.BitsStored - 1)) if file.PixelRepresentation else 0
            low, high = (slope * v + intercept for v in (least, least + 2**file.BitsStored - 1))
        grey = (shown - low) / (high - low)
        expected = rounded(1 - grey if file.PhotometricInterpretation == "MONOCHROME1" else grey)
        largest = max(largest, int(np.abs(grey_levels(variant) - expected).max()))
        n += 1
    record_property("largest_difference", largest)
    print(f"pydicom: {n} variants, largest difference {largest}")  # noqa: T201

    assert n >= 300
    assert largest <= 1


def test_the_variants_are_many():
    """Names are unlike, so that none is counted twice."""
    names = [(family.__name__, variant.name) for family in FAMILIES for variant in variants(family)]

    assert len(names) == len(set(names)) >= FEWEST
