"""Training of the detector on annotated images.

.. code-block:: text

    <out>/training.json           settings and digests of images and labels
    <out>/checkpoint.bin          the training after its last epoch; see cxraudit.detector.checkpoint
    <out>/detector.safetensors    the weights
    <out>/training.csv            one row per epoch
    <out>/held_out.parquet        predictions on held-out patients
    <out>/training-failures.csv   annotated images that could not be read (only if there are any)
    <out>/detector.json           the record; its manifest, written last, names the hashes of the others
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.special import expit

from cxraudit.datasets.base import Dataset
from cxraudit.datasets.detector_labels import BY_FINDING
from cxraudit.detector.examples import Annotated, Examples, annotated, split
from cxraudit.detector.fit import (
    EPOCH_COLUMNS,
    fit,
    imagenet_weights,
    logits,
    new_network,
    save_weights,
)
from cxraudit.detector.performance import performance, rates_by_finding, verdict
from cxraudit.detector.settings import TrainSettings
from cxraudit.encode import Progress
from cxraudit.files import (
    manifest_of,
    sha256,
    withdraw,
    write_manifest,
    write_table,
    write_text,
)
from cxraudit.folders import (
    claim,
    refuse_foreign,
    remove_left_over,
    writable_folder,
    write_or_discard,
)
from cxraudit.notices import as_records
from cxraudit.stats.calibration import platt
from cxraudit.workspace import resume_or_refuse

__all__ = ["TrainSettings", "train_detector", "verdict"]

WEIGHTS, RECORD, CHECKPOINT = "detector.safetensors", "detector.json", "checkpoint.bin"
HISTORY, HELD_OUT, TASK = "training.csv", "held_out.parquet", "training.json"
UNREADABLE = "training-failures.csv"
"""Not the name of that of `cxraudit.detector.apply`, which may have the same folder."""


def train_detector(
    dataset: Dataset,
    out: Path,
    settings: TrainSettings,
    *,
    device: str = "cpu",
    progress: Progress | None = None,
    on_message: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Train a detector with early stopping, and measure its performance on held-out patients.

    Patients are split 60 : 20 : 20 into a training part, a validation part for early stopping and
    calibration, and a test part. Every finished epoch is kept, so that an interrupted call can be
    repeated; the result is the same.

    Parameters
    ----------
    dataset : Dataset
        With the shortcut as a column; only labels by annotators are used.
    out : pathlib.Path
        Folder for weights, record, history and held-out predictions.
    settings : TrainSettings
        How to train and evaluate.
    device : str
        Device of the network: cpu, cuda …
    progress : callable, optional
        Called with the number of training images that were processed since the last call.
    on_message : callable, optional
        Called with one sentence per epoch.

    Returns
    -------
    dict
        The record, as written to ``detector.json``; ``errors`` holds AUROC, sensitivity, specificity
        with the ends of their intervals, and the Brier score, on the test part; under ``by_finding`` the
        rates among images with and without each finding, where enough of them are annotated.

    Raises
    ------
    DataError
        If too few patients are annotated, or the folder holds another training.
    UnknownNameError
        If the data set has no such shortcut.
    """
    writable_folder(out)
    names = (TASK, CHECKPOINT, WEIGHTS, HISTORY, HELD_OUT, RECORD)
    files = [*(out / name for name in names), manifest_of(out / RECORD)]
    refuse_foreign(*files, out / UNREADABLE)
    found = annotated(dataset, settings)
    parts = split(found.examples, settings)
    start = imagenet_weights()
    task = {
        "settings": asdict(settings),
        **found.examples.content(),
        "start": sha256(start) if start else "random",
    }
    claim(*files)
    resume_or_refuse(out / TASK, task, what="a detector")
    remove_left_over(out)
    withdraw(out / RECORD)
    processor = torch.device(device)
    network = new_network(start, settings.seed).to(processor)
    history = fit(
        network,
        parts,
        out / CHECKPOINT,
        settings,
        pretrained=start is not None,
        device=processor,
        progress=progress,
        on_message=on_message,
    )
    found_logits = {name: logits(network, part.images, processor) for name, part in parts.items()}
    intercept, slope = platt(parts["validation"].labels, found_logits["validation"])
    if not np.isfinite(intercept):  # separable classes have no finite fit
        intercept, slope = 0.0, 1.0
    probability = expit(intercept + slope * found_logits["test"])
    save_weights(network, out / WEIGHTS)
    write_table(pd.DataFrame(history, columns=list(EPOCH_COLUMNS)), out / HISTORY)
    write_table(_held_out(parts["test"], probability, settings.shortcut), out / HELD_OUT)
    write_or_discard(found.failures, out / UNREADABLE)
    record = {
        **_facts(dataset, found, parts, settings),
        "start": "ImageNet" if start else "random",
        "intercept": float(intercept),
        "slope": float(slope),
        "epochs": len(history),
        **_measured(dataset, parts["test"], probability, settings),
        "weights": sha256(out / WEIGHTS),
    }
    write_text(out / RECORD, json.dumps(record, indent=2) + "\n")
    outputs = [out / name for name in (RECORD, WEIGHTS, HISTORY, HELD_OUT)]
    if len(found.failures):
        outputs.append(out / UNREADABLE)
    write_manifest(out / RECORD, outputs=outputs, settings=asdict(settings))
    return record


def _held_out(test: Examples, probability: NDArray[np.float64], shortcut: str) -> pd.DataFrame:
    """Return the labels and predictions of the images of held-out patients."""
    return pd.DataFrame(
        {
            "image_id": test.image_ids,
            shortcut: np.where(test.labels == 1, "yes", "no"),
            f"{shortcut}_probability": probability,
        }
    )


def _facts(
    dataset: Dataset, found: Annotated, parts: dict[str, Examples], settings: TrainSettings
) -> dict[str, Any]:
    """Return what the record states of the images."""
    return {
        "shortcut": settings.shortcut,
        "architecture": "DenseNet-121",
        "image_size": settings.image_size,
        "control": settings.control,
        "dataset": dataset.name,
        "images": {name: len(part.labels) for name, part in parts.items()},
        "patients": {name: len(np.unique(part.patients)) for name, part in parts.items()},
        "unreadable": len(found.failures),
        "notices": as_records(found.notices),
    }


def _measured(
    dataset: Dataset, test: Examples, probability: NDArray[np.float64], settings: TrainSettings
) -> dict[str, Any]:
    """Return the performance on held-out images: of all, and the error rates by class of each finding."""
    errors = performance(test, probability, settings)
    by_image = dataset.images.set_index("image_id")[list(dataset.findings)]
    by_finding = rates_by_finding(test, probability, by_image.reindex(test.image_ids), settings)
    return {
        "errors": {**errors, BY_FINDING: by_finding},
        "above_chance": bool(errors["auroc_low"] > 0.5),
    }
