"""MIMIC-CXR-JPG 2.0 and 2.1 (Johnson et al. 2019), MIMIC-CXR (DICOM), and MIMIC-IV."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from cxraudit.datasets import values
from cxraudit.datasets.base import REPORT, Dataset, age_groups
from cxraudit.datasets.release import Count, ReleaseFile, check_choices, find_all
from cxraudit.datasets.release_table import ReleaseTable, find_table, open_table
from cxraudit.datasets.releases import mimic_iv
from cxraudit.datasets.releases.chexpert_labels import (
    DEVICES,
    chosen_findings,
    devices_of,
    resolved,
)
from cxraudit.datasets.releases.mimic_reports import findings_texts
from cxraudit.datasets.truth import read_truth
from cxraudit.errors import DataError
from cxraudit.notices import Notice, counted
from cxraudit.schema import UNKNOWN

SUMMARY = "MIMIC-CXR(-JPG) 2.x with MIMIC-IV: 377,110 images of 65,379 patients, age, sex and race"

_METADATA = "mimic-cxr-2*-metadata.csv*"
_HINT = (
    "Download MIMIC-CXR-JPG from PhysioNet (credentialed access) and give the folder that contains it "
    "and MIMIC-IV; the DICOM release has neither labels nor splits."
)

FILES = (
    ReleaseFile("mimic-cxr-2.0.0-metadata.csv.gz", "PhysioNet, MIMIC-CXR-JPG", (_METADATA,)),
    ReleaseFile(
        "mimic-cxr-2.0.0-chexpert.csv.gz or -negbio.csv.gz",
        "PhysioNet, MIMIC-CXR-JPG",
        ("mimic-cxr-2*-chexpert.csv*", "mimic-cxr-2*-negbio.csv*"),
    ),
    ReleaseFile(
        "mimic-cxr-2.1.0-test-set-labeled.csv",
        "PhysioNet, MIMIC-CXR-JPG 2.1.0; needed for labels=radiologist",
        ("mimic-cxr-2*-test-set-labeled.csv*",),
        needed=False,
    ),
    ReleaseFile(
        "mimic-cxr-2.0.0-split.csv.gz",
        "PhysioNet, MIMIC-CXR-JPG; needed unless split=all",
        ("mimic-cxr-2*-split.csv*",),
        needed=False,
    ),
    ReleaseFile(
        "files/p10/p10000032/s50414267/<dicom_id>.jpg (or .dcm with images=dicom)",
        "PhysioNet",
        ("files/p1*", "images*/files/p*"),
    ),
    ReleaseFile(
        "reports: mimic_cxr_sectioned.csv, mimic-cxr-reports.zip, or .txt beside the images",
        "PhysioNet, MIMIC-CXR; needed for reports=findings",
        ("mimic_cxr_sectioned.csv*", "mimic-cxr-reports.zip", "files/p1*/p*/s*.txt"),
        needed=False,
    ),
    *mimic_iv.FILES,
)

CHOICES = {
    "split": ("test", "validate", "train", "all"),
    "labels": ("chexpert", "negbio", "radiologist"),
    "uncertain": ("zeros", "ones", "ignore"),
    "blank": ("zeros", "ones", "ignore"),
    "views": ("frontal", "all"),
    "race": tuple(mimic_iv.RACE_RULES),
    "reports": ("any", "findings"),
    "images": ("jpg", "dicom"),
    "findings": ("six", "all"),
    "demographics": ("mimic-iv", "none"),
}
"""Option → allowed values."""

COHORTS: dict[str, Mapping[str, Any]] = {
    "paper": {
        "split": "test",
        "views": "frontal",
        "reports": "findings",
        "adults": True,
        "uncertain": "zeros",
        "blank": "zeros",
        "only.race": "white,black,asian",
    },
}
"""Published cohort → options. ``paper``: Sourget et al. (2025)."""


def load(
    root: Path,
    *,
    split: str = "test",
    labels: str = "chexpert",
    uncertain: str = "zeros",
    blank: str = "zeros",
    views: str = "frontal",
    race: str = "drop-conflicting",
    reports: str = "any",
    images: str = "jpg",
    findings: str = "six",
    demographics: str = "mimic-iv",
) -> Dataset:
    """Read MIMIC-CXR-JPG and MIMIC-IV unpacked under `root`.

    Both are searched up to five levels of folders below `root`, where ``wget`` from PhysioNet puts
    them; tables may be compressed (gz) or not.

    Parameters
    ----------
    root : pathlib.Path
        Folder that contains both releases.
    split : {"test", "validate", "train", "all"}
        The official split.
    labels : {"chexpert", "negbio", "radiologist"}
        Labeler; or the labels that a radiologist gave 687 reports of the test split (release 2.1.0), on which
        the labelers were evaluated. Studies without them are excluded.
    uncertain : {"zeros", "ones", "ignore"}
        Value of uncertain labels (−1): 0 (as in Sourget et al. 2025), 1, or not labelled.
    blank : {"zeros", "ones", "ignore"}
        Value of findings that the report does not mention.
    views : {"frontal", "all"}
        Views to keep; frontal is AP and PA.
    race : {"drop-conflicting", "drop-inconsistent", "first", "first-known", "majority"}
        Rule for one race per patient with several admissions; see `mimic_iv.RACE_RULES`.
    reports : {"any", "findings"}
        ``findings`` keeps images whose report has a FINDINGS section, by the rules of the publishers,
        and adds the text of that section as the column ``report``.
    images : {"jpg", "dicom"}
        Images of MIMIC-CXR-JPG or of MIMIC-CXR.
    findings : {"six", "all"}
        The six findings of Sourget et al. (2025), or all labelled ones.
    demographics : {"mimic-iv", "none"}
        Source of age, sex and race; ``none`` reads no MIMIC-IV.

    Raises
    ------
    DataError
        If a table is missing, damaged, of another release, or has an image twice.
    """
    options = {
        "split": split,
        "labels": labels,
        "uncertain": uncertain,
        "blank": blank,
        "views": views,
        "race": race,
        "reports": reports,
        "images": images,
        "findings": findings,
        "demographics": demographics,
    }
    check_choices(options, CHOICES)
    metadata = _metadata(root, ("dicom_id", "subject_id", "study_id", "ViewPosition"))
    folder, chosen = metadata.path.parent, chosen_findings(findings)
    subjects, studies = metadata.ids("subject_id"), metadata.ids("study_id")
    dicoms = metadata.ids("dicom_id", unique=True)
    table = pd.DataFrame(
        {
            "image_id": dicoms,
            "patient_id": subjects,
            "study_id": studies,
            "path": _dicom_paths(root, dicoms, metadata.notices)
            if images == "dicom"
            else _jpg_paths(folder, subjects, studies, dicoms),
            "view_position": metadata.read("ViewPosition", values.views),
        }
    )
    attributes: tuple[str, ...] = ("view_position",)
    if demographics == "mimic-iv":
        table = pd.concat([table, _demographics(root, metadata, subjects, race)], axis=1)
        attributes = ("age_group", "sex", "race", "view_position")
    policies = {"uncertain": uncertain, "blank": blank}
    given = _labels(folder, labels, chosen, policies)
    _note_studies(given, studies, subjects)
    of_image = given.labels.reindex(studies).reset_index(drop=True)
    table = pd.concat([table, of_image[list(chosen)]], axis=1)
    devices = DEVICES in of_image
    if devices:
        table["support_devices"] = devices_of(of_image[DEVICES])
    notices = (*metadata.notices, *given.table.notices)
    truth = read_truth(root)
    dataset = Dataset(
        name=truth["name"] if truth else "mimic-cxr",
        version=_version(metadata.path),
        license="synthetic radiographs"
        if truth
        else "PhysioNet Credentialed Health Data License 1.5.0",
        root=root,
        images=table,
        findings=chosen,
        attributes=attributes,
        shortcuts=("support_devices",) if devices else (),
        policies=policies,
        notes=_notes(options),
        notices=notices,
        truth=truth,
    )
    return _steps(dataset, root, folder, options)


def _steps(dataset: Dataset, root: Path, folder: Path, options: Mapping[str, str]) -> Dataset:
    """Apply the filters of this data set, each as a named step."""
    if options["split"] != "all":
        of_image, notices = _splits(folder, dataset.images["image_id"])
        dataset = replace(dataset, notices=(*dataset.notices, *notices))
        dataset = dataset.keep(
            of_image == options["split"],
            step=f"split {options['split']}",
            reason="in another split, or in none",
        )
    unlabelled = dataset.images[list(dataset.findings)].isna().all(axis=1)
    if options["blank"] == "ignore":
        reason = f"no label by {options['labels']} for any finding"
    else:
        reason = f"the study has no {options['labels']} labels"
    dataset = dataset.keep(~unlabelled, step="labelled", reason=reason)
    if options["views"] == "frontal":
        frontal = dataset.images["view_position"].isin(["AP", "PA"])
        dataset = dataset.keep(frontal, step="frontal", reason="neither AP nor PA")
    if options["reports"] == "findings":
        studies = dataset.images[["patient_id", "study_id"]].drop_duplicates("study_id")
        texts = findings_texts(root, studies.rename(columns={"patient_id": "subject_id"}))
        of_image = dataset.images["study_id"].map(texts.series)
        dataset = replace(
            dataset,
            images=dataset.images.assign(**{REPORT: of_image}),
            notices=(*dataset.notices, *texts.notices),
        )
        dataset = dataset.keep(
            of_image != "",
            step="FINDINGS",
            reason="the report has no FINDINGS section",
        )
    return dataset


def _metadata(root: Path, columns: tuple[str, ...]) -> ReleaseTable:
    others = [
        path
        for path in find_all(root, "mimic-cxr-*metadata.csv*")
        if not re.match(r"mimic-cxr-2\.\d", path.name)
    ]
    if others and next(find_all(root, _METADATA), None) is None:
        raise DataError(
            f"{others[0]} belongs to a release of MIMIC-CXR-JPG that is not supported; versions 2.0 "
            "and 2.1 are. Download one of them from PhysioNet."
        )
    return find_table(root, (_METADATA,), hint=_HINT, columns=columns)


def _version(metadata_file: Path) -> str:
    """Return the version by the folder name, since 2.1.0 kept the file names of 2.0.0."""
    folder = metadata_file.parent.name
    if re.fullmatch(r"\d+\.\d+\.\d+", folder):
        return folder
    return metadata_file.name.removeprefix("mimic-cxr-").split("-")[0]


class _Labelled(NamedTuple):
    """The labels of studies, and the table they were read from."""

    labels: pd.DataFrame
    """Indexed by study."""
    table: ReleaseTable


def _labels(
    folder: Path, labeler: str, findings: tuple[str, ...], policies: Mapping[str, str]
) -> _Labelled:
    """Return the labels of each study by a labeler, with support devices where it has them."""
    if labeler == RADIOLOGIST:
        table = _by_radiologist(folder, findings)
    else:
        needed = ("study_id", *findings)
        table = find_table(folder, (f"mimic-cxr-2*-{labeler}.csv*",), hint=_HINT, columns=needed)
    studies = table.ids("study_id", unique=True)
    columns = (*findings, DEVICES) if DEVICES in table.frame else findings
    labels = resolved(table, columns, uncertain=policies["uncertain"], blank=policies["blank"])
    return _Labelled(labels.set_axis(studies), table)


RADIOLOGIST = "radiologist"
_OF_RADIOLOGIST = {"Airspace Opacity": "Lung Opacity"}
"""Name of a finding in the labels of the radiologist → in those of the labelers."""


def _by_radiologist(folder: Path, findings: tuple[str, ...]) -> ReleaseTable:
    """Return the labels that a radiologist gave reports, with the names of findings of the labelers."""
    table = find_table(
        folder,
        ("mimic-cxr-2*-test-set-labeled.csv*",),
        hint="It is part of MIMIC-CXR-JPG 2.1.0; download it, or use --option labels=chexpert.",
        columns=("study_id",),
    )
    known = {new: old for old, new in _OF_RADIOLOGIST.items() if old in table.frame}
    named = replace(table, frame=table.frame.rename(columns={v: k for k, v in known.items()}))
    named.require(findings)
    return named


def _note_studies(given: _Labelled, studies: pd.Series, subjects: pd.Series) -> None:
    """Count labelled studies without an image, and those with another patient than their images."""
    table, labelled = given.table, given.labels.index
    without = labelled[~labelled.isin(studies)].to_series()
    table.note_unmatched("study_id", without, "of studies without an image in the metadata")
    if "subject_id" not in table.frame:
        return
    patient_of = table.texts("subject_id").str.removesuffix(".0").set_axis(labelled)
    of_image = studies.map(patient_of)
    other = of_image.notna() & (of_image != subjects)
    if number := int(other.sum()):
        stated = (
            f"{counted(number, 'image')} of studies that have another patient in this table, first study "
            f"{studies[other].iloc[0]}; the patient is that of the metadata."
        )
        table.note("subject_id", number, stated)


def _demographics(
    root: Path, metadata: ReleaseTable, subjects: pd.Series, race: str
) -> pd.DataFrame:
    """Return age, sex and race of each image; notices are added to the metadata's notices."""
    metadata.require(("StudyDate",))
    dates = metadata.read(
        "StudyDate", lambda cells, about: values.dates(cells, about, strict=False)
    )
    found = mimic_iv.ages_and_sexes(root, subjects, dates)
    races = mimic_iv.races(root, subjects, race)
    metadata.notices.extend([*found.notices, *races.notices])
    return pd.DataFrame(
        {
            "age": found.ages.series,
            "sex": found.sexes,
            "age_group": age_groups(found.ages),
            "race": races.series,
        }
    )


