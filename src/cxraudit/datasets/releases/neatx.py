"""NEATX chest drain labels of NIH ChestX-ray14 (Zenodo 14944064).

Two files are in use. The published one, ``NIH-CX14_TubeAnnotations_NonExperts_aggregated.csv``, has
annotated images only. The filled one, ``CXR14_Drains_Labels.csv``, has all 25,596 images of the official
test set; labels without an annotator are predictions of a detector.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from cxraudit.datasets import values
from cxraudit.datasets.release import find_tables, one_of
from cxraudit.datasets.release_table import ReleaseTable, open_table
from cxraudit.datasets.values.text import plain, refuse, understood, unknown_notices
from cxraudit.notices import Notice, counted
from cxraudit.schema import ANNOTATED, PREDICTED, UNKNOWN

FILES = ("CXR14_Drains_Labels.csv", "NIH-CX14_TubeAnnotations_NonExperts_aggregated.csv")

VOTES = ("Drain_a1", "Drain_a2")
"""Columns of the annotators."""
_PLACES = ("Drain_Location_a1", "Drain_Location_a2")
_SIDES = {"r": "right", "right": "right", "l": "left", "left": "left", "both": "both"}


class Drains(NamedTuple):
    """Labels of drains."""

    table: pd.DataFrame
    notices: tuple[Notice, ...]


def find(root: Path) -> tuple[Path | None, list[Notice]]:
    """Return the file of drain labels in the folder `root`, or None; the filled file takes precedence."""
    found = [files for name in FILES if (files := find_tables(root, f"{name}*", depth=0))]
    if not found:
        return None, []
    path, notices = one_of(found[0])
    if len(found) > 1:
        stated = f"{path.name} was read, and not {found[1][0].name} beside it."
        notices.append(Notice(about=path.name, count=1, sentence=stated))
    return path, notices


def load_drains(path: Path) -> Drains:
    """Read drain labels from either file.

    Returns
    -------
    Drains
        One row per image: ``image_id``, ``drain`` (yes, no, unknown), ``drain_source`` (annotated,
        predicted, unknown), ``drain_confidence`` (mean of the annotations: 0 no, 0.25 unsure no,
        0.75 unsure yes, 1 yes; NaN without an annotation) and ``drain_side`` (right, left, both,
        unknown). Empty values and −1 are unknown.

    Raises
    ------
    DataError
        If the file is missing, lacks a column, has an image twice or values that are not understood.
    """
    table = open_table(
        path, what="the file of drain labels", columns=("Image Index", *VOTES, "Drain")
    )
    drain = table.read("Drain", values.yes_no)
    votes = pd.DataFrame({column: _votes(table, column) for column in VOTES})
    annotated = votes.notna().any(axis=1)
    sources = np.select([drain == UNKNOWN, annotated], [UNKNOWN, ANNOTATED], PREDICTED)
    confidence = votes.mean(axis=1)
    contrary = annotated & (drain != UNKNOWN) & ((confidence > 0.5) != (drain == "yes"))
    if number := int(contrary.sum()):
        stated = (
            f"{counted(number, 'label')} of annotated images that the mean of the annotations contradicts; "
            "the label counts."
        )
        table.note("Drain", number, stated)
    labels = pd.DataFrame(
        {
            "image_id": table.ids("Image Index", unique=True),
            "drain": drain,
            "drain_source": sources,
            "drain_confidence": confidence,
            "drain_side": _sides(table, drain == "yes"),
        }
    )
    return Drains(labels, tuple(table.notices))


def _votes(table: ReleaseTable, column: str) -> pd.Series:
    """Return the annotations of a person: 0 to 1, NaN for none, which is blank or −1."""
    remedy = "Annotations are numbers from 0 to 1, -1 or nothing: check the version of the file."
    votes = table.read(column, lambda cells, about: values.numbers(cells, about, remedy))
    votes = votes.mask(votes == -1)
    wrong = table.texts(column)[~votes.between(0, 1) & votes.notna()].value_counts().to_dict()
    refuse(wrong, table.about(column), "annotation", remedy)
    return votes


def _sides(table: ReleaseTable, has_drain: "pd.Series[bool]") -> pd.Series:
    """Return the side of the drain by the annotators; ``both`` where they name different sides."""
    first, second = (_side(table, column, has_drain) for column in _PLACES)
    differ = first.notna() & second.notna() & (first != second)
    return first.fillna(second).mask(differ, "both").fillna(UNKNOWN)


def _side(table: ReleaseTable, column: str, has_drain: "pd.Series[bool]") -> pd.Series:
    """Return the side that a person named, NaN where there is no drain or no side."""
    if column not in table.frame:
        return pd.Series(index=table.frame.index, dtype="str")
    about = table.about(column)
    named = table.frame[column].where(has_drain)
    found = understood(named, about, lambda word: _SIDES.get(plain(word)))
    table.notices.extend(unknown_notices(about, {}, found.wrong))
    return found.series.astype("str")


def join(images: pd.DataFrame, drains: pd.DataFrame) -> pd.DataFrame:
    """Add the columns of drain labels to an images table; images without a label are ``unknown``."""
    joined = images.merge(drains, on="image_id", how="left", validate="one_to_one")
    columns = ["drain", "drain_source", "drain_side"]
    return joined.assign(
        **{column: joined[column].fillna(UNKNOWN).astype("str") for column in columns}
    )
