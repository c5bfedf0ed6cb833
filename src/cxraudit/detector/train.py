"""Training of the detector on annotated images."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F  # noqa: N812
from annotated_types import Ge, Gt, Le, Lt
from numpy.typing import NDArray
from scipy.special import expit

from cxraudit.datasets.base import Dataset
from cxraudit.datasets.detector_labels import source_column
from cxraudit.detector.images import Images, as_input, augment, read_images
from cxraudit.encode import Progress
from cxraudit.errors import ConfigError, DataError, UnknownNameError
from cxraudit.files import (
    digest,
    sha256,
    write_atomic,
    write_manifest,
    write_table,
    write_text,
)
from cxraudit.models._torch.towers.densenet import DenseNet121, modern_keys
from cxraudit.models.weights import read_state, weights_root
from cxraudit.schema import ANNOTATED
from cxraudit.settings import Count, Resamples, Seed, check
from cxraudit.stats.calibration import platt
from cxraudit.stats.compare import estimate, wilson
from cxraudit.stats.delong import newcombe
from cxraudit.stats.ranking import auroc, ranking_replicates
from cxraudit.stats.replicated import Replicated
from cxraudit.stats.resampling import draw_resamples
from cxraudit.stats.thresholds import decisions
from cxraudit.streams import Stream, generator
from cxraudit.workspace import resume_or_refuse

IMAGENET = "densenet121-a639ec97.pth"
"""Weights of torchvision, expected in the folder ``densenet121`` of the weights."""

WEIGHTS, RECORD, CHECKPOINT = "detector.safetensors", "detector.json", "checkpoint.pt"
HISTORY, HELD_OUT = "training.csv", "held_out.parquet"

MIN_PATIENTS = 10
"""Least number of patients with the shortcut, and without, in each part of the split."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """How a detector is trained and evaluated; recorded with it.

    Raises
    ------
    ConfigError
        If a value is out of range.
    """

    shortcut: str = "drain"
    """Column of the shortcut; only labels by annotators are used."""
    image_size: Annotated[int, Ge(32), Le(1024)] = 224
    """Side of the input of the network in pixels."""
    epochs: Count = 60
    """Largest number of epochs."""
    patience: Count = 6
    """Epochs without a lower validation loss before training stops."""
    batch_size: Count = 32
    """Images per step."""
    learning_rate: float | None = None
    """Default: 1e-4 from ImageNet weights, as in Sourget et al. (2025); 1e-3 from random weights."""
    seed: Seed = 0
    """Seed of the split, the initial weights, the order of the images and the resamples."""
    control: bool = False
    """Shuffle the labels between patients: a negative control, whose AUROC must be at chance level."""
    n_resamples: Resamples = 2000
    """Resamples of patients for the intervals of the performance."""
    confidence_level: Annotated[float, Gt(0.5), Lt(1)] = 0.95
    """Confidence level of the intervals of the performance."""
    interval: Literal["percentile", "bca"] = "percentile"
    """Bootstrap interval: expanded percentile, or bias-corrected and accelerated (BCa)."""

    def __post_init__(self) -> None:
        check(self)
        if self.learning_rate is not None and not 0 < self.learning_rate < 1:
            raise ConfigError(f"learning_rate must lie between 0 and 1, got {self.learning_rate}.")


@dataclass(frozen=True, slots=True)
class _Examples:
    """Annotated images with labels (1, 0) and the number of the patient of each."""

    images: Images
    labels: NDArray[np.float32]
    patients: NDArray[np.int64]
    image_ids: NDArray[np.str_]

    def where(self, mask: NDArray[np.bool_]) -> "_Examples":
        return _Examples(
            self.images[mask], self.labels[mask], self.patients[mask], self.image_ids[mask]
        )


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
        with the ends of their intervals, and the Brier score, on the test part.

    Raises
    ------
    DataError
        If too few patients are annotated, or the folder holds another training.
    UnknownNameError
        If the data set has no such shortcut.
    """
    examples, unreadable = _annotated(dataset, settings)
    parts = _split(examples, settings)
    start = _imagenet_weights()
    task = {
        "settings": asdict(settings),
        "images": digest([str(image) for image in examples.image_ids]),
        "labels": digest(examples.labels.tolist()),
        "start": sha256(start) if start else "random",
    }
    resume_or_refuse(out / "training.json", task, what="a detector")
    processor = torch.device(device)
    network = _network(start, settings.seed).to(processor)
    history = _fit(
        network, parts, out, settings, start is not None, processor, progress, on_message
    )
    write_table(pd.DataFrame(history), out / HISTORY)
    logits = {name: _logits(network, part.images, processor) for name, part in parts.items()}
    intercept, slope = platt(parts["validation"].labels, logits["validation"])
    if not np.isfinite(intercept):  # separable classes have no finite fit
        intercept, slope = 0.0, 1.0
    probability = expit(intercept + slope * logits["test"])
    test = parts["test"]
    write_table(
        pd.DataFrame(
            {
                "image_id": test.image_ids,
                settings.shortcut: np.where(test.labels == 1, "yes", "no"),
                f"{settings.shortcut}_probability": probability,
            }
        ),
        out / HELD_OUT,
    )
    errors = _performance(test, probability, settings)
    record = {
        "shortcut": settings.shortcut,
        "architecture": "DenseNet-121",
        "start": "ImageNet" if start else "random",
        "image_size": settings.image_size,
        "intercept": float(intercept),
        "slope": float(slope),
        "dataset": dataset.name,
        "images": {name: len(part.labels) for name, part in parts.items()},
        "patients": {name: len(np.unique(part.patients)) for name, part in parts.items()},
        "unreadable": unreadable,
        "epochs": len(history),
        "errors": errors,
        "above_chance": bool(errors["auroc_low"] > 0.5),
        "control": settings.control,
        "weights": sha256(out / WEIGHTS),
    }
    write_text(out / RECORD, json.dumps(record, indent=2) + "\n")
    write_manifest(out / RECORD, settings=asdict(settings))
    return record


