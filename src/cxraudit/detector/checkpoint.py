"""The state of a training between two epochs, in one file that is whole or is not used.

Safetensors with one entry of text, followed by the SHA-256 of both: the same state gives the same bytes,
in whatever process and however often the training was interrupted.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save

from cxraudit.files import write_atomic

_CHECKSUM = hashlib.sha256().digest_size
_TEXT = "state"


@dataclass(slots=True)
class TrainingState:
    """A network, its optimizer and its schedule after an epoch."""

    network: dict[str, torch.Tensor]
    best: dict[str, torch.Tensor]
    """The network after the epoch with the lowest validation loss."""
    optimizer: dict[str, Any]
    """As its ``state_dict``."""
    schedule: dict[str, Any]
    """As its ``state_dict``."""
    history: list[dict[str, float]] = field(default_factory=list)
    """One row per epoch."""


def write_checkpoint(path: Path, state: TrainingState) -> None:
    """Write a state in one step."""
    moments = {
        f"{number}.{name}": value
        for number, of_parameter in state.optimizer["state"].items()
        for name, value in of_parameter.items()
    }
    parts = {"network": state.network, "best": state.best, "optimizer": moments}
    tensors = {
        f"{part}/{name}": tensor.detach().cpu().contiguous().clone()
        for part, of_part in parts.items()
        for name, tensor in of_part.items()
    }
    text = {
        "groups": state.optimizer["param_groups"],
        "schedule": state.schedule,
        "history": state.history,
    }
    body = save(tensors, metadata={_TEXT: json.dumps(text, sort_keys=True)})
    content = body + hashlib.sha256(body).digest()
    write_atomic(path, lambda temporary: temporary.write_bytes(content))


def read_checkpoint(path: Path) -> TrainingState | None:
    """Read a state; None if the file is missing or is not as it was written."""
    if not path.is_file():
        return None
    content = path.read_bytes()
    body = content[:-_CHECKSUM]
    if hashlib.sha256(body).digest() != content[-_CHECKSUM:]:
        return None
    length = int.from_bytes(body[:8], "little")
    text = json.loads(json.loads(body[8 : 8 + length])["__metadata__"][_TEXT])
    tensors = load(body)
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in _part(tensors, "optimizer").items():
        number, _, name = key.partition(".")
        moments.setdefault(int(number), {})[name] = value
    return TrainingState(
        network=_part(tensors, "network"),
        best=_part(tensors, "best"),
        optimizer={"state": moments, "param_groups": text["groups"]},
        schedule=text["schedule"],
        history=text["history"],
    )


def _part(tensors: Mapping[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    return {
        key.removeprefix(f"{name}/"): tensor
        for key, tensor in tensors.items()
        if key.startswith(f"{name}/")
    }
