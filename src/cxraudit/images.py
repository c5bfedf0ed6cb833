"""One film from disk: PNG, JPEG or any other format Pillow decodes."""

from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from cxraudit.errors import ImageError


def read_film(path: Path) -> Image.Image:
    """Decode one film completely, in the mode it is stored in.

    Models differ in how they turn a film into grey levels, so nothing is converted here; see
    `to_grey` for the plain way.

    Raises
    ------
    ImageError
        If the file is missing, is no image, is cut off, or is too large to be a film.
    """
    try:
        with Image.open(path) as film:
            film.load()
            return film
    except FileNotFoundError:
        raise ImageError(f"{path} is missing.") from None
    except UnidentifiedImageError:
        raise ImageError(f"{path} is not an image that can be decoded.") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ImageError(f"{path} cannot be decoded: {error}.") from None


def to_grey(film: Image.Image) -> Image.Image:
    """Return an 8-bit grey picture: 16-bit films are stretched from minimum to maximum.

    Transparency is dropped, not blended: the RGBA films of ChestX-ray14 hold the same grey value
    in every colour and are opaque.
    """
    if film.mode in ("I", "I;16", "I;16B", "I;16L", "F"):
        values = np.asarray(film, dtype=np.float32)
        low, high = float(values.min()), float(values.max())
        scaled = (values - low) * (255 / (high - low)) if high > low else np.zeros_like(values)
        return Image.fromarray(np.round(scaled).astype(np.uint8))
    if film.mode in ("P", "PA", "LA", "RGBA", "CMYK"):
        film = film.convert("RGB")
    return film.convert("L")
