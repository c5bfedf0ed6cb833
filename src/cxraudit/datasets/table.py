"""Any table of one's own: a CSV or Parquet, and a TOML file that says which column is what."""

from pathlib import Path

import numpy as np
import pandas as pd

from cxraudit.datasets.base import Dataset, age_group, parse_ages, parse_sex, resolve_per_patient
from cxraudit.datasets.release import ReleaseFile
from cxraudit.errors import ConfigError, DataError
from cxraudit.files import read_table, read_toml
from cxraudit.schema import UNKNOWN, group_name, require_columns, require_rows

SUMMARY = "any CSV or Parquet of images; a TOML file names its columns"
FILES = (ReleaseFile("dataset.toml", "write it: see docs/how-to/audit-a-table.md"),)

_KEYS = {
    "name",
    "file",
    "image",
    "patient",
    "study",
    "path",
    "view",
    "age",
    "sex",
    "findings",
    "attributes",
    "shortcuts",
}


def load(root: Path) -> Dataset:
    """Read the table that ``dataset.toml`` under `root` (or the TOML file `root`) describes.

    Raises
    ------
    ConfigError
        If the TOML is missing, invalid, or has unknown keys.
    DataError
        If the table is missing or lacks a column that is named.
    """
    file = root if root.suffix == ".toml" else root / "dataset.toml"
    settings = read_toml(file, what="the description of the table")
    if unknown := set(settings) - _KEYS:
        raise ConfigError(
            f"{file} has unknown keys {', '.join(sorted(unknown))}; known: {', '.join(sorted(_KEYS))}."
        )
    if missing := {"file", "image", "patient", "findings"} - set(settings):
        raise ConfigError(f"{file} lacks {', '.join(sorted(missing))}. Add what they are called.")
    source = file.parent / settings["file"]
    raw = read_table(source)
    return from_frame(
        raw,
        name=settings.get("name", source.stem),
        root=file.parent,
        **{key: value for key, value in settings.items() if key not in ("name", "file")},
    )


def from_frame(
    raw: pd.DataFrame,
    *,
    name: str,
    root: Path,
    image: str,
    patient: str,
    findings: "dict[str, str] | list[str] | tuple[str, ...]",
    study: str | None = None,
    path: str | None = None,
    view: str | None = None,
    age: str | None = None,
    sex: str | None = None,
    attributes: "dict[str, str] | list[str] | tuple[str, ...]" = (),
    shortcuts: "dict[str, str] | list[str] | tuple[str, ...]" = (),
) -> Dataset:
    """Make a data set of a table whose columns have other names.

    Parameters
    ----------
    raw : pandas.DataFrame
        One row per image.
    image, patient : str
        Columns that identify the image and its patient.
    findings : mapping or sequence
        Finding → column, or columns that are named like their finding; 1, 0 or nothing.
    study, path, view, age, sex : str, optional
        Columns; ages as years or DICOM age strings, sex in any usual spelling.
    attributes : mapping or sequence
        More grouping columns: name here → column. Missing values become the group ``unknown``.
    shortcuts : mapping or sequence
        Columns of 1/0 or yes/no for things a model might lean on.

    Raises
    ------
    DataError
        If a column is missing or holds what it should not.
    """
    finding_columns, more, leans = _mapping(findings), _mapping(attributes), _mapping(shortcuts)
    single = [column for column in (image, patient, study, path, view, age, sex) if column]
    require_columns(
        f"the table of '{name}'",
        raw,
        [*single, *finding_columns.values(), *more.values(), *leans.values()],
    )
    require_rows(f"the table of '{name}'", raw)
    if raw[patient].isna().any():
        raise DataError(
            f"the table of '{name}' has {int(raw[patient].isna().sum())} rows without a patient "
            f"('{patient}'). Patients are the unit of every interval: fill the column in."
        )
    images = pd.DataFrame(
        {"image_id": raw[image].astype("str"), "patient_id": raw[patient].astype("str")}
    )
    images["study_id"] = raw[study].astype("str") if study else images["image_id"]
    images["path"] = [str(root / str(value)) for value in raw[path]] if path else ""
    images["view_position"] = raw[view].map(group_name).astype("str") if view else UNKNOWN
    names: list[str] = []
    if age:
        images["age"] = parse_ages(raw[age])
        _must_parse(images["age"].notna(), raw[age], age, "ages (years, or strings such as 058Y)")
        images["age_group"] = images["age"].map(age_group).astype("str")
        names.append("age_group")
    if sex:
        images["sex"] = resolve_per_patient(images["patient_id"], parse_sex(raw[sex]))
        _must_parse(images["sex"] != UNKNOWN, raw[sex], sex, "sexes (F, M, female, male)")
        names.append("sex")
    for attribute, column in more.items():
        if attribute in images:
            raise DataError(
                f"'{attribute}' is named twice: as an attribute and as age, sex or view. "
                "Name the column once."
            )
        images[attribute] = raw[column].map(group_name).astype("str")
        names.append(attribute)
    if view:
        names.append("view_position")
    for shortcut, column in leans.items():
        images[shortcut] = _yes_no(raw[column], column)
    if both := set(finding_columns) & {*leans, *names}:
        raise DataError(
            f"'{min(both)}' is named twice: as a finding and as something else. Give one of them "
            "another name: --label NAME=COLUMN."
        )
    for finding, column in finding_columns.items():
        images[finding] = raw[column]
    dataset = Dataset(
        name=name,
        version="",
        license="",
        root=root,
        images=images,
        findings=tuple(finding_columns),
        attributes=tuple(dict.fromkeys(names)),
        shortcuts=tuple(leans),
    )
    images[list(finding_columns)] = images[list(finding_columns)].astype("float64")
    return dataset


def _mapping(columns: "dict[str, str] | list[str] | tuple[str, ...]") -> dict[str, str]:
    return dict(columns) if isinstance(columns, dict) else {column: column for column in columns}


def _must_parse(known: pd.Series, values: pd.Series, column: str, what: str) -> None:
    if values.notna().any() and not known.any():
        raise DataError(
            f"the column '{column}' holds no {what}; the first value is "
            f"{values.dropna().iloc[0]!r}. Recode it, or audit by it as an --attribute."
        )


def _yes_no(values: pd.Series, column: str) -> pd.Series:
    known = {
        "1": "yes",
        "yes": "yes",
        "true": "yes",
        "y": "yes",
        "0": "no",
        "no": "no",
        "false": "no",
        "n": "no",
    }
    text = values.map(lambda value: group_name(value).lower())
    mapped = text.map({**known, UNKNOWN: UNKNOWN, "-1": UNKNOWN})
    if mapped.isna().any():
        raise DataError(
            f"the shortcut column '{column}' must hold yes/no or 1/0, found {text[mapped.isna()].iloc[0]!r}."
        )
    return pd.Series(np.asarray(mapped), index=values.index, dtype="str")
