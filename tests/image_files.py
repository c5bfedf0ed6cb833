"""Writers of DICOM and PNG files of every kind, for tests of what reads them."""

import struct
import zlib
from io import BytesIO

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
    generate_uid,
)

RAMP = np.linspace(0, 4095, 64 * 48).round().reshape(64, 48).astype(np.uint16)
"""Every 12-bit value from black to white, in about steps of 1.3."""


def write_dicom(path, values=RAMP, *, bits=12, syntax=ExplicitVRLittleEndian, code=None, **tags):
    """Write a DICOM image.

    Parameters
    ----------
    path : pathlib.Path
        The file; returned.
    values : numpy.ndarray
        Stored values in their container, shape (rows, columns) or (rows, columns, 3), or None.
    bits : int
        Bits stored.
    syntax : pydicom.uid.UID
        Transfer syntax; of the compressed ones, RLE is encoded here.
    code : bytes
        The code stream of another compressed syntax.
    **tags
        Further elements, also in place of the usual ones.
    """
    image = dicom(values, bits=bits, syntax=syntax, code=code, **tags)
    image.save_as(path, enforce_file_format=True)
    return path


def dicom(values=RAMP, *, bits=12, syntax=ExplicitVRLittleEndian, code=None, **tags):
    """Return the data set that `write_dicom` writes."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    meta.MediaStorageSOPInstanceUID = generate_uid()
    image = Dataset()
    image.file_meta = meta
    image.SOPClassUID = meta.MediaStorageSOPClassUID
    image.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    image.StudyInstanceUID = generate_uid()
    if values is not None:
        image.Rows, image.Columns = values.shape[:2]
        image.SamplesPerPixel = 1 if values.ndim == 2 else 3
        image.PhotometricInterpretation = "MONOCHROME2" if values.ndim == 2 else "RGB"
        if values.ndim == 3:
            image.PlanarConfiguration = 0
        image.BitsAllocated = 8 * values.itemsize
        image.BitsStored, image.HighBit = bits, bits - 1
        image.PixelRepresentation = int(values.dtype.kind == "i")
    for tag, value in tags.items():
        setattr(image, tag, value)
    if values is not None and "PixelData" not in tags:
        _add_pixels(image, values, syntax, code)
    return image


def _add_pixels(image, values, syntax, code):
    if code is not None:
        image.PixelData = encapsulate([code])
        image["PixelData"].VR = "OB"
    elif syntax == RLELossless:
        image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        image.PixelData = values.tobytes()
        image.compress(RLELossless, generate_instance_uid=False)
    else:
        if values.ndim == 3 and image.PlanarConfiguration == 1:
            values = values.transpose(2, 0, 1)
        order = ">" if syntax == ExplicitVRBigEndian else "<"
        image.PixelData = values.astype(values.dtype.newbyteorder(order)).tobytes()
        image["PixelData"].VR = "OB" if values.itemsize == 1 else "OW"
        if syntax == ExplicitVRBigEndian and values.itemsize == 1:
            image["PixelData"].VR = "OB"


def table(entries, *, first=0, bits=16, described=None, vr="OW", signed=False, one_byte=False):
    """Return the item of a modality or VOI LUT sequence.

    Parameters
    ----------
    entries : array_like of int
        The table.
    first : int
        The first value mapped.
    bits : int
        Bits per entry, as described.
    described : int
        Number of entries as described; default: the true one.
    vr : str
        Value representation of the data: OW or US.
    signed : bool
        Whether the descriptor is written as signed (SS).
    one_byte : bool
        Whether an entry has 8 bits, instead of 16.
    """
    entries = np.asarray(entries)
    item = Dataset()
    n = len(entries) if described is None else described
    wrap = (lambda value: (value + 2**15) % 2**16 - 2**15) if signed else (lambda v: v % 2**16)
    item.add_new("LUTDescriptor", "SS" if signed else "US", [wrap(n), wrap(first), bits])
    data = entries.astype("u1" if one_byte else "<u2").tobytes()
    if vr == "OW":
        item.add_new("LUTData", "OW", data + b"\0" * (len(data) % 2))
    else:
        item.add_new("LUTData", "US", np.frombuffer(data, "<u2").tolist())
    return item


def jpeg(values, **options):
    """Return a JPEG code stream of 8-bit values."""
    return _encoded(values, "JPEG", **options)


def jpeg_2000(values):
    """Return a lossless JPEG 2000 code stream of unsigned values."""
    return _encoded(values, "JPEG2000", irreversible=False, no_jp2=True)


def _encoded(values, format_, **options):
    file = BytesIO()
    Image.fromarray(values).save(file, format_, **options)
    return file.getvalue()


ADAM7 = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
"""Passes of an interlaced PNG: first column and row, and the steps to the next ones."""


def png(values, *, bits=8, colour=0, interlaced=False, chunks=(), filters=(0, 1, 2, 3, 4), level=6):
    """Return a PNG of any kind.

    Parameters
    ----------
    values : numpy.ndarray
        Shape (rows, columns, channels).
    bits : int
        Bits per value: 1, 2, 4, 8 or 16.
    colour : int
        Type: 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGB and alpha.
    interlaced : bool
        Whether in the seven passes of Adam7.
    chunks : sequence of (bytes, bytes)
        Further chunks before the data, such as PLTE, tRNS and gAMA.
    filters : sequence of int
        Filters of the rows, in turn.
    level : int
        Of the compression.
    """
    rows, columns, channels = values.shape
    passes = ADAM7 if interlaced else ((0, 0, 1, 1),)
    parts = [values[y::dy, x::dx] for x, y, dx, dy in passes]
    width = max(1, bits * channels // 8)
    data = b"".join(_filtered(_packed(part, bits), width, filters) for part in parts if part.size)
    header = struct.pack(">IIBBBBB", columns, rows, bits, colour, 0, 0, int(interlaced))
    all_chunks = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(data, level)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, content) for name, content in all_chunks)


def _chunk(name, data):
    check = zlib.crc32(name + data)
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)


def _packed(values, bits):
    """Return the bytes of each row, shape (rows, n)."""
    rows = values.reshape(len(values), -1)
    if bits == 16:
        return rows.astype(">u2").view(np.uint8).reshape(len(rows), -1)
    planes = (rows[..., None] >> np.arange(bits - 1, -1, -1)) & 1
    return np.packbits(planes.reshape(len(rows), -1).astype(np.uint8), axis=1)


def _filtered(rows, width, filters):
    """Return rows as differences from what is left (a), above (b) and left above (c)."""
    above = np.zeros(rows.shape[1], dtype=int)
    result = bytearray()
    for number, row in enumerate(rows.astype(int)):
        a = np.concatenate([np.zeros(width, int), row[:-width]]) if len(row) > width else row * 0
        c = np.concatenate([np.zeros(width, int), above[:-width]]) if len(row) > width else row * 0
        distances = np.abs([above - c, a - c, a + above - 2 * c])
        paeth = np.choose(distances.argmin(axis=0), [a, above, c])
        kind = filters[number % len(filters)]
        predicted = (0, a, above, (a + above) // 2, paeth)[kind]
        result += bytes([kind]) + ((row - predicted) % 256).astype(np.uint8).tobytes()
        above = row
    return bytes(result)


__all__ = [
    "ADAM7",
    "JPEG2000",
    "RAMP",
    "ExplicitVRBigEndian",
    "ExplicitVRLittleEndian",
    "ImplicitVRLittleEndian",
    "JPEG2000Lossless",
    "JPEGBaseline8Bit",
    "RLELossless",
    "dicom",
    "jpeg",
    "jpeg_2000",
    "png",
    "table",
    "write_dicom",
]
