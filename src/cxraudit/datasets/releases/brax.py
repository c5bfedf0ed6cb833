"""BRAX 1.1.0 (Reis et al. 2022): chest radiographs of a hospital in São Paulo, labels of 14 findings.

Columns and values are those that the publishers describe and that published code reads; the table itself
needs credentials and was not available. Two facts are not described: that the number of an age bin is its
lower end, which the last bin implies (``85 or more``), and that accession numbers are unique, which is not
assumed. Paths of images are taken as the table gives them.
"""

from pathlib import Path

import pandas as pd

from cxraudit.datasets.base import OLDEST, Dataset, age_group, parse_sex, resolve_per_patient
from cxraudit.datasets.release import Count, ReleaseFile, check_choices, find_one
from cxraudit.datasets.releases.chexpert_labels import MEANS, chosen_findings, resolved
from cxraudit.files import read_table
from cxraudit.schema import UNKNOWN, require_columns, require_unique, require_values

SUMMARY = (
    "BRAX: 40,967 images of 19,351 patients of a Brazilian hospital, sex, age in bins of 5 years"
)

_TABLE = "master_spreadsheet_update.csv"
_SOURCE = "PhysioNet, BRAX 1.1.0 (credentialed access)"

FILES = (
    ReleaseFile(_TABLE, _SOURCE),
    ReleaseFile(
        "images/id_*/Study_*/Series_*/*.png, or Anonymized_DICOMs/… with images=dicom",
        _SOURCE,
        ("images/id_*", "Anonymized_DICOMs/id_*"),
    ),
)

CHOICES = {
    "uncertain": ("zeros", "ones", "ignore"),
    "blank": ("zeros", "ones", "ignore"),
    "views": ("frontal", "all"),
    "images": ("png", "dicom"),
    "findings": ("six", "all"),
}
"""Option → allowed values."""

_PATHS = {"png": "PngPath", "dicom": "DicomPath"}
"""Form of the images → column of their paths; those of the PNG images identify an image in both forms."""
_PATIENT, _STUDY, _BINS = "PatientID", "AccessionNumber", "PatientAge"
_TEXT = (_PATIENT, _STUDY, _BINS, "PatientSex", "ViewPosition", "Manufacturer")
_DEVICES = "Support Devices"

_BIN = 5
"""Years."""
_OPEN = " or more"
"""Ends the text of the last bin."""


def load(
    root: Path,
    *,
    uncertain: str = "zeros",
    blank: str = "zeros",
    views: str = "frontal",
    images: str = "png",
    findings: str = "six",
) -> Dataset:
    """Read BRAX unpacked under `root`.

    Ages are published in bins of 5 years. Where all ages of a bin are in one age group, the age of an
    image is the lower end of its bin; the bin 15–19 spans two groups and counts as unknown.

    Parameters
    ----------
    root : pathlib.Path
        Folder that holds ``master_spreadsheet_update.csv``, or one above it.
    uncertain : {"zeros", "ones", "ignore"}
        Value of uncertain labels (−1): 0, 1, or not labelled.
    blank : {"zeros", "ones", "ignore"}
        Value of findings that the report does not mention.
    views : {"frontal", "all"}
        Views to keep; frontal is AP and PA.
    images : {"png", "dicom"}
        Which of the two published forms of the images.
    findings : {"six", "all"}
        The six findings of Sourget et al. (2025), or all labelled ones.

    Raises
    ------
    DataError
        If the table is missing, lacks a column, has an image twice, or a row has no patient.
    """
    options = {
        "uncertain": uncertain,
        "blank": blank,
        "views": views,
        "images": images,
        "findings": findings,
    }
    check_choices(options, CHOICES)
    chosen = chosen_findings(findings)
    file, raw = _read(root, (_PATHS[images], *_TEXT, _DEVICES, *chosen))
    patients, ages = raw[_PATIENT], lower_ends(raw[_BINS])
    table = pd.DataFrame(
        {
            "image_id": raw[_PATHS["png"]],
            "patient_id": patients,
            "study_id": patients + "/" + raw[_STUDY].fillna(UNKNOWN),
            "path": f"{file.parent}/" + raw[_PATHS[images]],
            "view_position": raw["ViewPosition"].fillna(UNKNOWN),
            "age": ages,
            "age_group": ages.map(age_group).astype("str"),
            "sex": resolve_per_patient(patients, parse_sex(raw["PatientSex"])),
            "manufacturer": raw["Manufacturer"],
        }
    )
    for finding in chosen:
        table[finding] = resolved(raw[finding], uncertain=uncertain, blank=blank)
    devices = resolved(raw[_DEVICES], uncertain=uncertain, blank=blank)
    table["support_devices"] = devices.map({1.0: "yes", 0.0: "no"}).fillna(UNKNOWN).astype("str")
    dataset = Dataset(
        name="brax",
        version="1.1.0",
        license="PhysioNet Credentialed Health Data License 1.5.0",
        root=root,
        images=table,
        findings=chosen,
        attributes=("age_group", "sex", "view_position", "manufacturer"),
        shortcuts=("support_devices",),
        notes=(
            "Labels were extracted from Portuguese reports by a labeler; uncertain (-1) counts as "
            f"{MEANS[uncertain]}, a finding the report does not mention as {MEANS[blank]}.",
            _note_on_ages(raw[_BINS], ages),
        ),
    )
    if views == "frontal":
        dataset = dataset.keep(
            dataset.images["view_position"].isin(["AP", "PA"]),
            step="frontal",
            reason="neither AP nor PA, or no view recorded",
        )
    return dataset


