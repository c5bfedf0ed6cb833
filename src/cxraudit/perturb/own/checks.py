"""How an edited image differs from its original: whether at all, in size, position and extent.

An edit that should be local changes few pixels, and leaves the others where they were. What else a generator
does to an image (crop, turn, shift, new contrast) changes scores, too, and is no effect of the edit.
"""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from cxraudit.content import read_source
from cxraudit.cores import threads
from cxraudit.datasets.pairs import PAIR
from cxraudit.encode import Progress
from cxraudit.errors import DataError, ImageError
from cxraudit.files import read_table, sha256, write_table
from cxraudit.folders import claim
from cxraudit.images import decode_image, to_grey
from cxraudit.images.grey import DEEP
from cxraudit.images.header import has_preamble
from cxraudit.notices import SHOWN, Notice, counted
from cxraudit.perturb.own.table import KEY, ORIGINAL_FILE, file_name, named_pair
from cxraudit.privacy import without_folders
from cxraudit.schema import records

VERSION = 3
"""Of the measures: those of other versions are not reused."""
SIDE = 128
"""Pixels of a side of the squares whose position is compared."""
SHIFTED = 0.02
"""Of the shorter side: a larger displacement is named."""
GREY_LEVELS = 8
"""Of 256: a pixel that changes by more is changed."""
NEARLY_ALL = 0.9
"""Share of changed pixels of an edit that is not local."""
TURNED = 0.05
"""By how much the correlation of a turned or mirrored image has to be larger to be named."""
BLOCK = 256
"""Pairs whose measures are stored together, so that little is lost when a command is killed."""


@dataclass(frozen=True, slots=True)
class Checks:
    """How one edited image differs from its original."""

    error: str = ""
    """Why one of them cannot be read; all else is missing then."""
    identical: bool = False
    """In every pixel, in 8-bit grey."""
    same_size: bool = True
    shift: float = np.nan
    """Displacement, as a share of the shorter side."""
    turned: bool = False
    """It resembles the original more if turned by right angles, or mirrored."""
    changed: float = np.nan
    """Share of pixels that change by more than `GREY_LEVELS`."""
    content: str = ""
    """Digest of the pixels of the edited image."""
    original: str = ""
    """Digest of the pixels of the original."""
    stored: str = ""
    """How the original and the edited image are stored, where that differs: ``8 and 16 bits``."""


def compare(original: Image.Image, edited: Image.Image) -> Checks:
    """Compare an edited image with its original, both in 8-bit grey.

    Parameters
    ----------
    original, edited : PIL.Image.Image
        Of any size and mode.

    Returns
    -------
    Checks
        `changed` of images of unlike size is that of the original resized.
    """
    before, after = to_grey(original), to_grey(edited)
    same_size = before.size == after.size
    content, digest = _digest(after), _digest(before)
    if same_size and content == digest:
        return Checks(identical=True, shift=0.0, changed=0.0, content=content, original=digest)
    resized = before if same_size else before.resize(after.size, Image.Resampling.BILINEAR)
    difference = np.abs(np.asarray(resized, np.int16) - np.asarray(after, np.int16))
    squares = _square(before), _square(after)
    down, across = _displacement(*squares)
    width, height = before.size
    shift = float(np.hypot(down * height, across * width)) / (SIDE * min(width, height))
    return Checks(
        same_size=same_size,
        shift=shift,
        turned=_is_turned(squares[0], squares[1], (down, across)),
        changed=float((difference > GREY_LEVELS).mean()),
        content=content,
        original=digest,
    )


def _digest(image: Image.Image) -> str:
    return hashlib.sha256(f"{image.size}".encode() + image.tobytes()).hexdigest()[:32]


def _square(image: Image.Image) -> NDArray[np.float64]:
    small = image.resize((SIDE, SIDE), Image.Resampling.BOX)
    pixels = np.asarray(small, dtype=np.float64)
    return pixels - pixels.mean()


_WINDOW = np.outer(np.hanning(SIDE), np.hanning(SIDE))


def _displacement(before: NDArray[np.float64], after: NDArray[np.float64]) -> tuple[int, int]:
    """Return the displacement down and across in pixels, by phase correlation."""
    one, other = (np.fft.rfft2(image * _WINDOW) for image in (before, after))
    cross = np.conj(one) * other
    # Damped where there is little of both: fine noise of a generator has no position.
    cross /= np.abs(cross) + 1e-3 * np.abs(cross).max() + 1e-12
    surface = np.fft.irfft2(cross, before.shape)
    down, across = divmod(int(surface.argmax()), SIDE)
    return _signed(down), _signed(across)


