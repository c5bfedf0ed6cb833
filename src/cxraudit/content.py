"""Whether a file is still the one that results were made of: content decides, not its name.

Sizes and times of a file answer quickly that nothing changed; wherever they differ the content is hashed.
So a release can be moved, or copied with other times, without any work being done again, and a file that
was exchanged under the same name is never taken for the old one.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import pandas as pd


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


def read_source(path: Path) -> tuple[bytes, Source]:
    """Read a file, and describe it as it was before it was read: a later change is never overlooked.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    found = path.stat()
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    return data, Source(str(path), len(data), found.st_mtime_ns, found.st_ctime_ns, digest)


def source_now(path: Path, before: Source | None) -> Source:
    """Describe a file as it is now; its content is read only where size or times differ from `before`.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    return before if before is not None and _same_times(before, path) else source_of(path)


def unchanged(before: Source, path: Path) -> bool:
    """Tell whether a file holds what was read before, from the same place or another one.

    A file that is missing or cannot be read is not unchanged.
    """
    try:
        if _same_times(before, path):
            return True
        return path.stat().st_size == before.size and source_of(path).sha256 == before.sha256
    except OSError:
        return False


def _same_times(before: Source, path: Path) -> bool:
    now = path.stat()
    times = (str(path), now.st_size, now.st_mtime_ns, now.st_ctime_ns)
    return times == (before.path, before.size, before.mtime_ns, before.ctime_ns)


def sources_table(sources: Mapping[str, Source], key: str = "image_id") -> pd.DataFrame:
    """Return sources as a table: one row per name, in the column `key`, then the fields of `Source`."""
    rows = [{key: name, **asdict(source)} for name, source in sources.items()]
    return pd.DataFrame(rows, columns=[key, *(field.name for field in fields(Source))])


def sources_from(table: pd.DataFrame, key: str = "image_id") -> dict[str, Source]:
    """Return the sources in the rows of a table that `sources_table` made; other columns may be there."""
    names = [field.name for field in fields(Source)]
    columns = [table[name].tolist() for name in names]
    return {
        str(name): Source(*row)
        for name, row in zip(table[key], zip(*columns, strict=True), strict=True)
    }
