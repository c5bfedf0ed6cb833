"""NIH ChestX-ray14 (Wang et al. 2017), with NEATX chest drain labels where they are found."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cxraudit.datasets.base import (
    ADULT_AGE_GROUPS,
    AGE_GROUPS,
    Dataset,
    age_group,
    parse_ages,
    parse_sex,
    resolve_per_patient,
)
from cxraudit.datasets.detector_labels import PREDICTED
from cxraudit.datasets.release import Count, ReleaseFile, check_choices
from cxraudit.datasets.releases import neatx
from cxraudit.datasets.truth import read_truth
from cxraudit.errors import DataError, UnknownNameError
from cxraudit.files import read_table
from cxraudit.schema import ANNOTATED, UNKNOWN, require_columns, require_unique

SUMMARY = "NIH ChestX-ray14: 112,120 images of 30,805 patients, 14 findings, age and sex"

ENTRIES = ("Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv")
BOXES = "BBox_List_2017.csv"
EXPERTS = "google2019_nih-chest-xray-labels.csv"
SOURCE = "NIH Clinical Center, ChestX-ray14 on Box"

FILES = (
    ReleaseFile("Data_Entry_2017_v2020.csv or Data_Entry_2017.csv", SOURCE, ENTRIES),
    ReleaseFile(
        "images/*.png (official), images_001/images/… (Kaggle) or a flat folder",
        SOURCE,
        ("images/*.png", "images_*/images", "images_*/*.png", "*.png"),
    ),
    ReleaseFile(
        "test_list.txt, train_val_list.txt",
        f"{SOURCE}; needed for subset=test or train_val",
        ("test_list.txt",),
        needed=False,
    ),
    ReleaseFile(
        "NEATX drain labels", "Zenodo record 14944064, CC BY-NC-SA", neatx.FILES, needed=False
    ),
    ReleaseFile(BOXES, f"{SOURCE}; boxes of 984 findings", needed=False),
    ReleaseFile(
        EXPERTS,
        "Majkowska et al. 2019, labels of 4,376 images by radiologists; needed for labels=experts",
        needed=False,
    ),
)

COLUMNS = (
    "Image Index",
    "Finding Labels",
    "Patient ID",
    "Patient Age",
    "Patient Gender",
    "View Position",
)

PUBLISHED_NAMES = {
    "Atelectasis": "Atelectasis",
    "Cardiomegaly": "Cardiomegaly",
    "Consolidation": "Consolidation",
    "Effusion": "Pleural Effusion",
    "Pneumonia": "Pneumonia",
    "Pneumothorax": "Pneumothorax",
    "Edema": "Edema",
    "Emphysema": "Emphysema",
    "Fibrosis": "Fibrosis",
    "Hernia": "Hernia",
    "Infiltration": "Infiltration",
    "Mass": "Mass",
    "Nodule": "Nodule",
    "Pleural_Thickening": "Pleural Thickening",
}
"""Name in the release → name in cxraudit, the six findings of Sourget et al. (2025) first."""

COHORTS: dict[str, Mapping[str, Any]] = {"paper": {"subset": "test"}}
"""Published cohort → options. ``paper``: Sourget et al. (2025)."""

SUBSETS = {"all": None, "test": "test_list.txt", "train_val": "train_val_list.txt"}


def load(
    root: Path,
    *,
    subset: str | Path = "all",
    images: Path | None = None,
    drains: Path | None = None,
    labels: str = "reports",
) -> Dataset:
    """Read ChestX-ray14 unpacked under `root`.

    By default no image is excluded; a missing image file is found when it is read.

    Parameters
    ----------
    root : pathlib.Path
        Folder with ``Data_Entry_2017_v2020.csv`` (used if both are there) or
        ``Data_Entry_2017.csv`` in any of its published variants.
    subset : str or pathlib.Path
        ``all``, ``test``, ``train_val`` (official lists), or a text file of image names.
    images : pathlib.Path, optional
        Folder of the images, if they are not under `root`.
    drains : pathlib.Path, optional
        NEATX file; default: the one in `root`, if any.
    labels : {"reports", "experts"}
        Published labels, extracted from reports; or labels of 4,376 images by radiologists
        (Majkowska et al. 2019) for pneumothorax and three groups of findings.

    Raises
    ------
    DataError
        If a file is missing, lacks a column, or has an image twice.
    """
    check_choices({"labels": labels}, {"labels": ("reports", "experts")})
    entries = _entries_file(root)
    raw = read_table(entries, what="the entry table")
    require_columns(str(entries), raw, COLUMNS)
    require_unique(str(entries), raw, ["Image Index"])
    names = raw["Image Index"].astype("str")
    ages = parse_ages(raw["Patient Age"])
    numbers = pd.to_numeric(raw["Patient ID"], errors="coerce")
    if numbers.isna().any():
        raise DataError(f"{entries} has {int(numbers.isna().sum())} rows without a Patient ID.")
    patients = numbers.astype("int64").astype("str")
    files = _find_images(root if images is None else images)
    fallback = root / "images" if images is None else images
    table = pd.DataFrame(
        {
            "image_id": names,
            "patient_id": patients,
            "study_id": names.str.removesuffix(".png"),
            "path": [files.get(name) or str(fallback / name) for name in names],
            "view_position": raw["View Position"].fillna(UNKNOWN).astype("str"),
            "age": ages,
            "age_group": ages.map(age_group).astype("str"),
            "sex": resolve_per_patient(patients, parse_sex(raw["Patient Gender"])),
        }
    )
    table = pd.concat([table, _report_labels(entries, raw["Finding Labels"])], axis=1)
    drain_file, unmatched = drains or neatx.find(root), 0
    if drain_file is not None:
        drain_labels = neatx.load_drains(drain_file)
        unmatched = int((~drain_labels["image_id"].isin(names)).sum())
        table = neatx.join(table, drain_labels)
    truth = read_truth(root)
    dataset = Dataset(
        name=truth["name"] if truth else "nih-cxr14",
        version=_variant(entries, raw["Patient Age"]),
        license="synthetic radiographs" if truth else "NIH Clinical Center, no restrictions on use",
        root=root,
        images=table,
        findings=tuple(PUBLISHED_NAMES.values()),
        attributes=("age_group", "sex", "view_position"),
        shortcuts=("drain",) if drain_file is not None else (),
        aliases={old: new for old, new in PUBLISHED_NAMES.items() if old != new},
        notes=_notes(table, drain_file is not None, unmatched),
        truth=truth,
    )
    dataset = _choose_subset(dataset, str(subset), root)
    return _with_expert_labels(dataset, root) if labels == "experts" else dataset


def _entries_file(root: Path) -> Path:
    entries = next((root / name for name in ENTRIES if (root / name).is_file()), None)
    if entries is None:
        raise DataError(
            f"{root} holds neither {' nor '.join(ENTRIES)}. Download NIH ChestX-ray14 and give the "
            "folder with its tables (see docs/how-to/audit-nih.md)."
        )
    return entries


def _variant(entries: Path, ages: pd.Series) -> str:
    """Return the published variant of the entry table; two of the three have the same file name."""
    if entries.name == ENTRIES[0]:
        return "v2020"
    return "Kaggle" if pd.api.types.is_numeric_dtype(ages) else "raw 2017"


def _report_labels(entries: Path, published: pd.Series) -> pd.DataFrame:
    """Return one column per finding: 1, 0, and NaN for images without labels."""
    codes, combinations = pd.factorize(published.fillna("").astype("str"))
    labels = pd.Series(combinations).str.get_dummies(sep="|")
    if unknown := set(labels.columns) - {*PUBLISHED_NAMES, "No Finding", ""}:
        raise DataError(
            f"{entries} has labels that are not of ChestX-ray14: {', '.join(sorted(unknown)[:5])}."
        )
    found = labels.reindex(columns=list(PUBLISHED_NAMES), fill_value=0).astype("float64")
    found = found.iloc[codes].reset_index(drop=True).mask(published.isna(), axis=0)
    return found.rename(columns=PUBLISHED_NAMES)


EXPERT_FINDINGS = ("Fracture", "Pneumothorax", "Airspace opacity", "Nodule or mass")


def _with_expert_labels(dataset: Dataset, root: Path) -> Dataset:
    """Replace the labels by those of radiologists; images without one are excluded."""
    file = root / EXPERTS
    # The header splits "OriginalImage[Width,Height]" in two, as in the entry table.
    table = read_table(file, what="the file of expert labels")
    require_columns(str(file), table, ("Image Index", *EXPERT_FINDINGS))
    require_unique(str(file), table, ["Image Index"])
    expert = table.set_index("Image Index")[list(EXPERT_FINDINGS)]
    if invalid := set(np.unique(expert.astype("str"))) - {"YES", "NO"}:
        raise DataError(f"{file} must hold YES or NO, found {min(invalid)}. Download it again.")
    dataset = dataset.keep(
        dataset.images["image_id"].isin(expert.index),
        step="labelled by experts",
        reason="not among the images that radiologists labelled",
    )
    images = dataset.images.drop(columns=list(dataset.findings))
    labels = (expert == "YES").astype("float64").reindex(images["image_id"]).reset_index(drop=True)
    return replace(
        dataset,
        images=pd.concat([images, labels], axis=1),
        findings=EXPERT_FINDINGS,
        aliases={},
        notes=(
            "Labels were given by radiologists from the images (Majkowska et al. 2019).",
            *dataset.notes[1:],
        ),
    )


def load_boxes(root: Path) -> pd.DataFrame:
    """Read the bounding boxes of findings that radiologists drew on 880 of the images.

    Returns
    -------
    pandas.DataFrame
        One row per box: ``image_id``, ``finding``, and ``x``, ``y``, ``width``, ``height`` in pixels of
        the 1024 × 1024 image, from its upper left corner.

    Raises
    ------
    DataError
        If the table is missing or lacks a column.
    """
    file = root / BOXES
    raw = read_table(file, what="the table of boxes")
    require_columns(str(file), raw, ("Image Index", "Finding Label"))
    # The header "Bbox [x,y,w,h]" splits at its commas into four columns.
    corners = raw.iloc[:, 2:6].set_axis(["x", "y", "width", "height"], axis=1).astype("float64")
    names = {**PUBLISHED_NAMES, "Infiltrate": "Infiltration"}
    found = raw["Finding Label"].map(names)
    return pd.concat(
        [raw["Image Index"].rename("image_id"), found.rename("finding"), corners], axis=1
    )


def _notes(table: pd.DataFrame, with_drains: bool, unmatched: int) -> tuple[str, ...]:
    notes = [
        "Labels were extracted from radiology reports by the publisher, not given from the images."
    ]
    impossible = int(table["age"].isna().sum())
    if impossible:
        notes.append(f"{impossible} images have an impossible age; it counts as unknown.")
    if with_drains:
        annotated = int((table["drain_source"] == ANNOTATED).sum())
        predicted = int((table["drain_source"] == PREDICTED).sum())
        notes.append(
            f"Drain labels: {annotated:,} images were labelled by annotators, {predicted:,} by a detector; "
            "the label of all other images is unknown."
        )
    if unmatched:
        notes.append(
            f"{unmatched:,} rows of the file of drain labels name images that are not in the release."
        )
    return tuple(notes)


def _choose_subset(dataset: Dataset, subset: str, root: Path) -> Dataset:
    if subset == "all":
        return dataset
    if subset in SUBSETS:
        file = root / str(SUBSETS[subset])
    elif subset.endswith(".txt"):
        file = Path(subset)
    else:
        raise UnknownNameError("subset of nih-cxr14", subset, [*SUBSETS, "a .txt file"])
    if not file.is_file():
        raise DataError(f"{file} is missing. It lists the images of the subset '{subset}'.")
    listed = _listed(file)
    unknown = listed - set(dataset.images["image_id"])
    if unknown:
        raise DataError(
            f"{file} lists {len(unknown)} images that the entry table does not have, first "
            f"{min(unknown)}. Use the list and the table of one release."
        )
    return dataset.keep(
        dataset.images["image_id"].isin(listed),
        step=f"subset {file.name}",
        reason="not in the subset",
    )


def _listed(file: Path) -> set[str]:
    lines = file.read_text(encoding="utf-8-sig").splitlines()
    return {line.strip() for line in lines if line.strip()}


def _find_images(root: Path) -> dict[str, str]:
    """Return file name → path in the official, Kaggle's and the flat layout."""
    folders = [
        root / "images",
        *sorted(root.glob("images_*/images")),
        *sorted(root.glob("images_*")),
        root,
    ]
    found: dict[str, str] = {}
    for folder in folders:
        if folder.is_dir():
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.lower().endswith((".png", ".jpg", ".jpeg")):
                        found.setdefault(entry.name, entry.path)
    return found


