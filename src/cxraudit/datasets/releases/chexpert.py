"""CheXpert (Irvin et al. 2019) with the demographic table of the publishers."""

import re
from pathlib import Path

import pandas as pd

from cxraudit.datasets import values
from cxraudit.datasets.base import Dataset, age_groups, resolve_per_patient
from cxraudit.datasets.release import Count, ReleaseFile, check_choices, find_all, find_one
from cxraudit.datasets.release_table import ReleaseTable, find_table, open_table
from cxraudit.datasets.releases.chexpert_labels import chosen_findings, resolved
from cxraudit.datasets.releases.chexpert_readers import READERS, SOURCES, TRUTH, read_test
from cxraudit.datasets.values.text import plain
from cxraudit.errors import ConfigError, DataError
from cxraudit.notices import Notice, counted
from cxraudit.schema import UNKNOWN

SUMMARY = "CheXpert: 224,316 images of 65,240 patients of Stanford, age, sex and race"

_SOURCE = "Stanford AIMI (research use agreement)"
_DEMOGRAPHICS = "CHEXPERT DEMO.*"

FILES = (
    ReleaseFile("train.csv", _SOURCE),
    ReleaseFile("valid.csv", f"{_SOURCE}; needed for split=valid", needed=False),
    ReleaseFile("train/patient00001/study1/view1_frontal.jpg", _SOURCE, ("train/patient*",)),
    ReleaseFile(TRUTH, f"{_SOURCE}, labels of the test set; needed for split=test", needed=False),
    ReleaseFile(
        "CHEXPERT DEMO.xlsx, or saved as .csv", f"{_SOURCE}; race", (_DEMOGRAPHICS,), needed=False
    ),
)

CHOICES = {
    "split": ("train", "valid", "all", "test"),
    "labels": ("published", *SOURCES),
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
    labels: str = "published",
) -> Dataset:
    """Read CheXpert-v1.0 or CheXpert-v1.0-small unpacked under `root`.

    Parameters
    ----------
    root : pathlib.Path
        Folder that holds ``train.csv`` and ``valid.csv``, or one above it.
    split : {"valid", "train", "all", "test"}
        The published split; the labels of ``valid`` (200 patients) and of ``test`` (500 studies, published in
        2022) are those of radiologists. ``all`` is train and valid.
    uncertain : {"zeros", "ones", "ignore"}
        Value of uncertain labels (−1): 0, 1, or not labelled.
    blank : {"zeros", "ones", "ignore"}
        Value of findings that the report does not mention.
    views : {"frontal", "all"}
        Views to keep.
    findings : {"six", "all"}
        The six findings of Sourget et al. (2025), or all labelled ones.
    labels : {"published", "groundtruth", "majority", "bc4", "bc6", "bc8"}
        Whose labels test studies have: the published ground truth (the majority of five radiologists), the
        majority of three other readers, or one of these. Other splits have the published labels only.

    Raises
    ------
    ConfigError
        If another split is to have other labels than the published ones.
    DataError
        If a file is missing, lacks a column, or has an image twice.
    """
    options = {
        "labels": labels,
        "split": split,
        "uncertain": uncertain,
        "blank": blank,
        "views": views,
        "findings": findings,
    }
    check_choices(options, CHOICES)
    chosen = chosen_findings(findings)
    if split == "test":
        return _test(root, chosen, labels, views)
    if labels != "published":
        raise ConfigError(
            f"labels={labels} are of the test studies: add --option split=test, or leave it out."
        )
    tables = [_read(root, name) for name in ("train", "valid") if split in (name, "all")]
    policies = {"uncertain": uncertain, "blank": blank}
    frames = [_images(table, chosen, policies) for table in tables]
    images = pd.concat(frames, ignore_index=True)
    images["sex"] = resolve_per_patient(images["patient_id"], images["sex"])
    notices = [notice for table in tables for notice in table.notices]
    races, about_races = _races(root, images["patient_id"])
    notices += about_races
    if races is not None:
        images["race"] = races
    demographics: tuple[str, ...] = (
        ("age_group", "sex") if races is None else ("age_group", "sex", "race")
    )
    dataset = Dataset(
        name="chexpert",
        version=tables[0].path.parent.name,
        license="Stanford University Dataset Research Use Agreement",
        root=root,
        images=images.drop(columns="frontal"),
        findings=chosen,
        attributes=(*demographics, "view_position"),
        policies=policies,
        notes=(
            f"Uncertain labels (-1) count as {values.MEANS[uncertain]}, blank ones as "
            f"{values.MEANS[blank]}.",
            *(() if races is not None else ("Race is unknown: CHEXPERT DEMO.xlsx is missing.",)),
        ),
        notices=tuple(notices),
    )
    return _frontal(dataset, images["frontal"]) if views == "frontal" else dataset


