"""Tables of run lengths: CheXmask, and one mask per row."""

import math
import zlib
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from cxraudit.errors import DataError, MissingColumnsError, one_line, short
from cxraudit.files import digest
from cxraudit.masks.base import LEFT_LUNG, RIGHT_LUNG, Masks, Stored, own_name, variants
from cxraudit.masks.run_lengths import Mask, decode
from cxraudit.notices import PERTURBED_IMAGES, about_images
from cxraudit.schema import records

CHEXMASK_IDS = ("Image Index", "dicom_id", "Path", "ImageID", "image_id")
"""What the tables of CheXmask call an image: ChestX-ray8, MIMIC-CXR-JPG, CheXpert, PadChest, VinDr-CXR."""
CHEXMASK_REGIONS = {"Left Lung": LEFT_LUNG, "Right Lung": RIGHT_LUNG, "Heart": "heart"}
QUALITY = "Dice RCA (Mean)"
ROWS_OF = ("image_id", "region", "rle", "height", "width")
"""Columns of a table with a mask per row."""

_AT_ONCE = 500
"""Rows: those of CheXmask have some 20 kB each."""
_LARGEST = 2**14
"""Pixels of a side."""


@dataclass(frozen=True, slots=True)
class RunLengths:
    """A mask as run lengths."""

    text: str
    size: tuple[int, int]
    """Width and height."""

    @property
    def digest(self) -> str:
        """Hash of the text and the size."""
        return digest([self.text, self.size])

    def read(self) -> Mask:
        """Return the mask."""
        return decode(self.text, self.size)


def read_table_of_masks(file: Path, wanted: Set[str] | None, minimum_quality: float) -> Masks:
    """Read a table; `wanted` are the names of images, as `cxraudit.masks.base.names_of` gives them."""
    found = _Found(file, wanted, minimum_quality)
    for chunk in _chunks(file):
        columns = list(map(str, chunk.columns))
        if set(ROWS_OF) <= set(columns):
            found.add_rows(chunk)
        elif set(CHEXMASK_REGIONS) & set(columns):
            found.add_images(chunk)
        else:
            missing = [name for name in ROWS_OF if name not in columns]
            raise _lacking(file, "a table of masks", missing)
    return found.masks()


def _lacking(file: Path, what: str, missing: Sequence[str]) -> DataError:
    """Return the error of a table that lacks columns: only those, or that another mark separates them."""
    present = _columns(file)
    mark = next((m for m in _OTHER_MARKS if len(present) == 1 and m in present[0]), None)
    if mark is None:
        return MissingColumnsError(f"{file} ({what})", missing, present)
    return DataError(
        f"{file} ({what}) has one column, '{short(present[0])}': {_OTHER_MARKS[mark]} separate its columns. "
        "Save it with commas."
    )


_OTHER_MARKS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


def _columns(file: Path) -> list[str]:
    """Return all columns of a table, for a message."""
    if file.suffix == ".parquet":
        return list(map(str, pd.read_parquet(file).columns))
    return list(map(str, pd.read_csv(file, nrows=0, encoding="utf-8-sig").columns))


def _chunks(file: Path) -> Iterator[pd.DataFrame]:
    """Yield the rows of a table as text, some at a time; nothing of what is not used is kept."""
    try:
        if file.suffix == ".parquet":
            table = pd.read_parquet(file).rename(columns=_canonical)
            kept = [name for name in table if name in _USED]
            yield table[kept].astype(object).fillna("").astype("str")
            return
        with pd.read_csv(
            file,
            dtype="str",
            keep_default_na=False,
            chunksize=_AT_ONCE,
            usecols=_is_used,
            encoding="utf-8-sig",
        ) as reader:
            for chunk in reader:
                yield chunk.rename(columns=_canonical)
    except (ValueError, OSError, EOFError, zlib.error, pd.errors.ParserError) as error:
        raise DataError(
            f"{file} cannot be read as a table of masks: {one_line(str(error), 200).rstrip('.')}. Check "
            "that it is a .csv, .csv.gz or .parquet, and whole."
        ) from None


def _is_used(name: str) -> bool:
    return _canonical(name) in _USED


def _canonical(name: object) -> str:
    """Return the name of a column; that of the quality in any case, and without blanks around it."""
    text = str(name)
    return QUALITY if text.strip().casefold() == QUALITY.casefold() else text


_USED = {*ROWS_OF, *CHEXMASK_IDS, *CHEXMASK_REGIONS, QUALITY, "Height", "Width"}


