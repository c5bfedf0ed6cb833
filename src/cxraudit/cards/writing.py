"""Files of cards and checklists: one that others wrote, or changed since, is not replaced.

The last line holds a hash of all lines above it. Authors complete these files by hand, so that a name in a
list of our files would not be enough.
"""

import hashlib
import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path

from cxraudit.errors import ConfigError
from cxraudit.files import package_version, write_text
from cxraudit.folders import recorded_files, writable_folder

_SEAL = re.compile(r"cxraudit \S+, sha256 of the lines above: ([0-9a-f]{64})")
_COMMENT = {".csv": ("# ", "")}
_OTHERS = ("<!-- ", " -->")


def write_all(
    texts: Mapping[Path, str], *, overwrite: bool = False, inputs: Collection[Path] = ()
) -> list[Path]:
    """Write texts, each with its seal; all of them or, where one may not be replaced, none.

    Parameters
    ----------
    texts : mapping of pathlib.Path to str
        File → text.
    overwrite : bool
        Replace files that were written or changed by others.
    inputs : collection of pathlib.Path
        What was read; it is never replaced.

    Raises
    ------
    ConfigError
        If a file may not be replaced, is a folder, or cannot be written.
    """
    for path in texts:
        _refuse(path, overwrite=overwrite, inputs=inputs)
    for path in texts:
        writable_folder(path.parent)
    return [write_text(path, _sealed(text, path.suffix)) for path, text in texts.items()]


def demand_suffix(path: Path, suffixes: Collection[str], what: str) -> None:
    """Refuse a file that is named as something else.

    Raises
    ------
    ConfigError
        If its suffix is none of those.
    """
    if path.suffix not in suffixes:
        raise ConfigError(
            f"{what} ends in {' or '.join(suffixes)}, not in '{path.name}'. Rename --out."
        )


def _refuse(path: Path, *, overwrite: bool, inputs: Collection[Path]) -> None:
    if path.is_dir():
        raise ConfigError(f"{path} is a folder. Name a file with --out.")
    if not os.path.lexists(path):
        return
    if any(path.exists() and one.exists() and path.samefile(one) for one in inputs):
        raise ConfigError(f"{path} is an input of this command. Name another file with --out.")
    if path.name in recorded_files(path.parent):
        raise ConfigError(f"{path} belongs to an audit. Name another file with --out.")
    if not overwrite and not _is_as_written(path):
        raise ConfigError(
            f"{path} is there already, and was written or changed by others. Name another file with --out, "
            "or replace it with --overwrite."
        )


def _is_as_written(path: Path) -> bool:
    """Tell whether a file is one of ours, unchanged."""
    if not path.is_file():
        return False
    text = path.read_bytes().decode("utf-8", errors="replace")
    above, _, last = text.removesuffix("\n").rpartition("\n")
    found = _SEAL.search(last)
    return found is not None and found[1] == _hash(above + "\n")


def _sealed(text: str, suffix: str) -> str:
    begin, end = _COMMENT.get(suffix, _OTHERS)
    above = text.rstrip("\n") + "\n"
    return f"{above}{begin}cxraudit {package_version()}, sha256 of the lines above: {_hash(above)}{end}\n"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
