"""A folder of DICOM images: demographics and view from the headers, findings from a table."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd

from cxraudit.datasets import values
from cxraudit.datasets.base import Dataset
from cxraudit.datasets.release import ReleaseFile, check_choices
from cxraudit.datasets.release_table import ReleaseTable, open_table
from cxraudit.datasets.releases.dicom_headers import (
    TAGS,
    Identified,
    demographics,
    identified,
    read_headers,
)
from cxraudit.datasets.values.text import plain
from cxraudit.errors import ConfigError, DataError
from cxraudit.notices import Notice, counted, named
from cxraudit.schema import UNKNOWN

SUMMARY = "a folder of DICOM images: age, sex, view and manufacturer from the headers, labels from a table"
FILES = (
    ReleaseFile(
        "*.dcm, at any depth", "your archive", ("*.dcm", "*/*.dcm", "*/*/*.dcm", "**/*.dcm")
    ),
    ReleaseFile("a table of labels", "your own; needed for labels=FILE", ("*.csv",), needed=False),
)

KEYS = ("image_id", "study_id", "accession", "file")
"""Columns that a table of labels is joined by; the first one it has is used. ``image_id`` and
``study_id`` are the SOP and study instance UIDs."""

_GROUPS = ("view_position", "age", "sex", "manufacturer", "age_group")
_CHEST = r"\b(?:chest|thorax)\b"


def load(
    root: Path,
    *,
    labels: Path | None = None,
    uncertain: str | None = None,
    sex_values: str | Mapping[str, str] = "",
) -> Dataset:
    """Read every DICOM file under `root`.

    Age is PatientAge, else the difference of study date and birth date; headers have no race. Files
    that cannot be read, copies of another file, and images whose header names a body part other than
    the chest, are listed as excluded.

    Parameters
    ----------
    root : pathlib.Path
        Folder with the images, at any depth.
    labels : pathlib.Path
        Table with one of the columns image_id (SOP instance UID), study_id (study instance UID),
        accession or file (name of the file, or its path below `root`), and one column per finding:
        1, 0 or empty.
    uncertain : {"zeros", "ones", "ignore"}, optional
        Value of uncertain labels (−1): 0, 1, or not labelled; by default they are refused.
    sex_values : str or mapping, optional
        What codes of one's own in PatientSex mean: ``H=male,M=female``.

    Raises
    ------
    DataError
        If there is no DICOM file, an image has no patient, two different files have one identifier, or
        labels are missing or not understood.
    """
    if uncertain is not None:
        check_choices({"uncertain": uncertain}, {"uncertain": tuple(values.POLICIES)})
    if labels is None:
        raise DataError(
            "DICOM headers have no findings. Name a table of labels: --option labels=FILE, "
            f"with a column {', '.join(KEYS[:-1])} or {KEYS[-1]} and one column per finding."
        )
    notices: list[Notice] = []
    found = identified(read_headers(root), root, notices)
    table, usable = found.table, found.readable & found.has_patient & ~found.is_copy
    known = demographics(table[usable], _mapping(sex_values), notices).reindex(table.index)
    images = table[["image_id", "patient_id", "study_id"]].assign(
        path=[f"{root}/{file}" for file in table["file"]],
        **{name: known[name] if name == "age" else known[name].fillna(UNKNOWN) for name in _GROUPS},
    )
    given = open_table(labels, what="the table of labels")
    findings, columns = _labels(given, found, uncertain)
    dataset = Dataset(
        name=root.name,
        version="",
        license="",
        root=root,
        images=pd.concat([images, columns], axis=1),
        findings=findings,
        attributes=("age_group", "sex", "view_position", "manufacturer"),
        policies={"uncertain": uncertain} if uncertain else {},
        notes=("Age, sex and view are taken from the DICOM headers.",),
        notices=(*notices, *given.notices),
    )
    return _steps(dataset, found, labels)


def _mapping(sex_values: str | Mapping[str, str]) -> Mapping[str, str]:
    if isinstance(sex_values, Mapping):
        return sex_values
    pairs = [pair.partition("=") for pair in str(sex_values).split(",") if pair.strip()]
    if not all(sign for _, sign, _ in pairs):
        raise ConfigError(
            f"sex_values are pairs such as H=male,M=female, got '{sex_values}'. Write them so."
        )
    return {word.strip(): plain(meaning) for word, _, meaning in pairs}


def _steps(dataset: Dataset, found: Identified, labels: Path) -> Dataset:
    """Apply the filters of this data set, each as a named step."""
    table, readable = found.table, found.readable
    unread = table.loc[~readable, "file"]
    if len(unread):
        stated = f"{counted(len(unread), 'file')} no readable DICOM image, first {unread.iloc[0]}."
        dataset = _with(dataset, Notice(about="images", count=len(unread), sentence=stated))
    parts = table["body_part"].where(readable).map(plain, na_action="ignore").astype("str")
    other = parts.notna() & ~parts.str.contains(_CHEST, na=False)
    if other.any():
        listed = named(parts[other].value_counts().to_dict())
        stated = f"{counted(int(other.sum()), 'image')} of another body part: {listed}."
        about = "BodyPartExamined"
        dataset = _with(dataset, Notice(about=about, count=int(other.sum()), sentence=stated))
    by_image = dataset.images["image_id"]
    for step, mask, reason in (
        ("readable", readable, "not a readable DICOM file"),
        ("patient", found.has_patient, "no PatientID in the header"),
        ("copies", ~found.is_copy, "the same file as another one"),
        ("chest", ~other, "the header names another body part"),
    ):
        if step in ("readable", "chest") or not mask.all():
            kept = set(by_image[mask])
            dataset = dataset.keep(dataset.images["image_id"].isin(kept), step=step, reason=reason)
    labelled = dataset.images[list(dataset.findings)].notna().any(axis=1)
    return dataset.keep(labelled, step="labelled", reason=f"no label in {labels.name}")


def _with(dataset: Dataset, notice: Notice) -> Dataset:
    return replace(dataset, notices=(*dataset.notices, notice))


def _labels(
    given: ReleaseTable, found: Identified, uncertain: str | None
) -> tuple[tuple[str, ...], pd.DataFrame]:
    """Return the findings of the table of labels, and their columns for the images."""
    table = given.frame
    key = next((name for name in KEYS if name in table), None)
    if key is None:
        raise DataError(
            f"{given.path} has none of the columns {', '.join(KEYS)}; it has "
            f"{', '.join(map(str, table.columns[:10]))}. Rename the column that identifies the image."
        )
    keys = given.ids(key, unique=True)
    findings = tuple(str(name) for name in table.columns if name not in KEYS)
    if not findings:
        raise DataError(f"{given.path} has no column of labels besides {key}.")
    if clashes := set(findings) & {*_GROUPS, *TAGS, "path"}:
        raise DataError(
            f"{given.path} has columns that the headers provide: {', '.join(sorted(clashes))}. Keep "
            "findings only, or rename the columns."
        )
    labels = pd.DataFrame(
        {
            finding: given.read(
                finding,
                lambda cells, about: values.labels(
                    cells, about, uncertain=uncertain, flag="--option uncertain="
                ),
            )
            for finding in findings
        }
    ).set_axis(keys)
    of_image = _names(given, keys, found) if key == "file" else found.table[key]
    unmatched = keys[~keys.isin(of_image)]
    given.note_unmatched(key, unmatched, "of images that the folder does not have")
    return findings, labels.reindex(of_image).reset_index(drop=True)


def _names(given: ReleaseTable, keys: pd.Series, found: Identified) -> pd.Series:
    """Return what files are called in the table of labels: by their paths if one of them is a path.

    Raises
    ------
    DataError
        If a name is that of files in two folders.
    """
    if keys.str.contains("/", regex=False).any():
        return found.table["file"]
    names = found.table["file"].str.rpartition("/")[2]
    of_original = names[~found.is_copy]
    repeated = of_original[of_original.duplicated() & of_original.isin(keys)]
    if len(repeated):
        raise DataError(
            f"{given.path} names {repeated.iloc[0]}, a file in several folders. Write the paths of files "
            "below the root instead, such as folder/name.dcm."
        )
    return names
