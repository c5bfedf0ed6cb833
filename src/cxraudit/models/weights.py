"""Checkpoint files: finding, verifying, reading without running code, and loading strictly."""

import hashlib
import json
import os
import pickle
import re
import struct
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxraudit.errors import DataError
from cxraudit.models.base import ModelCard, WeightFile

if TYPE_CHECKING:
    from torch import Tensor, nn

FOLDER_VARIABLE = "CXRAUDIT_WEIGHTS"

State = Mapping[str, "Tensor"]


def weights_root() -> Path:
    """Return the folder that holds one folder per model: $CXRAUDIT_WEIGHTS, or the user's cache."""
    if folder := os.environ.get(FOLDER_VARIABLE):
        return Path(folder)
    import platformdirs

    return Path(platformdirs.user_cache_path("cxraudit")) / "weights"


def folder_of(card: ModelCard) -> Path:
    """Return the folder of a model's files."""
    return weights_root() / card.name.partition("@")[0]


def find(card: ModelCard, file: WeightFile, folder: Path | None = None) -> Path:
    """Return the path of one file of a checkpoint.

    Raises
    ------
    DataError
        If it is missing, or several files match its pattern.
    """
    folder = folder or folder_of(card)
    matching = _matching(file, folder)
    if len(matching) > 1:
        raise DataError(
            f"{folder} holds {len(matching)} files named like {file.name} "
            f"({', '.join(path.name for path in matching[:3])}). Keep only the one to audit."
        )
    if not matching:
        raise DataError(
            f"{folder / file.name} is missing. Download it from {file.url or card.weights} into that "
            f"folder (or set {FOLDER_VARIABLE} to the folder that holds {folder.name}/)."
        )
    return matching[0]


def find_all(card: ModelCard, folder: Path | None = None) -> list[Path]:
    """Return the paths of all files of a checkpoint, in the order of its card; see `find`."""
    return [find(card, file, folder) for file in card.files]


def missing(card: ModelCard, folder: Path | None = None) -> list[str]:
    """Return the names of a checkpoint's files that are missing."""
    folder = folder or folder_of(card)
    return [file.name for file in card.files if not _matching(file, folder)]


def _matching(file: WeightFile, folder: Path) -> list[Path]:
    """Return the files of a folder that match the name, or the pattern, of a published file."""
    return sorted(path for path in folder.glob(file.name) if path.is_file())


def checksum(path: Path, kind: str = "sha256") -> str:
    """Return the digest of a file, in hexadecimal."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, kind).hexdigest()


def verify(card: ModelCard, folder: Path | None = None) -> list[str]:
    """Compare sizes and checksums with the card; return a line for each file.

    Raises
    ------
    DataError
        At the first file that is missing or differs.
    """
    lines = []
    for file in card.files:
        path = find(card, file, folder)
        if file.size is not None and path.stat().st_size != file.size:
            raise DataError(
                f"{path} has {path.stat().st_size:,} bytes; the published file has {file.size:,}. "
                "Download it again."
            )
        known = [(kind, getattr(file, kind)) for kind in ("sha256", "md5") if getattr(file, kind)]
        for kind, expected in known:
            found = checksum(path, kind)
            if found != expected:
                raise DataError(
                    f"{path} has {kind} {found}; the published file has {expected}. Download it again."
                )
        checked = f"{known[0][0]} as published" if known else "no checksum is published"
        lines.append(f"{path.name}: {path.stat().st_size:,} bytes, {checked}")
    return lines


def fetch(
    card: ModelCard, folder: Path | None = None, *, endpoint: str | None = None
) -> list[Path]:
    """Download the missing files of a checkpoint, and verify all.

    Interrupted downloads are resumed (huggingface-hub).

    Parameters
    ----------
    card : ModelCard
        Card of the checkpoint.
    folder : pathlib.Path, optional
        Target folder; default: `folder_of`.
    endpoint : str, optional
        Address of a mirror of the hub.

    Raises
    ------
    DataError
        If a file has no direct download, a download fails, or a checksum differs.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    folder = folder or folder_of(card)
    by_hand = [file.name for file in card.files if not file.url]
    if by_hand:
        raise DataError(
            f"{card.name} has no direct download. Download it from {card.weights}, under its licence "
            f"({card.license}), and put {', '.join(by_hand)} into {folder}."
        )
    paths = []
    for file in card.files:
        address = HUB_ADDRESS.fullmatch(file.url)
        if address is None:
            raise ValueError(f"{file.url} is not an address of the hub")
        repository, revision, name = address.groups()
        target = folder / file.name
        if not target.is_file():
            try:
                downloaded = hf_hub_download(
                    repository,
                    name,
                    revision=revision,
                    local_dir=folder / ".download",
                    endpoint=endpoint,
                )
            except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
                raise DataError(
                    f"{file.url} cannot be downloaded ({str(error).splitlines()[0]}). Try again later, or "
                    f"download it by hand into {folder}."
                ) from None
            target.parent.mkdir(parents=True, exist_ok=True)
            Path(downloaded).replace(target)
        paths.append(target)
    verify(card, folder)
    return paths


