"""Finding the files of a release, and comparing its counts with the published ones."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cxraudit.errors import DataError, UnknownNameError

DEPTH = 5
"""Folders a table may lie below the root, as ``wget -r`` leaves them."""

_IMAGES = ("files", "images", "png", "train", "valid", "test")
"""Names of folders with images: tens of thousands of folders, and no tables."""


@dataclass(frozen=True, slots=True)
class ReleaseFile:
    """A file, or a set of them, that a data set is read from."""

    name: str
    """As it is shown to people."""
    source: str
    """Where to get it."""
    patterns: tuple[str, ...] = ()
    """Glob patterns, each of which counts as found; default: the name."""
    needed: bool = True

    def find(self, root: Path) -> Path | None:
        """Return the first path that fits under `root`, if any."""
        for pattern in self.patterns or (self.name,):
            if found := next(find_all(root, pattern), None):
                return found
        return None


def check_choices(given: Mapping[str, str], known: Mapping[str, Sequence[str]]) -> None:
    """Raise `UnknownNameError` for an option whose value is none of those it may have."""
    for name, value in given.items():
        if value not in known[name]:
            raise UnknownNameError(f"value for '{name}'", value, known[name])


@dataclass(frozen=True, slots=True)
class Count:
    """A number of a release, and the published one where there is one."""

    what: str
    found: int
    published: int | None = None

    @property
    def agrees(self) -> bool:
        """Whether the number is the published one; also where none is published."""
        return self.published is None or self.found == self.published


def folders(root: Path, depth: int = DEPTH) -> Iterator[Path]:
    """Yield `root` and the folders below it, nearest first, never those with images.

    Raises
    ------
    DataError
        If a folder may not be read.
    """
    level = [root]
    for _ in range(depth + 1):
        below: list[Path] = []
        for folder in level:
            yield folder
            try:
                children = sorted(folder.iterdir())
            except PermissionError:
                raise DataError(
                    f"the folder {folder} cannot be read (permission denied). Change its permissions, "
                    "or give a folder that can be read."
                ) from None
            below += [
                child
                for child in children
                if child.is_dir()
                and (child.name not in _IMAGES or folder.name == "physionet.org")
                and not child.name.startswith((".", "images_"))
            ]
        level = below


def find_all(root: Path, pattern: str) -> Iterator[Path]:
    """Yield the paths under `root` that fit a pattern such as ``patients.csv*``."""
    if root.is_dir():
        for folder in folders(root):
            yield from sorted(folder.glob(pattern))


def find_one(root: Path, patterns: Iterable[str], *, hint: str) -> Path:
    """Return the one file under `root` that fits one of the patterns, in their order.

    Raises
    ------
    DataError
        If there is none, or there are several of one name in different folders: two releases.
    """
    patterns = list(patterns)
    for pattern in patterns:
        found = list(find_all(root, pattern))
        homes = list(dict.fromkeys(path.parent for path in found))
        if len(homes) > 1:
            raise DataError(
                f"{root} holds two releases with {pattern}: in {homes[0]} and in {homes[1]}. "
                "Give the folder of one of them, or move the other away."
            )
        if found:
            return found[-1]
    raise DataError(f"{' or '.join(patterns)} is missing under {root}. {hint}")
