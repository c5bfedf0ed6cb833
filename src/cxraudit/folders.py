"""What is ours in a folder and what is the user's: only ours is ever replaced or removed.

A file is ours if the folder's record (`RECORD`) lists it or a manifest lies beside it. Every step lists its
files (`claim`) before it does any work, so that it refuses early and nothing is lost.
"""

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from cxraudit.errors import ConfigError, DataError
from cxraudit.files import TEMPORARY, read_json, read_manifest, write_text

RECORD = ".cxraudit.json"
"""File in a folder that lists the files cxraudit wrote there, each before it is written."""


def writable_folder(path: Path) -> Path:
    """Create a folder and check that it is writable, before any work is done.

    Raises
    ------
    ConfigError
        If it cannot be created or is not writable.
    """
    probe = path / f".cxraudit-{os.getpid()}"
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConfigError(
            f"cannot write to the folder {path} ({error.strerror}). Choose another with --out."
        ) from None
    return path


def claim(*files: Path) -> None:
    """List files as ours before they are written.

    Raises
    ------
    DataError
        If one is there already and cxraudit did not write it.
    """
    for folder in dict.fromkeys(file.parent for file in files):
        names = [file.name for file in files if file.parent == folder]
        ours = recorded_files(folder)
        foreign = [
            name
            for name in names
            if name not in ours and (folder / name).exists() and not read_manifest(folder / name)
        ]
        if foreign:
            raise DataError(
                f"{folder} holds {', '.join(foreign)}, which cxraudit did not write. Choose another "
                "--out, or move it away."
            )
        record_files(folder, names)


def recorded_files(folder: Path) -> list[str]:
    """Return the names of the files that cxraudit is recorded to have written in a folder."""
    record = folder / RECORD
    if not record.is_file():
        return []
    names: list[str] = read_json(record)["files"]
    return names


def record_files(folder: Path, names: Iterable[str]) -> None:
    """Add names to the files that cxraudit is recorded to have written in a folder."""
    before = recorded_files(folder)
    after = sorted({*before, *names})
    if after != before:
        write_text(folder / RECORD, json.dumps({"files": after}, indent=2) + "\n")


def remove_left_over(folder: Path) -> int:
    """Remove temporary files of runs that were killed, in a folder and below; return how many.

    Those of processes that still run stay.
    """
    removed = 0
    for file in folder.rglob(f".*{TEMPORARY}"):
        number = file.name.removesuffix(TEMPORARY).rpartition(".")[2]
        if number.isdigit() and not _is_running(int(number)):
            with suppress(OSError):
                file.unlink()
                removed += 1
    return removed


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
