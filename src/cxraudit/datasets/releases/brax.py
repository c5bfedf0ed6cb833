"""BRAX 1.1.0 (Reis et al. 2022): chest radiographs of a hospital in São Paulo, labels of 14 findings.

Columns and values are those that the publishers describe and that published code reads; the table itself
needs credentials and was not available. Two facts are not described: that the number of an age bin is its
lower end, which the last bin implies (``85 or more``), and that accession numbers are unique, which is not
assumed. Paths of images are taken as the table gives them.
"""

from pathlib import Path

import pandas as pd

from cxraudit.datasets import values
from cxraudit.datasets.base import OLDEST, Dataset, age_group, resolve_per_patient
from cxraudit.datasets.release import Count, ReleaseFile, check_choices
from cxraudit.datasets.release_table import ReleaseTable, find_table
from cxraudit.datasets.releases.chexpert_labels import (
    DEVICES,
    chosen_findings,
    devices_of,
    resolved,
)
from cxraudit.datasets.values.text import plain, understood, unknown_notices
from cxraudit.notices import counted, named
from cxraudit.schema import UNKNOWN

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
_GROUPS = (_BINS, "PatientSex", "ViewPosition", "Manufacturer")

_BIN = 5
"""Years."""
_LAST, _OPEN = 85, " or more"
"""Lower end of the last bin, and the end of its text."""


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
    table = _read(root)
    table.require((_PATHS[images], *_GROUPS, DEVICES, *chosen))
    image_ids = table.ids(_PATHS["png"], unique=True)
    paths = image_ids if images == "png" else table.ids(_PATHS[images], unique=True)
    patients, ages = table.ids(_PATIENT), lower_ends(table)
    labels = resolved(table, (*chosen, DEVICES), uncertain=uncertain, blank=blank)
    frame = pd.DataFrame(
        {
            "image_id": image_ids,
            "patient_id": patients,
            "study_id": _studies(table, patients),
            "path": f"{table.path.parent}/" + paths,
            "view_position": table.read("ViewPosition", values.views),
            "age": ages,
            "age_group": ages.map(age_group).astype("str"),
            "sex": resolve_per_patient(patients, table.sexes("PatientSex")),
            "manufacturer": table.groups("Manufacturer"),
        }
    )
    frame = pd.concat([frame, labels[list(chosen)]], axis=1)
    frame["support_devices"] = devices_of(labels[DEVICES])
    dataset = Dataset(
        name="brax",
        version="1.1.0",
        license="PhysioNet Credentialed Health Data License 1.5.0",
        root=root,
        images=frame,
        findings=chosen,
        attributes=("age_group", "sex", "view_position", "manufacturer"),
        shortcuts=("support_devices",),
        policies={"uncertain": uncertain, "blank": blank},
        notes=(
            "Labels were extracted from Portuguese reports by a labeler; uncertain (-1) counts as "
            f"{values.MEANS[uncertain]}, a finding the report does not mention as {values.MEANS[blank]}.",
            f"The age of an image is the lower end of its published bin of {_BIN} years.",
        ),
        notices=tuple(table.notices),
    )
    if views == "frontal":
        dataset = dataset.keep(
            dataset.images["view_position"].isin(["AP", "PA"]),
            step="frontal",
            reason="neither AP nor PA, or no view recorded",
        )
    return dataset


def _read(root: Path) -> ReleaseTable:
    hint = f"Download it from {_SOURCE} and give its folder."
    return find_table(root, (f"{_TABLE}*",), hint=hint, columns=(_PATHS["png"], _PATIENT, _STUDY))


def _studies(table: ReleaseTable, patients: pd.Series) -> pd.Series:
    """Return the studies: an accession number is one of its patient."""
    return patients + "/" + table.read(_STUDY, values.optional_ids).fillna(UNKNOWN)


def lower_ends(table: ReleaseTable) -> pd.Series:
    """Return the lower end of age bins, where all ages of the bin are in one age group.

    Returns
    -------
    pandas.Series of float
        Years. NaN, with a notice, where the bin spans two age groups and where the text is no bin
        (``0``, ``5``, … ``80``: 5 years from this age on; ``85 or more``).
    """
    about = table.about(_BINS)
    found = understood(table.frame[_BINS], about, _lower_end)
    table.notices.extend(unknown_notices(about, found.missing, found.wrong))
    ends = found.series.astype("float64")
    spans = ends[ends.notna() & ~ends.map(_is_one_group)].astype(int)
    if number := len(spans):
        stated = (
            f"{counted(number, 'age')} unknown, since the published bin spans two age groups: "
            f"{named(spans.value_counts().to_dict())}."
        )
        table.note(_BINS, number, stated)
    return ends.drop(spans.index).reindex(ends.index)


def _lower_end(word: str) -> float | None:
    text = plain(word)
    number = text.removesuffix(_OPEN).removesuffix(".0")
    end = int(number) if number.isascii() and number.isdigit() else -1
    if end % _BIN or not 0 <= end <= OLDEST or (text.endswith(_OPEN) and end != _LAST):
        return None
    return float(end)


def _is_one_group(lowest: float) -> bool:
    return age_group(lowest) == age_group(OLDEST if lowest >= _LAST else lowest + _BIN - 1)


PUBLISHED = {"images": 40_967, "studies": 24_959, "patients": 19_351}
"""Counts of release 1.1.0."""


def release_counts(root: Path) -> list[Count]:
    """Count images, studies and patients of the release under `root`, beside the published counts."""
    table = _read(root)
    patients = table.ids(_PATIENT)
    found = {
        "images": len(table.ids(_PATHS["png"], unique=True)),
        "studies": _studies(table, patients).nunique(),
        "patients": patients.nunique(),
    }
    return [Count(what, number, PUBLISHED[what]) for what, number in found.items()]