def verdict(record: dict[str, Any]) -> str:
    """Return one sentence on the performance of a detector, given its record."""
    errors = record["errors"]
    area = f"AUROC {errors['auroc']:.3f} ({errors['auroc_low']:.3f} to {errors['auroc_high']:.3f})"
    images = f"on {record['images']['test']:,} held-out images of {record['patients']['test']:,} patients"
    if not record["above_chance"]:
        return f"The detector of '{record['shortcut']}' is not above chance level: {area} {images}."
    return (
        f"The detector of '{record['shortcut']}' has {area} {images}; sensitivity "
        f"{errors['sensitivity']:.2f} ({errors['sensitivity_low']:.2f} to "
        f"{errors['sensitivity_high']:.2f}), specificity {errors['specificity']:.2f} "
        f"({errors['specificity_low']:.2f} to {errors['specificity_high']:.2f})."
    )


def _annotated(dataset: Dataset, settings: TrainSettings) -> tuple[_Examples, int]:
    shortcut = settings.shortcut
    if shortcut not in dataset.shortcuts:
        raise UnknownNameError("shortcut", shortcut, dataset.shortcuts)
    images = dataset.images
    known = images[shortcut].isin(["yes", "no"])
    if source_column(shortcut) in images:
        known &= images[source_column(shortcut)] == ANNOTATED
    annotated = images[known].sort_values("image_id", ignore_index=True)
    if annotated.empty:
        raise DataError(f"no image of '{dataset.name}' has an annotation of '{shortcut}'.")
    pictures, errors = read_images(list(annotated["path"]), settings.image_size)
    readable = np.array([error == "" for error in errors])
    if not readable.any():
        raise DataError(
            f"none of the {len(annotated):,} annotated images could be read, first: {errors[0]}"
        )
    codes = pd.factorize(annotated["patient_id"])[0].astype(np.int64)
    labels = np.asarray(annotated[shortcut] == "yes", dtype=np.float32)
    if settings.control:
        labels = _shuffled_between_patients(labels, codes, settings.seed)
    examples = _Examples(pictures, labels, codes, annotated["image_id"].to_numpy(dtype=np.str_))
    return examples.where(readable), int((~readable).sum())


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


