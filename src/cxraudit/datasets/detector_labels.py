"""Labels of a shortcut that a detector predicted, put where no person left any.

Every label carries who gave it: ``annotated`` by people, ``predicted`` by a detector, or
``unknown``. A prediction never replaces what a person said.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from cxraudit.datasets.base import Dataset
from cxraudit.errors import DataError
from cxraudit.files import read_manifest, read_table
from cxraudit.schema import UNKNOWN, require_columns, require_unique

ANNOTATED, PREDICTED = "annotated", "predicted"


def source_column(shortcut: str) -> str:
    """Return the column that says who gave the labels of a shortcut."""
    return f"{shortcut}_source"


@dataclass(frozen=True, slots=True)
class PredictedLabels:
    """What ``cxraudit drains apply`` wrote."""

    shortcut: str
    table: pd.DataFrame
    """One row per image: ``image_id``, the shortcut (yes, no) and its probability."""
    errors: dict[str, float]
    """How well the detector did on images it had not seen: sensitivity, specificity, AUROC and limits."""


def read_predicted(path: Path) -> PredictedLabels:
    """Read predicted labels with what is known of their detector.

    Raises
    ------
    DataError
        If the file, its columns or its manifest are missing, or a label is neither yes nor no.
    """
    table = read_table(path, what="the file of predicted labels")
    detector = read_manifest(path).get("detector")
    if detector is None:
        raise DataError(
            f"{path} has no manifest that names its detector. Write it with cxraudit drains apply."
        )
    shortcut = detector["shortcut"]
    require_columns(str(path), table, ("image_id", shortcut, f"{shortcut}_probability"))
    require_unique(str(path), table, ["image_id"])
    if odd := set(table[shortcut]) - {"yes", "no"}:
        raise DataError(
            f"{path}: {shortcut} must hold yes or no, found {', '.join(sorted(map(str, odd))[:3])}."
        )
    return PredictedLabels(shortcut, table.astype({"image_id": "str"}), detector["errors"])


def fill(dataset: Dataset, predicted: PredictedLabels) -> Dataset:
    """Put predictions where the data set has no label by people.

    The images get ``<shortcut>``, ``<shortcut>_source`` and ``<shortcut>_probability`` (NaN where
    the label is not this detector's).
    """
    shortcut, source = predicted.shortcut, source_column(predicted.shortcut)
    images = dataset.images
    if shortcut not in images:
        images = images.assign(**{shortcut: UNKNOWN, source: UNKNOWN})
    elif source not in images:
        images = images.assign(
            **{source: np.where(images[shortcut] == UNKNOWN, UNKNOWN, ANNOTATED)}
        )
    by_image = predicted.table.set_index("image_id")
    given = by_image[shortcut].reindex(images["image_id"]).to_numpy(dtype=object)
    probability = by_image[f"{shortcut}_probability"].reindex(images["image_id"]).to_numpy(float)
    takes = (images[source] != ANNOTATED).to_numpy() & pd.notna(given)
    # Another detector's labels are not this one's to answer for.
    foreign = (images[source] == PREDICTED).to_numpy() & ~takes
    filled = images.assign(
        **{
            shortcut: np.where(takes, given, images[shortcut].mask(foreign, UNKNOWN)),
            source: np.where(takes, PREDICTED, images[source].mask(foreign, UNKNOWN)),
            f"{shortcut}_probability": np.where(takes, probability, np.nan),
        }
    )
    filled = filled.astype({shortcut: "str", source: "str"})
    note = (
        f"{int(takes.sum()):,} labels of '{shortcut}' are predictions of a detector (sensitivity "
        f"{predicted.errors['sensitivity']:.2f}, specificity {predicted.errors['specificity']:.2f} on "
        "annotated images of patients it had not seen)."
    )
    if foreign.any():
        note += f" {int(foreign.sum()):,} labels of another detector are unknown, as it gave none there."
    return replace(
        dataset,
        images=filled,
        shortcuts=tuple(dict.fromkeys([*dataset.shortcuts, shortcut])),
        notes=(*dataset.notes, note),
        label_errors={**dataset.label_errors, shortcut: predicted.errors},
    )
