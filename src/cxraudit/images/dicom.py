"""The pixels of a DICOM file as a viewer displays them, in 8-bit grey.

pydicom parses the file and decodes the stored values; the transformations are our own, since those of
pydicom give a window after a modality table the range of the stored bits, fail on palettes of other depths,
and leave padding out of account.
"""

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cxraudit.images.display import Lut, Ramp, grey_levels, luminance, rgb_from_ybr
from cxraudit.images.grey import bits_used
from cxraudit.images.header import number, parsed
from cxraudit.images.notes import ImageNote
from cxraudit.images.refused import RefusedError, printable, require_one, require_size
from cxraudit.images.transformations import Notes, lut, modality, padding, voi

if TYPE_CHECKING:
    from pydicom import Dataset as Header
    from pydicom.pixels.decoders.base import Decoder

_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_PALETTES = tuple(f"{colour}PaletteColorLookupTable" for colour in ("Red", "Green", "Blue"))
_OPTIONS: dict[str, Any] = {"correct_unused_bits": False}
_TABLE_BITS = 16
"""Up to this depth, grey levels are computed once for every possible value."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The stored values of one frame."""

    values: NDArray[Any]
    """Shape (rows, columns) or (rows, columns, 3)."""
    bits: int
    signed: bool
    photometric: str
    container: NDArray[Any]
    """The values with unused bits; the same array if these hold nothing."""

    @property
    def ends(self) -> tuple[int, int]:
        """The least and the largest value that the bits can hold."""
        half = 2 ** (self.bits - 1)
        return (-half, half - 1) if self.signed else (0, 2 * half - 1)


def decode_dicom(data: bytes) -> tuple[Image.Image, tuple[ImageNote, ...]]:
    """Decode the bytes of a DICOM file to 8-bit grey.

    Raises
    ------
    RefusedError
        If there are no pixels, several frames, too many pixels, or a compression that this installation
        does not decode. Errors of pydicom pass.
    """
    notes: Notes = []
    file = parsed(BytesIO(data))
    if not any(keyword in file for keyword in _PIXELS):
        raise RefusedError("is a DICOM file without pixel data.")
    require_one(_whole(file, "NumberOfFrames"))
    require_size(_whole(file, "Columns"), _whole(file, "Rows"))
    stored = _stored(file)
    if stored.values.ndim == 3:
        grey = _grey_of_colours(stored, notes)
    elif stored.photometric == "PALETTE COLOR":
        grey = _grey_of_palette(file, stored, notes)
    elif stored.photometric in ("MONOCHROME1", "MONOCHROME2"):
        grey = _grey(file, stored, notes)
    else:
        raise _not_decoded(stored.photometric)
    return Image.fromarray(grey), tuple(dict.fromkeys(notes))


def _whole(file: "Header", tag: str) -> int:
    """Return a whole number of the header, 0 if there is none."""
    value = number(file, tag) or 0
    if not np.isfinite(value):
        raise RefusedError(f"has a {tag} that is no number.")
    return int(value)


def _stored(file: "Header") -> Stored:
    """Decode the stored values, without the colour transformation and the unused bits."""
    syntax = file.file_meta.get("TransferSyntaxUID")
    if syntax is None:
        raise RefusedError(
            "does not name its transfer syntax, so that its pixels cannot be decoded."
        )
    decoder = _decoder(syntax)
    try:
        values, properties = decoder.as_array(file, raw=True, **_OPTIONS)
    except Exception:
        if decoder.available_plugins == ("pillow",) and _is_beyond_pillow(file):
            raise _needs_extra(syntax) from None
        raise
    colour = int(properties["samples_per_pixel"]) > 1
    require_one(values.shape[0] if values.ndim == 3 + colour else 1)
    if not values.dtype.isnative:
        values = values.astype(values.dtype.newbyteorder("="))
    photometric = str(properties["photometric_interpretation"])
    if values.dtype.kind == "f":
        if not np.isfinite(values).all():
            raise RefusedError("holds pixels that are infinite or not a number.")
        return Stored(values, 64, True, photometric, values)
    container, signed, bits = values, values.dtype.kind == "i", int(file.BitsStored)
    if syntax.is_encapsulated and syntax.name != "RLE Lossless":
        # The header can state fewer bits than the code stream has.
        bits = max(bits, int(max(values.max(), ~values.min())).bit_length() + signed)
    else:
        values = _meaningful(values, bits, number(file, "HighBit"))
    if values is not container and np.array_equal(values, container):
        container = values
    return Stored(values, bits, signed, photometric, container)


