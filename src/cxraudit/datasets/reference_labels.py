"""Reference labels, such as those of radiologists, for part of the images of a data set."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxraudit.datasets import findings as finding_names
from cxraudit.datasets import values
from cxraudit.datasets.base import UNCERTAIN, Dataset
from cxraudit.datasets.reading import read_table
from cxraudit.errors import ConfigError, DataError, UnknownNameError, short
from cxraudit.frames import to_pandas
from cxraudit.notices import Notice, counted, named
from cxraudit.schema import require_rows, require_unique

KEYS = ("image_id", "study_id")
"""Columns that a table of reference labels may be by, in this order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceLabels:
    """Labels of part of the images of a data set, from a better source than its own."""

    name: str
    """Where they come from, for the report."""
    labels: pd.DataFrame
    """Indexed by image: one column per finding, with 1, 0 and NaN (not labelled)."""
    weights: "pd.Series[float] | None" = None
    """How many images each stands for, where the subset was drawn in strata; None for a simple random one."""
    notices: tuple[Notice, ...] = field(default=())

    def of(self, images: pd.Index, finding: str) -> NDArray[np.float64]:
        """Return the labels of a finding for some images; NaN where there is none."""
        if finding not in self.labels:
            return np.full(len(images), np.nan)
        return self.labels[finding].reindex(images).to_numpy(dtype=np.float64)

    def weights_of(self, images: pd.Index) -> NDArray[np.float64] | None:
        """Return the weights of some images, NaN for those without; None for a simple random subset."""
        if self.weights is None:
            return None
        return np.asarray(self.weights.reindex(images), dtype=np.float64)


def read_reference_labels(
    source: str | os.PathLike[str] | Any,
    dataset: Dataset,
    *,
    columns: Mapping[str, str] | None = None,
    image: str | Sequence[str] | None = None,
    weight: str | None = None,
    uncertain: str | None = None,
    name: str | None = None,
) -> ReferenceLabels:
    """Read a table of reference labels.

    Parameters
    ----------
    source : str, path or data frame
        One row per image (``image_id``) or study (``study_id``), and a column per finding with 1, 0 or
        nothing. Rows without any label are left out. Columns that are no finding of the data set are left
        out, too, with a notice.
    dataset : Dataset
        What the labels are about.
    columns : mapping of str to str, optional
        Finding → column of its labels; default: the columns with the name of a finding.
    image : str or sequence of str, optional
        Column that identifies the image, if not ``image_id``; of several, the first that is there.
    weight : str, optional
        Column with the sampling weight of each row, where the subset was drawn in strata.
    uncertain : {"zeros", "ones", "ignore"}, optional
        What uncertain labels (−1) count as, which a notice states; default: what those of the data set do, or
        ``ignore`` (not labelled) where it has no policy.
    name : str, optional
        What the report calls the source; default: the name of the file.

    Returns
    -------
    ReferenceLabels

    Raises
    ------
    DataError
        If the file cannot be read, has no column of images, one twice or missing, no finding of the data set,
        no image of it, no label, a value that is none, or a weight that is no number above 0.
    UnknownNameError
        If there is no such column or finding.
    """
    notices: list[Notice] = []
    if isinstance(source, str) or hasattr(source, "__fspath__"):
        path = Path(os.fspath(source))
        read = read_table(path, what="the table of reference labels")
        frame, about = read.frame, path.name
        notices += read.notices
    else:
        frame, about = to_pandas(source, "the table of reference labels"), "the table"
    table = f"the table of reference labels ({about})"
    require_rows(table, frame)
    given = [image] if isinstance(image, str) else list(image or ())
    keys = list(dict.fromkeys([*given, *KEYS]))
    key = next((one for one in keys if one in frame), None)
    if key is None:
        raise DataError(
            f"{table} has no column {' or '.join(keys)}, but {_listed(frame)}. Rename the column that names "
            "the images."
        )
    if weight is not None and weight not in frame:
        raise UnknownNameError("column of reference weights", weight, list(map(str, frame.columns)))
    found, left_out = _findings(frame, dataset, columns, {key, weight}, table)
    labels = pd.DataFrame(index=frame.index)
    policy = uncertain or dataset.policies.get(UNCERTAIN, "ignore")
    for column, finding in found.items():
        one = values.labels(frame[column], f"'{column}' of {about}", uncertain=policy)
        labels[finding] = one.series
        notices += one.notices
    if left_out:
        stated = (
            f"{counted(len(left_out), 'column')} left out, which are no finding of the data set: "
            f"{named(dict.fromkeys(left_out, 1))}."
        )
        notices.append(Notice(about=about, count=len(left_out), sentence=stated))
    labelled = labels.notna().any(axis=1)
    if not labelled.any():
        raise DataError(f"{table} has no label in any row. Fill the columns of labels in.")
    frame, labels = frame[labelled], labels[labelled]
    ids = values.ids(frame[key], f"'{key}' of {about}").series
    require_unique(table, pd.DataFrame({key: ids}), [key])
    return _matched(
        dataset,
        ids,
        labels,
        None if weight is None else _weights(frame, weight, table),
        key="study_id" if key == "study_id" and key not in given else "image_id",
        table=table,
        about=about,
        name=name or about,
        notices=notices,
    )