def _frontal(dataset: Dataset, kinds: pd.Series) -> Dataset:
    return dataset.keep(kinds == "FRONTAL", step="frontal", reason="lateral, or no view recorded")


def _test(root: Path, findings: tuple[str, ...], labels: str, views: str) -> Dataset:
    """Return the test studies, whose ages, sexes and races are in the demographic table only."""
    source = "groundtruth" if labels == "published" else labels
    read = read_test(root, findings, source)
    images, notices = read.images, list(read.notices)
    demographics = _demographics(root, images["patient_id"])
    attributes: tuple[str, ...] = ()
    if demographics is not None:
        table, patients = demographics
        of_image = images["patient_id"]
        ages = table.ages("AGE_AT_CXR")
        groups = {
            "age": ages.series,
            "age_group": age_groups(ages),
            "sex": table.sexes("GENDER"),
            "race": table.coded("PRIMARY_RACE", race_group),
        }
        for name, column in groups.items():
            found = of_image.map(column.set_axis(patients))
            images[name] = found if name == "age" else found.fillna(UNKNOWN).astype("str")
        notices += table.notices
        attributes = ("age_group", "sex", "race")
    images["view_position"] = images["frontal"]
    unlabelled = images[list(findings)].isna().all(axis=1)
    dataset = Dataset(
        name="chexpert",
        version=f"{read.version} (test)",
        license="Stanford University Dataset Research Use Agreement",
        root=root,
        images=images.drop(columns="frontal"),
        findings=findings,
        attributes=attributes,
        notes=(
            TEST_NOTES[source],
            *(
                ()
                if attributes
                else ("Age, sex and race are unknown: CHEXPERT DEMO.xlsx is missing.",)
            ),
        ),
        notices=tuple(notices),
    )
    dataset = dataset.keep(~unlabelled, step="labelled", reason=f"no label by {source}")
    kinds = images.loc[~unlabelled, "frontal"].reset_index(drop=True)
    return _frontal(dataset, kinds) if views == "frontal" else dataset


TEST_NOTES = {
    "groundtruth": "Labels are those of the majority of five radiologists, from the images.",
    "majority": "Labels are those of the majority of three radiologists, from the images.",
    **{
        reader: f"Labels are those of one radiologist ({reader}), from the images."
        for reader in READERS
    },
}
"""Source of the labels of test studies → what the report says of it."""


def _demographics(root: Path, wanted: pd.Series) -> tuple[ReleaseTable, pd.Series] | None:
    """Return the rows of some patients in the demographic table, and these; None if it is missing."""
    if next(find_all(root, _DEMOGRAPHICS), None) is None:
        return None
    path, notices = find_one(root, (_DEMOGRAPHICS,), hint="Download it from Stanford AIMI.")
    columns = ("PATIENT", "GENDER", "AGE_AT_CXR", "PRIMARY_RACE")
    table = open_table(path, columns=columns, notices=notices)
    patients = table.ids("PATIENT", unique=True)
    known = patients.isin(wanted)
    return table.rows(known), patients[known].reset_index(drop=True)


def _read(root: Path, split: str) -> ReleaseTable:
    hint = "Download CheXpert from Stanford AIMI and give its folder."
    return find_table(root, (f"{split}.csv*",), hint=hint, columns=("Path",))


