"""Tables of pairs of files: an image of a cohort, and the same edited."""

from collections.abc import Collection, Mapping
from os import PathLike
from pathlib import Path, PureWindowsPath

import pandas as pd

from cxraudit.datasets import values
from cxraudit.datasets.base import Dataset
from cxraudit.datasets.findings import find as find_finding
from cxraudit.datasets.pairs import (
    PAIR,
    Edits,
    known_images,
    read_edits,
    require_values,
    same_patient,
)
from cxraudit.datasets.reading import plain_frame, read_table
from cxraudit.edits import CONTROL_OF
from cxraudit.errors import DataError, UnknownNameError, short
from cxraudit.notices import Notice, counted
from cxraudit.schema import require_columns

ORIGINAL_FILE, KEY = "original_file", "pair"
"""Columns besides those of the user: the file of the original, and the name of the pair in its store."""


def read_pairs(
    pairs: object,
    dataset: Dataset,
    *,
    root: str | PathLike[str] | None = None,
    columns: Mapping[str, str] | None = None,
) -> Edits:
    """Read which images of a data set were edited, by which edit, into which files.

    Parameters
    ----------
    pairs : data frame, str or path
        One row per edited image: ``image_id`` (or ``original``: the id or the file name of an image of the
        data set), ``edited`` (its file) and ``edit`` (a name). Optional: ``control_of``, the edit or edits
        that an edit is the control of (``*``: of every one), or ``control``, true or false; ``patient_id`` of
        the edited image; ``finding``, whose score alone is compared.
    dataset : Dataset
        The data set that the originals are of.
    root : str or path, optional
        Folder that files are named from; default: that of the table.
    columns : mapping of str to str, optional
        Any of these names → the column of `pairs`.

    Returns
    -------
    Edits
        One row per pair: ``image_id``, ``original_file``, ``edited``, ``edit``, ``control_of``, ``finding``
        (blank for all) and ``pair`` (its name); and what was left out.

    Raises
    ------
    DataError
        If a column or a name is missing, no original is an image of the data set, or controls contradict
        each other.
    UnknownNameError
        If there is no such finding.
    """
    if isinstance(pairs, (str, PathLike)):
        where, folder = str(pairs), Path(pairs).parent
        table = read_table(Path(pairs), what="the table of pairs")
        raw, notices = plain_frame(table.frame, where), table.notices
    else:
        where, folder = "the table of pairs", Path()
        raw, notices = plain_frame(pairs, where), ()
    read = read_edits(raw, where, columns=columns)
    require_columns(where, read.frame, [PAIR.edited])
    read = same_patient(known_images(read, dataset.images, where), dataset, where)
    frame = read.frame
    require_values(frame[PAIR.edited], f"column '{PAIR.edited}'", where)
    files = values.ids(frame[PAIR.edited], f"column '{PAIR.edited}'", any_word=True)
    below = folder if root is None else Path(root)
    if not below.is_dir():
        raise DataError(f"{below} is no folder. Name the folder of the edited images.")
    paths = dict(zip(dataset.images["image_id"], dataset.images["path"], strict=True))
    frame = pd.DataFrame(
        {
            PAIR.image: frame[PAIR.image],
            ORIGINAL_FILE: frame[PAIR.image].map(paths).astype("str"),
            PAIR.edited: [str(_located(below, name)) for name in files.series],
            PAIR.edit: frame[PAIR.edit],
            CONTROL_OF: frame[CONTROL_OF],
            PAIR.finding: _findings(frame, dataset),
        }
    )
    frame, twice = _once(frame, set(dataset.images["path"].astype("str")))
    frame = frame.sort_values([PAIR.edit, PAIR.image, PAIR.edited, PAIR.finding], ignore_index=True)
    of_file = frame.groupby([PAIR.edit, PAIR.image, PAIR.edited], sort=False).ngroup()
    number = of_file - of_file.groupby(frame[PAIR.edit]).transform("min")
    frame[KEY] = [f"{k:06d} {name}" for k, name in zip(number, frame[PAIR.image], strict=True)]
    return Edits(frame, tuple(dict.fromkeys([*notices, *read.notices, *files.notices, *twice])))


def file_name(path: str) -> str:
    """Return the name of a file without its folders, which may be those of a user."""
    return PureWindowsPath(str(path)).name


def named_pair(image: str, edited: str) -> str:
    """Name a pair by its original and the file of the edited image.

    Examples
    --------
    >>> named_pair("00000001_000.png", "/data/out/drain-1.png")
    '00000001_000.png (edited: drain-1.png)'
    """
    return f"{short(image)} (edited: {short(file_name(edited))})"


def _located(below: Path, name: str) -> Path:
    """Return the path of a file, also where its name was written on Windows."""
    path = below / name
    if "\\" in name and not path.exists():
        other = PureWindowsPath(name)
        return below.joinpath(*other.parts) if not other.drive else path
    return path


def _findings(frame: pd.DataFrame, dataset: Dataset) -> "pd.Series[str]":
    """Return the finding each pair is about, by its name in the data set; blank for all."""
    if PAIR.finding not in frame:
        return pd.Series("", index=frame.index, dtype="str")
    given = values.texts(frame[PAIR.finding], f"column '{PAIR.finding}'").fillna("").astype("str")
    named = {"": ""}
    for name in given[given.ne("")].unique():
        found = find_finding(name, dataset.findings, dataset.aliases)
        if found is None:
            raise UnknownNameError("finding", name, dataset.findings)
        named[name] = found
    return given.map(named).astype("str")


_OF_COHORT = "the file named as edited is another image of the data set, unedited"
_OF_SEVERAL = "one file is named as the edit of several images, and cannot be of all of them"


def _once(frame: pd.DataFrame, unedited: Collection[str]) -> tuple[pd.DataFrame, list[Notice]]:
    """Keep one of the rows that are the same, and none of files that are an edit of two images.

    Raises
    ------
    DataError
        If every file is.
    """
    notices = []
    same = frame.duplicated()
    if same.any():
        sentence = (
            f"{counted(int(same.sum()), 'row')} repeated in the table of pairs: counted once."
        )
        notices.append(Notice(about="pairs", count=int(same.sum()), sentence=sentence))
    frame = frame[~same]
    of_file = frame.groupby(PAIR.edited)[PAIR.image].transform("nunique")
    kinds = (
        (
            frame[PAIR.edited].isin(unedited) & frame[PAIR.edited].ne(frame[ORIGINAL_FILE]),
            _OF_COHORT,
        ),
        (of_file > 1, _OF_SEVERAL),
    )
    for wrong, why in kinds:
        if not wrong.any():
            continue
        first = frame[wrong].iloc[0]
        sentence = (
            f"{counted(int(wrong.sum()), 'pair')} left out: {why}. First: "
            f"{named_pair(first[PAIR.image], first[PAIR.edited])}."
        )
        if wrong.all():
            raise DataError(f"{sentence} Write the right file in each row.")
        hidden = f"Some pairs left out: {why}."
        number = int(wrong.sum())
        notices.append(Notice(about="pairs", count=number, sentence=sentence, hidden=hidden))
    wrong = kinds[0][0] | kinds[1][0]
    if wrong.all():
        raise DataError(
            f"{notices[-1].sentence} No pair is left. Write the right file in each row."
        )
    return frame[~wrong], notices
