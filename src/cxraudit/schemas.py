"""The columns of the tables, checked once where a table enters.

=============  ===================================================  ==========================
table          one row per                                          file
=============  ===================================================  ==========================
images         image                                                ``images.parquet``
embeddings     image and model                                      a folder, see `cxraudit.store`
scores         image, finding, model and prompt set                 ``scores.parquet``
results        estimate                                             ``results.parquet``
=============  ===================================================  ==========================
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from cxraudit.errors import DataError, MissingColumnsError

IMAGE_COLUMNS = ("image_id", "patient_id", "study_id", "path", "view_position")
"""What every images table has; findings (1, 0, NaN = not labelled) and attributes follow."""

SCORE_COLUMNS = ("image_id", "model", "prompt_set", "finding", "score")
"""A score only has to rank: any number that grows with the evidence for the finding."""

EDITED_COLUMNS = ("image_id", "model", "prompt_set", "finding", "edit", "severity", "score")
"""Scores of films changed on purpose; see `cxraudit.edits`."""

RESULT_COLUMNS: dict[str, str] = {
    "dataset": "str",
    "model": "str",
    "prompt_set": "str",
    "finding": "str",
    "attribute": "str",
    "group": "str",
    "reference": "str",
    "metric": "str",
    "value": "float64",
    "low": "float64",
    "high": "float64",
    "n": "int64",
    "n_positive": "int64",
    "n_patients": "int64",
    "n_positive_patients": "int64",
    "confidence_level": "float64",
    "method": "str",
    "p_value": "float64",
    "p_adjusted": "float64",
    "margin": "float64",
    "detectable_gap": "float64",
    "verdict": "str",
    "note": "str",
}
"""``reference`` is empty for a level and names what is subtracted for a gap (value = group −
reference). ``n`` counts images. NaN is *undefined* or *does not apply*; never zero."""

ALL = "all"
"""Attribute and group of the rows over every image."""
REST = "rest"
"""The reference of a gap to all other films whose group is known."""
AT_EQUAL = "rest at equal "
"""Begins the reference of a gap after both sides were weighted to one mix of an attribute."""
WITHOUT = "without"
"""The reference of a shortcut's gap: positives without it."""
WITHOUT_AT_EQUAL = "without at equal "
"""Begins the reference of a shortcut's gap after both arms were weighted to one mix."""
DOSE = " (dose)"
"""Ends the attribute of rows that tell how AUROC moves with the share of a shortcut."""
ANNOTATED_ONLY = " (annotated only)"
"""Ends the attribute of a shortcut's rows that rest on labels by people alone."""
EACH_OTHER = "each other"
"""The reference of the row that tests all groups of an attribute at once."""
AGAINST_MODEL = "model "
"""Begins the reference of a difference to another model on the same films."""
NO_FINDING = "No Finding"
"""The label whose false positives are ill patients called healthy."""
UNKNOWN = "unknown"
"""The group of patients whose attribute is missing or impossible."""


def require_columns(table: str, frame: pd.DataFrame, columns: Iterable[str]) -> None:
    """Raise `MissingColumnsError` unless `frame` has all `columns`."""
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise MissingColumnsError(table, missing, frame.columns)


def require_rows(table: str, frame: pd.DataFrame) -> None:
    """Raise `DataError` for a table without rows."""
    if frame.empty:
        raise DataError(f"{table} has no rows. Check the file and the filters that made it.")


def require_unique(table: str, frame: pd.DataFrame, columns: Sequence[str]) -> None:
    """Raise `DataError` if two rows share the key `columns`."""
    twice = frame.duplicated(list(columns))
    if twice.any():
        first = frame.loc[twice, list(columns)].iloc[0].tolist()
        name = " and ".join(columns)
        raise DataError(
            f"{table} holds {int(twice.sum())} rows with a {name} that was already there, first "
            f"{', '.join(map(str, first))}. Keep one row of each."
        )


def require_values(table: str, frame: pd.DataFrame, columns: Sequence[str]) -> None:
    """Raise `DataError` if a row lacks a value in one of `columns`."""
    for column in columns:
        if missing := int(frame[column].isna().sum()):
            raise DataError(f"{table} has {missing} rows without a {column}. Fill the column in.")


def check_findings(table: str, frame: pd.DataFrame, findings: Sequence[str]) -> None:
    """Raise `DataError` unless each finding column holds 1, 0 or NaN only."""
    for finding in findings:
        values = pd.to_numeric(frame[finding], errors="coerce")
        bad = frame.loc[~(values.isin([0, 1]) | frame[finding].isna()), finding]
        if len(bad):
            raise DataError(
                f"{table}: the finding '{finding}' must hold 1, 0 or nothing, but {len(bad)} rows "
                f"hold other values, first '{bad.iloc[0]}'. Decide what they count as, and recode."
            )


def check_scores(frame: pd.DataFrame, table: str = "the scores table") -> pd.DataFrame:
    """Check a scores table at the door.

    Returns
    -------
    pandas.DataFrame
        The columns of `SCORE_COLUMNS`, sorted by them.

    Raises
    ------
    DataError
        If columns are missing, the table is empty, an image is scored twice for one finding and
        model, or a score is NaN or infinite.
    """
    require_columns(table, frame, SCORE_COLUMNS)
    require_rows(table, frame)
    key = list(SCORE_COLUMNS[:-1])
    require_values(table, frame, key)
    frame = frame[list(SCORE_COLUMNS)].astype(dict.fromkeys(key, "str"))
    require_unique(table, frame, key)
    values = pd.to_numeric(frame["score"], errors="coerce").to_numpy(dtype=np.float64)
    if not np.isfinite(values).all():
        bad = frame.loc[~np.isfinite(values)].iloc[0]
        raise DataError(
            f"{table} has {int((~np.isfinite(values)).sum())} scores that are not finite numbers, "
            f"first '{bad['score']}' for image {bad['image_id']}, {bad['finding']}. "
            "Score those images again, or delete those rows."
        )
    return frame.assign(score=values).sort_values(key, ignore_index=True)


def group_name(value: Any) -> str:
    """Return the name of a group: text as it is, whole numbers without a point, missing as unknown.

    Examples
    --------
    >>> group_name(2.0), group_name("  ICU "), group_name(None)
    ('2', 'ICU', 'unknown')
    """
    if value is None or value is pd.NA or value != value:
        return UNKNOWN
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip() or UNKNOWN


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table as dictionaries."""
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def typed_frame(rows: Iterable[Mapping[str, Any]], columns: Mapping[str, str]) -> pd.DataFrame:
    """Build a table with all of some columns, typed, in their order; missing text is empty, a count 0."""
    frame = pd.DataFrame(list(rows), columns=list(columns))
    for column, dtype in columns.items():
        if dtype == "str":
            frame[column] = frame[column].astype(object).fillna("").astype("str")
        elif dtype == "int64":
            frame[column] = frame[column].fillna(0).astype("int64")
        else:
            frame[column] = frame[column].astype("float64")
    return frame


def results_frame(rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """Build a results table: all columns of `RESULT_COLUMNS`, typed, in their order."""
    return typed_frame(rows, RESULT_COLUMNS)


def check_results(frame: pd.DataFrame, table: str = "the results table") -> pd.DataFrame:
    """Check a results table at the door and return its columns in order."""
    require_columns(table, frame, RESULT_COLUMNS)
    require_rows(table, frame)
    return results_frame(records(frame))
