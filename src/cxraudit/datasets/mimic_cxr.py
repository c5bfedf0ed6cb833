"""MIMIC-CXR-JPG (Johnson et al. 2019) with demographics from MIMIC-IV."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from cxraudit.datasets.base import (
    CONFLICTING,
    FINDINGS,
    OLDEST,
    Dataset,
    age_group,
    parse_sex,
    resolve_per_patient,
)
from cxraudit.datasets.truth import read_truth
from cxraudit.errors import DataError, UnknownNameError
from cxraudit.files import read_table
from cxraudit.schemas import UNKNOWN, require_columns

SUMMARY = "MIMIC-CXR-JPG 2.x with MIMIC-IV: 377,110 films of 65,379 patients, age, sex and race"
FILES = (
    (
        "mimic-cxr-2.*-metadata.csv.gz, -split.csv.gz, -chexpert.csv.gz or -negbio.csv.gz",
        "PhysioNet, credentialed",
    ),
    ("files/p10/p10000032/s50414267/<dicom_id>.jpg", "PhysioNet, credentialed"),
    ("MIMIC-IV hosp/patients.csv.gz and hosp/admissions.csv.gz", "PhysioNet, credentialed"),
)

LABELERS = ("chexpert", "negbio")
UNCERTAIN = ("zeros", "ones", "ignore")
RACES = ("drop-conflicting", "first", "majority")
VIEWS = ("frontal", "all")
SPLITS = ("train", "validate", "test", "all")

_RACE_STARTS = (
    ("WHITE", "white"),
    ("PORTUGUESE", "white"),
    ("BLACK", "black"),
    ("ASIAN", "asian"),
    ("HISPANIC", "hispanic"),
    ("SOUTH AMERICAN", "hispanic"),
    ("AMERICAN INDIAN", "american indian"),
    ("NATIVE HAWAIIAN", "pacific islander"),
    ("MULTIPLE", "other"),
    ("OTHER", "other"),
)
"""First letters of a MIMIC-IV race → group; anything else (UNKNOWN, UNABLE TO OBTAIN, …) is unknown."""


def load(
    root: Path,
    *,
    split: str = "test",
    labels: str = "chexpert",
    uncertain: str = "zeros",
    views: str = "frontal",
    race: str = "drop-conflicting",
    present_only: bool = False,
) -> Dataset:
    """Read MIMIC-CXR-JPG and MIMIC-IV unpacked under `root`.

    Both may lie anywhere up to four folders down, as ``wget`` from PhysioNet leaves them.

    Parameters
    ----------
    root : pathlib.Path
        Folder that holds both releases.
    split : {"test", "validate", "train", "all"}
        The official split.
    labels : {"chexpert", "negbio"}
        Which labeler's table to use.
    uncertain : {"zeros", "ones", "ignore"}
        What a label of −1 becomes: 0 (as in the paper), 1, or not labelled. A blank label means
        the report does not mention the finding and counts as 0 in each.
    views : {"frontal", "all"}
        Frontal is AP and PA.
    race : {"drop-conflicting", "first", "majority"}
        How one race is found from a patient's admissions: contradicting patients become the
        group ``conflicting``, or the first or the most frequent admission decides.
    present_only : bool
        Leave out films whose file is not there, and count them.

    Raises
    ------
    DataError
        If a table is missing or lacks its columns.
    """
    for value, known, what in (
        (split, SPLITS, "split"),
        (labels, LABELERS, "labels"),
        (uncertain, UNCERTAIN, "uncertain"),
        (views, VIEWS, "views"),
        (race, RACES, "race"),
    ):
        if value not in known:
            raise UnknownNameError(f"value for '{what}'", value, known)
    metadata_file = _find(root, "mimic-cxr-2*-metadata.csv*")
    folder = metadata_file.parent
    metadata = _read(
        metadata_file, ("dicom_id", "subject_id", "study_id", "ViewPosition", "StudyDate")
    )
    splits = _read(_find(folder, "mimic-cxr-2*-split.csv*"), ("dicom_id", "split"))
    labelled = _read(_find(folder, f"mimic-cxr-2*-{labels}.csv*"), ("study_id", *FINDINGS))

    table = metadata.merge(
        splits[["dicom_id", "split"]], on="dicom_id", how="left", validate="one_to_one"
    )
    key = ["subject_id", "study_id"]
    table = table.merge(
        labelled[[*key, *FINDINGS]],
        on=key,
        how="left",
        indicator="_labelled",
        validate="many_to_one",
    )
    ages, sexes = _demographics(root, table)
    subjects, studies = table["subject_id"].astype("str"), table["study_id"].astype("str")
    paths = (
        f"{folder}/files/p"
        + subjects.str[:2]
        + "/p"
        + subjects
        + "/s"
        + studies
        + "/"
        + table["dicom_id"]
        + ".jpg"
    )
    images = pd.DataFrame(
        {
            "image_id": table["dicom_id"].astype("str"),
            "patient_id": subjects,
            "study_id": studies,
            "path": paths,
            "view_position": table["ViewPosition"].fillna(UNKNOWN).astype("str"),
            "age": ages,
            "age_group": ages.map(age_group).astype("str"),
            "sex": sexes,
            "race": _races(root, table["subject_id"], race),
        }
    )
    for finding in FINDINGS:
        images[finding] = _label(table[finding], uncertain)
    truth = read_truth(root)
    version = metadata_file.name.removeprefix("mimic-cxr-").split("-")[0]
    dataset = Dataset(
        name=truth["name"] if truth else "mimic-cxr",
        version=version,
        license="made-up films" if truth else "PhysioNet Credentialed Health Data License 1.5.0",
        root=root,
        images=images,
        findings=FINDINGS,
        attributes=("age_group", "sex", "race", "view_position"),
        notes=(
            f"Labels are the {labels} labeler's reading of the reports; uncertain (-1) is read as "
            f"'{uncertain}', a finding the report does not mention as absent.",
            f"Race is what was recorded at admission, resolved per patient by '{race}'.",
        ),
        truth=truth,
    )
    if split != "all":
        dataset = dataset.keep(
            table["split"] == split, step=f"split {split}", reason="in another split"
        )
    has_labels = dataset.images["image_id"].isin(
        images.loc[table["_labelled"] == "both", "image_id"]
    )
    dataset = dataset.keep(has_labels, step="labelled", reason=f"the study has no {labels} labels")
    if views == "frontal":
        frontal = dataset.images["view_position"].isin(["AP", "PA"])
        dataset = dataset.keep(frontal, step="frontal", reason="neither AP nor PA")
    if present_only:
        there = dataset.images["path"].map(lambda path: Path(path).is_file())
        dataset = dataset.keep(there, step="file present", reason="the film's file is not there")
    return dataset


def _walk(root: Path, depth: int) -> Iterator[Path]:
    """Yield folders down to `depth`, never into the films."""
    yield root
    if depth:
        for child in sorted(root.iterdir()):
            if child.is_dir() and child.name != "files":
                yield from _walk(child, depth - 1)


def _find(root: Path, pattern: str) -> Path:
    start = root / "physionet.org" / "files" if (root / "physionet.org").is_dir() else root
    for folder in _walk(start, 4):
        if found := sorted(folder.glob(pattern)):
            return found[-1]
    raise DataError(
        f"{pattern} is missing under {root}. Download MIMIC-CXR-JPG and MIMIC-IV from PhysioNet "
        "(credentialed access) and give the folder that holds both."
    )


def _read(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    table = read_table(path)
    require_columns(str(path), table, columns)
    return table


def _label(values: pd.Series, uncertain: str) -> pd.Series:
    numbers = pd.to_numeric(values, errors="coerce").fillna(0.0)
    replacement = {"zeros": 0.0, "ones": 1.0, "ignore": float("nan")}[uncertain]
    return numbers.mask(numbers == -1, replacement)


def _demographics(root: Path, table: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Age at the study from anchor age and year, and sex; MIMIC-IV gives ages above 89 as 91."""
    patients = _read(
        _find(root, "patients.csv*"), ("subject_id", "gender", "anchor_age", "anchor_year")
    )
    known = table[["subject_id", "StudyDate"]].merge(
        patients, on="subject_id", how="left", validate="many_to_one"
    )
    ages = known["anchor_age"] + known["StudyDate"] // 10000 - known["anchor_year"]
    sexes = resolve_per_patient(table["subject_id"], parse_sex(known["gender"]))
    return ages.where((ages >= 0) & (ages <= OLDEST)).astype("float64"), sexes


def _races(root: Path, subjects: pd.Series, rule: str) -> pd.Series:
    admissions = read_table(_find(root, "admissions.csv*"))
    column = "race" if "race" in admissions else "ethnicity"
    require_columns("MIMIC-IV admissions", admissions, ("subject_id", "admittime", column))
    recorded = admissions.sort_values("admittime", kind="stable")
    groups = recorded[column].astype("str").str.upper().map(race_group)
    known = recorded.assign(group=groups)[groups != UNKNOWN].groupby("subject_id")["group"]
    if rule == "drop-conflicting":
        resolved = known.first().mask(known.nunique() > 1, CONFLICTING)
    elif rule == "first":
        resolved = known.first()
    else:
        resolved = known.agg(lambda values: values.mode().iloc[0])
    return subjects.map(resolved).fillna(UNKNOWN).astype("str")


def race_group(recorded: str) -> str:
    """Return the group of a race as MIMIC-IV records it, in capitals.

    Examples
    --------
    >>> race_group("BLACK/CAPE VERDEAN"), race_group("UNABLE TO OBTAIN")
    ('black', 'unknown')
    """
    return next((group for start, group in _RACE_STARTS if recorded.startswith(start)), UNKNOWN)
