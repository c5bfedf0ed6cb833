"""MIMIC-CXR-JPG 2.0 and 2.1 (Johnson et al. 2019), MIMIC-CXR (DICOM), and MIMIC-IV."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from cxraudit.datasets.base import REPORT, Dataset, age_group
from cxraudit.datasets.release import Count, ReleaseFile, check_choices, find_all, find_one
from cxraudit.datasets.releases import mimic_iv
from cxraudit.datasets.releases.chexpert_labels import MEANS, chosen_findings, resolved
from cxraudit.datasets.releases.mimic_reports import findings_texts
from cxraudit.datasets.truth import read_truth
from cxraudit.errors import DataError
from cxraudit.files import read_table
from cxraudit.schema import UNKNOWN, require_columns, require_unique

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
    "labels": ("chexpert", "negbio"),
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
    labels : {"chexpert", "negbio"}
        Labeler.
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
    metadata_file = _metadata_file(root)
    folder = metadata_file.parent
    metadata = _read(
        metadata_file, ("dicom_id", "subject_id", "study_id", "ViewPosition", "StudyDate")
    )
    require_unique(str(metadata_file), metadata, ["dicom_id"])
    label_file = find_one(folder, (f"mimic-cxr-2*-{labels}.csv*",), hint=_HINT)
    chosen = chosen_findings(findings)
    labelled = _read(label_file, ("study_id", *chosen))
    require_unique(str(label_file), labelled, ["study_id"])
    of_image = labelled.set_index("study_id").reindex(metadata["study_id"]).reset_index(drop=True)
    has_labels = metadata["study_id"].isin(labelled["study_id"])

    table = pd.DataFrame(
        {
            "image_id": metadata["dicom_id"],
            "patient_id": metadata["subject_id"],
            "study_id": metadata["study_id"],
            "path": _paths(root, folder, metadata, images),
            "view_position": metadata["ViewPosition"].fillna(UNKNOWN).astype("str"),
        }
    )
    attributes: tuple[str, ...] = ("view_position",)
    if demographics == "mimic-iv":
        ages, sexes = mimic_iv.ages_and_sexes(root, metadata["subject_id"], metadata["StudyDate"])
        table["age"], table["sex"] = ages, sexes
        table["age_group"] = ages.map(age_group).astype("str")
        table["race"] = mimic_iv.races(root, metadata["subject_id"], race)
        attributes = ("age_group", "sex", "race", "view_position")
    policies = {"uncertain": uncertain, "blank": blank}
    for finding in chosen:
        table[finding] = resolved(of_image[finding], **policies).where(has_labels)
    devices = "Support Devices" in labelled
    if devices:
        present = resolved(of_image["Support Devices"], **policies).where(has_labels)
        table["support_devices"] = (
            present.map({1.0: "yes", 0.0: "no"}).fillna(UNKNOWN).astype("str")
        )
    truth = read_truth(root)
    dataset = Dataset(
        name=truth["name"] if truth else "mimic-cxr",
        version=_version(metadata_file),
        license="synthetic radiographs"
        if truth
        else "PhysioNet Credentialed Health Data License 1.5.0",
        root=root,
        images=table,
        findings=chosen,
        attributes=attributes,
        shortcuts=("support_devices",) if devices else (),
        notes=_notes(options, metadata, labelled),
        truth=truth,
    )
    return _steps(dataset, root, folder, options)


def _steps(dataset: Dataset, root: Path, folder: Path, options: Mapping[str, str]) -> Dataset:
    """Apply the filters of this data set, each as a named step."""
    if options["split"] != "all":
        file = find_one(
            folder, ("mimic-cxr-2*-split.csv*",), hint="Download it, or use --option split=all."
        )
        splits = _read(file, ("dicom_id", "split"))
        require_unique(str(file), splits, ["dicom_id"])
        of_image = dataset.images["image_id"].map(splits.set_index("dicom_id")["split"])
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
        of_image = dataset.images["study_id"].map(texts)
        dataset = replace(dataset, images=dataset.images.assign(**{REPORT: of_image}))
        dataset = dataset.keep(
            of_image != "",
            step="FINDINGS",
            reason="the report has no FINDINGS section",
        )
    return dataset


def _metadata_file(root: Path) -> Path:
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
    return find_one(root, (_METADATA,), hint=_HINT)


def _version(metadata_file: Path) -> str:
    """Return the version by the folder name, since 2.1.0 kept the file names of 2.0.0."""
    folder = metadata_file.parent.name
    if re.fullmatch(r"\d+\.\d+\.\d+", folder):
        return folder
    return metadata_file.name.removeprefix("mimic-cxr-").split("-")[0]


def _read(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    table = read_table(path, text=("dicom_id", "subject_id", "study_id"))
    require_columns(str(path), table, columns)
    return table


def _paths(root: Path, folder: Path, metadata: pd.DataFrame, images: str) -> pd.Series:
    if images == "dicom":
        return _dicom_paths(root, metadata["dicom_id"])
    resized = sorted(folder.glob("images*/files"))
    image_folder = folder / "files" if (folder / "files").is_dir() or not resized else resized[0]
    subjects = metadata["subject_id"]
    return (
        f"{image_folder}/p"
        + subjects.str[:2]
        + "/p"
        + subjects
        + "/s"
        + metadata["study_id"]
        + "/"
        + metadata["dicom_id"]
        + ".jpg"
    )


def _dicom_paths(root: Path, dicoms: pd.Series) -> pd.Series:
    """Return the paths of the images of MIMIC-CXR, by its list of records."""
    for file in find_all(root, "cxr-record-list.csv*"):
        records = _read(file, ("dicom_id", "path"))
        if records["path"].iloc[:1].str.endswith(".dcm").all():
            require_unique(str(file), records, ["dicom_id"])
            of_image = dicoms.map(records.set_index("dicom_id")["path"])
            return f"{file.parent}/" + of_image.fillna(dicoms + ".dcm")
    raise DataError(
        f"cxr-record-list.csv.gz with .dcm files is missing under {root}. Download MIMIC-CXR "
        "from PhysioNet, or use --option images=jpg."
    )


def _notes(
    options: Mapping[str, str], metadata: pd.DataFrame, labelled: pd.DataFrame
) -> tuple[str, ...]:
    notes = [
        f"Labels were extracted from the reports by the {options['labels']} labeler; uncertain (-1) counts "
        f"as {MEANS[options['uncertain']]}, a finding the report does not mention as "
        f"{MEANS[options['blank']]}."
    ]
    if options["demographics"] == "mimic-iv":
        notes.append(
            "Race is that recorded at admissions; where they differ, the rule "
            f"'{options['race']}' applies."
        )
    unmatched = int((~labelled["study_id"].isin(metadata["study_id"])).sum())
    if unmatched:
        notes.append(f"{unmatched:,} labelled studies have no image in the metadata.")
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
    metadata_file = _metadata_file(root)
    images = _read(metadata_file, ("dicom_id", "subject_id", "study_id", "ViewPosition"))
    found = {
        "images": len(images),
        "studies": images["study_id"].nunique(),
        "patients": images["subject_id"].nunique(),
    }
    if file := next(find_all(metadata_file.parent, "mimic-cxr-2*-split.csv*"), None):
        images = images.merge(_read(file, ("dicom_id", "split"))[["dicom_id", "split"]], how="left")
        found |= {
            f"images in {name}": int((images["split"] == name).sum())
            for name in ("train", "validate", "test")
        }
        test = images[images["split"] == "test"]
        found["studies in test"] = test["study_id"].nunique()
        found["patients in test"] = test["subject_id"].nunique()
        found["frontal images in test"] = int(test["ViewPosition"].isin(["AP", "PA"]).sum())
    return [Count(what, number, PUBLISHED.get(what)) for what, number in found.items()]
