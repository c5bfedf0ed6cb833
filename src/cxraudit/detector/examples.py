"""The annotated images of a data set, split by patient."""

from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxraudit.datasets.base import Dataset
from cxraudit.datasets.detector_labels import source_column
from cxraudit.detector.images import Images, read_images
from cxraudit.detector.settings import TrainSettings
from cxraudit.errors import DataError, UnknownNameError
from cxraudit.files import digest
from cxraudit.images.sources import notices_on
from cxraudit.notices import Notice
from cxraudit.schema import ANNOTATED
from cxraudit.streams import Stream, generator

MIN_PATIENTS = 10
"""Least number of patients with the shortcut, and without, in each part of the split."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Annotated images with labels (1, 0) and the number of the patient of each."""

    images: Images
    labels: NDArray[np.float32]
    patients: NDArray[np.int64]
    image_ids: NDArray[np.str_]

    def content(self) -> dict[str, str]:
        """Return a digest of each thing that a training depends on: of pixels, not of files."""
        return {
            "images": sha256(np.ascontiguousarray(self.images).data).hexdigest(),
            "labels": digest([str(label) for label in self.labels]),
            "patients": digest([int(patient) for patient in self.patients]),
            "list of images": digest([str(image) for image in self.image_ids]),
        }

    def where(self, mask: NDArray[np.bool_]) -> "Examples":
        """Return some of them."""
        return Examples(
            self.images[mask], self.labels[mask], self.patients[mask], self.image_ids[mask]
        )


@dataclass(frozen=True, slots=True)
class Annotated:
    """The annotated images of a data set as they were read."""

    examples: Examples
    """Those that could be read."""
    failures: pd.DataFrame
    """``image_id`` and ``error`` of the others."""
    notices: list[Notice]
    """What a reader must know about how they were decoded."""


def annotated(dataset: Dataset, settings: TrainSettings) -> Annotated:
    """Read the images with a label by annotators.

    Raises
    ------
    DataError
        If there are none, or none can be read.
    UnknownNameError
        If the data set has no such shortcut.
    """
    shortcut = settings.shortcut
    if shortcut not in dataset.shortcuts:
        raise UnknownNameError("shortcut", shortcut, dataset.shortcuts)
    images = dataset.images
    known = images[shortcut].isin(["yes", "no"])
    if source_column(shortcut) in images:
        known &= images[source_column(shortcut)] == ANNOTATED
    chosen = images[known].sort_values("image_id", ignore_index=True)
    if chosen.empty:
        raise DataError(f"no image of '{dataset.name}' has an annotation of '{shortcut}'.")
    read = read_images(chosen, settings.image_size)
    readable = np.array([error == "" for error in read.errors])
    if not readable.any():
        raise DataError(
            f"none of the {len(chosen):,} annotated images could be read, first: {read.errors[0]}"
        )
    patients = pd.factorize(chosen["patient_id"])[0].astype(np.int64)
    labels = np.asarray(chosen[shortcut] == "yes", dtype=np.float32)
    if settings.control:
        labels = _shuffled_between_patients(labels, patients, settings.seed)
    image_ids = chosen["image_id"].to_numpy(dtype=np.str_)
    failures = pd.DataFrame({"image_id": chosen["image_id"], "error": read.errors})
    return Annotated(
        Examples(read.images, labels, patients, image_ids).where(readable),
        failures[~readable].reset_index(drop=True),
        notices_on(chosen["image_id"], read.notes),
    )


def _shuffled_between_patients(
    labels: NDArray[np.float32], patients: NDArray[np.int64], seed: int
) -> NDArray[np.float32]:
    """Return labels permuted between patients; patients with fewer images get the first labels."""
    order = generator(Stream.DETECTOR_CONTROL, seed).permutation(int(patients.max()) + 1)
    shuffled = np.empty_like(labels)
    for patient, source in enumerate(order):
        rows = patients == patient
        shuffled[rows] = np.resize(labels[patients == source], int(rows.sum()))
    return shuffled


def split(examples: Examples, settings: TrainSettings) -> dict[str, Examples]:
    """Return the ``train``, ``validation`` and ``test`` part: 60, 20 and 20 % of the patients.

    Raises
    ------
    DataError
        If a part has too few patients with the shortcut, or without.
    """
    n_patients = int(examples.patients.max()) + 1
    order = generator(Stream.DETECTOR_SPLIT, settings.seed).permutation(n_patients)
    fifth = max(round(n_patients / 5), 1)
    drawn = {
        "test": order[:fifth],
        "validation": order[fifth : 2 * fifth],
        "train": order[2 * fifth :],
    }
    parts = {name: examples.where(np.isin(examples.patients, part)) for name, part in drawn.items()}
    for name, part in parts.items():
        for label, word in ((1, "with"), (0, "without")):
            patients = np.unique(part.patients[part.labels == label]).size
            if patients < MIN_PATIENTS:
                raise DataError(
                    f"too few annotated patients: the {name} part has {patients} {word} "
                    f"'{settings.shortcut}', and {MIN_PATIENTS} are needed. Annotate more images."
                )
    return parts
