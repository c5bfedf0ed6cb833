"""Train the detector on images that people annotated."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from scipy.special import expit

from cxraudit.datasets.base import Dataset
from cxraudit.datasets.detector_labels import ANNOTATED, source_column
from cxraudit.detector.images import Images, as_input, read_images, shaken
from cxraudit.errors import ConfigError, DataError, UnknownNameError
from cxraudit.files import (
    digest,
    sha256,
    take_up,
    write_atomic,
    write_manifest,
    write_table,
    write_text,
)
from cxraudit.models._torch.towers.densenet import DenseNet121, modern_keys
from cxraudit.models.weights import read_state, weights_root
from cxraudit.stats.calibration import platt
from cxraudit.stats.compare import estimate, wilson
from cxraudit.stats.delong import newcombe
from cxraudit.stats.ranking import auroc, ranking_replicates
from cxraudit.stats.replicated import Replicated
from cxraudit.stats.resampling import draw_resamples
from cxraudit.stats.thresholds import decisions

IMAGENET = "densenet121-a639ec97.pth"
"""torchvision's file, looked for in the folder ``densenet121`` of the weights."""

WEIGHTS, RECORD, CHECKPOINT = "detector.safetensors", "detector.json", "checkpoint.pt"
HISTORY, HELD_OUT = "training.csv", "held_out.parquet"

MIN_PATIENTS = 10
"""With and without, in each part; fewer cannot be told from luck."""

N_RESAMPLES = 2000

Track = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """How a detector is trained; recorded with it."""

    shortcut: str = "drain"
    image_size: int = 224
    epochs: int = 60
    """At most; training stops when the validation loss has not fallen for `patience` epochs."""
    patience: int = 6
    batch_size: int = 32
    learning_rate: float | None = None
    """Default: 1e-4 from ImageNet weights, as in the paper; 1e-3 from scratch."""
    seed: int = 0
    control: bool = False
    """Shuffle the labels between patients: the detector must then say that it learned nothing."""

    def __post_init__(self) -> None:
        for name in ("epochs", "patience", "batch_size"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)}.")
        if not 32 <= self.image_size <= 1024:
            raise ConfigError(f"image_size must lie in 32..1024, got {self.image_size}.")
        if self.learning_rate is not None and not 0 < self.learning_rate < 1:
            raise ConfigError(f"learning_rate must lie between 0 and 1, got {self.learning_rate}.")


@dataclass(frozen=True, slots=True)
class _Examples:
    """Annotated images of some patients."""

    images: Images
    labels: NDArray[np.float32]
    patients: NDArray[np.int64]
    image_ids: NDArray[np.str_]

    def only(self, kept: NDArray[np.bool_]) -> "_Examples":
        return _Examples(
            self.images[kept], self.labels[kept], self.patients[kept], self.image_ids[kept]
        )


