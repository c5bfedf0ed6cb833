"""A prepared image as one file that states its source, its preparation and its pixels.

The statement is a text chunk of the PNG, so that image and statement are written in one step: after a
kill, and without any table beside it, an image states whether it is whole and of which bytes it was made.
"""

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from io import BytesIO
from typing import Any

from PIL import Image, PngImagePlugin

CHUNK = "cxraudit"
"""Keyword of the text chunk."""

_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
"""The last chunk of every PNG, which holds no data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """What a prepared image states of itself."""

    name: str
    """Of its file, so that two files that were exchanged are noticed."""
    source: str
    """SHA-256 of the bytes it was made of."""
    preparation: str
    """Digest of size, resampling and stretching."""
    notes: tuple[str, ...]
    """Codes of `cxraudit.images.ImageNote` of the source."""


def sealed(image: Image.Image, seal: Seal) -> bytes:
    """Return a grey image as a PNG with its seal."""
    statement = {**asdict(seal), "pixels": _digest(image)}
    chunks = PngImagePlugin.PngInfo()
    chunks.add_text(CHUNK, json.dumps(statement, sort_keys=True))
    buffer = BytesIO()
    image.info.clear()  # a colour profile, or what else the source says of where it comes from
    image.save(buffer, format="PNG", pnginfo=chunks)
    return buffer.getvalue()


def read_seal(data: bytes) -> Seal | None:
    """Return what a prepared image states of itself; None unless it is whole, to the last bit."""
    if not data.endswith(_END):
        return None
    try:
        with Image.open(BytesIO(data), formats=["PNG"]) as image:
            image.verify()  # the checksums of all chunks
        with Image.open(BytesIO(data), formats=["PNG"]) as image:
            image.load()
            statement: dict[str, Any] = json.loads(image.info[CHUNK])
            is_whole = statement.pop("pixels") == _digest(image)
        notes = tuple(statement.pop("notes"))
        return Seal(**statement, notes=notes) if is_whole else None
    except (
        AttributeError,
        Image.DecompressionBombError,
        LookupError,
        OSError,
        RecursionError,
        SyntaxError,
        TypeError,
        ValueError,
    ):
        return None


def _digest(image: Image.Image) -> str:
    return sha256(f"{image.mode} {image.size} ".encode() + image.tobytes()).hexdigest()
