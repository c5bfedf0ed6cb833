"""Files and folders by their place in the folder they belong to."""

from pathlib import Path
from typing import Protocol, Self, overload


class Place(Protocol):
    """Anything that is kept in a folder."""

    @property
    def folder(self) -> Path:
        """The folder."""
        ...


class Inside:
    """The path of a file or folder, by its name in the folder it belongs to."""

    def __init__(self, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, owner: None, kind: type[object]) -> Self: ...
    @overload
    def __get__(self, owner: Place, kind: type[object]) -> Path: ...
    def __get__(self, owner: Place | None, kind: type[object]) -> Self | Path:
        return self if owner is None else owner.folder / self.name
