"""Checkpoint files: finding, reading without running code, and loading strictly."""

import hashlib
import json
import os
import pickle
import re
import struct
import warnings
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxraudit.errors import ConfigError, DataError
from cxraudit.models import untrusted
from cxraudit.models.base import ModelCard, WeightFile
from cxraudit.notices import counted

if TYPE_CHECKING:
    from torch import Tensor, nn

FOLDER_VARIABLE = "CXRAUDIT_WEIGHTS"

State = Mapping[str, "Tensor"]

SCALES = (0.1, 1000.0)
"""Logit scales that are accepted: ten times beyond those of published models, which clamp them to 1 … 100
(CLIP, MedCLIP, open_clip) or learn 100 … 120 (SigLIP)."""

ZIP = b"PK"
LARGEST_PICKLE = 16 * 2**20
"""Bytes of the largest description of tensors in a torch file; published ones have below 1 MB."""


def weights_root() -> Path:
    """Return the folder that holds one folder per model: $CXRAUDIT_WEIGHTS, or ``~/.cache/cxraudit/weights``.

    The cache is that of the hub and of torch, on every platform.
    """
    try:
        if folder := os.environ.get(FOLDER_VARIABLE):
            return Path(folder).expanduser()
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:
        raise ConfigError(
            f"this user has no home folder to keep weights in. Set {FOLDER_VARIABLE} to a folder."
        ) from None
    return cache / "cxraudit" / "weights"


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


def fingerprint(paths: Sequence[Path], transform: str) -> str:
    """Return a hash of the weights and of the transform."""
    return combined([checksum(path) for path in paths], transform)


def combined(digests: Sequence[str], transform: str) -> str:
    """Return a hash of the digests of some files and of the transform."""
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
    start = untrusted.first_bytes(path)
    if start[8:9] == b"{":
        return read_safetensors(path)
    if start.startswith(ZIP):
        _check_archive(path)
    with untrusted.one_sentence(f"{path} is truncated or damaged", untrusted.AGAIN):
        state = _unpickled(path, allowed, mapped=start.startswith(ZIP))
    if not isinstance(state, dict):
        raise DataError(
            f"{path} holds an object ({type(state).__name__}), not tensors by name. Use the published file."
        )
    return state


def read_safetensors(path: Path) -> dict[str, Any]:
    """Read a safetensors file, which contains only tensors by name; they are memory-mapped.

    Raises
    ------
    DataError
        If it is missing, is another kind of file, or is truncated.
    """
    from safetensors.torch import load_file

    untrusted.first_bytes(path)
    with untrusted.one_sentence(f"{path} is truncated or damaged", untrusted.AGAIN):
        return load_file(path)


def _check_archive(path: Path) -> None:
    """Refuse programs, and archives that would grow when they are read: torch does not compress."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError, struct.error):
        return  # torch says what is wrong
    if any(entry.filename.endswith("/constants.pkl") for entry in entries):
        raise DataError(
            f"{path} is a TorchScript program, not weights; it was not run. Use the published file."
        )
    packed = [entry for entry in entries if entry.compress_type != zipfile.ZIP_STORED]
    large = [e for e in entries if e.filename.endswith(".pkl") and e.file_size > LARGEST_PICKLE]
    if packed or large:
        entry = (packed or large)[0].filename
        fault = "is compressed" if packed else f"has more than {LARGEST_PICKLE:,} bytes"
        raise DataError(
            f"{path} is no archive that torch writes: {entry} {fault}. Use the published file."
        )


def _unpickled(path: Path, allowed: Sequence[Any], *, mapped: bool) -> Any:
    import torch

    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(list(allowed)):
            # Of unusual pickles, which are refused below.
            warnings.simplefilter("ignore", UserWarning)
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped or None)
    except pickle.UnpicklingError as error:
        match = re.search(r"GLOBAL ([\w.]+)", str(error))
        which = f"({match[1]}) " if match else ""
        raise DataError(
            f"{path} holds objects {which}besides tensors, or is no checkpoint; it was not run. Use the "
            "published file."
        ) from None


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
        If keys are missing or unexpected, shapes differ, or a weight is not a number.
    """
    with untrusted.one_sentence(
        f"{path} cannot be loaded", "Use the published file of this model."
    ):
        network.load_state_dict(_checked(network, state, path, tolerated), strict=True, assign=True)
        _settle(network)


