"""DICOM files, parsed: every error of pydicom and zlib becomes one sentence."""

import threading
import warnings
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from cxraudit.errors import ImageError
from cxraudit.images.refused import NOT_AN_IMAGE, RefusedError, reason_of

if TYPE_CHECKING:
    from pydicom import Dataset as Header

_PREAMBLE = 128
"""Bytes before the letters DICM of a DICOM file."""
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_META, _META_LENGTH, _META_START = 4096, slice(140, 144), 144
"""Bytes that hold the file's meta information, where its length is stated, and where it starts."""
_LARGEST = 2**30
"""Bytes that a deflated file may have when inflated: more than any radiograph."""
_GROUPS = (0x0008, 0x0010, 0x0018, 0x0020, 0x0028)
"""Identification, patient, acquisition, relationship and image: the elements that are used."""


def is_dicom(path: Path) -> bool:
    """Return whether a file is DICOM, by its preamble or, without one, by its name."""
    with path.open("rb") as handle:
        return has_preamble(handle.read(_PREAMBLE + 4)) or path.suffix.lower() in (".dcm", ".dicom")


def has_preamble(data: bytes) -> bool:
    """Return whether bytes are those of a DICOM file with its preamble."""
    return data[_PREAMBLE : _PREAMBLE + 4] == b"DICM"


def read_header(path: Path) -> "Header":
    """Read a DICOM file up to its pixels.

    Elements of the groups 0008, 0010, 0018, 0020 and 0028 are valid; others are left out if they cannot
    be read.

    Raises
    ------
    ImageError
        If it is not a DICOM file, or one of these elements cannot be read.
    """
    try:
        with QUIET, path.open("rb") as file:
            header = parsed(file, stop_before_pixels=True)
            _convert(header)
            return header
    except FileNotFoundError:
        raise ImageError(f"{path} is missing.") from None
    except OSError as error:
        raise ImageError(f"{path} cannot be read: {error.strerror or reason_of(error)}.") from None
    except RefusedError as refused:
        raise ImageError(f"{path} {refused}") from None
    except Exception as error:
        raise ImageError(
            f"{path} is not a DICOM file that can be read: {reason_of(error)}."
        ) from None


def parsed(file: BinaryIO, *, stop_before_pixels: bool = False) -> "Header":
    """Parse a DICOM file; elements are converted when they are used.

    Raises
    ------
    RefusedError
        If it is not DICOM, or a deflated file that is too large. Other errors of pydicom pass.
    """
    import pydicom
    from pydicom.errors import InvalidDicomError

    _require_moderate(file)
    try:
        return pydicom.dcmread(file, stop_before_pixels=stop_before_pixels)
    except InvalidDicomError:
        raise RefusedError(f"{NOT_AN_IMAGE}: it has no DICOM header.") from None


def number(header: "Header", tag: str) -> float | None:
    """Return the first value of a numeric element: None if there is none, NaN if it is no number."""
    try:
        value = header.get(tag)
        if value is None or value == "":
            return None
        if hasattr(value, "__len__") and not isinstance(value, str | bytes):
            return float(value[0]) if len(value) else None
        return float(value)
    except (ValueError, TypeError, OverflowError):
        return float("nan")


def _convert(header: "Header") -> None:
    """Convert every element, so that later use raises nothing."""
    for tag in list(header.keys()):
        try:
            header[tag]
        except Exception as error:
            if tag.group in _GROUPS:
                raise RefusedError(
                    f"has an element {tag} that cannot be read: {reason_of(error)}."
                ) from None
            del header[tag]


def _require_moderate(file: BinaryIO) -> None:
    """Refuse a deflated file that would fill the memory; pydicom inflates without a limit."""
    meta = file.read(_META)
    end = _META_START + int.from_bytes(meta[_META_LENGTH], "little")
    if _DEFLATED in meta[_META_START:end]:
        file.seek(end)
        if _inflates_beyond(file.read(), _LARGEST):
            raise RefusedError(f"inflates to more than {_LARGEST:,} bytes, which is not decoded.")
    file.seek(0)


def _inflates_beyond(data: bytes, largest: int) -> bool:
    inflater, size = zlib.decompressobj(-zlib.MAX_WBITS), 0
    try:
        while data and size <= largest and not inflater.eof:
            size += len(inflater.decompress(data, 2**24))
            data = inflater.unconsumed_tail
    except zlib.error:
        return False  # pydicom states what is wrong
    return size > largest


class _Quiet:
    """Silences warnings of values that violate the standard; threads may overlap.

    `warnings.catch_warnings` alone would restore the filters of another thread, and leave warnings off.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._outer: Any = None

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._outer = warnings.catch_warnings()
                self._outer.__enter__()
                warnings.simplefilter("ignore")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._outer.__exit__(None, None, None)


QUIET = _Quiet()
