"""Demographics of the patients of MIMIC-CXR: age, sex and race from MIMIC-IV (v0.4 to v3.1)."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from cxraudit.datasets.base import CONFLICTING, OLDEST, parse_sex, resolve_per_patient
from cxraudit.datasets.release import ReleaseFile, find_one
from cxraudit.errors import DataError
from cxraudit.files import read_table
from cxraudit.schema import UNKNOWN, require_columns, require_unique

_HINT = (
    "Download MIMIC-IV (hosp module) from PhysioNet, or use --option demographics=none to audit "
    "without age, sex and race."
)

FILES = (
    ReleaseFile("MIMIC-IV hosp/patients.csv.gz", "PhysioNet, credentialed", ("patients.csv*",)),
    ReleaseFile("MIMIC-IV hosp/admissions.csv.gz", "PhysioNet, credentialed", ("admissions.csv*",)),
)

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
"""Beginning of a race in MIMIC-IV → group; anything else (UNKNOWN, UNABLE TO OBTAIN, …) is unknown."""


def race_group(recorded: str) -> str:
    """Return the group of a race as recorded by MIMIC-IV, in capitals.

    Examples
    --------
    >>> race_group("BLACK/CAPE VERDEAN"), race_group("UNABLE TO OBTAIN")
    ('black', 'unknown')
    """
    return next((group for start, group in _RACE_STARTS if recorded.startswith(start)), UNKNOWN)


def ages_and_sexes(
    root: Path, subjects: pd.Series, study_dates: pd.Series
) -> tuple[pd.Series, pd.Series]:
    """Return the age at each study, and the sex.

    Age is anchor age + year of the study − anchor year. MIMIC-IV records ages above 89 as 91, so
    that the ages of these patients are lower bounds.

    Parameters
    ----------
    root : pathlib.Path
        Folder that contains MIMIC-IV.
    subjects, study_dates : pandas.Series
        Patient of each image as text, and date of its study as a number such as 21800506.

    Returns
    -------
    tuple of pandas.Series
        Ages in years (NaN where the patient or the date is unknown, or outside 0–120), and sexes.

    Raises
    ------
    DataError
        If the table of patients is missing, lacks a column, or has a patient twice.
    """
    path = find_one(root, ("patients.csv*",), hint=_HINT)
    patients = read_table(path, text=("subject_id",))
    require_columns(str(path), patients, ("subject_id", "gender", "anchor_age", "anchor_year"))
    require_unique(str(path), patients, ["subject_id"])
    known = patients.set_index("subject_id").reindex(subjects).reset_index()
    years = pd.to_numeric(study_dates, errors="coerce").to_numpy() // 10_000
    ages = known["anchor_age"] + years - known["anchor_year"]
    sexes = resolve_per_patient(known["subject_id"], parse_sex(known["gender"]))
    return ages.where(ages.between(0, OLDEST)).astype("float64"), sexes


def _disagree(known: pd.DataFrame) -> "pd.Series[bool]":
    return known.groupby("subject_id", sort=False)["group"].nunique() > 1


def _first(admissions: pd.DataFrame) -> pd.Series:
    return admissions.drop_duplicates("subject_id").set_index("subject_id")["group"]


def _drop_conflicting(admissions: pd.DataFrame) -> pd.Series:
    known = admissions[admissions["group"] != UNKNOWN]
    return _first(known).mask(_disagree(known), CONFLICTING)


def _drop_inconsistent(admissions: pd.DataFrame) -> pd.Series:
    return _first(admissions).mask(_disagree(admissions), CONFLICTING)


def _first_known(admissions: pd.DataFrame) -> pd.Series:
    return _first(admissions[admissions["group"] != UNKNOWN])


def _majority(admissions: pd.DataFrame) -> pd.Series:
    known = admissions[admissions["group"] != UNKNOWN]
    votes = known.groupby(["subject_id", "group"]).size().reset_index(name="votes")
    votes["most"] = votes.groupby("subject_id")["votes"].transform("max")
    leading = votes[votes["votes"] == votes["most"]]
    return _first(leading).mask(leading["subject_id"].value_counts() > 1, CONFLICTING)


RACE_RULES: dict[str, Callable[[pd.DataFrame], pd.Series]] = {
    "drop-conflicting": _drop_conflicting,
    "drop-inconsistent": _drop_inconsistent,
    "first": _first,
    "first-known": _first_known,
    "majority": _majority,
}
"""Rules for one race per patient with several admissions.

``drop-conflicting``   two different known groups: ``conflicting``
``drop-inconsistent``  two different groups, unknown included: ``conflicting`` (Glocker et al. 2023)
``first``              the group of the first admission, unknown included (Yang et al. 2024)
``first-known``        the group of the first admission with a known group
``majority``           the most frequent known group; a tie is ``conflicting``
"""


def races(root: Path, subjects: pd.Series, rule: str) -> pd.Series:
    """Return the race group of the patient of each image, by one of `RACE_RULES`.

    Patients without an admission, or with unknown races only, are ``unknown``.
    """
    path = find_one(root, ("admissions.csv*",), hint=_HINT)
    admissions = read_table(path, text=("subject_id",))
    column = next((name for name in ("race", "ethnicity") if name in admissions), None)
    if column is None:
        raise DataError(
            f"{path} has neither race (MIMIC-IV v2 and later) nor ethnicity (v0.4 and v1); it has "
            f"{', '.join(admissions.columns[:20])}. Check that it is the table hosp/admissions of MIMIC-IV."
        )
    require_columns(str(path), admissions, ("subject_id", "admittime", column))
    cohort = admissions[admissions["subject_id"].isin(subjects.unique())]
    recorded = cohort[column].fillna("").str.upper()
    groups = recorded.map({name: race_group(name) for name in recorded.unique()})
    ordered = cohort.assign(group=groups).sort_values("admittime", kind="stable")
    return subjects.map(RACE_RULES[rule](ordered)).fillna(UNKNOWN).astype("str")