def train_detector(
    dataset: Dataset,
    out: Path,
    settings: TrainSettings,
    *,
    device: str = "cpu",
    track: Track | None = None,
    said: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Train, stop early, and measure on patients that were never seen.

    Patients are split 60 : 20 : 20 into images to learn from, images to stop and calibrate on, and
    images to measure on. Every finished epoch is kept: the same call goes on after a kill.

    Parameters
    ----------
    dataset : Dataset
        With the shortcut as a column; only labels by people are used.
    out : pathlib.Path
        Folder for weights, record, history and the held-out predictions.
    settings : TrainSettings
        How to train.
    device : str
        Where: cpu, cuda …
    track : callable, optional
        Called with the number of images seen since the last call.
    said : callable, optional
        Called with one sentence per epoch.

    Returns
    -------
    dict
        The record, as written to ``detector.json``.

    Raises
    ------
    DataError
        If too few patients are annotated, or the folder holds another training.
    """
    examples, unreadable = _annotated(dataset, settings)
    parts = _split(examples, settings)
    start = _imagenet()
    wanted = {
        "settings": asdict(settings),
        "images": digest([str(image) for image in examples.image_ids]),
        "labels": digest(examples.labels.tolist()),
        "start": sha256(start) if start else "random",
    }
    take_up(out / "training.json", wanted, what="a training that differs")
    place = torch.device(device)
    network = _network(start, settings.seed).to(place)
    history = _fit(network, parts, out, settings, start is not None, place, track, said)
    write_table(pd.DataFrame(history), out / HISTORY)
    logits = {name: _logits(network, part.images, place) for name, part in parts.items()}
    intercept, slope = platt(parts["validation"].labels, logits["validation"])
    if not np.isfinite(intercept):  # separated: nothing to stretch
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
    measured = _measure(test, probability, settings.seed)
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
        "errors": measured,
        "learned": bool(measured["auroc_low"] > 0.5),
        "control": settings.control,
        "weights": sha256(out / WEIGHTS),
    }
    write_text(out / RECORD, json.dumps(record, indent=2) + "\n")
    write_manifest(out / RECORD, settings=asdict(settings))
    return record


def verdict(record: dict[str, Any]) -> str:
    """Say in one sentence what the detector learned."""
    errors = record["errors"]
    area = f"AUROC {errors['auroc']:.3f} ({errors['auroc_low']:.3f} to {errors['auroc_high']:.3f})"
    where = f"on {record['images']['test']:,} held-out images of {record['patients']['test']:,} patients"
    if not record["learned"]:
        return f"The detector learned nothing: {area} {where}, no better than a coin toss."
    return (
        f"The detector finds the {record['shortcut']} with {area} {where}; sensitivity "
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
    radiographs = images[known].sort_values("image_id", ignore_index=True)
    if radiographs.empty:
        raise DataError(f"no image of '{dataset.name}' has a label of '{shortcut}' by people.")
    pictures, errors = read_images(list(radiographs["path"]), settings.image_size)
    readable = np.array([error == "" for error in errors])
    if not readable.any():
        raise DataError(
            f"none of the {len(radiographs):,} annotated images could be read, first: {errors[0]}"
        )
    codes = pd.factorize(radiographs["patient_id"])[0].astype(np.int64)
    labels = np.asarray(radiographs[shortcut] == "yes", dtype=np.float32)
    if settings.control:
        labels = _shuffled_between_patients(labels, codes, settings.seed)
    examples = _Examples(pictures, labels, codes, radiographs["image_id"].to_numpy(dtype=np.str_))
    return examples.only(readable), int((~readable).sum())


def _shuffled_between_patients(
    labels: NDArray[np.float32], patients: NDArray[np.int64], seed: int
) -> NDArray[np.float32]:
    """Give each patient the labels of another; those with fewer images take the first of them."""
    order = np.random.default_rng([seed, 41]).permutation(int(patients.max()) + 1)
    shuffled = np.empty_like(labels)
    for patient, other in enumerate(order):
        mine, theirs = patients == patient, labels[patients == other]
        shuffled[mine] = np.resize(theirs, int(mine.sum()))
    return shuffled


def _split(examples: _Examples, settings: TrainSettings) -> dict[str, _Examples]:
    n_patients = int(examples.patients.max()) + 1
    order = np.random.default_rng([settings.seed, 40]).permutation(n_patients)
    fifth = max(round(n_patients / 5), 1)
    chosen = {
        "test": order[:fifth],
        "validation": order[fifth : 2 * fifth],
        "train": order[2 * fifth :],
    }
    parts = {name: examples.only(np.isin(examples.patients, part)) for name, part in chosen.items()}
    for name, part in parts.items():
        for label, word in ((1, "with"), (0, "without")):
            patients = np.unique(part.patients[part.labels == label]).size
            if patients < MIN_PATIENTS:
                raise DataError(
                    f"too few annotated patients: the {name} part has {patients} {word} a "
                    f"{settings.shortcut}, and {MIN_PATIENTS} are needed. Annotate more images."
                )
    return parts


def _imagenet() -> Path | None:
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
    """Counters of batches, which files of old versions do not have."""
    return [key for key in network.state_dict() if key.endswith("num_batches_tracked")]


def _fit(
    network: DenseNet121,
    parts: dict[str, _Examples],
    out: Path,
    settings: TrainSettings,
    pretrained: bool,
    device: torch.device,
    track: Track | None,
    said: Callable[[str], None] | None,
) -> list[dict[str, float]]:
    """Train until the validation loss stops falling; leave the best weights in the network."""
    rate = settings.learning_rate or (1e-4 if pretrained else 1e-3)
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=1e-4)
    slower = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.3, patience=1)
    history: list[dict[str, float]] = []
    checkpoint = out / CHECKPOINT
    if checkpoint.is_file():
        kept = torch.load(checkpoint, map_location=device, weights_only=True)
        network.load_state_dict(kept["network"])
        optimizer.load_state_dict(kept["optimizer"])
        slower.load_state_dict(kept["schedule"])
        history = kept["history"]
        if track:
            track(len(history) * len(parts["train"].labels))
    while len(history) < settings.epochs and not _stalled(history, settings.patience):
        loss = _epoch(network, parts["train"], optimizer, settings, len(history), device, track)
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
        slower.step(row["validation_loss"])
        if row["validation_loss"] == min(past["validation_loss"] for past in history):
            _save_weights(network, out / WEIGHTS)
        state = {
            "network": network.state_dict(),
            "optimizer": optimizer.state_dict(),
            "schedule": slower.state_dict(),
            "history": history,
        }
        write_atomic(checkpoint, lambda path, state=state: torch.save(state, path))
        if said:
            said(
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
    track: Track | None,
) -> float:
    """See every image once; an epoch is a function of the seed and its number, so it can be resumed."""
    rng = np.random.default_rng([settings.seed, 42, number])
    order = rng.permutation(len(part.labels))
    network.train()
    total = 0.0
    for first in range(0, len(order), settings.batch_size):
        batch = order[first : first + settings.batch_size]
        if len(batch) < 2:  # batch normalisation needs two
            continue
        inputs = as_input(shaken(part.images[batch], rng), device)
        labels = torch.from_numpy(part.labels[batch]).to(device)
        loss = F.binary_cross_entropy_with_logits(network(inputs)[:, 0], labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(batch)
        if track:
            track(len(batch))
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
    """Return the calibrated probability of each image, shape (n,)."""
    return expit(record["intercept"] + record["slope"] * _logits(network, images, device))


def _log_loss(labels: NDArray[np.float32], logits: NDArray[np.float64]) -> float:
    signed = np.where(labels == 1, logits, -logits)
    return float(np.logaddexp(0, -signed).mean())


def _save_weights(network: DenseNet121, path: Path) -> None:
    from safetensors.torch import save_file

    state = {key: tensor.contiguous() for key, tensor in network.state_dict().items()}
    write_atomic(path, lambda temporary: save_file(state, temporary))


def load_weights(network: DenseNet121, path: Path) -> None:
    """Fill a network with the weights of a finished training."""
    from safetensors.torch import load_file

    network.load_state_dict(load_file(path))


def _measure(test: _Examples, probability: NDArray[np.float64], seed: int) -> dict[str, float]:
    """Estimate how well the detector does on patients it has not seen, clustered by patient."""
    units = pd.factorize(test.patients)[0].astype(np.int64)
    counts = draw_resamples(int(units.max()) + 1, N_RESAMPLES, seed)
    everyone = np.ones((1, test.labels.size), dtype=bool)
    options: Any = {"n_resamples": N_RESAMPLES}
    area = ranking_replicates(test.labels, probability, units, everyone, counts, **options)[0].auroc
    called = decisions(test.labels, probability, 0.5, units, everyone, counts, **options)[0]
    with_it, without = (int(np.unique(units[test.labels == label]).size) for label in (1, 0))
    area, tpr, fpr = (
        _ends(found, fallback)
        for found, fallback in (
            (area, newcombe(area.value, with_it, without)),
            (called.tpr, wilson(called.tpr.value, with_it)),
            (called.fpr, wilson(called.fpr.value, without)),
        )
    )
    return {
        "auroc": area[0],
        "auroc_low": area[1],
        "auroc_high": area[2],
        "sensitivity": tpr[0],
        "sensitivity_low": tpr[1],
        "sensitivity_high": tpr[2],
        "specificity": 1 - fpr[0],
        "specificity_low": 1 - fpr[2],
        "specificity_high": 1 - fpr[1],
        "brier": float(np.mean((probability - test.labels) ** 2)),
    }


def _ends(found: Replicated, score_interval: tuple[float, float]) -> tuple[float, float, float]:
    """Return value and interval; a score interval where resamples cannot give one (0 or 1)."""
    e = estimate(found)
    low, high = (e.low, e.high) if np.isfinite(e.low) else score_interval
    return e.value, low, high
