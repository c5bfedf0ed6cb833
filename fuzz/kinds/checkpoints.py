"""Checkpoints: safetensors and files of torch, with payloads that would run code if they were unpickled."""

import builtins
import io
import operator
import os
import pickle
import subprocess
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save as save_safetensors
from torch import nn

from cxraudit.models import weights
from fuzz.case import Case, Generator, Outcome, attempted
from fuzz.damage import damaged
from fuzz.guard import MARKER
from fuzz.tables import chance, pick


class Network(nn.Module):
    """A network with the parts that checkpoints have: weights, a table of words, counters, a scale."""

    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Linear(6, 4)
        self.words = nn.Embedding(10, 4)
        self.norm = nn.BatchNorm1d(4)
        self.logit_scale = nn.Parameter(torch.tensor(2.659))


class _Payload:
    """Runs something when it is unpickled."""

    def __init__(self, call: Any, *arguments: Any) -> None:
        self.made = (call, arguments)

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.made


def payloads(marker: Path) -> dict[str, Any]:
    """Return name → object that makes the marker when it is unpickled."""
    text = f"open({str(marker)!r}, 'w').close()"
    return {
        "os.system": _Payload(os.system, f"touch {marker}"),
        "eval": _Payload(builtins.eval, text),
        "exec": _Payload(builtins.exec, text),
        "Popen": _Payload(subprocess.Popen, ["touch", str(marker)]),
        "Path.touch": _Payload(Path.touch, marker),
        "open": _Payload(builtins.open, str(marker), "w"),
        "methodcaller": _Payload(operator.methodcaller("touch"), marker),
        "numpy object": np.array([_Payload(os.system, f"touch {marker}")], dtype=object),
        "a module": Network(),
        "a function": Network.forward,
    }


SPECIAL = (float("nan"), float("inf"), -float("inf"), 1e30, 0.0)


class Checkpoints:
    """Reading a checkpoint and loading it into a network."""

    name = "checkpoints"

    def prepare(self, folder: Path) -> None:
        """Make the state of a small network."""
        torch.manual_seed(0)
        torch.set_num_threads(1)
        self.state = OrderedDict(Network().state_dict())

    def write(self, rng: Generator, folder: Path) -> Case:
        """Mutate a state, and write it in one of many formats."""
        case = Case(folder)
        state = self._state(rng, case)
        form = pick(
            rng,
            ["safetensors"] * 3
            + ["zip"] * 3
            + ["legacy", "wrapped", "pickle", "payload", "payload"],
        )
        case.add(form)
        data = self._bytes(state, form, rng, folder / MARKER, case)
        if chance(rng, 0.6):
            data, name = damaged(data, rng)
            case.add(f"bytes: {name}")
        suffix = pick(rng, [".pt", ".bin", ".safetensors", ".ckpt", ".pth.tar"])
        case.notes["file"] = folder / f"weights{suffix}"
        case.notes["file"].write_bytes(data)
        return case

    def run(self, case: Case) -> Outcome:
        """Load it; a network that was accepted has finite weights."""
        loaded: list[nn.Module] = []
        outcome = attempted(lambda: loaded.append(weights.filled(Network, case.notes["file"])))
        for network in loaded:
            if wrong := [k for k, v in network.state_dict().items() if not torch.isfinite(v).all()]:
                outcome.faults.append(
                    ("misread", f"{', '.join(wrong)} are accepted and not finite")
                )
        return outcome

    def _state(self, rng: Generator, case: Case) -> "OrderedDict[str, Any]":
        state = OrderedDict((key, tensor.clone()) for key, tensor in self.state.items())
        for _ in range(pick(rng, [0, 0, 1, 1, 2])):
            key = pick(rng, list(state))
            way = pick(
                rng,
                ["value", "scale", "shape", "type", "remove", "rename", "add", "sparse", "empty"],
            )
            case.add(f"{way} of {key}")
            tensor = state[key]
            if not isinstance(tensor, torch.Tensor):  # an earlier mutation added it
                continue
            if way == "value" and tensor.numel() and tensor.is_floating_point():
                tensor.flatten()[0] = pick(rng, SPECIAL)
            elif way == "scale":
                state["logit_scale"] = torch.tensor(pick(rng, [*SPECIAL, -5.0, 50.0, 1000.0]))
            elif way == "shape":
                state[key] = torch.cat([tensor, tensor]) if tensor.dim() else tensor[None]
            elif way == "type":
                kind = pick(
                    rng, [torch.float16, torch.int64, torch.bool, torch.complex64, torch.float64]
                )
                state[key] = tensor.to(kind)
            elif way == "remove":
                del state[key]
            elif way == "rename":
                state[pick(rng, ["module." + key, key.upper(), "", "x" * 1000, "\x00"])] = (
                    state.pop(key)
                )
            elif way == "sparse" and tensor.dim():
                state[key] = tensor.to_sparse()
            elif way == "empty":
                state[key] = torch.empty(0)
            else:
                state["further"] = pick(
                    rng, [torch.zeros(3), "text", 3, None, {"a": 1}, [torch.zeros(2)]]
                )
            if not state:
                break
        return state

    def _bytes(self, state: Any, form: str, rng: Generator, marker: Path, case: Case) -> bytes:
        stream = io.BytesIO()
        if form == "safetensors":
            dense = {
                key: tensor.to_dense().contiguous()
                for key, tensor in state.items()
                if isinstance(tensor, torch.Tensor)
            }
            return save_safetensors(dense, metadata={"format": pick(rng, ["pt", "x" * 100])})
        if form == "pickle":
            return pickle.dumps({key: str(value) for key, value in state.items()})
        if form == "payload":
            name, payload = pick(rng, list(payloads(marker).items()))
            case.add(name)
            place = pick(rng, ["beside", "inside", "alone", "pickle", "zip entry"])
            if place == "pickle":
                return pickle.dumps(payload) if name != "a module" else b""
            content = {"beside": {"state_dict": state, "x": payload}, "alone": payload}.get(
                place, {**state, "image.weight": payload}
            )
            torch.save(content, stream)
            if place == "zip entry":
                with zipfile.ZipFile(stream, "a") as archive:
                    archive.writestr("../../evil.py", f"open({str(marker)!r}, 'w')")
            return stream.getvalue()
        content = {"state_dict": state, "epoch": 3} if form == "wrapped" else state
        torch.save(content, stream, _use_new_zipfile_serialization=form != "legacy")
        return stream.getvalue()
