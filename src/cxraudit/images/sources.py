"""An image together with the bytes it was decoded from, so that a later run can decide by content."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from cxraudit.content import Source, read_source
from cxraudit.errors import ImageError
from cxraudit.images import Decoded, ImageNote, decode_image
from cxraudit.notices import Notice, about_images
from cxraudit.schema import CONTENT


def read_decoded(path: Path, expected: str = "") -> tuple[Decoded, Source]:
    """Read a file once, and decode it.

    Parameters
    ----------
    path : pathlib.Path
        The image.
    expected : str
        SHA-256 that its data set states (`stated_content`); empty if it states none.

    Returns
    -------
    Decoded
        The image and its notes.
    Source
        The file as it was read.

    Raises
    ------
    ImageError
        Whatever the reason why the image cannot be used, in one sentence: it is missing, cannot be
        read or decoded, is too large for the memory, or is not the image that its data set states.
    """
    try:
        data, source = read_source(path)
        if expected and expected != source.sha256:
            raise ImageError(
                f"{path} was changed since cxraudit wrote it. Repeat the command that did."
            )
        return decode_image(data, path), source
    except FileNotFoundError:
        raise ImageError(f"{path} is missing.") from None
    except OSError as error:
        raise ImageError(f"{path} cannot be read: {error.strerror or error}.") from None
    except ValueError as error:  # of a path that no system allows
        raise ImageError(f"{path!r} cannot be read: {error}.") from None
    except MemoryError:
        raise ImageError(f"{path} is too large for the memory.") from None


def stated_content(images: pd.DataFrame) -> list[str]:
    """Return the SHA-256 that an images table states of each image, empty where it states none."""
    if CONTENT not in images:
        return [""] * len(images)
    return images[CONTENT].fillna("").astype("str").tolist()


def notices_on(image_ids: Iterable[str], notes: Iterable[Sequence[str]]) -> list[Notice]:
    """Return one notice per kind of note, with the number of images that have it.

    Parameters
    ----------
    image_ids : iterable of str
        The images.
    notes : iterable of sequence of str
        Codes of `ImageNote` of each image.
    """
    by_note: dict[str, list[str]] = {}
    for image_id, codes in zip(image_ids, notes, strict=True):
        for code in codes:
            by_note.setdefault(code, []).append(image_id)
    return [about_images(note.sentence, by_note[note]) for note in ImageNote if note in by_note]
