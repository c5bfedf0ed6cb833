"""NIH ChestX-ray14 (Wang et al. 2017), with NEATX chest drain labels where they are found."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from cxraudit.datasets import values
from cxraudit.datasets.base import Dataset, age_groups, resolve_per_patient
from cxraudit.datasets.release import Count, ReleaseFile, check_choices
from cxraudit.datasets.release_table import ReleaseTable, open_table
from cxraudit.datasets.releases import neatx, nih_counts
from cxraudit.datasets.releases.nih_files import (
    ENTRIES,
    entries_file,
    find_images,
    is_folder,
    listed,
)
from cxraudit.datasets.releases.nih_labels import (
    ALL_FINDINGS,
    BOXES,
    EXPERT_FINDINGS,
    EXPERT_PARTS,
    EXPERTS,
    PUBLISHED_NAMES,
    REPORT_FINDINGS,
    expert_labels,
    load_boxes,
    report_labels,
)
from cxraudit.datasets.truth import read_truth
from cxraudit.datasets.values.text import refuse
from cxraudit.errors import DataError, UnknownNameError
from cxraudit.notices import Notice, counted, named
from cxraudit.schema import ANNOTATED, PREDICTED

__all__ = ["EXPERT_FINDINGS", "PUBLISHED_NAMES", "load", "load_boxes", "release_counts"]

SUMMARY = "NIH ChestX-ray14: 112,120 images of 30,805 patients, 14 findings, age and sex"

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
        (EXPERTS, *EXPERT_PARTS[0]),
        needed=False,
    ),
    ReleaseFile(
        ALL_FINDINGS[0],
        "Nabulsi et al. 2021, labels of 810 images by radiologists; needed for labels=all-findings",
        ALL_FINDINGS,
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
    labels : {"reports", "experts", "all-findings"}
        Published labels, extracted from reports, with *No Finding*; labels of 4,376 images by radiologists
        (Majkowska et al. 2019) for pneumothorax and three groups of findings; or those of 810 images for all
        14 findings (Nabulsi et al. 2021).

    Raises
    ------
    DataError
        If a file is missing, lacks a column, has an image twice, or labels that are not understood.
    """
    check_choices({"labels": labels}, {"labels": ("reports", *EXPERT_NOTES)})
    path, notices = entries_file(root)
    entries = open_table(path, what="the entry table", columns=COLUMNS, notices=notices)
    table = _images(entries, root, images)
    drain_file, about_file = neatx.find(root) if drains is None else (drains, list[Notice]())
    if drain_file is not None:
        drain_labels = neatx.load_drains(drain_file)
        entries.notices.extend([*about_file, *drain_labels.notices])
        entries.notices.extend(_unmatched(drain_labels.table["image_id"], table, drain_file))
        table = neatx.join(table, drain_labels.table)
    truth = read_truth(root)
    dataset = Dataset(
        name=truth["name"] if truth else "nih-cxr14",
        version=_variant(entries),
        license="synthetic radiographs" if truth else "NIH Clinical Center, no restrictions on use",
        root=root,
        images=table,
        findings=REPORT_FINDINGS,
        attributes=("age_group", "sex", "view_position"),
        shortcuts=("drain",) if drain_file is not None else (),
        aliases={old: new for old, new in PUBLISHED_NAMES.items() if old != new},
        notes=_notes(table),
        notices=tuple(entries.notices),
        truth=truth,
    )
    dataset = _choose_subset(dataset, str(subset), root)
    return dataset if labels == "reports" else _with_expert_labels(dataset, root, labels)


def _images(entries: ReleaseTable, root: Path, folder: Path | None) -> pd.DataFrame:
    """Return the images with their groups and labels."""
    if folder is not None and not is_folder(folder):
        stated = "The folder of images is missing; no image can be read. Check the option images."
        entries.notices.append(Notice(about="images", count=1, sentence=stated))
    names = entries.ids("Image Index", unique=True)
    patients = _patients(entries, names)
    files, about_files = find_images(folder or root)
    entries.notices.extend(about_files)
    fallback = folder or root / "images"
    ages = entries.ages("Patient Age")
    table = pd.DataFrame(
        {
            "image_id": names,
            "patient_id": patients,
            "study_id": names.str.removesuffix(".png"),
            "path": [files.get(name) or f"{fallback}/{name}" for name in names],
            "view_position": entries.read("View Position", values.views),
            "age": ages.series,
            "age_group": age_groups(ages),
            "sex": resolve_per_patient(patients, entries.sexes("Patient Gender")),
        }
    )
    return pd.concat([table, report_labels(entries)], axis=1)


