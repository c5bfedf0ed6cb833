"""The headers of a folder of DICOM images, and the demographics they hold."""

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from cxraudit.datasets import values
from cxraudit.datasets.base import age_groups, resolve_per_patient
from cxraudit.datasets.values.ages import OLDEST, Ages
from cxraudit.errors import DataError, ImageError
from cxraudit.images import is_dicom, read_header
from cxraudit.notices import Notice, counted, named
from cxraudit.schema import UNKNOWN

if TYPE_CHECKING:
    from pydicom import Dataset as Header

_OTHER_SUFFIXES = (
    ".csv",
    ".tsv",
    ".txt",
    ".json",
    ".xml",
    ".html",
    ".pdf",
    ".png",
    ".jpg",
    ".jpeg",
    ".zip",
    ".gz",
    ".parquet",
    ".toml",
    ".xlsx",
    ".md",
    ".inf",
    ".exe",
)
"""Extensions of other files. All other names may be DICOM: a name such as 1.2.840.113619.2.5 is an
identifier, whose last part is no extension."""

TAGS = {
    "image_id": ("SOPInstanceUID",),
    "patient_id": ("PatientID",),
    "study_id": ("StudyInstanceUID",),
    "view_position": ("ViewPosition",),
    "age": ("PatientAge",),
    "birth": ("PatientBirthDate",),
    "study": ("StudyDate", "AcquisitionDate", "SeriesDate", "ContentDate"),
    "sex": ("PatientSex",),
    "manufacturer": ("Manufacturer",),
    "accession": ("AccessionNumber",),
    "body_part": ("BodyPartExamined",),
}
"""Column → tags, of which the first one that is filled in counts."""

DISAGREE = 2
"""Years between PatientAge and the age by dates from which a notice counts them."""


class Headers(NamedTuple):
    """The images of a folder, the columns of `TAGS` as text, and which ones could be read."""

    table: pd.DataFrame
    """One row per file: ``file``, its path below the root, and the columns of `TAGS`."""
    readable: "pd.Series[bool]"


def read_headers(root: Path) -> Headers:
    """Read the header of every DICOM file under `root`.

    Raises
    ------
    DataError
        If there is none, or a folder cannot be read.
    """
    files = [path for path in sorted(_files(root)) if _is_image(path)]
    if not files:
        raise DataError(f"{root} holds no DICOM file (.dcm, or with a DICOM preamble).")
    with ThreadPoolExecutor(4) as pool:
        rows = list(pool.map(_row, files))
    columns = {
        name: pd.Series([(row or {}).get(name) for row in rows], dtype="str") for name in TAGS
    }
    table = pd.DataFrame({**columns, "file": [path.relative_to(root).as_posix() for path in files]})
    return Headers(table, pd.Series([row is not None for row in rows], dtype=bool))


def _files(root: Path) -> Iterator[Path]:
    """Yield all files below a folder."""

    def refuse(error: OSError) -> None:
        raise DataError(
            f"the folder {error.filename} cannot be read ({error.strerror}). Change its permissions."
        ) from None

    for folder, _, names in os.walk(root, onerror=refuse):
        yield from (path for name in names if (path := Path(folder) / name).is_file())


def _is_image(path: Path) -> bool:
    """Tell whether a file is a DICOM image, by extension or preamble; DICOMDIR is none."""
    if path.name.upper() == "DICOMDIR" or path.suffix.lower() in _OTHER_SUFFIXES:
        return False
    try:
        return is_dicom(path)
    except OSError:
        return True  # listed as not readable


def _row(path: Path) -> dict[str, str | None] | None:
    """Return the columns of `TAGS`, or None if the file is no DICOM image that can be read."""
    try:
        header = read_header(path)
        return {
            column: next((text for tag in tags if (text := _text(header, tag))), None)
            for column, tags in TAGS.items()
        }
    except ImageError:
        return None


def _text(header: "Header", tag: str) -> str:
    """Return the value of a tag; several values are divided by a backslash, as in the file."""
    value = header.get(tag)
    if value is None:
        return ""
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    several = isinstance(value, Sequence) and not isinstance(value, str)
    text = "\\".join(map(str, value)) if several else str(value)
    return text.strip(" \0\t\r\n")


class Identified(NamedTuple):
    """The images of a folder, each with an identifier of its own, and which ones are no images of it."""

    table: pd.DataFrame
    readable: "pd.Series[bool]"
    has_patient: "pd.Series[bool]"
    """Also of files that could not be read."""
    is_copy: "pd.Series[bool]"
    """Whether a file has the identifier and the content of an earlier one."""