def _meaningful(container: NDArray[Any], bits: int, high_bit: float | None) -> NDArray[Any]:
    """Return values without the bits that are not used (PS3.5 8.1.1).

    pydicom takes the lowest bits also where the high bit says otherwise.
    """
    allocated = 8 * container.dtype.itemsize
    top = bits if high_bit is None or not bits <= high_bit + 1 <= allocated else int(high_bit) + 1
    if top == bits and int(max(container.max(), ~container.min())) < 2 ** (
        bits - (container.dtype.kind == "i")
    ):
        return container
    # In signed integers, shifting to the right repeats the sign.
    return (container << (allocated - top)) >> (allocated - bits)


def _grey(file: "Header", stored: Stored, notes: Notes) -> NDArray[np.uint8]:
    """Return grey levels of MONOCHROME1 and MONOCHROME2."""
    low, high = stored.ends
    values = stored.values
    to_modality = modality(file, notes, signed=stored.signed)
    least = 0 if isinstance(to_modality, Lut) else to_modality(np.array([low, high], float)).min()
    to_voi = voi(file, notes, signed=bool(least < 0))
    blank = _blank(file, stored, notes)
    if to_voi is None:
        to_voi = Ramp.of(values if blank is None else values[~blank], to_modality)
    in_table = stored.bits <= _TABLE_BITS
    grey = grey_levels(
        (np.arange(low, high + 1) if in_table else values).astype(np.float64),
        to_modality,
        to_voi,
        inverted=stored.photometric == "MONOCHROME1",
    )
    if in_table:
        grey = grey[values if low == 0 else values.astype(np.int32) - low]
    if blank is not None:
        grey[blank] = 0
    return grey


def _blank(file: "Header", stored: Stored, notes: Notes) -> NDArray[np.bool_] | None:
    """Return which pixels are padding, also as a value beyond the stored bits; it is displayed as black."""
    ends = padding(file, signed=stored.signed)
    values, container = stored.values, stored.container
    blank = None
    if ends is not None:
        low, high = ends
        blank = (values >= low) & (values <= high)
        if container is not values:
            blank |= (container >= low) & (container <= high)
    if container is not values:
        left_out = values != container
        if blank is not None:
            left_out &= ~blank
        if left_out.any():
            notes.append(ImageNote.UNUSED_BITS)
    return blank


def _grey_of_palette(file: "Header", stored: Stored, notes: Notes) -> NDArray[np.uint8]:
    """Return the luminance of a palette (C.7.6.3.1.5)."""
    from pydicom.pixels import apply_color_lut

    notes.append(ImageNote.COLOUR)
    if "SegmentedRedPaletteColorLookupTableData" in file:
        colours = apply_color_lut(stored.values, file)[..., :3]
        return luminance(colours, 2 ** bits_used(int(colours.max())) - 1)
    tables = [lut(file, file, name, notes, signed=stored.signed) for name in _PALETTES]
    values = stored.values.astype(np.float64)
    colours = np.stack([table(values) for table in tables], axis=-1)
    return luminance(colours, max(table.white for table in tables))


def _grey_of_colours(stored: Stored, notes: Notes) -> NDArray[np.uint8]:
    """Return the luminance of RGB and YCbCr."""
    notes.append(ImageNote.COLOUR)
    kind, white = stored.photometric, 2**stored.bits - 1
    if kind.startswith(("YBR_FULL", "YBR_PARTIAL")):
        partial = kind.startswith("YBR_PARTIAL")
        return luminance(rgb_from_ybr(stored.values, white, partial=partial), white)
    if kind != "RGB":
        raise _not_decoded(kind)
    used = 2 ** bits_used(int(stored.values.max())) - 1
    if used < white:
        notes.append(ImageNote.FEW_BITS)
    return luminance(stored.values, min(used, white))


def _not_decoded(photometric: str) -> RefusedError:
    return RefusedError(
        f"has the photometric interpretation {photometric or 'none'}, which is not decoded. "
        "Convert it to MONOCHROME2."
    )


def _decoder(syntax: Any) -> "Decoder":
    """Return the decoder of a transfer syntax, or refuse one that cannot be decoded here."""
    from pydicom.pixels import get_decoder

    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        raise RefusedError(
            f"has the transfer syntax {_named(syntax)}, which is not decoded. "
            "Convert it to an uncompressed one."
        ) from None
    if not decoder.is_available:
        raise _needs_extra(syntax)
    return decoder


def _is_beyond_pillow(file: "Header") -> bool:
    """Return whether values are compressed in a depth that Pillow does not decode."""
    colour = (number(file, "SamplesPerPixel") or 1) > 1
    jpeg_2000 = "2000" in file.file_meta.TransferSyntaxUID.name
    return (number(file, "BitsStored") or 0) > 8 and (colour or not jpeg_2000)


def _needs_extra(syntax: Any) -> RefusedError:
    return RefusedError(
        f"is compressed as {_named(syntax)}, which needs the extra: pip install 'cxraudit[dicom]'."
    )


def _named(syntax: Any) -> str:
    name, uid = printable(syntax.name), printable(syntax)
    return uid if name == uid else f"{name} ({uid})"