_SPLITS = {"train": "train", "validate": "validate", "test": "test"}


def _splits(folder: Path, images: pd.Series) -> tuple[pd.Series, tuple[Notice, ...]]:
    """Return the official split of each image, ``unknown`` where there is none."""
    table = find_table(
        folder,
        ("mimic-cxr-2*-split.csv*",),
        hint="Download it, or use --option split=all.",
        columns=("dicom_id", "split"),
    )
    names = table.ids("dicom_id", unique=True)
    splits = table.coded("split", _SPLITS.get).set_axis(names)
    unmatched = names[~names.isin(images)]
    table.note_unmatched("dicom_id", unmatched, "of images that the metadata do not have")
    return images.map(splits).fillna(UNKNOWN), tuple(table.notices)


def _jpg_paths(
    folder: Path, subjects: pd.Series, studies: pd.Series, dicoms: pd.Series
) -> pd.Series:
    resized = sorted(folder.glob("images*/files"))
    image_folder = folder / "files" if (folder / "files").is_dir() or not resized else resized[0]
    of_patient = f"{image_folder}/p" + subjects.str[:2] + "/p" + subjects
    return of_patient + "/s" + studies + "/" + dicoms + ".jpg"


def _dicom_paths(root: Path, dicoms: pd.Series, notices: list[Notice]) -> pd.Series:
    """Return the paths of the images of MIMIC-CXR, by its list of records."""
    for file in find_all(root, "cxr-record-list.csv*"):
        table = open_table(file, columns=("dicom_id", "path"))
        if table.texts("path").iloc[:1].str.endswith(".dcm").all():
            names = table.ids("dicom_id", unique=True)
            of_image = dicoms.map(table.texts("path").set_axis(names))
            if without := int(of_image.isna().sum()):
                stated = f"{counted(without, 'image')} without a path in it; their files will be missing."
                table.note("path", without, stated)
            notices.extend(table.notices)
            return f"{file.parent}/" + of_image.fillna(dicoms + ".dcm")
    raise DataError(
        f"cxr-record-list.csv.gz with .dcm files is missing under {root}. Download MIMIC-CXR "
        "from PhysioNet, or use --option images=jpg."
    )


