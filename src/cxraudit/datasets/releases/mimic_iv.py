"""Demographics of the patients of MIMIC-CXR: age, sex and race from MIMIC-IV (v0.4 to v3.1)."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from cxraudit.datasets import values
from cxraudit.datasets.base import CONFLICTING, resolve_per_patient
from cxraudit.datasets.release import ReleaseFile
from cxraudit.datasets.release_table import ReleaseTable, find_table
from cxraudit.datasets.values.ages import OLDEST
from cxraudit.errors import DataError, short
from cxraudit.notices import Notice, counted, named
from cxraudit.schema import UNKNOWN

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
"""First words of a race in MIMIC-IV → group; anything else (UNKNOWN, UNABLE TO OBTAIN, …) is unknown."""


def race_group(recorded: str) -> str | None:
    """Return the group of a race as recorded by MIMIC-IV; None where it is unknown or not understood.

    Examples
    --------
    >>> race_group("BLACK/CAPE VERDEAN"), race_group("UNABLE TO OBTAIN")
    ('black', None)
    """
    text = recorded.upper()
    return next(
        (group for start, group in _RACE_STARTS if re.match(rf"{start}\b", text)),
        None,
    )


class Demographics(NamedTuple):
    """Age at the study and sex of each image."""

    ages: values.Ages
    sexes: pd.Series
    notices: tuple[Notice, ...]


def ages_and_sexes(root: Path, subjects: pd.Series, study_dates: pd.Series) -> Demographics:
    """Return the age at each study, and the sex.

    Age is anchor age + year of the study − anchor year. MIMIC-IV records ages above 89 as 91, so
    that the ages of these patients are lower bounds.

    Parameters
    ----------
    root : pathlib.Path
        Folder that contains MIMIC-IV.
    subjects, study_dates : pandas.Series
        Patient of each image as text, and day of its study.

    Returns
    -------
    Demographics
        Ages in years (NaN where the patient or the date is unknown, or outside 0–120), and sexes.
        Notices count the rows of these patients that were not understood, and the images without one.

    Raises
    ------
    DataError
        If the table of patients is missing, lacks a column, or has a patient twice.
    """
    needed = ("subject_id", "gender", "anchor_age", "anchor_year")
    table = find_table(root, ("patients.csv*",), hint=_HINT, columns=needed)
    names = table.ids("subject_id", unique=True)
    in_cohort = names.isin(subjects)
    table, names = table.rows(in_cohort), names[in_cohort]
    anchor = table.ages("anchor_age")
    anchor_year = table.read("anchor_year", _numbers)
    known = pd.DataFrame(
        {
            "age": anchor.series,
            "at_least": anchor.at_least,
            "year": anchor_year,
            "sex": table.sexes("gender"),
        }
    )
    known = known.set_axis(names).reindex(subjects).reset_index(drop=True)
    ages = known["age"] + study_dates.dt.year.astype("float64") - known["year"]
    at_least = known["at_least"].eq(True)  # not of patients who are not in the table
    impossible = ages.notna() & ~ages.between(0, OLDEST)
    _note_without_age(table, subjects[~subjects.isin(names)], ages[impossible])
    sexes = resolve_per_patient(subjects, known["sex"].fillna(UNKNOWN))
    return Demographics(
        values.Ages(ages.mask(impossible).astype("float64"), at_least), sexes, tuple(table.notices)
    )


def _numbers(cells: pd.Series, about: str) -> values.Values:
    return values.numbers(cells, about, strict=False)


def _note_without_age(table: ReleaseTable, without: pd.Series, impossible: pd.Series) -> None:
    """Count the images of patients who are not in the table, and those with an impossible age."""
    if len(without):
        stated = (
            f"{counted(len(without), 'image')} of {counted(without.nunique(), 'patient')} who "
            f"{'is' if without.nunique() == 1 else 'are'} not in it: age and sex are unknown."
        )
        table.note("subject_id", len(without), stated)
    if len(impossible):
        stated = (
            f"{counted(len(impossible), 'image')} with an impossible age at the study, unknown: "
            f"{named(impossible.astype(int).value_counts().to_dict())}."
        )
        table.note("anchor_age", len(impossible), stated)


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


def races(root: Path, subjects: pd.Series, rule: str) -> values.Values:
    """Return the race group of the patient of each image, by one of `RACE_RULES`.

    Patients without an admission, or with unknown races only, are ``unknown``.
    """
    table = find_table(root, ("admissions.csv*",), hint=_HINT)
    column = next((name for name in ("race", "ethnicity") if name in table.frame), None)
    if column is None:
        raise DataError(
            f"{table.path} has neither race (MIMIC-IV v2 and later) nor ethnicity (v0.4 and v1); it has "
            f"{', '.join(map(short, table.frame.columns[:20]))}. Check that it is the table "
            "hosp/admissions of MIMIC-IV."
        )
    table.require(("subject_id", "admittime", column))
    names = table.ids("subject_id")
    table, names = table.rows(names.isin(subjects)), names[names.isin(subjects)]
    admissions = pd.DataFrame(
        {
            "subject_id": names.to_numpy(),
            "group": table.coded(column, race_group),
            "day": table.read("admittime", _dates),
            "time": table.texts("admittime"),
        }
    )
    ordered = admissions.sort_values(["day", "time"], kind="stable")
    found = subjects.map(RACE_RULES[rule](ordered))
    without = subjects[~subjects.isin(names)]
    if len(without):
        stated = (
            f"{counted(len(without), 'image')} of patients without an admission: race is unknown."
        )
        table.note("subject_id", len(without), stated)
    return values.Values(found.fillna(UNKNOWN).astype("str"), tuple(table.notices))


def _dates(cells: pd.Series, about: str) -> values.Values:
    return values.dates(cells, about, strict=False)