def _images(
    table: ReleaseTable, findings: tuple[str, ...], policies: dict[str, str]
) -> pd.DataFrame:
    """Return the images of a split with their groups and labels."""
    table.require(("Sex", "Age", "Frontal/Lateral", "AP/PA", *findings))
    paths = table.ids("Path")
    parts = paths.str.extract(_PATH)
    if parts[0].isna().any():
        raise DataError(
            f"the path '{paths[parts[0].isna()].iloc[0]}' is not of the form "
            "…/train/patient00001/study1/view1_frontal.jpg. Check that the table is that of CheXpert."
        )
    table.refuse_repeats("Path", parts[0])
    kinds = table.coded("Frontal/Lateral", _KINDS.get)
    ages = table.ages("Age")
    images = pd.DataFrame(
        {
            "image_id": parts[0],
            "patient_id": parts[1],
            "study_id": parts[1] + "/" + parts[2],
            "path": f"{table.path.parent}/" + parts[0],
            "view_position": _views(table, kinds),
            "frontal": kinds,
            "age": ages.series,
            "age_group": age_groups(ages),
            "sex": table.sexes("Sex"),
        }
    )
    return pd.concat([images, resolved(table, findings, **policies)], axis=1)


_KINDS = {"frontal": "FRONTAL", "lateral": "LATERAL"}


def _views(table: ReleaseTable, kinds: pd.Series) -> pd.Series:
    """Return the projection where one is given (frontal images have one), else frontal or lateral."""
    given = table.texts("AP/PA")
    blank = given.isna() & (kinds != UNKNOWN)
    return table.read("AP/PA", lambda cells, about: values.views(given.mask(blank, kinds), about))


def _races(root: Path, patients: pd.Series) -> tuple[pd.Series | None, list[Notice]]:
    """Return the race of the patient of each image, or None if the demographic table is missing."""
    if next(find_all(root, _DEMOGRAPHICS), None) is None:
        return None, []
    path, notices = find_one(root, (_DEMOGRAPHICS,), hint="Download it from Stanford AIMI.")
    table = open_table(path, columns=("PATIENT", "PRIMARY_RACE"), notices=notices)
    names = table.ids("PATIENT", unique=True)
    table, names = table.rows(names.isin(patients)), names[names.isin(patients)]
    groups = table.coded("PRIMARY_RACE", race_group).set_axis(names)
    races = patients.map(groups)
    if number := int(races.isna().sum()):
        stated = f"{counted(number, 'image')} of patients who are not in it: their race is unknown."
        table.note("PATIENT", number, stated)
    return races.fillna(UNKNOWN).astype("str"), table.notices


_RACES = {
    "white": r"white|caucasian",
    "black": r"black|african[ -]american",
    "asian": r"asian",
    "american indian": r"american[ -]indian|native american|alaska native",
    "pacific islander": r"pacific islander|native hawaiian",
}
"""Group → words for it; a race with words of two groups is of neither."""
_NOT = r"(?<!non-)(?<!non )(?<!not )"


def race_group(recorded: str) -> str | None:
    """Return the group of a race as recorded by Stanford; None where it is unknown or not understood.

    Examples
    --------
    >>> race_group("White, non-Hispanic"), race_group("Asian - Historical Conv"), race_group("Refused")
    ('white', 'asian', None)
    """
    text = plain(recorded)
    found = [name for name, word in _RACES.items() if re.search(rf"{_NOT}\b({word})\b", text)]
    if not found and re.match(r"other\b", text):
        return "other"
    return found[0] if len(found) == 1 else None


PUBLISHED = {"images in train": 223_414, "images in valid": 234}


def release_counts(root: Path) -> list[Count]:
    """Count the images of the release under `root`, beside the published counts."""
    counts = []
    for split in ("train", "valid"):
        if next(find_all(root, f"{split}.csv*"), None):
            found = len(_read(root, split).ids("Path", unique=True))
            counts.append(Count(f"images in {split}", found, PUBLISHED[f"images in {split}"]))
    if not counts:
        _read(root, "train")  # raises with the name of the missing file
    return counts
