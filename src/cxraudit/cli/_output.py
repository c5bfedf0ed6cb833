"""The answer of a command as one JSON document."""

import json
import math
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path, PurePath
from typing import Any

from cxraudit.errors import ConfigError

SCHEMA_VERSION = 1
"""Of the documents; raised when a key changes its meaning or goes."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command found, for ``--json``, and its exit code."""

    document: Mapping[str, Any] = field(default_factory=dict)
    exit_code: int = 0


def say(text: str) -> None:
    """Print the answer of a command whose exit code counts: a reader who has gone does not change it."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        discard_output()


def discard_output() -> None:
    """Send what is still to be printed nowhere, so that the end of the program raises nothing."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def check_outputs(
    outputs: Mapping[str, Path | None], *, folders: Iterable[Path], inputs: Iterable[Path] = ()
) -> None:
    """Refuse outputs that would spoil an audit, an input, or each other, or that have no folder.

    Parameters
    ----------
    outputs : mapping of str to pathlib.Path or None
        Flag → file.
    folders : iterable of pathlib.Path
        Folders of audits.
    inputs : iterable of pathlib.Path
        Files that are read.

    Raises
    ------
    ConfigError
        With the flag to change.
    """
    named = {flag: file.resolve() for flag, file in outputs.items() if file is not None}
    for flag, file in named.items():
        if file.is_dir():
            raise ConfigError(f"{file} is a folder. Name a file with {flag}.")
        if not file.parent.is_dir():
            raise ConfigError(f"the folder {file.parent} is not there. Make it, or name another.")
        if any(folder.resolve() in file.parents for folder in folders):
            raise ConfigError(f"{file} lies in the folder of an audit. Name a file elsewhere.")
    taken = {one.resolve() for one in inputs}
    if taken & set(named.values()) or len(set(named.values())) < len(named):
        raise ConfigError(
            f"{', '.join(named)} and the files that are read have to be different files."
        )


def as_json(command: str, document: Mapping[str, Any]) -> str:
    """Return a document as JSON: what is no number is null, and what is not drawn is escaped."""
    whole = {"schema_version": SCHEMA_VERSION, "command": command, **document}
    text = json.dumps(plain(whole), indent=2, ensure_ascii=False, allow_nan=False)
    return "".join(
        char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in text
    )


def plain(value: Any) -> Any:
    """Return data as JSON can hold it.

    Examples
    --------
    >>> plain({"low": float("nan"), "paths": (PurePath("a") / "b",)})
    {'low': None, 'paths': ['a/b']}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(map(plain, value))
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, PurePath):
        return value.as_posix()
    if isinstance(value, date):
        return value.isoformat()
    if value is None or isinstance(value, (bool, int, str)):
        return value if not isinstance(value, str) else str(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return plain(value.item()) if hasattr(value, "item") else str(value)
