"""A folder of DICOM images: demographics and view from the headers, findings from a table."""

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

SUMMARY = "a folder of DICOM images: age, sex, view and manufacturer from the headers, labels from a table"
FILES = (
    ReleaseFile(
        "*.dcm, at any depth", "your archive", ("*.dcm", "*/*.dcm", "*/*/*.dcm", "**/*.dcm")
    ),
    ReleaseFile("a table of labels", "your own; needed for labels=FILE", ("*.csv",), needed=False),
)

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

KEYS = ("image_id", "study_id", "accession", "file")
"""Columns that a table of labels is joined by; the first one it has is used. ``image_id`` and
``study_id`` are the SOP and study instance UIDs."""


def load(root: Path, *, labels: Path | None = None) -> Dataset:
    """Read every DICOM file under `root`.

    Age is PatientAge, else the difference of study date and birth date; headers have no race. Files
    that cannot be read, and images whose header names a body part other than the chest, are listed
    as excluded.

    Parameters
    ----------
    root : pathlib.Path
        Folder with the images, at any depth.
    labels : pathlib.Path
        CSV or Parquet with one of the columns image_id (SOP instance UID), study_id (study
        instance UID), accession or file (name of the file), and one column per finding: 1, 0 or
        empty.

    Raises
    ------
    DataError
        If there is no DICOM file, an image is there twice or has no patient, or labels are missing.
    """
    if labels is None:
        raise DataError(
            "DICOM headers have no findings. Name a table of labels: --option labels=FILE, "
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
    without_patient = images[readable & (images["patient_id"] == "")]
    if len(without_patient):
        raise DataError(
            f"{without_patient['path'].iloc[0]} has no PatientID. Patients are the unit of every interval: "
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
        notes=("Age, sex and view are taken from the DICOM headers.",),
    )
    dataset = dataset.keep(readable, step="readable", reason="not a readable DICOM file")
    chest = dataset.images["body_part"].isin(["", "CHEST", "THORAX", "PORT CHEST"])
    dataset = dataset.keep(chest, step="chest", reason="the header names another body part")
    labelled = dataset.images[list(findings)].notna().any(axis=1)
    dataset = dataset.keep(labelled, step="labelled", reason=f"no label in {labels.name}")
    return replace(dataset, images=dataset.images.drop(columns="body_part"))


def _is_image(path: Path) -> bool:
    """Tell whether a file is a DICOM image, by extension or preamble; DICOMDIR is none."""
    if path.name.upper() == "DICOMDIR" or path.suffix.lower() in _OTHER_SUFFIXES:
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

    def text(tag: str) -> str:
        return str(header.get(tag) or "").strip()

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
    """Return the age in years by PatientAge, else by the dates of birth and study, else NaN."""
    recorded = str(header.get("PatientAge") or "").strip()
    if recorded:
        return float(parse_ages(pd.Series([recorded])).iloc[0])
    birth, study = (
        pd.to_datetime(str(header.get(tag) or ""), format="%Y%m%d", errors="coerce")
        for tag in ("PatientBirthDate", "StudyDate")
    )
    years = (study - birth).days / 365.25 if pd.notna(birth) and pd.notna(study) else float("nan")
    return float(parse_ages(pd.Series([years])).iloc[0]) if years >= 0 else float("nan")


def _join(
    images: pd.DataFrame, table: pd.DataFrame, file: Path
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Add the columns of the table of labels to the images."""
    key = next((name for name in KEYS if name in table), None)
    if key is None:
        raise DataError(
            f"{file} has none of the columns {', '.join(KEYS)}; it has "
            f"{', '.join(map(str, table.columns[:10]))}. Rename the column that identifies the image."
        )
    table = table.astype({key: "str"})
    require_unique(str(file), table, [key])
    findings = tuple(str(name) for name in table.columns if name not in KEYS)
    if not findings:
        raise DataError(f"{file} has no column of labels besides {key}.")
    if clashes := set(findings) & {*images.columns, "age_group"}:
        raise DataError(
            f"{file} has columns that the headers provide: {', '.join(sorted(clashes))}. Keep findings "
            "only, or rename the columns."
        )
    keyed = images.assign(file=[Path(path).name for path in images["path"]])
    of_image = table.set_index(key).reindex(keyed[key])[list(findings)].reset_index(drop=True)
    return pd.concat([images.drop(columns="accession"), of_image], axis=1), findings