def _split(examples: _Examples, settings: TrainSettings) -> dict[str, _Examples]:
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


def _imagenet_weights() -> Path | None:
    path = weights_root() / "densenet121" / IMAGENET
    return path if path.is_file() else None


def _network(start: Path | None, seed: int) -> DenseNet121:
    torch.manual_seed(seed)
    network = DenseNet121(1)
    if start is not None:
        state = modern_keys(read_state(start))
        state = {key: value for key, value in state.items() if not key.startswith("classifier.")}
        lacking = network.load_state_dict(state, strict=False)
        if lacking.unexpected_keys or set(lacking.missing_keys) - {
            "classifier.weight",
            "classifier.bias",
            *_counters(network),
        }:
            raise DataError(f"{start} is not torchvision's DenseNet-121. Download it again.")
    return network


def _counters(network: DenseNet121) -> list[str]:
    """Return the counters of batches, which files of old torch versions lack."""
    return [key for key in network.state_dict() if key.endswith("num_batches_tracked")]


def _fit(
    network: DenseNet121,
    parts: dict[str, _Examples],
    out: Path,
    settings: TrainSettings,
    pretrained: bool,
    device: torch.device,
    progress: Progress | None,
    on_message: Callable[[str], None] | None,
) -> list[dict[str, float]]:
    """Train until the validation loss stops falling; the network ends with the best weights."""
    rate = settings.learning_rate or (1e-4 if pretrained else 1e-3)
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.3, patience=1)
    history: list[dict[str, float]] = []
    checkpoint = out / CHECKPOINT
    if checkpoint.is_file():
        saved = torch.load(checkpoint, map_location=device, weights_only=True)
        network.load_state_dict(saved["network"])
        optimizer.load_state_dict(saved["optimizer"])
        schedule.load_state_dict(saved["schedule"])
        history = saved["history"]
        if progress:
            progress(len(history) * len(parts["train"].labels))
    while len(history) < settings.epochs and not _stalled(history, settings.patience):
        loss = _epoch(network, parts["train"], optimizer, settings, len(history), device, progress)
        validation = parts["validation"]
        logits = _logits(network, validation.images, device)
        row = {
            "epoch": len(history) + 1,
            "train_loss": loss,
            "validation_loss": _log_loss(validation.labels, logits),
            "validation_auroc": auroc(validation.labels, logits),
            "learning_rate": optimizer.param_groups[0]["lr"],
        }
        history.append(row)
        schedule.step(row["validation_loss"])
        if row["validation_loss"] == min(earlier["validation_loss"] for earlier in history):
            _save_weights(network, out / WEIGHTS)
        state = {
            "network": network.state_dict(),
            "optimizer": optimizer.state_dict(),
            "schedule": schedule.state_dict(),
            "history": history,
        }
        write_atomic(checkpoint, lambda path, state=state: torch.save(state, path))
        if on_message:
            on_message(
                f"epoch {row['epoch']}: loss {loss:.3f}, validation {row['validation_loss']:.3f}, "
                f"AUROC {row['validation_auroc']:.3f}"
            )
    load_weights(network, out / WEIGHTS)
    return history


def _stalled(history: list[dict[str, float]], patience: int) -> bool:
    losses = [row["validation_loss"] for row in history]
    return bool(losses) and len(losses) - 1 - int(np.argmin(losses)) >= patience