@dataclass(slots=True)
class _Found:
    """What was read of a table so far."""

    file: Path
    wanted: Set[str] | None
    minimum_quality: float
    images: dict[str, dict[str, Stored]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    low: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    """Images of low, and of unknown quality."""
    unrated: list[str] = field(default_factory=list)
    """Images of a table of CheXmask that gives no quality at all."""
    n_rows: int = 0

    def add_images(self, rows: pd.DataFrame) -> None:
        """Add rows of CheXmask."""
        ids = [name for name in CHEXMASK_IDS if name in rows]
        if not ids:
            raise _lacking(self.file, "a table of CheXmask", CHEXMASK_IDS[:1])
        needed = (*CHEXMASK_REGIONS, "Height", "Width")
        if missing := [name for name in needed if name not in rows]:
            raise _lacking(self.file, "a table of CheXmask", missing)
        for row in self._wanted(rows, ids[0]):
            name = row[ids[0]]
            if name in self.images or name in self.left_out:
                raise self._twice(name, "")
            if QUALITY not in row:
                self.unrated.append(name)
            elif not self._is_good(name, row[QUALITY]):
                continue
            size = self._size(name, row["Width"], row["Height"])
            self.images[name] = {
                region: self._checked(name, region, row[column], size)
                for column, region in CHEXMASK_REGIONS.items()
            }

    def add_rows(self, rows: pd.DataFrame) -> None:
        """Add rows with a mask each."""
        for row in self._wanted(rows, "image_id"):
            name = row["image_id"]
            if name in self.left_out:
                continue
            if QUALITY in row and not self._is_good(name, row[QUALITY]):
                self.images.pop(name, None)
                continue
            region = own_name(row["region"], str(self.file))
            of_image = self.images.setdefault(name, {})
            if region in of_image:
                raise self._twice(name, f" for the region '{region}'")
            size = self._size(name, row["width"], row["height"])
            of_image[region] = self._checked(name, region, row["rle"], size)

    def masks(self) -> Masks:
        """Return all masks, with what a reader has to know of them."""
        if not self.n_rows:
            raise DataError(f"{self.file} has no rows. Check the file.")
        notices = []
        if self.low:
            limit = f"{self.minimum_quality:g}"
            sentence = f"Masks with a {QUALITY} below {limit} are not used."
            notices.append(about_images(sentence, self.low, PERTURBED_IMAGES))
        if self.unknown:
            sentence = f"Masks without a {QUALITY} are not used."
            notices.append(about_images(sentence, self.unknown, PERTURBED_IMAGES))
        if self.unrated:
            sentence = (
                f"The table has no {QUALITY}: all of its masks are used, whatever their quality."
            )
            notices.append(about_images(sentence, self.unrated, PERTURBED_IMAGES))
        return Masks(self.file.name, self.images, self.left_out, tuple(notices))

    def _wanted(self, rows: pd.DataFrame, column: str) -> Iterator[dict[str, str]]:
        self.n_rows += len(rows)
        for row in records(rows):
            name = row[column] = row[column].strip()
            if not name:
                raise DataError(f"{self.file} has a row without {column}. Fill the column in.")
            if self.wanted is None or not self.wanted.isdisjoint(variants(name)):
                yield row

    def _is_good(self, name: str, text: str) -> bool:
        written = text.strip()
        blank = written.casefold() in ("", "nan", "na")
        try:
            quality = math.nan if blank else float(written.replace(",", "."))
        except ValueError:
            quality = math.inf
        if not (blank or 0 <= quality <= 1):
            raise DataError(
                f"{self.file}: the {QUALITY} of {short(name)} is '{short(text)}', which is no number between "
                "0 and 1. Divide percentages by 100, or correct the row."
            )
        if quality >= self.minimum_quality:
            return True
        known = math.isfinite(quality)
        (self.low if known else self.unknown).append(name)
        what = f"is below {self.minimum_quality:g}" if known else "is not known"
        self.left_out[name] = f"the quality of its masks ({QUALITY}) {what}"
        return False

    def _size(self, name: str, *texts: str) -> tuple[int, int]:
        try:
            width, height = map(float, texts)
        except ValueError:
            width = height = math.nan
        whole = width.is_integer() and height.is_integer()
        if not (whole and 0 < width <= _LARGEST and 0 < height <= _LARGEST):
            raise DataError(
                f"{self.file}: the mask of {short(name)} has the width '{short(texts[0])}' and the height "
                f"'{short(texts[1])}', which are no numbers of pixels. Correct or delete the row."
            )
        return int(width), int(height)

    def _checked(self, name: str, region: str, text: str, size: tuple[int, int]) -> RunLengths:
        try:
            decode(text, size)
        except DataError as error:
            raise DataError(
                f"{self.file}: the run lengths of the region '{region}' of {short(name)} are damaged: "
                f"{error}. Correct or delete the row."
            ) from None
        return RunLengths(text, size)

    def _twice(self, name: str, what: str) -> DataError:
        return DataError(
            f"{self.file} has two rows of {short(name)}{what}. Keep one row of each, since they may differ."
        )
