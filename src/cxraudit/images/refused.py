"""Why a file is not decoded."""

import re

from PIL import Image

NOT_AN_IMAGE = "is not an image that can be decoded (PNG, JPEG, TIFF, BMP or DICOM)"

_LONGEST = 300
_OBJECT = re.compile(r" ?<[\w.]+ object at 0x[0-9a-f]+>")


class RefusedError(Exception):
    """A file that is not decoded; the message continues a sentence that begins with its path."""


def reason_of(error: Exception) -> str:
    """Return the message of another library's error on one line, without its full stop.

    It is the same in every run: addresses of objects are left out.
    """
    message = _OBJECT.sub("", printable(str(error))) or type(error).__name__
    return message[:_LONGEST].rstrip(". ")


def printable(text: str) -> str:
    """Return text of a damaged file on one line, without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def require_size(width: int, height: int) -> None:
    """Refuse images that could exhaust the memory.

    Raises
    ------
    RefusedError
        If there are more pixels than Pillow considers safe.
    """
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and width * height > limit:
        raise RefusedError(
            f"has {width:,} × {height:,} pixels; images of more than {limit:,} pixels are not decoded. "
            "Resize it."
        )


def require_one(n: int) -> None:
    """Refuse files with several pages or frames.

    Raises
    ------
    RefusedError
        If there is more than one.
    """
    if n > 1:
        raise RefusedError(f"holds {n} frames; an image has one. Split it into images.")