def _epoch(
    network: DenseNet121,
    part: _Examples,
    optimizer: torch.optim.Optimizer,
    settings: TrainSettings,
    number: int,
    device: torch.device,
    progress: Progress | None,
) -> float:
    """Train on every image once; order and augmentation depend on seed and epoch only."""
    rng = generator(Stream.DETECTOR_EPOCH, settings.seed, number)
    order = rng.permutation(len(part.labels))
    network.train()
    total = 0.0
    for first in range(0, len(order), settings.batch_size):
        batch = order[first : first + settings.batch_size]
        if len(batch) < 2:  # batch normalisation needs two images
            continue
        inputs = as_input(augment(part.images[batch], rng), device)
        labels = torch.from_numpy(part.labels[batch]).to(device)
        loss = F.binary_cross_entropy_with_logits(network(inputs)[:, 0], labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(batch)
        if progress:
            progress(len(batch))
    return total / len(order)


def _logits(network: DenseNet121, images: Images, device: torch.device) -> NDArray[np.float64]:
    network.eval()
    with torch.inference_mode():
        parts = [
            network(as_input(images[first : first + 64], device))[:, 0].cpu().numpy()
            for first in range(0, len(images), 64)
        ]
    return np.concatenate(parts).astype(np.float64)


def predict(
    network: DenseNet121, images: Images, record: dict[str, Any], device: torch.device
) -> NDArray[np.float64]:
    """Return the calibrated probability of each image, shape (n,), in [0, 1]."""
    return expit(record["intercept"] + record["slope"] * _logits(network, images, device))


def _log_loss(labels: NDArray[np.float32], logits: NDArray[np.float64]) -> float:
    signed = np.where(labels == 1, logits, -logits)
    return float(np.logaddexp(0, -signed).mean())


def _save_weights(network: DenseNet121, path: Path) -> None:
    from safetensors.torch import save_file

    state = {key: tensor.contiguous() for key, tensor in network.state_dict().items()}
    write_atomic(path, lambda temporary: save_file(state, temporary))


def load_weights(network: DenseNet121, path: Path) -> None:
    """Load the weights of a finished training into a network."""
    from safetensors.torch import load_file

    network.load_state_dict(load_file(path))


def _performance(
    test: _Examples, probability: NDArray[np.float64], settings: TrainSettings
) -> dict[str, float]:
    """Return AUROC, sensitivity, specificity and Brier score, with intervals over patients."""
    level = settings.confidence_level
    units = pd.factorize(test.patients)[0].astype(np.int64)
    counts = draw_resamples(int(units.max()) + 1, settings.n_resamples, settings.seed)
    all_images = np.ones((1, test.labels.size), dtype=bool)
    given = (test.labels, probability)
    n_resamples = settings.n_resamples
    ranked = ranking_replicates(*given, units, all_images, counts, n_resamples=n_resamples)[0]
    decided = decisions(*given, 0.5, units, all_images, counts, n_resamples=n_resamples)[0]
    n_with, n_without = (int(np.unique(units[test.labels == label]).size) for label in (1, 0))

    def interval(found: Replicated, fallback: tuple[float, float]) -> tuple[float, float]:
        """Return the bootstrap interval, or a score interval where there is none (at 0 or 1)."""
        bootstrap = estimate(found, confidence_level=level, interval=settings.interval)
        return (bootstrap.low, bootstrap.high) if np.isfinite(bootstrap.low) else fallback

    area, tpr, fpr = ranked.auroc, decided.tpr, decided.fpr
    auroc_low, auroc_high = interval(
        area, newcombe(area.value, n_with, n_without, confidence_level=level)
    )
    tpr_low, tpr_high = interval(tpr, wilson(tpr.value, n_with, confidence_level=level))
    fpr_low, fpr_high = interval(fpr, wilson(fpr.value, n_without, confidence_level=level))
    return {
        "auroc": area.value,
        "auroc_low": auroc_low,
        "auroc_high": auroc_high,
        "sensitivity": tpr.value,
        "sensitivity_low": tpr_low,
        "sensitivity_high": tpr_high,
        "specificity": 1 - fpr.value,
        "specificity_low": 1 - fpr_high,
        "specificity_high": 1 - fpr_low,
        "confidence_level": level,
        "brier": float(np.mean((probability - test.labels) ** 2)),
    }
