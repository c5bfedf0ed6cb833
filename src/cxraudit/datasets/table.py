"""A table of the user: a data frame, or a CSV or Parquet file with a TOML file that names its columns."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from cxraudit.datasets.base import Dataset, age_group, parse_ages, parse_sex, resolve_per_patient
from cxraudit.datasets.release import ReleaseFile
from cxraudit.errors import ConfigError, DataError
from cxraudit.files import read_table, read_toml
from cxraudit.frames import to_pandas
from cxraudit.schema import UNKNOWN, check_findings, group_name, require_columns, require_rows

SUMMARY = "any CSV or Parquet table of images; a TOML file names its columns"
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

Columns = str | Sequence[str] | Mapping[str, str]
"""One column, several, or name → column where a column is named differently."""


def load(root: Path) -> Dataset:
    """Read the table that ``dataset.toml`` in the folder `root` (or the TOML file `root`) describes.

    Raises
    ------
    ConfigError
        If the TOML file is missing, invalid, or has unknown keys.
    DataError
        If the table is missing or lacks a column.
    """
    file = root if root.suffix == ".toml" else root / "dataset.toml"
    described = read_toml(file, what="the description of the table")
    if unknown := set(described) - _KEYS:
        raise ConfigError(
            f"{file} has unknown keys {', '.join(sorted(unknown))}; known: {', '.join(sorted(_KEYS))}."
        )
    if missing := {"file", "image", "patient", "findings"} - set(described):
        raise ConfigError(
            f"{file} lacks {', '.join(sorted(missing))}. Add the names of the columns."
        )
    source = file.parent / described["file"]
    return from_frame(
        read_table(source),
        name=described.get("name", source.stem),
        root=file.parent,
        **{key: value for key, value in described.items() if key not in ("name", "file")},
    )


def from_frame(
    frame: object,
    *,
    name: str,
    root: str | os.PathLike[str],
    image: str,
    patient: str,
    findings: Columns,
    study: str | None = None,
    path: str | None = None,
    view: str | None = None,
    age: str | None = None,
    sex: str | None = None,
    attributes: Columns = (),
    shortcuts: Columns = (),
) -> Dataset:
    """Return a data set from a data frame with any column names.

    Parameters
    ----------
    frame : pandas.DataFrame, or a data frame of polars or another library that exports Arrow
        One row per image.
    name : str
        Name of the data set.
    root : str or os.PathLike
        Folder that paths of images are relative to.
    image, patient : str
        Columns that identify the image and its patient.
    findings : str, sequence of str or mapping
        Columns of the findings, or finding → column; 1, 0, true, false or missing (= not labelled).
    study, path, view, age, sex : str, optional
        Columns; ages as years or DICOM age strings, sex as F, M, female or male.
    attributes : str, sequence of str or mapping
        Further columns to group by, or attribute → column. Missing values are the group ``unknown``.
    shortcuts : str, sequence of str or mapping
        Columns of 1/0 or yes/no for a device or property that a model may rely on, or
        shortcut → column. Missing values and −1 are ``unknown``.

    Returns
    -------
    Dataset
        Findings are float64: 1, 0, and NaN for *not labelled*.

    Raises
    ------
    DataError
        If a column is missing, has invalid values, or is named twice.
    TypeError
        If `frame` is no data frame.
    """
    table = f"the table of '{name}'"
    raw = to_pandas(frame, table).reset_index(drop=True)
    finding_columns, attribute_columns, shortcut_columns = (
        _by_name(columns) for columns in (findings, attributes, shortcuts)
    )
    columns = [column for column in (image, patient, study, path, view, age, sex) if column]
    for named in (finding_columns, attribute_columns, shortcut_columns):
        columns += named.values()
    require_columns(table, raw, columns)
    require_rows(table, raw)
    if raw[patient].isna().any():
        raise DataError(
            f"{table} has {int(raw[patient].isna().sum())} rows without a patient ('{patient}'). "
            "Patients are the unit of every interval: fill the column in."
        )
    images = pd.DataFrame(
        {"image_id": raw[image].astype("str"), "patient_id": raw[patient].astype("str")}
    )
    images["study_id"] = raw[study].astype("str") if study else images["image_id"]
    images["path"] = [str(Path(root) / str(value)) for value in raw[path]] if path else ""
    images["view_position"] = raw[view].map(group_name).astype("str") if view else UNKNOWN
    names: list[str] = []
    if age:
        images["age"] = parse_ages(raw[age])
        _require_parsed(images["age"].notna(), raw[age], age, "ages (years, or text such as 058Y)")
        images["age_group"] = images["age"].map(age_group).astype("str")
        names.append("age_group")
    if sex:
        images["sex"] = resolve_per_patient(images["patient_id"], parse_sex(raw[sex]))
        _require_parsed(images["sex"] != UNKNOWN, raw[sex], sex, "sexes (F, M, female, male)")
        names.append("sex")
    for attribute, column in attribute_columns.items():
        if attribute in images:
            raise DataError(
                f"'{attribute}' is named twice: as an attribute and as age, sex or view. "
                "Name the column once."
            )
        images[attribute] = raw[column].map(group_name).astype("str")
        names.append(attribute)
    if view:
        names.append("view_position")
    for shortcut, column in shortcut_columns.items():
        images[shortcut] = _yes_no(raw[column], column)
    if repeated := set(finding_columns) & {*shortcut_columns, *names}:
        raise DataError(
            f"'{min(repeated)}' is named twice: as a finding and as an attribute or shortcut. Give one "
            "of them another name: --label NAME=COLUMN."
        )
    for finding, column in finding_columns.items():
        images[finding] = raw[column]
    check_findings(table, images, tuple(finding_columns))
    for finding in finding_columns:
        images[finding] = pd.to_numeric(images[finding], errors="coerce").astype("float64")
    return Dataset(
        name=name,
        version="",
        license="",
        root=Path(root),
        images=images,
        findings=tuple(finding_columns),
        attributes=tuple(dict.fromkeys(names)),
        shortcuts=tuple(shortcut_columns),
    )


def _by_name(columns: Columns) -> dict[str, str]:
    """Return name → column, from one column, several, or such a mapping."""
    if isinstance(columns, str):
        columns = [columns]
    if isinstance(columns, Mapping):
        return dict(columns)
    return {column: column for column in columns}


def _require_parsed(
    parsed: "pd.Series[bool]", values: pd.Series, column: str, expected: str
) -> None:
    """Raise `DataError` if a column has values and none of them could be parsed."""
    if values.notna().any() and not parsed.any():
        raise DataError(
            f"the column '{column}' holds no {expected}; the first value is "
            f"{values.dropna().iloc[0]!r}. Recode it, or audit by it as an --attribute."
        )


_YES_NO = {
    "1": "yes",
    "yes": "yes",
    "true": "yes",
    "y": "yes",
    "0": "no",
    "no": "no",
    "false": "no",
    "n": "no",
    "-1": UNKNOWN,
    UNKNOWN: UNKNOWN,
}


def _yes_no(values: pd.Series, column: str) -> pd.Series:
    text = values.map(group_name).str.lower()
    labels = text.map(_YES_NO)
    if labels.isna().any():
        raise DataError(
            f"the shortcut column '{column}' must hold yes/no or 1/0, found "
            f"{text[labels.isna()].iloc[0]!r}."
        )
    return labels.astype("str")
