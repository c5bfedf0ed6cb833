"""One image from disk: PNG, JPEG, DICOM, or any other format Pillow decodes."""

import warnings
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from cxraudit.errors import ImageError
from cxraudit.images.notes import ImageNote

__all__ = [
    "Decoded",
    "ImageNote",
    "decode_image",
    "is_dicom",
    "read_header",
    "read_image",
    "to_grey",
]

if TYPE_CHECKING:
    from pydicom import Dataset as Header

_PREAMBLE = 128
"""Bytes before the letters DICM of a DICOM file."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """One decoded image, and what a reader must know about it."""

    image: Image.Image
    notes: tuple[ImageNote, ...] = ()


def read_image(path: Path) -> Image.Image:
    """Read and decode one image completely; see `decode_image`.

    Raises
    ------
    ImageError
        If the file is missing, or cannot be decoded.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ImageError(f"{path} is missing.") from None
    except OSError as error:
        raise ImageError(f"{path} cannot be read: {error.strerror or error}.") from None
    return decode_image(data, path).image


def decode_image(data: bytes, path: Path) -> Decoded:
    """Decode the bytes of one image file completely.

    PNG and JPEG keep the mode they are stored in, since models differ in how they convert an image to
    grey levels; see `to_grey` for the default conversion. DICOM becomes 8-bit grey as displayed by a
    viewer: rescaled, through the window or look-up table of the file (else from minimum to maximum),
    with dense tissue white (MONOCHROME1 is inverted).

    Parameters
    ----------
    data : bytes
        The whole file.
    path : pathlib.Path
        Its path, for messages and, of DICOM files without a preamble, their extension.

    Raises
    ------
    ImageError
        If the file is not an image, is truncated, has no pixel data, or is too large.
    """
    try:
        if _is_dicom(data, path):
            return Decoded(_read_dicom(data, path))
        with Image.open(BytesIO(data)) as image:
            image.load()
            return Decoded(image)
    except UnidentifiedImageError:
        raise ImageError(f"{path} is not an image that can be decoded.") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ImageError(f"{path} cannot be decoded: {error}.") from None


def is_dicom(path: Path) -> bool:
    """Return whether a file is DICOM, by its preamble or, without one, by its name."""
    with path.open("rb") as handle:
        start = handle.read(_PREAMBLE + 4)
    return _is_dicom(start, path)


def _is_dicom(data: bytes, path: Path) -> bool:
    named = path.suffix.lower() in (".dcm", ".dicom")
    return data[_PREAMBLE : _PREAMBLE + 4] == b"DICM" or named


def read_header(path: Path) -> "Header":
    """Read a DICOM file up to its pixels.

    Raises
    ------
    ImageError
        If it is not a DICOM file.
    """
    import pydicom
    from pydicom.errors import InvalidDicomError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of values that violate the standard
            return pydicom.dcmread(path, stop_before_pixels=True)
    except (InvalidDicomError, OSError, ValueError, KeyError) as error:
        raise ImageError(f"{path} is not a DICOM file that can be read: {error}.") from None


def _read_dicom(data: bytes, path: Path) -> Image.Image:
    import pydicom
    from pydicom.errors import InvalidDicomError
    from pydicom.pixels import apply_modality_lut, apply_voi_lut

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            file = pydicom.dcmread(BytesIO(data))
            if "PixelData" not in file:
                raise ImageError(f"{path} is a DICOM file without pixel data.")
            stored = file.pixel_array
            if stored.ndim == 3 and file.get("SamplesPerPixel", 1) > 1:
                return Image.fromarray(stored.astype(np.uint8)).convert("L")
            if stored.ndim != 2:
                raise ImageError(
                    f"{path} holds {stored.shape[0]} frames; an image has one. Split it into images."
                )
            _drop_empty(file)
            displayed = apply_voi_lut(apply_modality_lut(stored, file), file)
            low, high = _range(file, displayed)
    except InvalidDicomError:
        raise ImageError(f"{path} is not an image that can be decoded.") from None
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        NotImplementedError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        message = str(error).strip() or type(error).__name__
        reason = message.splitlines()[0].rstrip(".")
        raise ImageError(f"{path} cannot be decoded: {reason}.") from None
    grey = _stretch(displayed.astype(np.float32), low, high)
    if file.get("PhotometricInterpretation") == "MONOCHROME1":
        grey = 255 - grey
    return Image.fromarray(grey)


def _drop_empty(file: "Header") -> None:
    """Remove tags without a value, which are equivalent to absent ones."""
    for tag in (
        "WindowCenter",
        "WindowWidth",
        "RescaleSlope",
        "RescaleIntercept",
        "VOILUTSequence",
    ):
        value = file.get(tag)
        if tag in file and (
            value is None or value == "" or (hasattr(value, "__len__") and not len(value))
        ):
            del file[tag]
    if ("RescaleSlope" in file) != ("RescaleIntercept" in file):
        file.RescaleSlope = file.get("RescaleSlope", 1)
        file.RescaleIntercept = file.get("RescaleIntercept", 0)
    if ("WindowCenter" in file) != ("WindowWidth" in file):
        for tag in ("WindowCenter", "WindowWidth"):
            if tag in file:
                del file[tag]


def _range(file: "Header", displayed: NDArray[Any]) -> tuple[float, float]:
    """Return the values of black and white: the ends of the window's output, or of the values."""
    if file.get("VOILUTSequence"):
        entry = file.VOILUTSequence[0].LUTDescriptor
        return 0.0, float(2 ** int(entry[2]) - 1)
    if file.get("WindowCenter") is not None and file.get("WindowWidth") is not None:
        # pydicom maps a window onto the range the stored bits (rescaled) can hold.
        slope, intercept = (
            float(default if file.get(tag) is None else file.get(tag))
            for tag, default in (("RescaleSlope", 1), ("RescaleIntercept", 0))
        )
        bits = int(file.BitsStored)
        signed = int(file.get("PixelRepresentation") or 0) == 1
        ends = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
        low, high = sorted(slope * end + intercept for end in ends)
        return low, high
    return float(displayed.min()), float(displayed.max())


def _stretch(values: NDArray[np.float32], low: float, high: float) -> NDArray[np.uint8]:
    """Map low…high to 0…255, rounded; an image of one value becomes black."""
    if not high > low:
        return np.zeros(values.shape, dtype=np.uint8)
    scaled = (values - np.float32(low)) * np.float32(255 / (high - low))
    return np.round(np.clip(scaled, 0, 255)).astype(np.uint8)


def to_grey(image: Image.Image) -> Image.Image:
    """Return an 8-bit grey image; 16-bit images are stretched from minimum to maximum.

    Transparency is dropped, not blended: the RGBA images of ChestX-ray14 have the same grey value in
    every channel and are opaque.
    """
    if image.mode in ("I", "I;16", "I;16B", "I;16L", "F"):
        values = np.asarray(image, dtype=np.float32)
        return Image.fromarray(_stretch(values, float(values.min()), float(values.max())))
    if image.mode in ("P", "PA", "LA", "RGBA", "CMYK"):
        image = image.convert("RGB")
    return image.convert("L")
