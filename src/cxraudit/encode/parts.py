"""Encoding divided over processes or machines that share a folder: whose shards are whose, how far each is.

Shards do not depend on who encodes them, so parts need no lock: each takes every nth, and one that was killed
is repeated. Whoever encodes the last missing shard completes the folder.
"""

import json
import os
import platform
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cxraudit.errors import ConfigError, one_line, shown
from cxraudit.files import MAKER, write_text
from cxraudit.folders import not_ours
from cxraudit.notices import Notice, Tell, logged
from cxraudit.store import Shard
from cxraudit.workspace.parts import (
    DAMAGED,
    ENCODING,
    FAILED,
    FINISHED,
    LOGS,
    is_foreign,
    read_record,
    record_file,
)

MOST_PARTS = 10_000

VARIABLES = (
    ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", "SLURM_ARRAY_TASK_MIN"),
    ("RANK", "WORLD_SIZE", None),
)
"""Number of a part, of all parts, and the number of the first (default 0), as Slurm and torchrun set them."""


@dataclass(frozen=True, slots=True)
class Part:
    """Every nth shard, from some on."""

    number: int
    """From 1."""
    of: int
    source: str = "--part"
    """What it was named by."""

    def __str__(self) -> str:
        """Return it as it is given: ``3/16``."""
        return f"{self.number}/{self.of}"

    def own(self, shards: Sequence[Shard]) -> list[Shard]:
        """Return the shards of this part.

        Examples
        --------
        >>> shards = [Shard(number, (), ()) for number in range(5)]
        >>> [shard.number for shard in Part(2, 3).own(shards)]
        [1, 4]
        """
        return [shard for shard in shards if shard.number % self.of == self.number - 1]


WHOLE = Part(1, 1)


def part_of(text: str) -> Part:
    """Read a part such as ``3/16``.

    Raises
    ------
    ConfigError
        If it is none.

    Examples
    --------
    >>> part_of("3/16").own([])
    []
    """
    found = re.fullmatch(r"\s*(\d{1,6})\s*/\s*(\d{1,6})\s*", text)
    number, of = (int(one) for one in found.groups()) if found else (0, 0)
    if not 1 <= number <= of <= MOST_PARTS:
        raise ConfigError(
            f"a part is a number of all parts, such as 3/16, from 1/16 to 16/16; got {shown(text)}."
        )
    return Part(number, of)


def part_of_environment(environment: Mapping[str, str] = os.environ) -> Part:
    """Return the part that a job of Slurm's array, or of torchrun, is to encode; all of it in no such job.

    Within an element of an array, each rank of torchrun has a part of that element's.

    Raises
    ------
    ConfigError
        If the variables are no part.
    """
    own = WHOLE
    for name, total, least in VARIABLES:
        if name not in environment or total not in environment:
            continue
        texts = [environment[name], environment[total], environment.get(least or "", "0")]
        try:
            number, of, first = map(int, texts)
        except ValueError:
            number, of, first = -1, 0, 0
        if not 0 <= number - first < of or own.of * of > MOST_PARTS:
            raise ConfigError(
                f"{name}={shown(environment[name])} and {total}={shown(environment[total])} are no part of a "
                "job whose parts are numbered in a row. Give --part, or --part 1/1 for all."
            )
        if of > 1:
            source = f"{own.source} and {name}" if own.of > 1 else name
            own = Part((own.number - 1) * of + number - first + 1, own.of * of, source)
    return own


@dataclass(slots=True)
class PartLog:
    """How far a part is, in a file of its own that no other process writes."""

    folder: Path
    part: Part
    models: tuple[str, ...]
    n_shards: int
    done: int = 0
    state: str = ENCODING
    """``encoding``, ``finished``, or ``failed``."""
    error: str = ""
    began: float = field(default_factory=time.time)

    @property
    def file(self) -> Path:
        """Its file."""
        return record_file(self.folder, self.part.number, self.part.of)

    def write(self) -> None:
        """Write it, with the machine and the time."""
        record = {
            "made_by": MAKER,
            "part": str(self.part),
            "machine": platform.node(),
            "process": os.getpid(),
            "models": list(self.models),
            "n_shards": self.n_shards,
            "done": self.done,
            "state": self.state,
            "error": self.error,
            "began": self.began,
            "written": time.time(),
        }
        write_text(self.file, json.dumps(record, indent=2) + "\n")

    def begin(self, tell: Tell = logged) -> None:
        """Write it, unless there is a file of that name that is the user's; one that is damaged is replaced.

        Raises
        ------
        DataError
            If there is. (Parts do not claim their files: they would share the record of them.)
        """
        if is_foreign(self.file):
            raise not_ours(self.file.parent, [self.file.name])
        found = read_record(self.file)
        if found and found.state == DAMAGED:
            sentence = f"Its record ({LOGS}/{self.file.name}) was damaged, and is made again."
            tell(Notice(about=f"part {self.part}", count=1, sentence=sentence))
        self.write()

    def shard_done(self) -> None:
        """Count a shard."""
        self.done += 1
        self.write()

    def end(self, error: str = "") -> None:
        """Say that it ended."""
        self.state, self.error = (FAILED, error) if error else (FINISHED, "")
        self.write()


@contextmanager
def logged_part(
    folder: Path, part: Part, models: Sequence[str], n_shards: int, tell: Tell = logged
) -> Iterator[Callable[[], None] | None]:
    """Log how far a part is, and how it ended; of all shards in one process nothing is logged.

    `tell` is called if the record of an earlier process was damaged.

    Yields
    ------
    callable or None
        To be called when a shard is done.
    """
    if part.of == 1:
        yield None
        return
    log = PartLog(folder, part, tuple(models), n_shards)
    log.begin(tell)
    try:
        yield log.shard_done
    except BaseException as error:
        log.end(one_line(str(error) or type(error).__name__, LONGEST_ERROR))
        raise
    log.end()


LONGEST_ERROR = 300
"""Characters of an error in a log."""
