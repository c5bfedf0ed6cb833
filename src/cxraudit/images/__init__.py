"""One image from disk: PNG, JPEG, DICOM, TIFF or BMP.

`decode_image` gives an image that every model can take as it is, with notes on what a reader must know
about it. How grey levels come about is described in the documentation, concepts/images.
"""

from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from cxraudit.errors import ImageError
from cxraudit.images.dicom import decode_dicom
from cxraudit.images.grey import to_grey, tone
from cxraudit.images.header import QUIET, has_preamble, is_dicom, read_header
from cxraudit.images.notes import ImageNote
from cxraudit.images.pictures import decode_picture
from cxraudit.images.refused import RefusedError, reason_of

__all__ = [
    "Decoded",
    "ImageNote",
    "decode_image",
    "is_dicom",
    "read_header",
    "read_image",
    "size_of",
    "to_grey",
]


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


def size_of(path: Path) -> tuple[int, int] | None:
    """Return width and height of an image by its header; None if that cannot be read."""
    try:
        if is_dicom(path):
            header = read_header(path)
            return int(header.Columns), int(header.Rows)
        with QUIET, Image.open(path) as image:
            return image.size
    except (OSError, ValueError, AttributeError, TypeError, ImageError, SyntaxError):
        return None


def decode_image(data: bytes, path: Path) -> Decoded:
    """Decode the bytes of one image file completely.

    PNG and JPEG of 8 bits keep the mode they are stored in, since models differ in how they convert an
    image to grey levels; see `to_grey` for the default conversion. Images of more bits become grey of 16
    bits in its full range, also where they use 10, 12 or 14 of them only. DICOM becomes 8-bit grey as
    displayed by a viewer: rescaled, through the table or the first window of the file (else from minimum
    to maximum, without padding), with dense tissue white (MONOCHROME1 is inverted) and padding black.

    Parameters
    ----------
    data : bytes
        The whole file.
    path : pathlib.Path
        Its path, for messages; what the file is depends on its content only.

    Raises
    ------
    ImageError
        If the file is not an image, is truncated, has no pixel data, several frames, or is too large.
    """
    decode = decode_dicom if has_preamble(data) else decode_picture
    try:
        with QUIET:
            image, notes = decode(data)
    except RefusedError as refused:
        raise ImageError(f"{path} {refused}") from None
    except Exception as error:  # libraries raise of every kind for damaged files
        raise ImageError(f"{path} cannot be decoded: {reason_of(error)}.") from None
    return Decoded(image, (*notes, *tone(image)))
