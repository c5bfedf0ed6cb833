"""Labels of a shortcut predicted by a detector, for images without an annotation.

Every label has a source: ``annotated`` (by annotators), ``predicted`` (by a detector) or ``unknown``.
A prediction never replaces an annotation.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cxraudit.content import Source, changed_in_place, sources_from
from cxraudit.datasets import reading, values
from cxraudit.datasets.base import Dataset
from cxraudit.errors import DataError
from cxraudit.files import committed, sha256
from cxraudit.notices import Notice, counted, from_records
from cxraudit.schema import (
    ANNOTATED,
    POSITIVES,
    PREDICTED,
    UNKNOWN,
    require_columns,
    require_unique,
)
from cxraudit.spreadsheets import unescaped

PREDICTED_FILE, PREDICTED_SOURCES = "predicted.csv", "predicted-sources.parquet"
"""The labels, and the files of the images that they were predicted of."""


def source_column(shortcut: str) -> str:
    """Return the name of the column with the source of the labels of a shortcut."""
    return f"{shortcut}_source"


BY_FINDING = "by_finding"
"""Of the performance of a detector: finding → class → its error rates among the images of that class."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Error rates of a detector among the images of one class of a finding."""

    measured: Mapping[str, float] | None
    """Sensitivity and specificity, with the ends of their intervals; None if they are not known."""
    stated: str = ""
    """What has to be stated of them; empty if they were measured in this class."""


def rates_among(errors: Mapping[str, Any], finding: str, group: str) -> Rates:
    """Return the error rates of a detector among the images with, or without, a finding.

    A detector makes other errors in other images, so rates count for the class that they were measured in.
    Detectors of earlier versions have one pair of rates of all annotated images, of whatever class: they are
    used for positives, and that is stated.

    Parameters
    ----------
    errors : mapping
        Measured performance; see `PredictedLabels.errors`.
    finding : str
        The finding that the shortcut is about.
    group : str
        ``positives`` or ``negatives`` of the finding.
    """
    if BY_FINDING in errors:
        of_class = errors[BY_FINDING].get(finding, {}).get(group)
        if of_class:
            return Rates(of_class)
        return Rates(None, f"its error rates among {group} were not measured")
    if group == POSITIVES and {"sensitivity", "specificity"} <= set(errors):
        return Rates(
            errors, "rates of all annotated images, of positives or not, which was not recorded"
        )
    return Rates(None, f"its error rates among {group} were not recorded")


@dataclass(frozen=True, slots=True)
class PredictedLabels:
    """The labels written by ``cxraudit drains apply``."""

    shortcut: str
    table: pd.DataFrame
    """One row per image: ``image_id``, the shortcut (yes, no) and its probability in [0, 1]."""
    errors: dict[str, Any]
    """Performance of the detector on held-out patients: sensitivity, specificity, AUROC, each with the
    ends of its interval; under `BY_FINDING` its rates in each class, where they were measured."""
    sources: Mapping[str, Source] = field(default_factory=dict)
    """image_id → file that was labelled, as it was read; empty if unknown."""
    notices: tuple[Notice, ...] = ()
    """Images that the detector could not read, and how the others were decoded."""


def read_predicted(path: Path) -> PredictedLabels:
    """Read predicted labels with the measured performance of their detector.

    Raises
    ------
    DataError
        If the file, its columns or its manifest are missing, it is not as it was written, or a label
        is neither yes nor no.
    """
    about = "the file of predicted labels"
    read = reading.read_table(path, what=about)
    read = read._replace(frame=unescaped(read.frame))  # as `cxraudit drains apply` wrote it
    manifest = committed(path, remedy="Repeat the cxraudit drains apply that wrote it.")
    detector = manifest.get("detector")
    if detector is None or path.name not in manifest["outputs"]:
        raise DataError(
            f"{path} has no manifest that names a detector. Write the file with cxraudit drains apply."
        )
    shortcut, errors = detector.get("shortcut"), detector.get("errors", {})
    if not isinstance(shortcut, str) or not {"sensitivity", "specificity"} <= set(errors):
        raise DataError(
            f"the manifest of {path} does not state the shortcut and the errors of its detector. Repeat the "
            "cxraudit drains apply that wrote it."
        )
    probability = f"{shortcut}_probability"
    require_columns(str(path), read.frame, ("image_id", shortcut, probability))
    image_ids = values.ids(read.frame["image_id"], f"image_id of {path}")
    labels = values.yes_no(read.frame[shortcut], f"{shortcut} of {path}")
    likely = values.numbers(read.frame[probability], f"{probability} of {path}")
    table = pd.DataFrame(
        {"image_id": image_ids.series, shortcut: labels.series, probability: likely.series}
    )
    require_unique(str(path), table, ["image_id"])
    if (labels.series == UNKNOWN).any() or not likely.series.between(0, 1).all():
        raise DataError(
            f"{path}: {shortcut} must hold yes or no for every image, with a probability from 0 to 1. "
            "Repeat the cxraudit drains apply that wrote it."
        )
    notices = (*read.notices, *image_ids.notices, *labels.notices, *likely.notices)
    return PredictedLabels(
        shortcut,
        table,
        errors,
        _sources(path.with_name(PREDICTED_SOURCES), manifest.get("sources")),
        (*notices, *_on_images(manifest, shortcut)),
    )