def _checked(network: "nn.Module", state: State, path: Path, tolerated: str) -> dict[str, "Tensor"]:
    """Return the tensors of a file that the network has, in float32."""
    import torch

    ignored = re.compile(tolerated) if tolerated else None
    wanted = network.state_dict()
    for key, value in state.items():
        if not isinstance(key, str) or not isinstance(value, torch.Tensor):
            found = f"an object ({type(value).__name__}) under {str(key)[:80]!r}"
            raise DataError(
                f"{path} holds {found}, not tensors by name. Use the published file of this model."
            )
    kept = {
        key: value
        for key, value in state.items()
        if key in wanted or not (ignored and ignored.search(key))
    }
    _refuse(path, _misfits(kept, wanted))
    # Only now, since a tensor of another shape can be absurdly large.
    kept = {k: v.float() if v.is_floating_point() else v for k, v in kept.items()}
    _refuse(path, _not_numbers(kept))
    return kept


def _settle(network: "nn.Module") -> None:
    """Prepare a loaded network for inference."""
    import torch

    network.eval().requires_grad_(requires_grad=False)
    for module in network.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.num_batches_tracked = None  # not used, and must not be cast with the weights


def _misfits(kept: State, wanted: State) -> list[str]:
    """Return what is wrong with the names, shapes and types of the tensors of a file."""
    import torch

    present = [key for key in wanted if key in kept]
    shapes = [
        f"{key}: {tuple(kept[key].shape)} instead of {tuple(wanted[key].shape)}"
        for key in present
        if kept[key].shape != wanted[key].shape
    ]
    kinds = [
        key
        for key in present
        if kept[key].is_floating_point() != wanted[key].is_floating_point()
        or kept[key].layout != torch.strided
        or kept[key].is_quantized
        or kept[key].device.type != "cpu"
    ]
    return [
        *_problem("missing", [key for key in wanted if key not in kept]),
        *_problem("not expected", [key for key in kept if key not in wanted]),
        *_problem("with another kind of number", kinds),
        *_problem("of another shape", shapes),
    ]


def _not_numbers(kept: State) -> list[str]:
    """Return which tensors hold NaN or infinite numbers, or negative variances."""
    import torch

    broken: list[str] = []
    negative: list[str] = []
    for key, value in kept.items():
        if not value.is_floating_point() or not value.numel():
            continue
        # A sum is the fastest pass over all numbers; it is finite only if each is, but can overflow.
        if not torch.isfinite(value.sum()) and not torch.isfinite(value).all():
            broken.append(key)
        elif key.endswith("running_var") and value.min() < 0:
            negative.append(key)
    return [
        *_problem("with NaN or infinite numbers", broken),
        *_problem("with negative variances", negative),
    ]


def _refuse(path: Path, problems: Sequence[str]) -> None:
    if problems:
        raise DataError(
            f"{path} is not the checkpoint this adapter reads: {'; '.join(problems)}. Use the published "
            "file of this model."
        )


def _problem(what: str, keys: Sequence[str]) -> list[str]:
    """Describe keys that a checkpoint and its network do not share, by their number and the first."""
    return [f"{counted(len(keys), 'tensor')} {what} (first {keys[0]})"] if keys else []


def plausible_scale(logarithm: "Tensor", path: Path) -> float:
    """Return the logit scale of a checkpoint, which stores its logarithm.

    Raises
    ------
    DataError
        If it is outside of `SCALES`.
    """
    low, high = SCALES
    scale = float(logarithm.exp())
    if not low <= scale <= high:
        raise DataError(
            f"{path} has a logit scale of exp({float(logarithm):.4g}) = {scale:.4g}; published models "
            f"have 1 to 120, and {low:g} to {high:g} is accepted. Use the published file of this model."
        )
    return scale
