"""NIH ChestX-ray14 (Wang et al. 2017), with NEATX chest-drain labels where they are found."""

import os
from pathlib import Path

import pandas as pd

from cxraudit.datasets import neatx
from cxraudit.datasets.base import Dataset, age_group, parse_ages, parse_sex, resolve_per_patient
from cxraudit.datasets.truth import read_truth
from cxraudit.errors import DataError, UnknownNameError
from cxraudit.files import read_table
from cxraudit.schemas import UNKNOWN, require_columns

SUMMARY = "NIH ChestX-ray14: 112,120 films of 30,805 patients, 14 findings, age and sex"
FILES = (
    (
        "Data_Entry_2017_v2020.csv or Data_Entry_2017.csv",
        "NIH Clinical Center, ChestX-ray14 on Box",
    ),
    ("images/ (official), images_001/images/ … (Kaggle) or a flat folder", "the same"),
    ("test_list.txt, train_val_list.txt", "the same; needed for subset = test or train_val"),
    ("NEATX drain labels (optional)", "Zenodo record 14944064, CC BY-NC-SA"),
)

ENTRIES = ("Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv")
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
"""Name in the release → name here, the six findings of the paper first."""

SUBSETS = {"all": None, "test": "test_list.txt", "train_val": "train_val_list.txt"}


def load(
    root: Path,
    *,
    subset: str = "all",
    images: Path | None = None,
    drains: Path | None = None,
    present_only: bool = False,
) -> Dataset:
    """Read the release unpacked under `root`.

    Nothing is written or resized, and no row is dropped unless asked for.

    Parameters
    ----------
    root : pathlib.Path
        Folder with ``Data_Entry_2017_v2020.csv`` (preferred) or ``Data_Entry_2017.csv`` in any of
        its published variants.
    subset : str
        ``all``, ``test``, ``train_val`` (official lists), or a text file of image names.
    images : pathlib.Path, optional
        Folder of the films, if they are not under `root`.
    drains : pathlib.Path, optional
        NEATX file; default: the one under `root`, if any.
    present_only : bool
        Leave out films whose file is not there, and count them.

    Raises
    ------
    DataError
        If a file is missing or lacks its columns.
    """
    entries = next((root / name for name in ENTRIES if (root / name).is_file()), None)
    if entries is None:
        raise DataError(
            f"{root} holds neither {' nor '.join(ENTRIES)}. Download NIH ChestX-ray14 and give the "
            "folder with its tables (see docs/how-to/audit-nih.md)."
        )
    raw = read_table(entries, what="the entry table")
    require_columns(str(entries), raw, COLUMNS)
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
    labels = raw["Finding Labels"].fillna("").astype("str").str.get_dummies(sep="|")
    if strange := set(labels.columns) - {*PUBLISHED_NAMES, "No Finding", ""}:
        raise DataError(
            f"{entries} has labels that ChestX-ray14 does not know: {', '.join(sorted(strange)[:5])}."
        )
    unlabelled = raw["Finding Labels"].isna()
    for published, finding in PUBLISHED_NAMES.items():
        present = labels[published].astype("float64") if published in labels else 0.0
        table[finding] = pd.Series(present, index=table.index).mask(unlabelled)
    drain_file = drains or neatx.find(root)
    if drain_file is not None:
        table = neatx.join(table, neatx.load_drains(drain_file))
    truth = read_truth(root)
    dataset = Dataset(
        name=truth["name"] if truth else "nih-cxr14",
        version=entries.stem,
        license="made-up films" if truth else "NIH Clinical Center, no restrictions on use",
        root=root,
        images=table,
        findings=tuple(PUBLISHED_NAMES.values()),
        attributes=("age_group", "sex", "view_position"),
        shortcuts=("drain",) if drain_file is not None else (),
        aliases={theirs: ours for theirs, ours in PUBLISHED_NAMES.items() if theirs != ours},
        notes=_notes(table, drain_file is not None),
        truth=truth,
    )
    dataset = _choose_subset(dataset, subset, root)
    if present_only:
        there = dataset.images["path"].map(os.path.isfile)
        dataset = dataset.keep(there, step="file present", reason="the film's file is not there")
    return dataset


def _notes(table: pd.DataFrame, with_drains: bool) -> tuple[str, ...]:
    notes = [
        "Labels were mined from radiology reports by their publisher, not read from the films."
    ]
    impossible = int(table["age"].isna().sum())
    if impossible:
        notes.append(f"{impossible} films have an impossible age; it counts as unknown.")
    if with_drains:
        annotated = int((table["drain_source"] == neatx.ANNOTATED).sum())
        predicted = int((table["drain_source"] == neatx.PREDICTED).sum())
        notes.append(
            f"Drain labels: {annotated:,} films annotated by people, {predicted:,} predicted by a "
            "detector; films without either are unknown."
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
        raise DataError(f"{file} is missing. It lists the films of the subset '{subset}'.")
    wanted = {
        line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines() if line.strip()
    }
    unknown = wanted - set(dataset.images["image_id"])
    if unknown:
        raise DataError(
            f"{file} lists {len(unknown)} films that the entry table does not have, first "
            f"{min(unknown)}. Use the list and the table of one release."
        )
    return dataset.keep(
        dataset.images["image_id"].isin(wanted),
        step=f"subset {file.name}",
        reason="not in the subset",
    )


def _find_images(root: Path) -> dict[str, str]:
    """Return file name → path over the layouts that exist: official, Kaggle, flat."""
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
