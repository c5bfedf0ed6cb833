"""Checkpoint files: where they are found, checked, read without running code, and loaded strictly."""

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
    """Return where the files of a model belong."""
    return weights_root() / card.name.partition("@")[0]


def find(card: ModelCard, file: WeightFile, folder: Path | None = None) -> Path:
    """Return the path of one file of a checkpoint.

    Raises
    ------
    DataError
        If it is missing, or a pattern fits several files.
    """
    folder = folder or folder_of(card)
    fitting = _fitting(file, folder)
    if len(fitting) > 1:
        raise DataError(
            f"{folder} holds {len(fitting)} files named like {file.name} "
            f"({', '.join(path.name for path in fitting[:3])}). Leave the one to audit."
        )
    if not fitting:
        raise DataError(
            f"{folder / file.name} is missing. Get it from {file.url or card.weights} and put it there "
            f"(or set {FOLDER_VARIABLE} to the folder that holds {folder.name}/)."
        )
    return fitting[0]


def missing(card: ModelCard, folder: Path | None = None) -> list[str]:
    """Return the files of a checkpoint that are not there."""
    folder = folder or folder_of(card)
    return [file.name for file in card.files if not _fitting(file, folder)]


def _fitting(file: WeightFile, folder: Path) -> list[Path]:
    """Return what lies there under the name, or the pattern, of a file."""
    return sorted(path for path in folder.glob(file.name) if path.is_file())


def checksum(path: Path, kind: str = "sha256") -> str:
    """Return the digest of a file, in hexadecimal."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, kind).hexdigest()


def verify(card: ModelCard, folder: Path | None = None) -> list[str]:
    """Compare size and checksums with the card; return a sentence for each file.

    Raises
    ------
    DataError
        At the first file that is missing or differs.
    """
    said = []
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
        how = f"{known[0][0]} as published" if known else "no checksum is published"
        said.append(f"{path.name}: {path.stat().st_size:,} bytes, {how}")
    return said


def fetch(
    card: ModelCard, folder: Path | None = None, *, endpoint: str | None = None
) -> list[Path]:
    """Download the files of a checkpoint that are not there yet, and verify them.

    Interrupted downloads go on where they stopped (huggingface-hub).

    Parameters
    ----------
    card : ModelCard
        Whose files.
    folder : pathlib.Path, optional
        Where to; default: `folder_of`.
    endpoint : str, optional
        Another server with the hub's addresses, such as a mirror.

    Raises
    ------
    DataError
        If a file cannot be had without asking somebody, the server refuses, or a checksum differs.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    folder = folder or folder_of(card)
    asked = [file.name for file in card.files if not file.url]
    if asked:
        raise DataError(
            f"{card.name} cannot be downloaded by a program. Get it from {card.weights}, under its licence "
            f"({card.license}), and put {', '.join(asked)} into {folder}."
        )
    paths = []
    for file in card.files:
        found = HUB_ADDRESS.fullmatch(file.url)
        assert found is not None, f"{file.url} is no address of the hub"
        repository, revision, name = found.groups()
        target = folder / file.name
        if not target.is_file():
            try:
                got = hf_hub_download(
                    repository,
                    name,
                    revision=revision,
                    local_dir=folder / ".download",
                    endpoint=endpoint,
                )
            except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
                raise DataError(
                    f"{file.url} cannot be downloaded ({str(error).splitlines()[0]}). Try again later, or "
                    f"put the file into {folder} yourself."
                ) from None
            target.parent.mkdir(parents=True, exist_ok=True)
            Path(got).replace(target)
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
        The file; what it is is read from its first bytes, not from its name.
    allowed : sequence
        Harmless classes that may be in it besides tensors; see ``torch.serialization.safe_globals``.

    Raises
    ------
    DataError
        If it is a web page, a pointer, cut off, or holds anything else than tensors.
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
            return load_file(path)  # holds tensors by name, and nothing else
        with warnings.catch_warnings(), torch.serialization.safe_globals(list(allowed)):
            warnings.simplefilter(
                "ignore", UserWarning
            )  # of unusual pickles, which are refused below
            found = torch.load(
                path, map_location="cpu", weights_only=True, mmap=start.startswith(b"PK") or None
            )
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        what = f"({named[1]}) " if named else ""
        raise DataError(
            f"{path} holds objects {what}besides tensors, or is no checkpoint; it was not run. Use the "
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
        raise DataError(f"{path} is cut off or damaged ({reason}). Download it again.") from None
    if not isinstance(found, dict):
        raise DataError(
            f"{path} holds a {type(found).__name__}, not tensors by name. Use the published file."
        )
    return found


def filled(
    build: Callable[[], Any], path: Path, state: State | None = None, *, tolerated: str = ""
) -> Any:
    """Build a network without memory and put the weights of a file into it; see `load_strictly`.

    `state` is what the file holds, if it was read already.
    """
    import torch

    with torch.device("meta"):
        network = build()
    load_strictly(network, read_state(path) if state is None else state, path, tolerated=tolerated)
    return network


def load_strictly(network: "nn.Module", state: State, path: Path, *, tolerated: str = "") -> None:
    """Put weights into a network that was built without memory (on the meta device).

    The tensors of the file become the network's: there is never a second copy. Whole-number buffers
    stay, half precision becomes float32.

    Parameters
    ----------
    network : torch.nn.Module
        On the meta device; carries the key names of the file.
    state : mapping of str to torch.Tensor
        What the file holds.
    path : pathlib.Path
        For the message.
    tolerated : str
        Regular expression of keys that may be in the file and are not used.

    Raises
    ------
    DataError
        If keys are missing or left over, or shapes differ.
    """
    import torch

    extra = re.compile(tolerated) if tolerated else None
    wanted = network.state_dict()
    for key, value in state.items():
        if not isinstance(value, torch.Tensor):
            raise DataError(
                f"{path} holds a {type(value).__name__} under {key}, where a tensor belongs. Use the "
                "published file of this model."
            )
    kept = {
        key: value.float() if value.is_floating_point() else value
        for key, value in state.items()
        if key in wanted or not (extra and extra.search(key))
    }
    lacking = [key for key in wanted if key not in kept]
    left = [key for key in kept if key not in wanted]
    differ = [key for key in wanted if key in kept and kept[key].shape != wanted[key].shape]
    whole = [
        key
        for key in wanted
        if key in kept and kept[key].is_floating_point() != wanted[key].is_floating_point()
    ]
    problems = [
        f"{len(keys)} {what} (first {keys[0]}{detail(keys[0])})"
        for keys, what, detail in (
            (lacking, "tensors are missing", lambda _: ""),
            (left, "are not expected", lambda _: ""),
            (whole, "hold another kind of number", lambda _: ""),
            (
                differ,
                "have another shape",
                lambda k: f": {tuple(kept[k].shape)} instead of {tuple(wanted[k].shape)}",
            ),
        )
        if keys
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
            module.num_batches_tracked = None  # not used, and not to be cast with the weights