def _sources(file: Path, expected: str | None) -> dict[str, Source]:
    """Read what was labelled; nothing where the table of labels was moved without it."""
    if expected is None or not file.is_file():
        return {}
    if sha256(file) != expected:
        raise DataError(
            f"{file} was changed since it was written. Repeat the cxraudit drains apply that wrote it."
        )
    return sources_from(pd.read_parquet(file))


def _refuse_changed(images: pd.DataFrame, predicted: PredictedLabels) -> None:
    """Refuse labels of images that were changed since."""
    if not predicted.sources:
        return
    changed = [
        path
        for image_id, path in zip(images["image_id"], images["path"], strict=True)
        if (source := predicted.sources.get(image_id)) and changed_in_place(source, Path(path))
    ]
    if changed:
        raise DataError(
            f"{counted(len(changed), 'image')} changed since their '{predicted.shortcut}' was predicted, "
            f"first: {changed[0]}. Run cxraudit drains apply again."
        )


def _on_images(manifest: Mapping[str, Any], shortcut: str) -> list[Notice]:
    """Return what the manifest states of the images that were labelled."""
    about = f"predicted labels of '{shortcut}'"
    found = [replace(one, about=about) for one in from_records(manifest.get("notices", ()))]
    if lost := manifest.get("n_failures", 0):
        sentence = f"{counted(lost, 'image')} could not be read, and no label was predicted."
        found.append(Notice(about=about, count=lost, sentence=sentence))
    return found


def fill(dataset: Dataset, predicted: PredictedLabels) -> Dataset:
    """Fill in predicted labels where a data set has no annotation.

    Parameters
    ----------
    dataset : Dataset
        With or without labels of the shortcut.
    predicted : PredictedLabels
        From `read_predicted`.

    Returns
    -------
    Dataset
        With the columns ``<shortcut>``, ``<shortcut>_source`` and ``<shortcut>_probability`` (NaN
        unless the label is a prediction of this detector). Labels that another detector predicted
        become ``unknown`` where this one gives none.

    Raises
    ------
    DataError
        If an image was changed since its label was predicted.
    """
    shortcut, source = predicted.shortcut, source_column(predicted.shortcut)
    images = dataset.images
    _refuse_changed(images, predicted)
    if shortcut not in images:
        images = images.assign(**{shortcut: UNKNOWN, source: UNKNOWN})
    elif source not in images:
        images = images.assign(
            **{source: np.where(images[shortcut] == UNKNOWN, UNKNOWN, ANNOTATED)}
        )
    by_image = predicted.table.set_index("image_id")
    labels = by_image[shortcut].reindex(images["image_id"]).to_numpy(dtype=object)
    probability = by_image[f"{shortcut}_probability"].reindex(images["image_id"]).to_numpy(float)
    is_filled = (images[source] != ANNOTATED).to_numpy() & pd.notna(labels)
    # The measured errors are those of this detector, so labels of another one cannot stay.
    is_foreign = (images[source] == PREDICTED).to_numpy() & ~is_filled
    filled = images.assign(
        **{
            shortcut: np.where(is_filled, labels, images[shortcut].mask(is_foreign, UNKNOWN)),
            source: np.where(is_filled, PREDICTED, images[source].mask(is_foreign, UNKNOWN)),
            f"{shortcut}_probability": np.where(is_filled, probability, np.nan),
        }
    )
    filled = filled.astype({shortcut: "str", source: "str"})
    note = (
        f"{int(is_filled.sum()):,} labels of '{shortcut}' are predictions of a detector (sensitivity "
        f"{predicted.errors['sensitivity']:.2f}, specificity {predicted.errors['specificity']:.2f} on "
        "annotated images of held-out patients)."
    )
    if is_foreign.any():
        note += (
            f" {int(is_foreign.sum()):,} labels predicted by another detector are set to unknown, since "
            "this detector has no prediction for those images."
        )
    return replace(
        dataset,
        images=filled,
        shortcuts=tuple(dict.fromkeys([*dataset.shortcuts, shortcut])),
        notes=(*dataset.notes, note),
        notices=(*dataset.notices, *predicted.notices),
        label_errors={**dataset.label_errors, shortcut: predicted.errors},
    )
