"""A mutated input, what the program made of it, and how that is judged."""

import contextlib
import io
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from cxraudit.cli import main
from cxraudit.cli._failures import sentence_of
from cxraudit.errors import one_line

Generator = np.random.Generator

TEMPORARY = ("cxraudit-tmp", ".tmp")
"""Ends, or parts, of the names of files that are being written."""
LONGEST_MESSAGE = 2200
"""Characters of a sentence on stderr."""


@dataclass(slots=True)
class Case:
    """A mutated input in a folder of its own."""

    folder: Path
    made: list[str] = field(default_factory=list)
    """The mutations, in order."""
    rows: int | None = None
    """Rows of the table, where the mutations keep them countable."""
    harmless: bool = True
    """Whether all mutations leave the meaning as it is, so that results must not change."""
    notes: dict[str, object] = field(default_factory=dict)
    """What the kind has to remember of it."""

    def add(self, mutation: str, *, harmless: bool = False) -> None:
        """Record a mutation."""
        self.made.append(mutation)
        self.harmless &= harmless


@dataclass(slots=True)
class Outcome:
    """What became of a case."""

    status: str
    """``accepted``, ``refused`` (one sentence), or ``listed`` (the item was left out and named)."""
    sentence: str = ""
    faults: list[tuple[str, str]] = field(default_factory=list)
    """Kind of fault and detail."""


class Kind(Protocol):
    """A kind of input: how it is mutated, and what the program does with it."""

    name: str

    def prepare(self, folder: Path) -> None:
        """Make the files that mutations start from, once per process."""

    def write(self, rng: Generator, folder: Path) -> Case:
        """Write one mutated input to an empty folder."""

    def run(self, case: Case) -> Outcome:
        """Run the program on it; an exception is a traceback of the program."""


def command(case: Case, *arguments: str | Path) -> tuple[int, str, str]:
    """Run a command in this process; return exit code, stdout and stderr."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(argument) for argument in arguments])
    return code, out.getvalue(), err.getvalue()


def judged(case: Case, code: int, err: str, *, out: Path | None = None) -> Outcome:
    """Judge exit code and messages of a command, and what it left in its output folder."""
    lines = [line for line in err.splitlines() if line.strip()]
    ours = [line for line in lines if line.startswith("cxraudit: ")]
    outcome = Outcome("accepted" if code == 0 else "refused")
    if code not in (0, 2):
        outcome.faults.append(("exit code", f"{code}"))
    if code == 2:
        outcome.sentence = ours[-1] if ours else ""
        if not ours:
            outcome.faults.append(("no sentence", err[-500:]))
        elif len(ours[-1]) > LONGEST_MESSAGE or ours[-1] != one_line(ours[-1]):
            outcome.faults.append(("unreadable sentence", ours[-1][:3000]))
    if others := [line for line in lines if line not in ours]:
        outcome.faults.append(("noise on stderr", "\n".join(others)[:2000]))
    if out is not None:
        outcome.faults += left_behind(out, finished=code == 0)
    return outcome


def left_behind(out: Path, *, finished: bool) -> list[tuple[str, str]]:
    """Return the faults of an output folder: temporary files, and results of a command that was refused."""
    if not out.exists():
        return []
    files = [file for file in out.rglob("*") if file.is_file()]
    temporary = [str(file) for file in files if any(end in file.name for end in TEMPORARY)]
    faults = [("temporary file left", ", ".join(temporary))] if temporary else []
    results = [str(file) for file in files if file.name in ("results.parquet", "report.html")]
    if results and not finished:
        faults.append(("half a result left", ", ".join(results)))
    return faults


def attempted(call: Callable[[], None]) -> Outcome:
    """Call the program; what the command line would print as one sentence is a refusal."""
    try:
        call()
    except Exception as error:
        sentence = sentence_of(error)
        if sentence is None:
            raise
        return Outcome("refused", sentence)
    return Outcome("accepted")


@contextlib.contextmanager
def caught(outcomes: list[Outcome]) -> Iterator[None]:
    """Turn an exception into the fault *traceback* of a new outcome."""
    try:
        yield
    except Exception:
        outcomes.append(Outcome("failed", faults=[("traceback", traceback.format_exc())]))
