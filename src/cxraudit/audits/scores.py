"""Tables of scores as other programs write them: one row per image, one column per finding."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from cxraudit.datasets.base import Dataset
from cxraudit.datasets.table import from_frame
from cxraudit.errors import ConfigError, DataError, UnknownNameError
from cxraudit.files import read_table
from cxraudit.frames import to_pandas
from cxraudit.schema import (
    SCORE_COLUMNS,
    check_scores,
    require_columns,
    require_rows,
    require_unique,
)


def scores_from_wide(
    frame: object,
    *,
    image: str,
    columns: Mapping[str, str],
    model: str,
    table: str = "the scores table",
) -> pd.DataFrame:
    """Turn one column per finding into a scores table.

    Parameters
    ----------
    frame : pandas.DataFrame, or a data frame of polars or another library that exports Arrow
        One row per image.
    image : str
        Column that identifies the image.
    columns : mapping of str to str
        Finding → column of its scores; any number that grows with the evidence for the finding.
    model : str
        Name of the model in the table.
    table : str
        Name of the frame in messages.

    Returns
    -------
    pandas.DataFrame
        One row per image and finding: ``image_id``, ``model``, ``prompt_set`` (``none``),
        ``finding``, ``score``.

    Raises
    ------
    DataError
        If a column is missing, an image has two rows, or a score is not a finite number.
    TypeError
        If `frame` is no data frame.
    ValueError
        If `columns` is no mapping, or is empty.
    """
    if not isinstance(columns, Mapping) or not columns:
        raise ValueError(
            f"columns must map findings to the columns of their scores, got {columns!r}"
        )
    raw = to_pandas(frame, table)
    require_columns(table, raw, [image, *columns.values()])
    require_rows(table, raw)
    require_unique(table, raw, [image])
    parts = [
        pd.DataFrame({"image_id": raw[image], "finding": finding, "score": raw[column]})
        for finding, column in columns.items()
    ]
    long = pd.concat(parts, ignore_index=True)
    return check_scores(long.assign(model=model, prompt_set="none"), table)


def match_columns(
    present: Sequence[str], prefix: str, findings: Sequence[str], aliases: Mapping[str, str]
) -> dict[str, str]:
    """Find the score columns that begin with `prefix`, and the finding of each.

    Case is ignored, and underscores count as spaces; `aliases` maps published names to findings.

    Raises
    ------
    DataError
        If no column begins with the prefix.
    UnknownNameError
        If the remainder of such a name is no finding.
    """
    known = {_plain(name): finding for name, finding in aliases.items()}
    known |= {_plain(finding): finding for finding in findings}
    matched: dict[str, str] = {}
    for column in present:
        if column.startswith(prefix):
            name = column.removeprefix(prefix)
            if _plain(name) not in known:
                raise UnknownNameError("finding", name, findings)
            finding = known[_plain(name)]
            if finding in matched:
                raise DataError(
                    f"the columns '{matched[finding]}' and '{column}' both hold scores of {finding}. "
                    f"Name one of them with --score {finding}=COLUMN."
                )
            matched[finding] = column
    if not matched:
        raise DataError(
            f"no column begins with '{prefix}'; the table has {', '.join(present[:8])}. "
            "Name the score columns one by one with --score FINDING=COLUMN."
        )
    return matched


def _plain(name: str) -> str:
    return name.lower().replace("_", " ").strip()


def read_scores(
    path: Path,
    dataset: Dataset,
    *,
    image: str | None = None,
    score: Mapping[str, str] | None = None,
    score_prefix: str | None = None,
    model: str = "model",
) -> pd.DataFrame:
    """Read scores: a scores table of cxraudit, or one column per finding (`score`, `score_prefix`).

    Parameters
    ----------
    path : pathlib.Path
        Parquet or CSV.
    dataset : Dataset
        The data set the scores are about.
    image : str, optional
        Column that identifies the image.
    score : mapping of str to str, optional
        Finding → column of its scores.
    score_prefix : str, optional
        Columns that begin with it hold scores; the remainder of the name is the finding.
    model : str
        Name of the model in the table.
    """
    frame = read_table(path, what="the scores table")
    if (
        image is None
        and not score
        and score_prefix is None
        and set(SCORE_COLUMNS) <= set(frame.columns)
    ):
        return check_scores(frame, str(path))
    columns = dict(score or {})
    if score_prefix is not None:
        matched = match_columns(
            list(frame.columns), score_prefix, dataset.findings, dataset.aliases
        )
        columns = {**matched, **columns}
    if not columns:
        raise DataError(
            f"{path} has the columns {', '.join(map(str, frame.columns[:10]))}, which is no scores "
            "table of cxraudit. Name the columns of scores: --score FINDING=COLUMN or --score-prefix."
        )
    dataset.choose_findings(list(columns))
    return scores_from_wide(
        frame, image=image or "image_id", columns=columns, model=model, table=str(path)
    )


def dataset_from_scores(
    file: Path,
    *,
    image: str | None,
    patient: str | None,
    label: Mapping[str, str],
    age: str | None,
    sex: str | None,
    view: str | None,
    attributes: Sequence[str],
    shortcuts: Mapping[str, str],
) -> Dataset:
    """Make a data set of a table that holds labels beside the scores.

    Parameters
    ----------
    file : pathlib.Path
        Parquet or CSV, one row per image.
    image, patient : str
        Columns that identify the image and its patient.
    label : mapping of str to str
        Finding → column of its labels: 1, 0 or nothing.
    age, sex, view : str, optional
        Columns of ages, sexes and view positions.
    attributes : sequence of str
        More columns of groups.
    shortcuts : mapping of str to str
        Shortcut → finding; ``COLUMN:GROUP`` is a group of a column.

    Raises
    ------
    ConfigError
        If the columns of the image and the patient are not named.
    DataError
        If the file or a column is missing or is not what it should be.
    """
    if image is None or patient is None:
        raise ConfigError(
            "with --label, also name the columns of the image and the patient: --image and --patient. "
            "Patients are the unit of every interval."
        )
    table = read_table(file, what="the scores table")
    columns = list(dict.fromkeys(attributes))
    own = []
    for shortcut in shortcuts:
        column, colon, _ = shortcut.partition(":")
        if not colon or shortcut in table:
            own.append(shortcut)
        elif column in table and column not in (*columns, age, sex, view):
            columns.append(column)  # one of its groups is the shortcut: see audits.shortcuts
    return from_frame(
        table,
        name=file.name.split(".")[0],
        root=file.parent,
        image=image,
        patient=patient,
        findings=dict(label),
        age=age,
        sex=sex,
        view=view,
        attributes=columns,
        shortcuts=own,
    )
