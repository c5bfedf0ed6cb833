"""The network, its training with early stopping, and its probabilities."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from scipy.special import expit

from cxraudit.detector.checkpoint import TrainingState, read_checkpoint, write_checkpoint
from cxraudit.detector.examples import Examples
from cxraudit.detector.images import Images, as_input, augment
from cxraudit.detector.settings import TrainSettings
from cxraudit.encode import Progress
from cxraudit.errors import DataError
from cxraudit.files import write_atomic
from cxraudit.models._torch.towers.densenet import DenseNet121, modern_keys
from cxraudit.models.weights import read_state, weights_root
from cxraudit.stats.ranking import auroc
from cxraudit.streams import Stream, generator

IMAGENET = "densenet121-a639ec97.pth"
"""Weights of torchvision, expected in the folder ``densenet121`` of the weights."""


EPOCH_COLUMNS = ("epoch", "train_loss", "validation_loss", "validation_auroc", "learning_rate")
"""Of the history of a training, one row per epoch."""


def imagenet_weights() -> Path | None:
    """Return the file of the weights to start from, if there is one."""
    path = weights_root() / "densenet121" / IMAGENET
    return path if path.is_file() else None


def new_network(start: Path | None, seed: int) -> DenseNet121:
    """Return a network with random weights, or with those of ImageNet but for its last layer.

    Raises
    ------
    DataError
        If the file holds other weights.
    """
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


def fit(
    network: DenseNet121,
    parts: dict[str, Examples],
    checkpoint: Path,
    settings: TrainSettings,
    *,
    pretrained: bool,
    device: torch.device,
    progress: Progress | None,
    on_message: Callable[[str], None] | None,
) -> list[dict[str, float]]:
    """Train until the validation loss stops falling; the network ends with the best weights.

    Returns the history, one row per epoch. Every finished epoch is kept in `checkpoint`, from which an
    interrupted training continues; one that is damaged is not used.
    """
    rate = settings.learning_rate or (1e-4 if pretrained else 1e-3)
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.3, patience=1)
    history: list[dict[str, float]] = []
    best = _copy(network)
    saved = read_checkpoint(checkpoint)
    if saved is not None:
        network.load_state_dict(saved.network)
        optimizer.load_state_dict(saved.optimizer)
        schedule.load_state_dict(saved.schedule)
        history, best = saved.history, saved.best
        if progress:
            progress(len(history) * len(parts["train"].labels))
    elif checkpoint.is_file() and on_message:
        on_message(f"{checkpoint} is damaged and is not used: training starts again.")
    while len(history) < settings.epochs and not _stalled(history, settings.patience):
        loss = _epoch(network, parts["train"], optimizer, settings, len(history), device, progress)
        row = _evaluated(network, parts["validation"], loss, device)
        row["learning_rate"] = optimizer.param_groups[0]["lr"]
        history.append({"epoch": len(history) + 1, **row})
        schedule.step(row["validation_loss"])
        if row["validation_loss"] == min(earlier["validation_loss"] for earlier in history):
            best = _copy(network)
        state = TrainingState(
            network.state_dict(), best, optimizer.state_dict(), schedule.state_dict(), history
        )
        write_checkpoint(checkpoint, state)
        if on_message:
            on_message(
                f"epoch {len(history)}: loss {loss:.3f}, validation {row['validation_loss']:.3f}, "
                f"AUROC {row['validation_auroc']:.3f}"
            )
    network.load_state_dict(best)
    return history


def _copy(network: DenseNet121) -> dict[str, torch.Tensor]:
    return {key: tensor.detach().clone() for key, tensor in network.state_dict().items()}


def _evaluated(
    network: DenseNet121, validation: Examples, loss: float, device: torch.device
) -> dict[str, float]:
    """Return the losses and the AUROC after an epoch."""
    found = logits(network, validation.images, device)
    return {
        "train_loss": loss,
        "validation_loss": _log_loss(validation.labels, found),
        "validation_auroc": auroc(validation.labels, found),
    }


def _stalled(history: list[dict[str, float]], patience: int) -> bool:
    losses = [row["validation_loss"] for row in history]
    return bool(losses) and len(losses) - 1 - int(np.argmin(losses)) >= patience


def _epoch(
    network: DenseNet121,
    part: Examples,
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


def logits(network: DenseNet121, images: Images, device: torch.device) -> NDArray[np.float64]:
    """Return the output of the network for each image, shape (n,)."""
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
    return expit(record["intercept"] + record["slope"] * logits(network, images, device))


def _log_loss(labels: NDArray[np.float32], found: NDArray[np.float64]) -> float:
    signed = np.where(labels == 1, found, -found)
    return float(np.logaddexp(0, -signed).mean())


def save_weights(network: DenseNet121, path: Path) -> None:
    """Write the weights of a network."""
    from safetensors.torch import save

    state = {key: tensor.cpu().contiguous() for key, tensor in network.state_dict().items()}
    # Written by Python, whose error of a full disk is one of the system.
    write_atomic(path, lambda temporary: temporary.write_bytes(save(state)))


def load_weights(network: DenseNet121, path: Path) -> None:
    """Load the weights of a finished training into a network.

    Raises
    ------
    DataError
        If the file holds no weights of this network, or weights that are no numbers.
    """
    state = read_state(path)
    try:
        network.load_state_dict(state)
    except (RuntimeError, TypeError, AttributeError):
        raise DataError(f"{path} holds no weights of a detector. Train again.") from None
    if not all(bool(torch.isfinite(tensor).all()) for tensor in network.state_dict().values()):
        raise DataError(f"{path} holds weights that are no finite numbers. Train again.")
