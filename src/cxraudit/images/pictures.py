"""PNG, JPEG, TIFF and BMP.

No other format is opened, whatever a file is called: decoders of some formats start other programs.
"""

from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from cxraudit.images.grey import DEEP, FULL, bits_used, full_range, sampled
from cxraudit.images.notes import ImageNote
from cxraudit.images.refused import NOT_AN_IMAGE, RefusedError, require_one, require_size

FORMATS = ("PNG", "JPEG", "TIFF", "BMP")
"""Decoded within the process by Pillow; TIFF and BMP since some archives export them."""

_OTHERS = {
    b"%PDF": "a PDF file",
    b"%!PS": "PostScript",
    b"\xc5\xd0\xd3\xc6": "PostScript",
    b"GIF8": "a GIF image",
    b"RIFF": "a WebP image or another RIFF file",
    b"\x00\x00\x00\x0cjP  ": "a JPEG 2000 image",
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "gzip-compressed",
    b"version https://git-lfs": "a placeholder of Git LFS, not yet downloaded",
    b"\x02\x00": "DICOM without its preamble",
    b"\x08\x00": "DICOM without its preamble",
    b"<": "a page of HTML or XML, as a failed download leaves it",
}
"""How files begin that are met in the place of images."""

_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", *DEEP)
_PNG_DEPTH = 24
"""Offset of the bits per value in a PNG file."""
_BITS_PER_SAMPLE, _PHOTOMETRIC, _WHITE_IS_ZERO = 258, 262, 0
"""Tags of TIFF, and a value of the second."""
_LUMINANCE = (0.299, 0.587, 0.114)
_EXIF_ORIENTATION = 0x0112


def decode_picture(data: bytes) -> tuple[Image.Image, tuple[ImageNote, ...]]:
    """Decode the bytes of a file of one of `FORMATS`.

    Images of 8 bits keep the mode they are stored in. Gamma and colour profiles are not applied.

    Raises
    ------
    RefusedError
        If it is another file, has several pages or is too large. Errors of Pillow pass.
    """
    try:
        image = Image.open(BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        raise RefusedError(_what_it_is(data)) from None
    except Image.DecompressionBombError:
        raise RefusedError("has more pixels than are decoded. Resize it.") from None
    with image:
        require_one(getattr(image, "n_frames", 1))
        require_size(*image.size)
        _require_all_rows(image)
        image.load()
        notes = _left_out(image)
        image, depth = _deep(image) if image.mode in DEEP else _colour(image, data)
    if image.mode in ("YCbCr", "RGBX"):
        image = image.convert("RGB")
    if image.mode not in _MODES:
        raise RefusedError(f"is in the colour space {image.mode}. Convert it to grey or RGB.")
    return image, (*notes, *depth)


def _what_it_is(data: bytes) -> str:
    """Say that a file is no image, and what it is if that can be recognised."""
    if not data:
        return f"{NOT_AN_IMAGE}: the file is empty."
    start = data[:64].lstrip()
    found = next((what for magic, what in _OTHERS.items() if start.startswith(magic)), "")
    return f"{NOT_AN_IMAGE}: it is {found}." if found else f"{NOT_AN_IMAGE}."


def _require_all_rows(image: ImageFile.ImageFile) -> None:
    """Refuse TIFF whose strips end before the last row, which Pillow leaves black."""
    rows = max((tile.extents[3] for tile in image.tile if tile.extents), default=image.height)
    if rows < image.height:
        raise RefusedError(f"has data of {rows:,} of its {image.height:,} rows.")


def _left_out(image: Image.Image) -> tuple[ImageNote, ...]:
    """Return notes on what a viewer would apply and models do not."""
    notes: list[ImageNote] = []
    if "transparency" in image.info or _is_partly_transparent(image):
        notes.append(ImageNote.TRANSPARENCY_DROPPED)
    if "exif" in image.info and image.getexif().get(_EXIF_ORIENTATION, 1) != 1:
        notes.append(ImageNote.ORIENTATION_IGNORED)
    return tuple(notes)


def _is_partly_transparent(image: Image.Image) -> bool:
    if image.mode not in ("LA", "PA", "RGBA"):
        return False
    least, _ = sampled(image).getchannel("A").getextrema()
    return least != 255


def _deep(image: Image.Image) -> tuple[Image.Image, tuple[ImageNote, ...]]:
    """Scale a grey image of more than 8 bits to the full range of 16 bits."""
    scaled, notes = full_range(image)
    tags = getattr(image, "tag_v2", {})  # of TIFF; Pillow inverts 8 bits only
    if tags.get(_PHOTOMETRIC, 1) == _WHITE_IS_ZERO:
        scaled = Image.fromarray(FULL - np.asarray(scaled))
    return scaled, notes


def _colour(image: Image.Image, data: bytes) -> tuple[Image.Image, tuple[ImageNote, ...]]:
    """Return a colour image of 8 bits, or of 16 bits that uses fewer as grey of the full range.

    Pillow keeps the higher byte of 16-bit colour, in which 12 bits would be nearly black.
    """
    if not _has_deep_colour(image, data):
        return image, ()
    if np.array(image.convert("RGB").getextrema()).max() >= 128:
        return image, ()
    if image.format != "PNG":
        raise RefusedError(
            "holds colour of 16 bits and uses fewer, which is not decoded. Save it as grey."
        )
    higher = np.asarray(image)[..., :3].astype(np.uint16)
    values = higher * 256 + _lower_bytes(data)
    grey = np.rint(values @ np.array(_LUMINANCE)).astype(np.uint16)
    scale = FULL / (2.0 ** bits_used(int(values.max())) - 1)
    return Image.fromarray(np.rint(grey * scale).astype(np.uint16)), (ImageNote.FEW_BITS,)


def _has_deep_colour(image: Image.Image, data: bytes) -> bool:
    if image.mode not in ("RGB", "RGBA"):
        return False
    if image.format == "PNG":
        return data[_PNG_DEPTH] == 16
    bits = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE, (8,))
    return max(np.atleast_1d(bits)) == 16


def _lower_bytes(data: bytes) -> NDArray[Any]:
    """Return the lower bytes of the colours of a PNG of 16 bits.

    Read as little-endian, they are the higher bytes; grey and alpha of 16 bits are as long as four values
    of 8 bits, of which the second one is the lower byte of grey.
    """
    with Image.open(BytesIO(data), formats=("PNG",)) as image:
        is_grey = image.tile[0].args == "LA;16B"
        layout = "RGBA" if is_grey else f"{image.mode};16L"
        image.tile = [tile._replace(args=layout) for tile in image.tile]
        values = np.asarray(image)
    return values[..., [1, 1, 1]] if is_grey else values[..., :3]