def _signed(place: int) -> int:
    return place - SIDE if place > SIDE // 2 else place


def _is_turned(
    before: NDArray[np.float64], after: NDArray[np.float64], displaced: tuple[int, int]
) -> bool:
    """Tell whether the image resembles the other more if turned by right angles, or mirrored.

    A displaced image is moved back first: it is not mirrored, however symmetrical radiographs are.
    """
    back = np.roll(after, (-displaced[0], -displaced[1]), axis=(0, 1))
    ways = [np.rot90(side, k) for side in (after, np.fliplr(after)) for k in range(4)]
    scale = float(np.sqrt((before**2).sum() * (after**2).sum())) or 1.0
    first, *others = (float((before * way).sum()) / scale for way in ways)
    return max(others) > max(first, float((before * back).sum()) / scale) + TURNED


def check_pairs(
    pairs: pd.DataFrame,
    folder: Path,
    *,
    n_readers: int | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Compare the images of all pairs; what was compared before, of the same files, is kept.

    Parameters
    ----------
    pairs : pandas.DataFrame
        From `cxraudit.perturb.own.table.read_pairs`.
    folder : pathlib.Path
        Where measures are kept.
    n_readers : int
        Number of threads that decode.
    progress : callable, optional
        Called with the number of pairs that were compared since the last call.

    Returns
    -------
    pandas.DataFrame
        One row per pair: ``edit``, ``pair``, ``image_id``, ``edited`` and the fields of `Checks`.
    """
    once = pairs.drop_duplicates([PAIR.edit, KEY])
    files = list(zip(once[ORIGINAL_FILE], once[PAIR.edited], strict=True))
    kept = folder / KEPT
    known = _known(kept)
    names = list(dict.fromkeys(file for pair in files for file in pair))
    with ThreadPoolExecutor(threads(n_readers)) as readers:
        state_of = dict(zip(names, readers.map(_state, names), strict=True))
    states = [f"{state_of[original]}\n{state_of[edited]}" for original, edited in files]
    found = {state: known[state] for state in states if state in known}
    if progress:
        progress(sum(state in found for state in states))
    missing = [
        (state, pair) for state, pair in zip(states, files, strict=True) if state not in found
    ]
    with ThreadPoolExecutor(threads(n_readers)) as readers:
        for start in range(0, len(missing), BLOCK):
            block = missing[start : start + BLOCK]
            checked = readers.map(_check, *zip(*(pair for _, pair in block), strict=True))
            found |= {state: _as_row(one) for (state, _), one in zip(block, checked, strict=True)}
            claim(kept)
            table = [{"state": state, "version": VERSION, **row} for state, row in found.items()]
            write_table(pd.DataFrame(table), kept)
            if progress:
                progress(len(block))
    named = once[[PAIR.edit, KEY, PAIR.image, PAIR.edited]].reset_index(drop=True)
    return pd.concat([named, pd.DataFrame([found[state] for state in states])], axis=1)


KEPT = "checks.parquet"
"""File of the measures of pairs, by the state of both files."""


def _known(kept: Path) -> dict[str, dict[str, Any]]:
    """Return the measures of earlier calls; none if they are damaged, or of another version."""
    if not kept.is_file():
        return {}
    try:
        table = read_table(kept)
    except DataError:
        return {}
    if not {"state", "version", *Checks.__slots__} <= set(table.columns):
        return {}
    table = table[table["version"] == VERSION]
    rows = records(table[list(Checks.__slots__)])
    return dict(zip(table["state"], rows, strict=True))


def _as_row(checks: Checks) -> dict[str, Any]:
    return {name: getattr(checks, name) for name in Checks.__slots__}


def _state(file: str) -> str:
    """Return what says whether a file is still the one that was compared: its content.

    Another image can have the size and the times of the one it replaced.
    """
    path = Path(file)
    try:
        # Opening anything but a file, such as a pipe, may wait for ever.
        return f"{file} {sha256(path) if path.is_file() else 'missing'}"
    except (OSError, ValueError):
        return f"{file} missing"


def _check(original: str, edited: str) -> Checks:
    images: list[Image.Image] = []
    kinds: list[str] = []
    for file in (original, edited):
        try:
            data, _ = read_source(Path(file))
            images.append(decode_image(data, Path(file)).image)
            kinds.append(_kind(data, images[-1]))
        except ImageError as error:
            return Checks(error=without_folders(str(error), file))
        except FileNotFoundError:
            return Checks(error=f"{Path(file).name} is missing.")
        except (OSError, ValueError, MemoryError) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            return Checks(error=f"{Path(file).name} cannot be read: {reason}.")
    found = compare(*images)
    return found if kinds[0] == kinds[1] else replace(found, stored=" and ".join(kinds))


def _kind(data: bytes, image: Image.Image) -> str:
    """Return what decides how the grey levels of a file are mapped to 8 bits."""
    if has_preamble(data):
        return "DICOM"
    return "16 bits" if image.mode in DEEP else "8 bits"


def left_out(checks: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs that say nothing about an edit, with the name of the file and an ``error``.

    Those whose image cannot be read, that changed no pixel (with `NotAppliedError.PREFIX`, since the edit did
    not apply), or whose edited image is the unedited one of another image.
    """
    own = checks[KEY].notna()
    originals = dict(zip(checks["original"], checks[PAIR.image], strict=True))
    other = [
        bool(content) and originals.get(content, image) != image
        for content, image in zip(checks["content"], checks[PAIR.image], strict=True)
    ]
    reasons = checks["error"].astype("str").copy()
    reasons[checks["identical"].astype(bool)] = UNCHANGED
    reasons[pd.Series(other, index=checks.index) & ~checks["identical"].astype(bool)] = OTHER
    found = checks[[PAIR.edit, KEY, PAIR.image, PAIR.edited]].assign(error=reasons)
    found[PAIR.edited] = found[PAIR.edited].map(file_name).astype("str")
    return found[own & reasons.ne("")]


UNCHANGED = "the edit changes no pixel of the image"
OTHER = "the edited file is another image of the cohort, unedited"


def notices_of(checks: pd.DataFrame) -> list[Notice]:
    """Return what a reader must know of pairs that are compared, though they differ in more than the edit."""
    readable = checks["error"].eq("") & ~checks["identical"].astype(bool)
    compared = checks[readable & ~checks.index.isin(left_out(checks).index)]
    total = len(compared)
    kinds = (
        (
            ~compared["same_size"].astype(bool),
            "of another size than the original: resizing alone can change a score. Give a control that has "
            "the same size",
        ),
        (
            compared["stored"].ne(""),
            f"stored in another way than the original ({_kinds(compared)}): their grey levels are mapped in "
            "another way, so that pixels can differ which the edit did not change. Store both alike",
        ),
        (
            compared["shift"].gt(SHIFTED),
            f"displaced by more than {100 * SHIFTED:g} % of the shorter side: a change of the score "
            "can be due to that",
        ),
        (
            compared["turned"].astype(bool),
            "resembling the original more if turned by right angles, or mirrored",
        ),
        (
            compared["changed"].gt(NEARLY_ALL),
            f"with more than {100 * NEARLY_ALL:g} % of the pixels changed by more than {GREY_LEVELS} of 256 "
            "grey levels: the edit is not local",
        ),
    )
    notices = []
    for mask, what in kinds:
        number = int(mask.sum())
        if number:
            first = _first(compared[mask])
            sentence = f"{number:,} of {counted(total, 'edited image')} {what}. First: {first}."
            hidden = f"Some edited images {what}."
            notices.append(Notice(about="pairs", count=number, sentence=sentence, hidden=hidden))
    repeated = compared[compared["content"].duplicated(keep=False)]
    if len(repeated):
        first = _first(repeated)
        sentence = (
            f"{counted(len(repeated), 'edited image')} with the pixels of another edited image. First: "
            f"{first}."
        )
        hidden = "Some edited images with the pixels of another edited image."
        notices.append(Notice(about="pairs", count=len(repeated), sentence=sentence, hidden=hidden))
    return notices


def _kinds(compared: pd.DataFrame) -> str:
    return ", ".join(sorted(set(compared["stored"]) - {""}))


def _first(pairs: pd.DataFrame) -> str:
    """Name the first originals and files, without folders."""
    first = pairs.drop_duplicates([PAIR.image, PAIR.edited]).head(SHOWN)
    return ", ".join(map(named_pair, first[PAIR.image], first[PAIR.edited]))
