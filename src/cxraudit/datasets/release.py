"""The files of a release: where they are, and whether their counts are the published ones."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from cxraudit.datasets.reading import read_table
from cxraudit.errors import DataError, UnknownNameError
from cxraudit.notices import Notice

DEPTH = 5
"""Levels of folders below the root in which tables are searched; ``wget -r`` makes four."""

_IMAGE_FOLDERS = ("files", "images", "png", "train", "valid", "test", "Anonymized_DICOMs")
"""Names of folders with images, which may hold tens of thousands of folders and no table."""

_TABLES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".xlsx", ".parquet")
"""Ends of names of tables; archives, copies (``.bak``) and unfinished downloads have others."""


@dataclass(frozen=True, slots=True)
class ReleaseFile:
    """A file, or a set of files, that a data set is read from."""

    name: str
    """Display name."""
    source: str
    """Where to download it."""
    patterns: tuple[str, ...] = ()
    """Glob patterns, one of which has to match; default: the name."""
    needed: bool = True
    """False for files that only some options need."""

    def find(self, root: Path) -> Path | None:
        """Return the first matching path under `root`, or None."""
        for pattern in self.patterns or (self.name,):
            if found := next(find_all(root, pattern), None):
                return found
        return None


def check_choices(given: Mapping[str, str], known: Mapping[str, Sequence[str]]) -> None:
    """Raise `UnknownNameError` for an option whose value is none of the known ones."""
    for name, value in given.items():
        if value not in known[name]:
            raise UnknownNameError(f"value for '{name}'", value, known[name])


@dataclass(frozen=True, slots=True)
class Count:
    """A count of a release, beside the published one."""

    what: str
    found: int
    published: int | None = None
    """None where no count is published."""

    @property
    def agrees(self) -> bool:
        """Whether the count equals the published one; true where none is published."""
        return self.published is None or self.found == self.published


def folders(root: Path, depth: int = DEPTH) -> Iterator[Path]:
    """Yield `root` and the folders below it, nearest first, except folders of images.

    Raises
    ------
    DataError
        If permission to read a folder is denied.
    """
    level = [root]
    for number in range(depth + 1):
        below: list[Path] = []
        for folder in level:
            yield folder
            if number == depth:
                continue
            below += [
                child
                for child in listed(folder)
                if child.is_dir()
                and (child.name not in _IMAGE_FOLDERS or folder.name == "physionet.org")
                and not child.name.startswith((".", "images_"))
            ]
        level = below


def listed(folder: Path) -> list[Path]:
    """Return what a folder holds, by name.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise DataError(
            f"the folder {folder} cannot be read ({reason}). Change its permissions, or give another "
            "folder."
        ) from None


def find_all(root: Path, pattern: str, depth: int = DEPTH) -> Iterator[Path]:
    """Yield the paths under `root` that match a pattern such as ``patients.csv*``.

    The case of the name does not matter, unless the pattern has folders.
    """
    if root.is_dir():
        for folder in folders(root, depth):
            yield from _matching(folder, pattern)


def _matching(folder: Path, pattern: str) -> list[Path]:
    if "/" in pattern:
        return sorted(folder.glob(pattern))
    wanted = pattern.lower()
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if fnmatch(entry.name.lower(), wanted)]
    except OSError:
        return []  # `folders` says so
    return [folder / name for name in sorted(names)]


def find_tables(root: Path, pattern: str, depth: int = DEPTH) -> list[Path]:
    """Return the files under `root` that match a pattern and are named like tables.

    Raises
    ------
    DataError
        If they lie in two folders: two releases.
    """
    tables = [
        path
        for path in find_all(root, pattern, depth)
        if path.name.lower().endswith(_TABLES) and path.is_file()
    ]
    parents = list(dict.fromkeys(path.parent for path in tables))
    if len(parents) > 1:
        raise DataError(
            f"{root} holds two releases with {pattern.removesuffix('*')}: {parents[0]} and {parents[1]}. "
            "Give the folder of one release, or move the other one."
        )
    return tables


def find_one(
    root: Path, patterns: Iterable[str], *, hint: str, depth: int = DEPTH
) -> tuple[Path, list[Notice]]:
    """Return the table under `root` that matches the first matching pattern, and what to say of it.

    Raises
    ------
    DataError
        If no file matches, files in two folders match one pattern (two releases), or two files in one
        folder do and differ.
    """
    patterns = list(patterns)
    for pattern in patterns:
        if found := find_tables(root, pattern, depth):
            return one_of(found)
    others = [path for pattern in patterns for path in find_all(root, pattern, depth)]
    beside = f"{others[0]} is no table (a folder, or another kind of file). " if others else ""
    names = " or ".join(pattern.removesuffix("*").removesuffix(".") for pattern in patterns)
    raise DataError(f"{names} is missing under {root}. {beside}{hint}")


def one_of(files: Sequence[Path]) -> tuple[Path, list[Notice]]:
    """Return the first of several files with the same table, and a notice that names it.

    Raises
    ------
    DataError
        If they differ: which one is meant is not guessed.
    """
    chosen, *others = files
    for other in others:
        if not _same_table(chosen, other):
            raise DataError(
                f"{chosen} and {other.name} beside it differ. Keep the one of your release, and move the "
                "other one."
            )
    if not others:
        return chosen, []
    names = ", ".join(path.name for path in others)
    stated = f"{chosen.name} was read; {names} beside it holds the same table."
    return chosen, [Notice(about=chosen.name, count=len(others), sentence=stated)]


def _same_table(one: Path, other: Path) -> bool:
    first, second = (read_table(path, line_breaks=True).frame for path in (one, other))
    return first.equals(second)