PUBLISHED = {
    "images": 112_120,
    "patients": 30_805,
    "images of male patients": 63_340,
    "images of female patients": 48_780,
    "PA images": 67_310,
    "AP images": 44_810,
    "images in test_list.txt": 25_596,
    "patients in test_list.txt": 2_797,
    "images in train_val_list.txt": 86_524,
    "patients in train_val_list.txt": 28_008,
    "boxes": 984,
    "images with boxes": 880,
    "images labelled by experts": 4_376,
}
"""Counts of the release, the same in all three variants of the entry table."""

_CORRECTED = {
    "Infiltration": 19_894,
    "Pleural Effusion": 13_317,
    "Atelectasis": 11_559,
    "Nodule": 6_331,
    "Mass": 5_782,
    "Pneumothorax": 5_302,
    "Consolidation": 4_667,
    "Pleural Thickening": 3_385,
    "Cardiomegaly": 2_776,
    "Emphysema": 2_516,
    "Edema": 2_303,
    "Fibrosis": 1_686,
    "Pneumonia": 1_431,
    "Hernia": 227,
}
PUBLISHED_LABELS = {
    "v2020": _CORRECTED,
    "Kaggle": _CORRECTED,
    "raw 2017": {
        **_CORRECTED,
        "Infiltration": 19_870,
        "Pleural Effusion": 13_307,
        "Atelectasis": 11_535,
        "Nodule": 6_323,
        "Mass": 5_746,
        "Pneumothorax": 5_298,
        "Cardiomegaly": 2_772,
        "Pneumonia": 1_353,
    },
}
"""By variant of the entry table: v2020 corrected 181 rows of the test set, and Kaggle has these."""