def _notes(options: Mapping[str, str]) -> tuple[str, ...]:
    source = f"extracted from the reports by the {options['labels']} labeler"
    if options["labels"] == RADIOLOGIST:
        source = "given by a radiologist from the reports, not from the images"
    notes = [
        f"Labels were {source}; uncertain (-1) counts "
        f"as {values.MEANS[options['uncertain']]}, a finding the report does not mention as "
        f"{values.MEANS[options['blank']]}."
    ]
    if options["demographics"] == "mimic-iv":
        notes.append(
            "Race is that recorded at admissions; where they differ, the rule "
            f"'{options['race']}' applies."
        )
    return tuple(notes)


PUBLISHED = {
    "images": 377_110,
    "studies": 227_835,
    "patients": 65_379,
    "images in train": 368_960,
    "images in validate": 2_991,
    "images in test": 5_159,
    "studies in test": 3_269,
    "patients in test": 293,
    "frontal images in test": 3_653,
}
"""Counts of release 2.0.0; those of 2.1.0 are the same."""


def release_counts(root: Path) -> list[Count]:
    """Count images, studies and patients of the release under `root`, beside the published counts."""
    metadata = _metadata(root, ("dicom_id", "subject_id", "study_id", "ViewPosition"))
    images = pd.DataFrame(
        {
            "dicom_id": metadata.ids("dicom_id", unique=True),
            **{key: metadata.ids(key) for key in ("subject_id", "study_id")},
            "view": metadata.read("ViewPosition", values.views),
        }
    )
    found = {
        "images": len(images),
        "studies": images["study_id"].nunique(),
        "patients": images["subject_id"].nunique(),
    }
    if next(find_all(metadata.path.parent, "mimic-cxr-2*-split.csv*"), None):
        splits, _ = _splits(metadata.path.parent, images["dicom_id"])
        found |= {f"images in {name}": int((splits == name).sum()) for name in _SPLITS}
        test = images[splits == "test"]
        found["studies in test"] = test["study_id"].nunique()
        found["patients in test"] = test["subject_id"].nunique()
        found["frontal images in test"] = int(test["view"].isin(["AP", "PA"]).sum())
    return [Count(what, number, PUBLISHED.get(what)) for what, number in found.items()]
