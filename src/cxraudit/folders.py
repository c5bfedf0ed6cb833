"""What is ours in a folder and what is the user's: only ours is ever replaced or removed.

A file is ours if the folder's record (`RECORD`) lists it, a manifest in the folder names it, or its own
manifest lies beside it. Every step lists its files (`claim`) before it does any work, so that it refuses
early and nothing is lost.
"""

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pandas as pd

from cxraudit.errors import ConfigError, DataError
from cxraudit.files import MAKER, MANIFEST, TEMPORARY, read_json, write_table, write_text, writer
from cxraudit.privacy import make_folder

RECORD = ".cxraudit.json"
"""File in a folder that lists the files cxraudit wrote there, each before it is written."""

LONGEST_WRITE = 24 * 60 * 60
"""Seconds after which a temporary file is left over, whoever wrote it."""


def writable_folder(path: Path, *, flag: str = "--out") -> Path:
    """Check that a folder, which `flag` named, is or can be made writable, before any work is done.

    Nothing is left of the check: whoever writes a file there makes its folder, so that a command that is
    refused leaves no empty one.

    Raises
    ------
    ConfigError
        If it cannot be created or is not writable.
    """
    probe = path / f".cxraudit-{os.getpid()}"
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        make_folder(path)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConfigError(
            f"cannot write to the folder {path} ({error.strerror}). Choose another with {flag}."
        ) from None
    finally:
        for folder in missing:
            with suppress(OSError):  # it was not made, or another process writes there
                folder.rmdir()
    return path


def claim(*files: Path, inputs: Mapping[str, Path] | None = None) -> None:
    """List files as ours before they are written.

    Parameters
    ----------
    *files : pathlib.Path
        Files, or folders of our own, that will be written.
    inputs : mapping of str to pathlib.Path, optional
        What the step reads; none of it may be written, whoever made it.

    Raises
    ------
    DataError
        If one is there already and cxraudit did not write it, or it is an input of the step.
    """
    refuse_foreign(*files, inputs=inputs)
    for folder in dict.fromkeys(file.parent for file in files):
        record_files(folder, [file.name for file in files if file.parent == folder])


def refuse_foreign(*files: Path, inputs: Mapping[str, Path] | None = None) -> None:
    """Check that files may be written, without listing them: for those that may be, at a later step.

    Parameters and exceptions are those of `claim`.
    """
    for file in files:
        for name, read in (inputs or {}).items():
            if file.exists() and read.exists() and file.samefile(read):
                raise DataError(
                    f"{file} is an input of this command ({name}) and would be replaced. Choose another "
                    "--out, or give the file another name."
                )
    for folder in dict.fromkeys(file.parent for file in files):
        names = [file.name for file in files if file.parent == folder]
        present = [name for name in names if os.path.lexists(folder / name)]
        ours = {*recorded_files(folder), *(_described(folder) if present else ())}
        if foreign := [name for name in present if name not in ours]:
            raise not_ours(folder, foreign)


def not_ours(folder: Path, names: Iterable[str]) -> DataError:
    """Return the error of files in the place of ours."""
    return DataError(
        f"{folder} holds {', '.join(names)}, which cxraudit did not write. Choose another --out, or move it "
        "away."
    )


def recorded_files(folder: Path) -> list[str]:
    """Return the names of the files that cxraudit is recorded to have written in a folder.

    Raises
    ------
    DataError
        If the record is damaged.
    """
    record = folder / RECORD
    if not record.is_file():
        return []
    names = read_json(record).get("files")
    if not isinstance(names, list) or not all(map(_is_name, names)):
        raise DataError(
            f"{record} is damaged: it does not list the files that cxraudit wrote. Delete it; files in "
            f"{folder} are then the user's and are not replaced."
        )
    return names


def _is_name(name: object) -> bool:
    """Return whether a name is that of a file in the folder itself, and leads nowhere else."""
    return isinstance(name, str) and name not in ("", ".", "..") and Path(name).name == name


def _described(folder: Path) -> Iterator[str]:
    """Yield the names of the files in a folder that manifests of ours, whole or damaged, describe."""
    for file in folder.glob(f"*{MANIFEST}"):
        try:
            manifest = read_json(file)
        except DataError:
            manifest = {"made_by": MAKER}
        if manifest.get("made_by") == MAKER:
            yield file.name.removesuffix(MANIFEST)
            yield from map(str, manifest.get("outputs", ()))


def record_files(folder: Path, names: Iterable[str]) -> None:
    """Add names to the files that cxraudit is recorded to have written in a folder."""
    before = recorded_files(folder)
    after = sorted({*before, *names})
    if after != before:
        _write_record(folder, after)


def _write_record(folder: Path, names: list[str]) -> None:
    write_text(folder / RECORD, json.dumps({"files": names}, indent=2) + "\n")


def discard(file: Path) -> None:
    """Remove a file of an earlier run and its name from the record; one that is not ours stays."""
    names = recorded_files(file.parent)
    if file.name in names or file.name in _described(file.parent):
        file.unlink(missing_ok=True)
    if file.name in names:
        _write_record(file.parent, [name for name in names if name != file.name])


def write_or_discard(frame: pd.DataFrame, path: Path) -> None:
    """Write a table of ours if it has rows; if not, remove that of an earlier run.

    Raises
    ------
    DataError
        If it has rows, and a file is there that cxraudit did not write.
    """
    if frame.empty:
        discard(path)
    else:
        claim(path)
        write_table(frame, path)


def remove_left_over(folder: Path, *below: str) -> int:
    """Remove temporary files of runs that were killed; return how many.

    Those of processes that still run stay.

    Parameters
    ----------
    folder : pathlib.Path
        Folder whose own files are looked at. What lies below it may be the user's, and large.
    *below : str
        Names of folders in it that are ours: there, all folders below are looked at, too.
    """
    pattern = f".*{TEMPORARY}"
    found = [*folder.glob(pattern)]
    for name in below:
        found += (folder / name).rglob(pattern)
    removed = 0
    for file in found:
        with suppress(OSError):
            if _is_left_over(file):
                file.unlink()
                removed += 1
    return removed


def _is_left_over(file: Path) -> bool:
    if time.time() - file.stat().st_mtime > LONGEST_WRITE:
        return True
    machine, process, started = writer()
    parts = file.name.removesuffix(TEMPORARY).rpartition(".")[2].split("-")
    if len(parts) != 3 or parts[0] != machine or not parts[1].isdigit():
        return False  # a process of another machine may still write it
    if parts[1] == process:
        return parts[2] != started
    return not _is_running(int(parts[1]))


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
