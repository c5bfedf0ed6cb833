"""The test studies of CheXpert, published in 2022: labels by radiologists, and those of single readers."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from cxraudit.datasets import values
from cxraudit.datasets.release import find_all
from cxraudit.datasets.release_table import ReleaseTable, find_table
from cxraudit.errors import DataError
from cxraudit.notices import Notice, counted

TRUTH = "groundtruth.csv"
READERS = ("bc4", "bc6", "bc8")
"""Radiologists who read the test studies besides those whose majority is the ground truth."""
MAJORITY = "majority"
SOURCES = ("groundtruth", MAJORITY, *READERS)
"""Whose labels test studies have."""

_HINT = (
    "Download the labels of the CheXpert test set from Stanford AIMI, or use --option split=valid."
)
_STUDY = re.compile(r"(?:.*?/)?(test/(patient\d+)/(study\d+))/?$")


@dataclass(frozen=True, slots=True)
class LabelledStudies:
    """Images of the test studies with their labels."""

    images: pd.DataFrame
    """``image_id``, ``patient_id``, ``study_id``, ``path``, ``frontal`` and findings."""
    version: str
    notices: list[Notice] = field(default_factory=list)


def read_test(root: Path, findings: Sequence[str], labels: str) -> LabelledStudies:
    """Read the test studies.

    Parameters
    ----------
    root : pathlib.Path
        Folder that holds ``groundtruth.csv`` and, for single readers, ``bc4.csv`` and others, at any depth.
    findings : sequence of str
        Findings to read.
    labels : {"groundtruth", "majority", "bc4", "bc6", "bc8"}
        The majority of five radiologists, as published; that of the three benchmark readers; or one of these.

    Raises
    ------
    DataError
        If a table is missing, lacks a column, has a study twice, or values that are no labels.
    """
    table = _table(root, TRUTH, findings)
    notices = list(table.notices)
    studies = _studies(table)
    if labels == "groundtruth":
        of_study = _labels(table, findings, notices).set_axis(studies[0])
    else:
        names = READERS if labels == MAJORITY else (labels,)
        of_study, stated = _of_readers(root, names, findings)
        notices += stated
    images = pd.DataFrame(list(_images(root, studies)), columns=list(_COLUMNS))
    if not images["there"].all():
        number = int((~images["there"]).sum())
        stated = f"{number:,} of {len(studies):,} studies have no image file; each counts as a frontal image."
        notices.append(Notice(about="images", count=number, sentence=stated))
    found = of_study.reindex(images["study"]).reset_index(drop=True)
    if unread := int(found.isna().all(axis=1).sum()):
        stated = f"{counted(unread, 'image')} of studies that this source does not label."
        notices.append(Notice(about=f"labels of {labels}", count=unread, sentence=stated))
    return LabelledStudies(
        pd.concat([images.drop(columns=["study", "there"]), found], axis=1),
        table.path.parent.name,
        notices,
    )


_COLUMNS = ("study", "image_id", "patient_id", "study_id", "path", "frontal", "there")


def _images(root: Path, studies: pd.DataFrame) -> Iterator[tuple[object, ...]]:
    """Yield the images of each study; without files, its first frontal one."""
    folder = next(find_all(root, "test/patient*"), None)
    base = root if folder is None else folder.parent.parent
    for study, patient, number in studies.itertuples(index=False):
        files = sorted((base / study).glob("*.jpg"))
        for file in files or [base / study / "view1_frontal.jpg"]:
            kind = "LATERAL" if "lateral" in file.stem else "FRONTAL"
            name = f"{study}/{file.name}"
            yield study, name, patient, f"{patient}/{number}", str(file), kind, bool(files)


def _table(root: Path, name: str, findings: Sequence[str]) -> ReleaseTable:
    return find_table(root, (name,), hint=_HINT, columns=("Study", *findings))


def _studies(table: ReleaseTable) -> pd.DataFrame:
    """Return study, patient and number of the study of each row."""
    paths = table.ids("Study")
    parts = paths.str.extract(_STUDY)
    if parts[0].isna().any():
        raise DataError(
            f"the study '{paths[parts[0].isna()].iloc[0]}' of {table.path.name} is not of the form "
            "…/test/patient64741/study1. Check that the table is that of the CheXpert test set."
        )
    table.refuse_repeats("Study", parts[0])
    return parts


def _labels(table: ReleaseTable, findings: Sequence[str], notices: list[Notice]) -> pd.DataFrame:
    labels = {}
    for finding in findings:
        given = values.labels(table.frame[finding], table.about(finding), uncertain="ignore")
        labels[finding] = given.series
        notices += given.notices
    return pd.DataFrame(labels, index=table.frame.index)


def _of_readers(
    root: Path, names: Sequence[str], findings: Sequence[str]
) -> tuple[pd.DataFrame, list[Notice]]:
    """Return the majority of readers by study, with how often they disagree."""
    notices: list[Notice] = []
    by_reader = []
    for name in names:
        table = _table(root, f"{name}.csv", findings)
        notices += table.notices
        by_reader.append(_labels(table, findings, notices).set_axis(_studies(table)[0]))
    if len(by_reader) == 1:
        return by_reader[0], notices
    studies = by_reader[0].index
    for one in by_reader[1:]:
        studies = studies.union(one.index, sort=False)
    stacked = np.stack([one.reindex(studies).to_numpy() for one in by_reader])
    complete = np.asarray(np.isfinite(stacked).all(axis=0))
    votes = np.where(complete, stacked.sum(axis=0), np.nan)
    split = complete & (votes > 0) & (votes < len(by_reader))
    stated = ", ".join(
        f"{finding} ({int(split[:, k].sum()):,} of {int(complete[:, k].sum()):,})"
        for k, finding in enumerate(findings)
    )
    notices.append(
        Notice(
            about="readers",
            count=int(split.any(axis=1).sum()),
            sentence=f"Readers disagree, and two of three decide, in studies of: {stated}.",
        )
    )
    majority = np.where(complete, votes > len(by_reader) / 2, np.nan)
    return pd.DataFrame(majority, index=studies, columns=list(findings)), notices