def identified(headers: Headers, root: Path, notices: list[Notice]) -> Identified:
    """Give images without an identifier one, and find copies.

    Raises
    ------
    DataError
        If two different files have one SOPInstanceUID, or no image has a patient.
    """
    table, readable = headers
    without = table["patient_id"].isna() & readable
    if without.any() and (without | ~readable).all():
        raise DataError(
            f"{table.loc[without, 'file'].iloc[0]} has no PatientID, nor has any other image. Patients are "
            "the unit of every interval: fill the tag in."
        )
    if number := int(without.sum()):
        stated = (
            f"{counted(number, 'image')} without a PatientID, left out, first "
            f"{table.loc[without, 'file'].iloc[0]}."
        )
        notices.append(Notice(about="PatientID", count=number, sentence=stated))
    for column, tag in (("image_id", "SOPInstanceUID"), ("study_id", "StudyInstanceUID")):
        missing = int((table[column].isna() & readable).sum())
        if missing:
            stated = f"{counted(missing, 'image')} without a {tag}, called by the name of the file."
            notices.append(Notice(about=tag, count=missing, sentence=stated))
    copies = _copies(table, readable & ~without, root)
    if number := int(copies.sum()):
        stated = (
            f"{counted(number, 'file')} with the content of another one, left out, first "
            f"{table.loc[copies, 'file'].iloc[0]}."
        )
        notices.append(Notice(about="images", count=number, sentence=stated))
    own_name = copies | ~readable | without
    ids = {
        column: table[column].mask(own_name).fillna(table["file"])
        for column in ("image_id", "study_id")
    }
    patients = table["patient_id"].fillna(UNKNOWN)
    return Identified(table.assign(**ids, patient_id=patients), readable, ~without, copies)


def _copies(table: pd.DataFrame, usable: "pd.Series[bool]", root: Path) -> "pd.Series[bool]":
    """Tell which files have the identifier and the content of an earlier one."""
    ids = table["image_id"].where(usable)
    copies = ids.duplicated() & ids.notna()
    for name in ids[copies].unique():
        files = table.loc[ids == name, "file"]
        contents = {_digest(root / file): file for file in reversed(files.tolist())}
        if len(contents) > 1:
            one, other = sorted(contents.values())[:2]
            raise DataError(
                f"{one} and {other} have one SOPInstanceUID and differ. Keep one of them, or give the other "
                "an identifier of its own."
            )
    return copies


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}). Check the file.") from None


def demographics(
    table: pd.DataFrame, sex_values: Mapping[str, str], notices: list[Notice]
) -> pd.DataFrame:
    """Return view, age, age group, sex and manufacturer of images by their headers."""
    sexes = values.sexes(table["sex"], "PatientSex", mapping=sex_values, strict=False)
    views = values.views(table["view_position"], "ViewPosition")
    manufacturers = values.groups(table["manufacturer"], "Manufacturer", "manufacturer")
    ages = ages_of(table, notices)
    for read in (sexes, views, manufacturers):
        notices.extend(read.notices)
    return pd.DataFrame(
        {
            "view_position": views.series,
            "age": ages.series,
            "sex": resolve_per_patient(table["patient_id"], sexes.series),
            "manufacturer": manufacturers.series,
            "age_group": age_groups(ages),
        }
    )


def ages_of(table: pd.DataFrame, notices: list[Notice]) -> Ages:
    """Return ages by PatientAge, else by the dates of birth and of the study.

    Parameters
    ----------
    table : pandas.DataFrame
        ``age``, ``birth`` and ``study`` as text.
    notices : list of Notice
        Gets what was not understood, impossible, or contradictory.
    """
    given = table["age"].notna()
    recorded = values.ages(table.loc[given, "age"], "PatientAge", strict=False)
    notices.extend(recorded.notices)
    by_tag: pd.Series = recorded.series.reindex(table.index)
    by_dates = _ages_by_dates(table, notices)
    replaced = given & by_tag.isna() & by_dates.notna()
    if number := int(replaced.sum()):
        stated = f"{counted(number, 'image')} whose age is by the dates of birth and study instead."
        notices.append(Notice(about="PatientAge", count=number, sentence=stated))
    contrary = (by_tag - by_dates).abs() > DISAGREE
    if number := int(contrary.sum()):
        stated = (
            f"{counted(number, 'image')} where it differs by more than {DISAGREE} years from the dates of "
            "birth and study; PatientAge counts."
        )
        notices.append(Notice(about="PatientAge", count=number, sentence=stated))
    ages = by_tag.fillna(by_dates)
    if number := int(ages.isna().sum()):
        stated = f"{counted(number, 'image')} without an age by PatientAge or dates: unknown."
        notices.append(Notice(about="age", count=number, sentence=stated))
    at_least = recorded.at_least.reindex(table.index, fill_value=False)
    return Ages(ages, at_least)


def _ages_by_dates(table: pd.DataFrame, notices: list[Notice]) -> pd.Series:
    days: dict[str, pd.Series] = {}
    for column, tag in (("birth", "PatientBirthDate"), ("study", "StudyDate")):
        read = values.dates(table[column].dropna(), tag, strict=False)
        notices.extend(read.notices)
        days[column] = read.series.reindex(table.index)
    years = (days["study"] - days["birth"]).dt.days / 365.25
    impossible = years.notna() & ~years.between(0, OLDEST)
    if number := int(impossible.sum()):
        listed = named(years[impossible].astype(int).value_counts().to_dict())
        stated = f"{counted(number, 'image')} whose age by dates is impossible: {listed}."
        notices.append(Notice(about="PatientBirthDate", count=number, sentence=stated))
    return years.mask(impossible)