def _patients(entries: ReleaseTable, names: pd.Series) -> pd.Series:
    """Return the numbers of patients as text; ``00000012`` and ``12`` are one, as are their images."""
    column = "Patient ID"
    written = entries.ids(column)
    is_number = written.str.fullmatch("[0-9]+")
    wrong = {str(word): int(n) for word, n in written[~is_number].value_counts().items()}
    refuse(wrong, entries.about(column), "number of a patient", "Download the table again.")
    patients = written.str.lstrip("0").where(written.str.strip("0") != "", "0")
    if written.nunique() != patients.nunique():
        several = written.groupby(patients).transform("nunique") > 1
        number = int(several.sum())
        stated = (
            f"{counted(number, 'row')} of patients whose number is written with and without leading "
            f"zeros, taken as one patient: {named(written[several].value_counts().to_dict())}."
        )
        entries.note(column, number, stated)
    other = names[names.str.slice(0, 8) != patients.str.zfill(8)]
    other = other[other.str.fullmatch(r"[0-9]{8}_[0-9]{3}\.png")]
    if number := len(other):
        stated = (
            f"{counted(number, 'image')} with the number of another patient in the name, first "
            f"{other.iloc[0]}; the column counts."
        )
        entries.note(column, number, stated)
    return patients


def _unmatched(images: pd.Series, table: pd.DataFrame, file: Path) -> list[Notice]:
    """Say which rows of the drain labels name other images."""
    known = set(table["image_id"])
    other = images[[name not in known for name in images]]
    if other.empty:
        return []
    listing = named({str(name): 1 for name in other})
    stated = (
        f"{counted(len(other), 'row')} of images that the entry table does not have: {listing}."
    )
    return [Notice(about=file.name, count=len(other), sentence=stated)]


def _variant(entries: ReleaseTable) -> str:
    """Return the published variant of the entry table; two of the three have the same file name."""
    if entries.path.name.lower().startswith(ENTRIES[0].lower()):
        return "v2020"
    with_unit = entries.texts("Patient Age").str.contains("[YMD]", case=False, na=False)
    return "raw 2017" if with_unit.any() else "Kaggle"


EXPERT_NOTES = {
    "experts": "Labels were given by radiologists from the images (Majkowska et al. 2019).",
    "all-findings": "Labels were given from the images by the majority of three radiologists (Nabulsi et al. "
    "2021).",
}
"""Source of labels by radiologists → what the report says of it."""


def _with_expert_labels(dataset: Dataset, root: Path, source: str) -> Dataset:
    """Replace the labels by those of radiologists; images without one are excluded."""
    expert, notices = expert_labels(root, dataset.images["image_id"], source)
    dataset = dataset.keep(
        dataset.images["image_id"].isin(expert.index),
        step="labelled by experts",
        reason="not among the images that radiologists labelled",
    )
    images = dataset.images.drop(columns=list(dataset.findings))
    labels = expert.reindex(images["image_id"]).reset_index(drop=True)
    return replace(
        dataset,
        images=pd.concat([images, labels], axis=1),
        findings=tuple(expert.columns),
        aliases={old: new for old, new in dataset.aliases.items() if new in expert},
        notes=(EXPERT_NOTES[source], *dataset.notes[1:]),
        notices=(*dataset.notices, *notices),
    )


def _notes(table: pd.DataFrame) -> tuple[str, ...]:
    notes = [
        "Labels were extracted from radiology reports by the publisher, not given from the images; "
        "No Finding is the publisher's label of reports without any of the 14 findings."
    ]
    if "drain_source" in table:
        annotated = int((table["drain_source"] == ANNOTATED).sum())
        predicted = int((table["drain_source"] == PREDICTED).sum())
        notes.append(
            f"Drain labels: {annotated:,} images were labelled by annotators, {predicted:,} by a detector; "
            "the label of all other images is unknown."
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
    names = listed(file)
    unknown = names - set(dataset.images["image_id"])
    if unknown:
        raise DataError(
            f"{file} lists {len(unknown)} images that the entry table does not have, first "
            f"{min(unknown)}. Use the list and the table of one release."
        )
    return dataset.keep(
        dataset.images["image_id"].isin(names),
        step=f"subset {file.name}",
        reason="not in the subset",
    )


def release_counts(root: Path) -> list[Count]:
    """Count images, patients and labels of the release under `root`, beside the published counts."""
    return nih_counts.counts(load(root), root)