def _read(root: Path, columns: tuple[str, ...]) -> tuple[Path, pd.DataFrame]:
    hint = f"Download it from {_SOURCE} and give its folder."
    file = find_one(root, (_TABLE,), hint=hint)
    table = read_table(file, text=(*_PATHS.values(), *_TEXT))
    image = _PATHS["png"]
    needed = list(dict.fromkeys([image, *columns]))
    require_columns(str(file), table, needed)
    require_values(
        str(file), table, [name for name in needed if name in (_PATIENT, *_PATHS.values())]
    )
    require_unique(str(file), table, [image])
    return file, table


def lower_ends(bins: pd.Series) -> pd.Series:
    """Return the lower end of age bins, where all ages of the bin are in one age group.

    Parameters
    ----------
    bins : pandas.Series of str
        ``0``, ``5``, … ``80``: 5 years from this age on; ``85 or more``.

    Returns
    -------
    pandas.Series of float
        Years. NaN where the bin spans two age groups, and where the text is no bin.
    """
    text = bins.fillna("").astype("str").str.strip()
    lowest = pd.to_numeric(text.str.removesuffix(_OPEN), errors="coerce").astype("float64")
    highest = (lowest + _BIN - 1).mask(text.str.endswith(_OPEN), OLDEST)
    one_group = lowest.map(age_group) == highest.map(age_group)
    return lowest.where(one_group & lowest.between(0, OLDEST) & (lowest % _BIN == 0))


def _note_on_ages(bins: pd.Series, ages: pd.Series) -> str:
    """Return what ages are, and how many are unknown by what is recorded."""
    note = f"The age of an image is the lower end of its published bin of {_BIN} years."
    recorded = bins[ages.isna()].fillna("nothing").value_counts().sort_index()
    if recorded.empty:
        return note
    counts = ", ".join(f"{text} ({number:,})" for text, number in recorded.items())
    return (
        f"{note} It is unknown where the bin spans two age groups or none is recorded; images by what "
        f"is recorded: {counts}."
    )


PUBLISHED = {"images": 40_967, "studies": 24_959, "patients": 19_351}
"""Counts of release 1.1.0."""


def release_counts(root: Path) -> list[Count]:
    """Count images, studies and patients of the release under `root`, beside the published counts."""
    _, table = _read(root, (_PATIENT, _STUDY))
    found = {
        "images": len(table),
        "studies": len(table[[_PATIENT, _STUDY]].drop_duplicates()),
        "patients": table[_PATIENT].nunique(),
    }
    return [Count(what, number, PUBLISHED[what]) for what, number in found.items()]
