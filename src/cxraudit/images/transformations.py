"""The transformations that a DICOM header states, with notes on what it states wrongly."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cxraudit.images.display import Lut, Rescale, Values, VoiFunction, Window
from cxraudit.images.grey import bits_used
from cxraudit.images.header import number
from cxraudit.images.notes import ImageNote

if TYPE_CHECKING:
    from pydicom import Dataset as Header

Notes = list[ImageNote]


def modality(header: "Header", notes: Notes, *, signed: bool) -> Lut | Rescale:
    """Return the modality transformation: a table, else slope and intercept, else no change.

    Parameters
    ----------
    header : pydicom.Dataset
        The file.
    notes : list of ImageNote
        Is extended.
    signed : bool
        Whether stored values can be negative.
    """
    if item := _table_of(header, "ModalityLUTSequence"):
        return lut(header, item, "LUT", notes, signed=signed)
    slope, intercept = number(header, "RescaleSlope"), number(header, "RescaleIntercept")
    slope, intercept = 1.0 if slope is None else slope, 0.0 if intercept is None else intercept
    if not np.isfinite([slope, intercept]).all() or slope == 0:
        notes.append(ImageNote.RESCALE_INVALID)
        return Rescale()
    return Rescale(slope, intercept)


def voi(header: "Header", notes: Notes, *, signed: bool) -> Callable[[Values], Values] | None:
    """Return the VOI transformation onto 0…1: a table, else the first window, else None.

    Parameters
    ----------
    header : pydicom.Dataset
        The file.
    notes : list of ImageNote
        Is extended.
    signed : bool
        Whether values after the modality transformation can be negative.
    """
    if item := _table_of(header, "VOILUTSequence"):
        if len(header.VOILUTSequence) > 1:
            notes.append(ImageNote.SEVERAL_WINDOWS)
        table = lut(header, item, "LUT", notes, signed=signed)
        return lambda values: table(values) / table.white
    centre, width = number(header, "WindowCenter"), number(header, "WindowWidth")
    if centre is None and width is None:
        return None
    window = Window(
        np.nan if centre is None else centre,
        np.nan if width is None else width,
        _function(header, notes),
    )
    if not window.valid:
        notes.append(ImageNote.WINDOW_INVALID)
        return None
    if header["WindowWidth"].VM > 1:
        notes.append(ImageNote.SEVERAL_WINDOWS)
    return window


def padding(header: "Header", *, signed: bool) -> tuple[int, int] | None:
    """Return the least and the largest value of padding pixels, or None (C.7.5.1.1.2)."""
    value, limit = number(header, "PixelPaddingValue"), number(header, "PixelPaddingRangeLimit")
    if value is None or not np.isfinite(value):
        return None
    ends = [int(value), int(value if limit is None or not np.isfinite(limit) else limit)]
    container = 2 ** int(header.BitsAllocated)
    # Often written as unsigned where values are signed, or the other way round.
    if signed:
        ends = [end - container if end >= container // 2 else end for end in ends]
    else:
        ends = [end + container if end < 0 else end for end in ends]
    return min(ends), max(ends)


def lut(header: "Header", item: "Header", name: str, notes: Notes, *, signed: bool) -> Lut:
    """Return a table of an item: ``LUT`` of a sequence, or ``RedPaletteColorLookupTable``, ….

    Entries are taken as the data hold them where the description differs: then the range is that of the
    bits used, since a table of 12 bits described as one of 16 would give a nearly black image.
    """
    described, first, bits = _described(item, name)
    if signed and first >= 2**15:
        first -= 2**16  # written as unsigned
    stored = _entries(header, item[f"{name}Data"].value, described, bits)
    entries = stored[:described]
    used = bits_used(int(entries.max(initial=0)))
    if len(stored) not in (described, described + described % 2) or used != bits:
        notes.append(ImageNote.LUT_DIFFERS)
    return Lut(first, entries, 2**used - 1)


def _function(header: "Header", notes: Notes) -> VoiFunction:
    stated = str(header.get("VOILUTFunction") or VoiFunction.LINEAR).strip().upper()
    try:
        return VoiFunction(stated)
    except ValueError:
        notes.append(ImageNote.VOI_FUNCTION_UNKNOWN)
        return VoiFunction.LINEAR


def _table_of(header: "Header", sequence: str) -> "Header | None":
    """Return the first item of a sequence if it has a table."""
    items = header.get(sequence)
    if not items:
        return None
    first = items[0]
    return first if first.get("LUTDescriptor") and first.get("LUTData") else None


def _described(item: "Header", name: str) -> tuple[int, int, int]:
    """Return the number of entries, the first value mapped and the bits per entry."""
    value = item[f"{name}Descriptor"].value
    if isinstance(value, bytes):
        value = np.frombuffer(value[:6], dtype="<u2").tolist()
    n, first, bits = (int(number) for number in value)
    # 65536 does not fit; pydicom gives large numbers of entries as negative where values are signed.
    return n % 2**16 or 2**16, first, bits


def _entries(header: "Header", data: Any, described: int, bits: int) -> NDArray[np.uint16]:
    """Return the entries of a table as they are stored.

    Entries of 8 bits are stored in 8 or in 16 bits; the length shows which (C.11.1.1.1).
    """
    if isinstance(data, bytes):
        little = header.original_encoding[1]
        words = np.frombuffer(data[: len(data) // 2 * 2], dtype="<u2" if little else ">u2")
        as_bytes = np.frombuffer(data, dtype=np.uint8)
    else:
        words = np.atleast_1d(np.asarray(data)).astype(np.int64).astype(np.uint16)
        as_bytes = words.astype("<u2").view(np.uint8)
    one_byte_each = len(as_bytes) in (described, described + described % 2)
    if one_byte_each and (bits <= 8 or isinstance(data, bytes)):
        words = as_bytes
    return words.astype(np.uint16)
