"""The files of a release: where they are, and whether their counts are the published ones."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cxraudit.errors import DataError, UnknownNameError

DEPTH = 5
"""Levels of folders below the root in which tables are searched; ``wget -r`` makes four."""

_IMAGE_FOLDERS = ("files", "images", "png", "train", "valid", "test", "Anonymized_DICOMs")
"""Names of folders with images, which may hold tens of thousands of folders and no table."""


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
    for _ in range(depth + 1):
        below: list[Path] = []
        for folder in level:
            yield folder
            try:
                children = sorted(folder.iterdir())
            except PermissionError:
                raise DataError(
                    f"the folder {folder} cannot be read (permission denied). Change its permissions, "
                    "or give another folder."
                ) from None
            below += [
                child
                for child in children
                if child.is_dir()
                and (child.name not in _IMAGE_FOLDERS or folder.name == "physionet.org")
                and not child.name.startswith((".", "images_"))
            ]
        level = below


def find_all(root: Path, pattern: str) -> Iterator[Path]:
    """Yield the paths under `root` that match a pattern such as ``patients.csv*``."""
    if root.is_dir():
        for folder in folders(root):
            yield from sorted(folder.glob(pattern))


def find_one(root: Path, patterns: Iterable[str], *, hint: str) -> Path:
    """Return the file under `root` that matches the first matching pattern.

    Raises
    ------
    DataError
        If no file matches, or files in two folders match one pattern: two releases.
    """
    patterns = list(patterns)
    for pattern in patterns:
        found = list(find_all(root, pattern))
        parents = list(dict.fromkeys(path.parent for path in found))
        if len(parents) > 1:
            raise DataError(
                f"{root} holds two releases with {pattern}: {parents[0]} and {parents[1]}. "
                "Give the folder of one release, or move the other one."
            )
        if found:
            return found[-1]
    raise DataError(f"{' or '.join(patterns)} is missing under {root}. {hint}")