HUB_ADDRESS = re.compile(r"https://huggingface\.co/([^/]+/[^/]+)/resolve/([^/]+)/(.+)")


def fingerprint(paths: Sequence[Path], transform: str) -> str:
    """Return a hash of the weights and of the transform."""
    digests = [checksum(path) for path in paths]
    return hashlib.sha256(json.dumps([*digests, transform]).encode()).hexdigest()


def read_state(path: Path, *, allowed: Sequence[Any] = ()) -> dict[str, Any]:
    """Read a checkpoint: safetensors, or a torch file without running any code in it.

    Parameters
    ----------
    path : pathlib.Path
        The file; its format is recognised by its first bytes, not by its name.
    allowed : sequence
        Harmless classes it may contain besides tensors; see ``torch.serialization.safe_globals``.

    Raises
    ------
    DataError
        If it is a web page, a Git LFS pointer, truncated, or contains anything but tensors.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    with path.open("rb") as handle:
        start = handle.read(200)
    if start.startswith(b"version https://git-lfs"):
        raise DataError(
            f"{path} is a Git LFS pointer, not the weights. Fetch the file it points to."
        )
    if start.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise DataError(f"{path} is a web page, not weights. Download the file itself.")
    try:
        if start[8:9] == b"{":
            return load_file(path)  # contains only tensors by name
        with warnings.catch_warnings(), torch.serialization.safe_globals(list(allowed)):
            # Of unusual pickles, which are refused below.
            warnings.simplefilter("ignore", UserWarning)
            state = torch.load(
                path, map_location="cpu", weights_only=True, mmap=start.startswith(b"PK") or None
            )
    except pickle.UnpicklingError as error:
        match = re.search(r"GLOBAL ([\w.]+)", str(error))
        which = f"({match[1]}) " if match else ""
        raise DataError(
            f"{path} holds objects {which}besides tensors, or is no checkpoint; it was not run. Use the "
            "published file."
        ) from None
    except (
        SafetensorError,
        RuntimeError,
        EOFError,
        ValueError,
        OSError,
        KeyError,
        IndexError,
        TypeError,
        AttributeError,
        AssertionError,
        struct.error,
    ) as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise DataError(f"{path} is truncated or damaged ({reason}). Download it again.") from None
    if not isinstance(state, dict):
        raise DataError(
            f"{path} holds a {type(state).__name__}, not tensors by name. Use the published file."
        )
    return state


def filled(
    build: Callable[[], Any], path: Path, state: State | None = None, *, tolerated: str = ""
) -> Any:
    """Build a network without allocating memory and load a file into it; see `load_strictly`.

    `state` is the content of the file, if it has been read already.
    """
    import torch

    with torch.device("meta"):
        network = build()
    load_strictly(network, read_state(path) if state is None else state, path, tolerated=tolerated)
    return network


def load_strictly(network: "nn.Module", state: State, path: Path, *, tolerated: str = "") -> None:
    """Load weights into a network that was built on the meta device, without memory of its own.

    The tensors of the file become the network's, without a copy. Integer buffers stay as they are, half
    precision becomes float32.

    Parameters
    ----------
    network : torch.nn.Module
        On the meta device, with the key names of the file.
    state : mapping of str to torch.Tensor
        Content of the file.
    path : pathlib.Path
        Of the file, for messages.
    tolerated : str
        Regular expression of keys of the file that may be ignored.

    Raises
    ------
    DataError
        If keys are missing or unexpected, or shapes differ.
    """
    import torch

    ignored = re.compile(tolerated) if tolerated else None
    wanted = network.state_dict()
    for key, value in state.items():
        if not isinstance(value, torch.Tensor):
            raise DataError(
                f"{path} holds a {type(value).__name__} under {key} instead of a tensor. Use the "
                "published file of this model."
            )
    kept = {
        key: value.float() if value.is_floating_point() else value
        for key, value in state.items()
        if key in wanted or not (ignored and ignored.search(key))
    }
    present = [key for key in wanted if key in kept]
    problems = [
        *_problem("tensors are missing", [key for key in wanted if key not in kept]),
        *_problem("are not expected", [key for key in kept if key not in wanted]),
        *_problem(
            "hold another kind of number",
            [
                key
                for key in present
                if kept[key].is_floating_point() != wanted[key].is_floating_point()
            ],
        ),
        *_problem(
            "have another shape",
            [
                f"{key}: {tuple(kept[key].shape)} instead of {tuple(wanted[key].shape)}"
                for key in present
                if kept[key].shape != wanted[key].shape
            ],
        ),
    ]
    if problems:
        raise DataError(
            f"{path} is not the checkpoint this adapter reads: {'; '.join(problems)}. Use the published "
            "file of this model."
        )
    network.load_state_dict(kept, strict=True, assign=True)
    network.eval().requires_grad_(requires_grad=False)
    for module in network.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.num_batches_tracked = None  # not used, and must not be cast with the weights


def _problem(what: str, keys: Sequence[str]) -> list[str]:
    """Describe keys that a checkpoint and its network do not share, by their number and the first."""
    return [f"{len(keys)} {what} (first {keys[0]})"] if keys else []
