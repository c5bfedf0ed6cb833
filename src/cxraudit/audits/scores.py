"""Scores as people have them: one row per image, one column per finding."""

from collections.abc import Mapping, Sequence

import pandas as pd

from cxraudit.errors import DataError, UnknownNameError
from cxraudit.schema import check_scores, require_columns, require_rows, require_unique


def scores_from_wide(
    frame: pd.DataFrame,
    *,
    image: str,
    columns: Mapping[str, str],
    model: str,
    table: str = "the scores table",
) -> pd.DataFrame:
    """Turn one column per finding into a scores table.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per image.
    image : str
        Column that identifies the image.
    columns : mapping of str to str
        Finding → column of its scores.
    model : str
        Name the scores go by.

    Raises
    ------
    DataError
        If a column is missing, an image stands twice, or a score is not a finite number.
    """
    require_columns(table, frame, [image, *columns.values()])
    require_rows(table, frame)
    require_unique(table, frame, [image])
    parts = [
        pd.DataFrame({"image_id": frame[image], "finding": finding, "score": frame[column]})
        for finding, column in columns.items()
    ]
    long = pd.concat(parts, ignore_index=True)
    return check_scores(long.assign(model=model, prompt_set="none"), table)


def match_columns(
    present: Sequence[str], prefix: str, findings: Sequence[str], aliases: Mapping[str, str]
) -> dict[str, str]:
    """Find the score columns that begin with `prefix`, and the finding each is about.

    Case, spaces and underscores do not matter; `aliases` maps published names to findings.

    Raises
    ------
    DataError
        If no column begins with the prefix.
    UnknownNameError
        If one does, but what follows is no finding.
    """
    known = {_plain(name): finding for name, finding in aliases.items()}
    known |= {_plain(finding): finding for finding in findings}
    matched = {}
    for column in present:
        if column.startswith(prefix):
            name = column.removeprefix(prefix)
            if _plain(name) not in known:
                raise UnknownNameError("finding", name, findings)
            matched[known[_plain(name)]] = column
    if not matched:
        raise DataError(
            f"no column begins with '{prefix}'; the table has {', '.join(present[:8])}. "
            "Name the score columns one by one with --score FINDING=COLUMN."
        )
    return matched


def _plain(name: str) -> str:
    return name.lower().replace("_", " ").strip()
