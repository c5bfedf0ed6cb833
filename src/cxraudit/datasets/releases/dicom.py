"""A folder of DICOM images; who and how is read from their headers, what they show from a table."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from cxraudit.datasets.base import (
    Dataset,
    age_group,
    parse_ages,
    parse_sex,
    resolve_per_patient,
)
from cxraudit.datasets.release import ReleaseFile
from cxraudit.errors import DataError, ImageError
from cxraudit.files import read_table
from cxraudit.images import is_dicom, read_header
from cxraudit.schema import UNKNOWN, group_name, require_unique

if TYPE_CHECKING:
    from pydicom import Dataset as Header

SUMMARY = (
    "a folder of DICOM images: age, sex, view and maker from their headers, labels from a table"
)
FILES = (
    ReleaseFile(
        "*.dcm, at any depth", "your archive", ("*.dcm", "*/*.dcm", "*/*/*.dcm", "**/*.dcm")
    ),
    ReleaseFile("a table of labels", "yours; needed for labels=FILE", ("*.csv",), needed=False),
)

_OTHERS = (
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
"""Endings of files beside images; names of images are often numbers, whose last part is no ending."""

KEYS = ("image_id", "study_id", "accession", "file")
"""What a table of labels may be joined by, the first of which it has; ``image_id`` and ``study_id``
are the SOP and study instance UIDs."""


def load(root: Path, *, labels: Path | None = None) -> Dataset:
    """Read every DICOM file under `root`.

    Age comes from PatientAge, or from birth and study date; race never is in a header. Files that
    are no DICOM, or not of a chest or of unknown part by their header, are listed as left out.

    Parameters
    ----------
    root : pathlib.Path
        Folder with the images, at any depth.
    labels : pathlib.Path
        CSV or Parquet with one of the columns image_id (SOP instance UID), study_id (study
        instance UID), accession or file (name of the file), and one column per finding: 1, 0 or
        nothing.

    Raises
    ------
    DataError
        If there is no DICOM file, two are the same image, one has no patient, or labels are missing.
    """
    if labels is None:
        raise DataError(
            "DICOM headers do not say what images show. Name a table of labels: --option labels=FILE "
            f"with a column {', '.join(KEYS[:-1])} or {KEYS[-1]} and one column per finding."
        )
    radiographs = [path for path in sorted(root.rglob("*")) if path.is_file() and _is_image(path)]
    if not radiographs:
        raise DataError(f"{root} holds no DICOM file (.dcm, or with a DICOM preamble).")
    with ThreadPoolExecutor(4) as pool:
        rows = pd.DataFrame(list(pool.map(_row, radiographs)))
    images = rows.drop(columns="error")
    require_unique(f"the images under {root}", images, ["image_id"])
    readable = rows["error"] == ""
    if (nobody := images[readable & (images["patient_id"] == "")]).size:
        raise DataError(
            f"{nobody['path'].iloc[0]} has no PatientID. Patients are the unit of every interval: "
            "fill the tag in."
        )
    ages = images["age"]
    images["age_group"] = ages.map(age_group).astype("str")
    images["sex"] = resolve_per_patient(images["patient_id"], images["sex"])
    images["patient_id"] = images["patient_id"].where(images["patient_id"] != "", UNKNOWN)
    table = read_table(labels, what="the table of labels", text=KEYS)
    joined, findings = _join(images, table, labels)
    dataset = Dataset(
        name=root.name,
        version="",
        license="",
        root=root,
        images=joined,
        findings=findings,
        attributes=("age_group", "sex", "view_position", "manufacturer"),
        notes=("Age, sex and view are those of the DICOM headers.",),
    )
    dataset = dataset.keep(readable, step="readable", reason="no DICOM file that can be read")
    chest = dataset.images["body_part"].isin(["", "CHEST", "THORAX", "PORT CHEST"])
    dataset = dataset.keep(chest, step="chest", reason="another body part by its header")
    labelled = dataset.images[list(findings)].notna().any(axis=1)
    dataset = dataset.keep(labelled, step="labelled", reason=f"no label in {labels.name}")
    return replace(dataset, images=dataset.images.drop(columns="body_part"))


def _is_image(path: Path) -> bool:
    """Tell DICOM files, whatever they are called, from others and from the directory of a disc."""
    if path.name.upper() == "DICOMDIR" or path.suffix.lower() in _OTHERS:
        return False
    return path.suffix.lower() in (".dcm", ".dicom") or is_dicom(path)


def _row(path: Path) -> dict[str, object]:
    try:
        header = read_header(path)
    except ImageError as error:
        return {
            "image_id": str(path),
            "patient_id": "",
            "study_id": str(path),
            "path": str(path),
            "view_position": UNKNOWN,
            "age": float("nan"),
            "sex": UNKNOWN,
            "manufacturer": UNKNOWN,
            "accession": "",
            "body_part": "",
            "error": str(error),
        }
    text: Callable[[str], str] = lambda tag: str(header.get(tag) or "").strip()  # noqa: E731
    return {
        "image_id": text("SOPInstanceUID") or str(path),
        "patient_id": text("PatientID"),
        "study_id": text("StudyInstanceUID") or str(path),
        "path": str(path),
        "view_position": group_name(text("ViewPosition")),
        "age": age_of(header),
        "sex": parse_sex(pd.Series([text("PatientSex")])).iloc[0],
        "manufacturer": group_name(text("Manufacturer")),
        "accession": text("AccessionNumber"),
        "body_part": text("BodyPartExamined").upper(),
        "error": "",
    }


def age_of(header: "Header") -> float:
    """Return the age in years from PatientAge, else from the dates of birth and study; else NaN."""
    stated = str(header.get("PatientAge") or "").strip()
    if stated:
        return float(parse_ages(pd.Series([stated])).iloc[0])
    born, seen = (
        pd.to_datetime(str(header.get(tag) or ""), format="%Y%m%d", errors="coerce")
        for tag in ("PatientBirthDate", "StudyDate")
    )
    years = (seen - born).days / 365.25 if pd.notna(born) and pd.notna(seen) else float("nan")
    return float(parse_ages(pd.Series([years])).iloc[0]) if years >= 0 else float("nan")


def _join(
    images: pd.DataFrame, table: pd.DataFrame, file: Path
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Add the columns of the table of labels to the images."""
    key = next((name for name in KEYS if name in table), None)
    if key is None:
        raise DataError(
            f"{file} has none of the columns {', '.join(KEYS)}; it has "
            f"{', '.join(map(str, table.columns[:10]))}. Name the one that identifies the image."
        )
    table = table.astype({key: "str"})
    require_unique(str(file), table, [key])
    findings = tuple(str(name) for name in table.columns if name not in KEYS)
    if not findings:
        raise DataError(f"{file} has no column of labels besides {key}.")
    if clashes := set(findings) & {*images.columns, "age_group"}:
        raise DataError(
            f"{file} has columns that the headers fill: {', '.join(sorted(clashes))}. Leave findings only, "
            "or rename them."
        )
    own = images.assign(file=images["path"].map(lambda path: Path(path).name))
    of_image = table.set_index(key).reindex(own[key])[list(findings)].reset_index(drop=True)
    return pd.concat([images.drop(columns="accession"), of_image], axis=1), findings
