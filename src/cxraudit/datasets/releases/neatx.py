"""NEATX chest drain labels of NIH ChestX-ray14 (Zenodo 14944064).

Two files are in use. The published one, ``NIH-CX14_TubeAnnotations_NonExperts_aggregated.csv``, has
annotated images only. The filled one, ``CXR14_Drains_Labels.csv``, has all 25,596 images of the official
test set; labels without an annotator are predictions of a detector.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from cxraudit.datasets.detector_labels import PREDICTED
from cxraudit.errors import DataError
from cxraudit.schema import ANNOTATED, UNKNOWN, require_columns, require_unique

FILES = ("CXR14_Drains_Labels.csv", "NIH-CX14_TubeAnnotations_NonExperts_aggregated.csv")

_SIDES = {"R": "right", "L": "left", "BOTH": "both"}


def find(root: Path) -> Path | None:
    """Return the file of drain labels in the folder `root`, or None."""
    return next((root / name for name in FILES if (root / name).is_file()), None)


def load_drains(path: Path) -> pd.DataFrame:
    """Read drain labels from either file.

    Returns
    -------
    pandas.DataFrame
        One row per image: ``image_id``, ``drain`` (yes, no, unknown), ``drain_source`` (annotated,
        predicted, unknown), ``drain_confidence`` (mean of the annotations: 0 no, 0.25 unsure no,
        0.75 unsure yes, 1 yes; NaN without an annotation) and ``drain_side`` (right, left, both,
        unknown). Empty values and −1 are unknown.

    Raises
    ------
    DataError
        If the file is missing, lacks a column, has an image twice or invalid values.
    """
    if not path.is_file():
        raise DataError(f"the file of drain labels {path} is missing. Check the path.")
    with path.open(encoding="utf-8-sig") as handle:
        separator = ";" if ";" in handle.readline() else ","
    raw = pd.read_csv(path, sep=separator, encoding="utf-8-sig")
    require_columns(str(path), raw, ("Image Index", "Drain_a1", "Drain_a2", "Drain"))
    require_unique(str(path), raw, ["Image Index"])
    numbers = pd.to_numeric(raw["Drain"], errors="coerce")
    drain = numbers.where(numbers >= 0)
    if not drain.dropna().isin([0, 1]).all() or (numbers.isna() & raw["Drain"].notna()).any():
        raise DataError(
            f"{path}: Drain must hold 0, 1, -1 or nothing. Check the version of the file."
        )
    votes = raw[["Drain_a1", "Drain_a2"]].apply(pd.to_numeric, errors="coerce")
    votes = votes.where(votes >= 0)
    if (votes > 1).any(axis=None):
        raise DataError(
            f"{path}: Drain_a1 and Drain_a2 must hold numbers from 0 to 1, -1 or nothing. Check the "
            "version of the file."
        )
    annotated = votes.notna().any(axis=1)
    return pd.DataFrame(
        {
            "image_id": raw["Image Index"].astype("str"),
            "drain": np.select([drain == 1, drain == 0], ["yes", "no"], UNKNOWN),
            "drain_source": np.select([drain.isna(), annotated], [UNKNOWN, ANNOTATED], PREDICTED),
            "drain_confidence": votes.mean(axis=1),
            "drain_side": _sides(raw).where(drain == 1, UNKNOWN),
        }
    )


def _sides(raw: pd.DataFrame) -> pd.Series:
    """Return the side of the drain by the annotators; ``both`` where they name different sides."""
    first, second = (
        raw[column].map(_SIDES) if column in raw else pd.Series(np.nan, index=raw.index)
        for column in ("Drain_Location_a1", "Drain_Location_a2")
    )
    differ = first.notna() & second.notna() & (first != second)
    return first.fillna(second).mask(differ, "both").fillna(UNKNOWN)


def join(images: pd.DataFrame, drains: pd.DataFrame) -> pd.DataFrame:
    """Add the columns of drain labels to an images table; images without a label are ``unknown``."""
    joined = images.merge(drains, on="image_id", how="left", validate="one_to_one")
    columns = ["drain", "drain_source", "drain_side"]
    return joined.assign(
        **{column: joined[column].fillna(UNKNOWN).astype("str") for column in columns}
    )