def reference_from(dataset: Dataset, other: Dataset, *, name: str) -> ReferenceLabels:
    """Take the labels of the same release by another of its sources.

    Parameters
    ----------
    dataset : Dataset
        What is audited.
    other : Dataset
        The release with its other labels.
    name : str
        What the report calls the source.

    Raises
    ------
    DataError
        If they share no finding or no image.
    """
    shared = [finding for finding in other.findings if finding in dataset.findings]
    table = f"the labels '{name}'"
    if not shared:
        raise DataError(
            f"{table} are of {short(', '.join(other.findings))}, none of which is a finding of the audit. "
            "Give a table of reference labels with its findings."
        )
    return _matched(
        dataset,
        other.images["image_id"],
        other.images[shared].astype("float64"),
        None,
        key="image_id",
        table=table,
        about=name,
        name=name,
        notices=[],
    )


def find_reference_labels(
    source: str | os.PathLike[str],
    dataset: Dataset,
    *,
    release: str | None = None,
    root: str | os.PathLike[str] | None = None,
    options: Mapping[str, Any] | None = None,
    **reading: Any,
) -> ReferenceLabels:
    """Read reference labels from a file, or take those of a label source of a release.

    Parameters
    ----------
    source : str or path
        A file, or a value of the option ``labels`` of the release, such as ``experts``.
    dataset : Dataset
        What is audited.
    release, root, options : optional
        The release that it was read from.
    **reading
        How a file is read; see `read_reference_labels`.

    Raises
    ------
    ConfigError
        If it is neither.
    DataError, UnknownNameError
        As `read_reference_labels` and `reference_from`.
    """
    from cxraudit import datasets

    path = Path(os.fspath(source))
    if path.is_file() or path.suffix:
        return read_reference_labels(path, dataset, **reading)
    if release is None or root is None:
        raise ConfigError(
            f"'{short(source)}' is no file of reference labels, and no release is named whose label source "
            "it could be. Give a file, or --dataset and --root."
        )
    if reading.get("columns") or reading.get("weight"):
        raise ConfigError(
            f"columns of reference labels are named, but '{short(source)}' is a label source of {release}. "
            "Name columns of a file only."
        )
    name = str(source)
    other = datasets.load(release, root, {**(options or {}), "labels": name})
    return reference_from(dataset, other, name=f"{release}, {name}")


def _matched(
    dataset: Dataset,
    keys: pd.Series,
    labels: pd.DataFrame,
    weights: "pd.Series[float] | None",
    *,
    key: str,
    table: str,
    about: str,
    name: str,
    notices: list[Notice],
) -> ReferenceLabels:
    """Give each image of the data set the row of its key."""
    wanted = dataset.images[key].astype("str")
    known = wanted.isin(set(keys))
    if not known.any():
        raise DataError(
            f"{table} shares no {key} with {dataset.name}: it begins with {short(keys.iloc[0])}, the data "
            f"set with {short(wanted.iloc[0])}. Do both name the same images?"
        )
    other = keys[~keys.isin(set(wanted))]
    if len(other):
        listing = named({str(one): 1 for one in other})
        stated = (
            f"{counted(len(other), 'row')} of images that are not audited, left out: {listing}."
        )
        hidden = "Some rows of images that are not audited, left out."
        notices.append(Notice(about=about, count=len(other), sentence=stated, hidden=hidden))
    rows = pd.Index(keys).get_indexer(pd.Index(wanted[known]))
    index = pd.Index(dataset.images.loc[known, "image_id"])
    return ReferenceLabels(
        name=name,
        labels=labels.iloc[rows].set_axis(index),
        weights=None if weights is None else weights.iloc[rows].set_axis(index),
        notices=tuple(notices),
    )


def _findings(
    frame: pd.DataFrame,
    dataset: Dataset,
    columns: Mapping[str, str] | None,
    own: set[str | None],
    table: str,
) -> tuple[dict[str, str], list[str]]:
    """Return column → finding, and the columns that are none."""
    if columns:
        given: dict[str, str] = {}
        for finding, column in columns.items():
            if column not in frame:
                raise UnknownNameError("column of reference labels", column, list(frame.columns))
            given[column] = finding_names.resolve(finding, dataset.findings, dataset.aliases)
        return given, []
    meant = {
        str(column): finding_names.find(str(column), dataset.findings, dataset.aliases)
        for column in frame
        if column not in own
    }
    found = {column: finding for column, finding in meant.items() if finding is not None}
    if not found:
        raise DataError(
            f"{table} has no column that is a finding of {dataset.name}: it has {_listed(frame)}, the "
            f"findings are {short(', '.join(dataset.findings))}. Rename the columns of labels, or name them."
        )
    twice = {finding for finding in found.values() if list(found.values()).count(finding) > 1}
    if twice:
        finding = min(twice)
        both = " and ".join(
            f"'{short(one)}'" for one, meaning in found.items() if meaning == finding
        )
        raise DataError(f"{table} has several columns of {finding}: {both}. Keep one of them.")
    return found, [column for column, finding in meant.items() if finding is None]


def _listed(frame: pd.DataFrame) -> str:
    """Return the columns of a table for a message."""
    return short(", ".join(map(str, frame.columns)))


def _weights(frame: pd.DataFrame, column: str, table: str) -> "pd.Series[float]":
    weights = pd.to_numeric(frame[column], errors="coerce").astype("float64")
    wrong = ~(np.isfinite(weights) & (weights > 0))
    if wrong.any():
        n = int(wrong.sum())
        raise DataError(
            f"{table} has {counted(n, 'weight')} that {'is' if n == 1 else 'are'} no number above 0, first "
            f"{short(frame.loc[wrong, column].iloc[0])}. Give every row a weight, or leave the row out."
        )
    return weights / weights.mean()