PUBLISHED_DRAINS = {
    "drain labels": 25_596,
    "annotated images": 1_760,
    "annotated, with a drain": 1_021,
    "annotated, without a drain": 739,
    "annotated patients": 283,
    "predicted drain labels": 23_836,
}
"""Of the filled NEATX file."""


def release_counts(root: Path) -> list[Count]:
    """Count images, patients and labels of the release under `root`, beside the published counts."""
    dataset = load(root)
    images = dataset.images
    found: dict[str, int] = {
        "images": len(images),
        "patients": images["patient_id"].nunique(),
        "images of male patients": int((images["sex"] == "male").sum()),
        "images of female patients": int((images["sex"] == "female").sum()),
        "PA images": int((images["view_position"] == "PA").sum()),
        "AP images": int((images["view_position"] == "AP").sum()),
    }
    for name in ("test_list.txt", "train_val_list.txt"):
        if (root / name).is_file():
            listed = images[images["image_id"].isin(_listed(root / name))]
            found[f"images in {name}"] = len(listed)
            found[f"patients in {name}"] = listed["patient_id"].nunique()
    if (root / BOXES).is_file():
        boxes = load_boxes(root)
        found["boxes"], found["images with boxes"] = len(boxes), boxes["image_id"].nunique()
    if (root / EXPERTS).is_file():
        found["images labelled by experts"] = len(read_table(root / EXPERTS))
    counts = [Count(what, number, PUBLISHED.get(what)) for what, number in found.items()]
    counts += [
        Count(f"{finding} images", int(images[finding].sum()), number)
        for finding, number in PUBLISHED_LABELS[dataset.version].items()
    ]
    groups = images["age_group"].value_counts()
    counts += [
        Count("images of adults", int(groups.reindex(ADULT_AGE_GROUPS).sum())),
        *(
            Count(f"images, age {group}", int(groups.get(group, 0)))
            for group in (*AGE_GROUPS, UNKNOWN)
        ),
    ]
    return counts + _drain_counts(images) if "drain_source" in images else counts


def _drain_counts(images: pd.DataFrame) -> list[Count]:
    annotated = images[images["drain_source"] == ANNOTATED]
    predicted = int((images["drain_source"] == PREDICTED).sum())
    found = {
        "drain labels": len(annotated) + predicted,
        "annotated images": len(annotated),
        "annotated, with a drain": int((annotated["drain"] == "yes").sum()),
        "annotated, without a drain": int((annotated["drain"] == "no").sum()),
        "annotated patients": annotated["patient_id"].nunique(),
        "predicted drain labels": predicted,
    }
    return [Count(what, number, PUBLISHED_DRAINS[what]) for what, number in found.items()]
