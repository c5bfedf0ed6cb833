"""CheXpert (Irvin et al. 2019) with the demographic table of the publishers."""

import re
from pathlib import Path
from typing import Any

import pandas as pd

from cxraudit.datasets.base import (
    FINDINGS,
    Dataset,
    age_group,
    parse_ages,
    parse_sex,
    resolve_per_patient,
)
from cxraudit.datasets.release import Count, ReleaseFile, check_choices, find_all, find_one
from cxraudit.datasets.releases.chexpert_labels import MEANS, chosen_findings, resolved
from cxraudit.errors import DataError, MissingExtraError
from cxraudit.files import read_table
from cxraudit.schema import UNKNOWN, require_columns, require_unique

SUMMARY = "CheXpert: 224,316 images of 65,240 patients of Stanford, age, sex and race"

_SOURCE = "Stanford AIMI (research use agreement)"
_DEMOGRAPHICS = ("CHEXPERT DEMO.xlsx", "CHEXPERT DEMO.csv")

FILES = (
    ReleaseFile("train.csv", _SOURCE),
    ReleaseFile("valid.csv", f"{_SOURCE}; needed for split=valid", needed=False),
    ReleaseFile("train/patient00001/study1/view1_frontal.jpg", _SOURCE, ("train/patient*",)),
    ReleaseFile(
        "CHEXPERT DEMO.xlsx, or saved as .csv", f"{_SOURCE}; race", _DEMOGRAPHICS, needed=False
    ),
)

CHOICES = {
    "split": ("train", "valid", "all"),
    "uncertain": ("zeros", "ones", "ignore"),
    "blank": ("zeros", "ones", "ignore"),
    "views": ("frontal", "all"),
    "findings": ("six", "all"),
}
_PATH = re.compile(r"(?:.*?/)?((?:train|valid|test)/(patient\d+)/(study\d+)/[^/]+)$")


def load(
    root: Path,
    *,
    split: str = "valid",
    uncertain: str = "zeros",
    blank: str = "zeros",
    views: str = "frontal",
    findings: str = "six",
) -> Dataset:
    """Read CheXpert-v1.0 or CheXpert-v1.0-small unpacked under `root`.

    Parameters
    ----------
    root : pathlib.Path
        Folder that holds ``train.csv`` and ``valid.csv``, or one above it.
    split : {"valid", "train", "all"}
        The published split; the labels of ``valid`` (200 patients) are those of radiologists.
    uncertain : {"zeros", "ones", "ignore"}
        Value of uncertain labels (−1): 0, 1, or not labelled.
    blank : {"zeros", "ones", "ignore"}
        Value of findings that the report does not mention.
    views : {"frontal", "all"}
        Views to keep.
    findings : {"six", "all"}
        The six findings of Sourget et al. (2025), or all labelled ones.

    Raises
    ------
    DataError
        If a file is missing, lacks a column, or has an image twice.
    """
    options = {
        "split": split,
        "uncertain": uncertain,
        "blank": blank,
        "views": views,
        "findings": findings,
    }
    check_choices(options, CHOICES)
    chosen = chosen_findings(findings)
    tables = [_read(root, name, chosen) for name in ("train", "valid") if split in (name, "all")]
    raw = pd.concat(tables, ignore_index=True)
    parts = raw["Path"].str.extract(_PATH)
    if parts[0].isna().any():
        raise DataError(
            f"the path '{raw.loc[parts[0].isna(), 'Path'].iloc[0]}' is not of the form "
            "…/train/patient00001/study1/view1_frontal.jpg. Check that the table is that of CheXpert."
        )
    ages = parse_ages(raw["Age"])
    images = pd.DataFrame(
        {
            "image_id": parts[0],
            "patient_id": parts[1],
            "study_id": parts[1] + "/" + parts[2],
            "path": raw["_folder"] + "/" + parts[0],
            "view_position": raw["AP/PA"]
            .fillna(raw["Frontal/Lateral"].str.upper())
            .fillna(UNKNOWN),
            "age": ages,
            "age_group": ages.map(age_group).astype("str"),
            "sex": resolve_per_patient(parts[1], parse_sex(raw["Sex"])),
        }
    )
    races = _races(root)
    if races is not None:
        images["race"] = images["patient_id"].map(races).fillna(UNKNOWN)
    for finding in chosen:
        images[finding] = resolved(raw[finding], uncertain=uncertain, blank=blank)
    demographics: tuple[str, ...] = (
        ("age_group", "sex") if races is None else ("age_group", "sex", "race")
    )
    dataset = Dataset(
        name="chexpert",
        version=Path(raw["_folder"].iloc[0]).name,
        license="Stanford University Dataset Research Use Agreement",
        root=root,
        images=images,
        findings=chosen,
        attributes=(*demographics, "view_position"),
        notes=(
            f"Uncertain labels (-1) count as {MEANS[uncertain]}, blank ones as {MEANS[blank]}.",
            *(() if races is not None else ("Race is unknown: CHEXPERT DEMO.xlsx is missing.",)),
        ),
    )
    if views == "frontal":
        frontal = raw["Frontal/Lateral"].eq("Frontal")
        dataset = dataset.keep(frontal, step="frontal", reason="lateral")
    return dataset


def _read(root: Path, split: str, findings: tuple[str, ...]) -> pd.DataFrame:
    file = find_one(
        root, (f"{split}.csv",), hint="Download CheXpert from Stanford AIMI and give its folder."
    )
    table = read_table(file)
    columns = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *findings)
    require_columns(str(file), table, columns)
    require_unique(str(file), table, ["Path"])
    return table.assign(_folder=str(file.parent))


def _races(root: Path) -> "pd.Series[Any] | None":
    """Return patient → race, or None if the demographic table is missing."""
    files = [path for name in _DEMOGRAPHICS for path in find_all(root, name)]
    if not files:
        return None
    table = _spreadsheet(files[0]) if files[0].suffix == ".xlsx" else read_table(files[0])
    require_columns(str(files[0]), table, ("PATIENT", "PRIMARY_RACE"))
    require_unique(str(files[0]), table, ["PATIENT"])
    return table.set_index("PATIENT")["PRIMARY_RACE"].map(race_group)


def _spreadsheet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_excel(path)
    except ImportError:
        raise MissingExtraError(f"{path.name} (or its copy saved as .csv)", "excel") from None
    except (ValueError, OSError, KeyError) as error:
        raise DataError(f"{path} cannot be read: {error}. Download it again.") from None


def race_group(recorded: object) -> str:
    """Return the group of a race as recorded by Stanford.

    Examples
    --------
    >>> race_group("White, non-Hispanic"), race_group("Asian - Historical Conv"), race_group("Refused")
    ('white', 'asian', 'unknown')
    """
    text = str(recorded).lower()
    for word, group in (
        ("white", "white"),
        ("black", "black"),
        ("asian", "asian"),
        ("native american", "american indian"),
        ("american indian", "american indian"),
        ("pacific islander", "pacific islander"),
        ("other", "other"),
    ):
        if word in text:
            return group
    return UNKNOWN


PUBLISHED = {"images in train": 223_414, "images in valid": 234}


def release_counts(root: Path) -> list[Count]:
    """Count the images of the release under `root`, beside the published counts."""
    counts = []
    for split in ("train", "valid"):
        if next(find_all(root, f"{split}.csv"), None):
            found = len(_read(root, split, FINDINGS))
            counts.append(Count(f"images in {split}", found, PUBLISHED[f"images in {split}"]))
    if not counts:
        _read(root, "train", FINDINGS)  # raises with the name of the missing file
    return counts
