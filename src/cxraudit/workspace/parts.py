"""How far an encoding is: which shards are there, and what each of its parts recorded.

Every process that encodes a part writes a record of its own under ``parts/``; nothing of the embeddings is
read.
"""

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from cxraudit.errors import DataError
from cxraudit.files import MAKER, read_json, read_ours
from cxraudit.store import EmbeddingStore

LOGS = "parts"
"""Folder of one file per part: who encodes it, and how far it is."""

ENCODING, FINISHED, FAILED = "encoding", "finished", "failed"
DAMAGED, NOT_BEGUN = "damaged", "not begun"

_NAME = re.compile(r"([1-9]\d{0,5})-of-([1-9]\d{0,5})\.json")
_TYPES: dict[str, type | tuple[type, ...]] = {
    "machine": str,
    "process": int,
    "models": list,
    "n_shards": int,
    "done": int,
    "error": str,
    "began": (int, float),
    "written": (int, float),
}
"""Key of a record → type of its value."""
_LATEST = 1e11
"""Seconds since 1970 that a time can have."""


@dataclass(frozen=True, slots=True)
class PartRecord:
    """What is known of a part."""

    number: int
    """From 1."""
    of: int
    state: str
    """``encoding``, ``finished`` or ``failed``, as it says itself; ``damaged`` or ``not begun``."""
    n_shards: int = 0
    done: int = 0
    machine: str = ""
    process: int | None = None
    error: str = ""
    began: float = 0.0
    """Seconds since 1970; 0 if it is not known."""
    written: float = 0.0
    """When the record was last written."""

    def __str__(self) -> str:
        """Return it as it is given: ``3/16``."""
        return f"{self.number}/{self.of}"


@dataclass(frozen=True, slots=True)
class Extent:
    """How far the embeddings of a model are."""

    n_shards: int
    images: int
    missing: tuple[int, ...]
    """Numbers of the shards of which a file is missing."""

    @property
    def done(self) -> int:
        """Shards that are there."""
        return self.n_shards - len(self.missing)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an encoding is."""

    images: Mapping[str, Extent]
    """Model → its embeddings of the images."""
    reports: Mapping[str, Extent]
    """Model → its embeddings of the reports."""
    records: Sequence[PartRecord]
    """What parts recorded; those of the division that began last come first, each by number."""
    complete: bool
    """Whether the encoding was completed, and all that it completed is there."""

    @property
    def missing(self) -> dict[str, tuple[int, ...]]:
        """What lacks shards → their numbers."""
        named = {**self.images, **{f"{name}, reports": one for name, one in self.reports.items()}}
        return {name: one.missing for name, one in named.items() if one.missing}

    def parts(self) -> list[PartRecord]:
        """Return the parts of the division that began last, and those of it that never began.

        A part that never began, and whose shards others have encoded, is left out.
        """
        if not self.records:
            return []
        of = self.records[0].of
        known = {one.number: one for one in self.records if one.of == of}
        unknown = {number for number in self._lacking(of) if number not in known}
        wanted = Counter(
            number % of + 1 for number in range(max(one.n_shards for one in self.images.values()))
        )
        begun = {number: PartRecord(number, of, NOT_BEGUN, wanted[number]) for number in unknown}
        return [one for _, one in sorted({**known, **begun}.items())]

    def earlier(self) -> list[PartRecord]:
        """Return the records of earlier divisions, into other numbers of parts."""
        return [one for one in self.records if one.of != self.records[0].of]

    def lacks(self, part: PartRecord) -> dict[str, int]:
        """Return what lacks shards of a part → how many."""
        return self._lacking(part.of).get(part.number, {})

    def to_run(self) -> list[PartRecord]:
        """Return the parts of the last division of which shards are missing, running or not."""
        lacking = self._lacking(self.records[0].of) if self.records else {}
        return [one for one in self.parts() if one.number in lacking]

    def _lacking(self, of: int) -> dict[int, dict[str, int]]:
        """Return number of a part → what lacks its shards, and how many."""
        found: dict[int, dict[str, int]] = {}
        for name, numbers in self.missing.items():
            for part, count in Counter(number % of + 1 for number in numbers).items():
                found.setdefault(part, {})[name] = count
        return found


def extent_of(store: EmbeddingStore) -> Extent:
    """Return how far a store is; `EmbeddingStore.read` checks what its files hold."""
    record = store.record()
    missing = tuple(number for number in range(record["n_shards"]) if not store.has(number))
    return Extent(record["n_shards"], record["n_images"], missing)


def record_file(folder: Path, number: int, of: int) -> Path:
    """Return the file of the record of a part, in the folder of a run."""
    return folder / LOGS / f"{number}-of-{of}.json"


def is_foreign(file: Path) -> bool:
    """Return whether what lies in the place of a record is the user's: no file, or whole and not ours.

    What is damaged has the name of a record in a folder of records, and is ours.
    """
    if not os.path.lexists(file):
        return False
    if not file.is_file():
        return True
    try:
        return read_json(file).get("made_by") != MAKER
    except DataError:
        return False


def read_record(file: Path) -> PartRecord | None:
    """Read the record of a part; None if the file is missing or the user's."""
    named = _NAME.fullmatch(file.name)
    if not named or not file.is_file() or is_foreign(file):
        return None
    number, of = map(int, named.groups())
    found = read_ours(file)
    whole = found.get("part") == f"{number}/{of}" and all(
        isinstance(found.get(key), kind) for key, kind in _TYPES.items()
    )
    whole = whole and all(0 <= found[key] < _LATEST for key in ("began", "written"))
    if not whole or found.get("state") not in (ENCODING, FINISHED, FAILED):
        return PartRecord(number, of, DAMAGED)
    kept: dict[str, Any] = {key: found[key] for key in ("state", *_TYPES) if key != "models"}
    return PartRecord(number, of, **kept)


def read_records(folder: Path) -> list[PartRecord]:
    """Return what the parts of a run recorded, those of the division that began last first."""
    files = (folder / LOGS).glob("*-of-*.json")
    found = [one for one in map(read_record, files) if one and one.number <= one.of]
    began: dict[int, float] = {}
    for one in found:
        began[one.of] = max(one.began, began.get(one.of, 0.0))
    return sorted(found, key=lambda one: (-began[one.of], one.of, one.number))


def listed(parts: Sequence[PartRecord]) -> str:
    """Return parts of one division as text.

    Examples
    --------
    >>> listed([PartRecord(number, 9, NOT_BEGUN) for number in (1, 3, 4, 5, 7)])
    '1/9, 3/9 to 5/9 and 7/9'
    """
    *others, last = _runs(parts)
    return f"{', '.join(others)} and {last}" if others else last


def _runs(parts: Sequence[PartRecord]) -> Iterator[str]:
    numbered = enumerate(sorted(parts, key=lambda one: one.number))
    for _, run in groupby(numbered, key=lambda pair: pair[1].number - pair[0]):
        first, *others = [one for _, one in run]
        yield f"{first} to {others[-1]}" if others else str(first)
