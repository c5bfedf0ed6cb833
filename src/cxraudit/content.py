"""Whether a file is still the one that results were made of: content decides, not its name.

Sizes and times of a file answer quickly that nothing changed; wherever they differ the content is hashed.
So a release can be moved, or copied with other times, without any work being done again, and a file that
was exchanged under the same name is never taken for the old one.
"""

import errno
import hashlib
import os
import stat
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import pandas as pd

SETTLED = 2.0
"""Seconds without a change after which the times of a file are trusted: a file that changes twice within
the resolution of its file system's clock keeps its times."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file as it was read."""

    path: str
    size: int
    """In bytes."""
    mtime_ns: int
    """Of its last modification; 0 if that was less than `SETTLED` before it was read."""
    ctime_ns: int
    """Changes with every change of content, also where a program sets the time of modification back;
    0 like the other."""
    sha256: str


def source_of(path: Path, data: bytes | None = None) -> Source:
    """Describe a file, reading it unless `data` holds its content.

    Raises
    ------
    OSError
        If it cannot be read, or is a folder or a device.
    """
    if data is None:
        return read_source(path)[1]
    return _described(path, _regular(path), data)


def read_source(path: Path) -> tuple[bytes, Source]:
    """Read a file, and describe it as it was before it was read: a later change is never overlooked.

    Raises
    ------
    OSError
        If it cannot be read, or is a folder or a device.
    """
    found = _regular(path)
    data = path.read_bytes()
    return data, _described(path, found, data)


def source_now(path: Path, before: Source | None) -> Source:
    """Describe a file as it is now; its content is read only where size or times differ from `before`.

    Raises
    ------
    OSError
        If it cannot be read, or is a folder or a device.
    """
    if before is not None and _same_times(before, path, path.stat()):
        return before
    return source_of(path)


def unchanged(before: Source, path: Path) -> bool:
    """Tell whether a file holds what was read before, from the same place or another one.

    A file that is missing or cannot be read is not unchanged.
    """
    try:
        now = path.stat()
        if _same_times(before, path, now):
            return True
        return now.st_size == before.size and source_of(path).sha256 == before.sha256
    except OSError:
        return False


def changed_in_place(before: Source, path: Path) -> bool:
    """Tell whether a file that was read is another one now, without reading a whole release.

    Content is read where the file is in its place and its times differ. Elsewhere its size decides, and
    a file that is missing has not changed.
    """
    try:
        now = path.stat()
        if now.st_size != before.size:
            return True
        if _same_times(before, path, now) or path.absolute() != Path(before.path).absolute():
            return False
        return source_of(path).sha256 != before.sha256
    except OSError:
        return False


def _regular(path: Path) -> os.stat_result:
    """Return the state of a file; reading a pipe or a device might never end."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return found


def _described(path: Path, found: os.stat_result, data: bytes) -> Source:
    times = (found.st_mtime_ns, found.st_ctime_ns)
    settled = time.time_ns() - max(times) >= SETTLED * 1e9
    digest = hashlib.sha256(data).hexdigest()
    return Source(str(path), len(data), *(times if settled else (0, 0)), digest)


def looks_unchanged(before: Source, path: Path) -> bool:
    """Tell whether place, size and times of a file are those of before, without reading it."""
    try:
        return _same_times(before, path, path.stat())
    except OSError:
        return False


def _same_times(before: Source, path: Path, now: os.stat_result) -> bool:
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
