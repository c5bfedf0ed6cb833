"""Whether a file is still the one that results were made of: content decides, not its name.

Sizes and times of a file answer quickly that nothing changed; wherever they differ the content is hashed.
So a release can be moved, or copied with other times, without any work being done again, and a file that
was exchanged under the same name is never taken for the old one.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Source:
    """A file as it was read."""

    path: str
    size: int
    """In bytes."""
    mtime_ns: int
    ctime_ns: int
    """Changes with every change of content, also where a program sets the time of modification back."""
    sha256: str


def source_of(path: Path, data: bytes | None = None) -> Source:
    """Describe a file, reading it unless `data` holds its content.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    found = path.stat()
    content = path.read_bytes() if data is None else data
    return Source(
        str(path),
        len(content),
        found.st_mtime_ns,
        found.st_ctime_ns,
        hashlib.sha256(content).hexdigest(),
    )


def unchanged(before: Source, path: Path) -> bool:
    """Tell whether a file holds what was read before, from the same place or another one.

    A file that is missing or cannot be read is not unchanged.
    """
    try:
        now = path.stat()
        times = (str(path), now.st_size, now.st_mtime_ns, now.st_ctime_ns)
        if times == (before.path, before.size, before.mtime_ns, before.ctime_ns):
            return True
        return now.st_size == before.size and source_of(path).sha256 == before.sha256
    except OSError:
        return False
