"""All cases of some kinds, in processes of their own, and what they came to."""

import contextlib
import multiprocessing
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from fuzz.guard import STACKS
from fuzz.worker import Found, work


@dataclass(slots=True)
class Tally:
    """What the cases of one kind came to."""

    kind: str
    tried: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    faulty: list[Found] = field(default_factory=list)
    sentences: Counter[str] = field(default_factory=Counter)
    peak: int = 0
    seconds: float = 0.0
    slowest: float = 0.0

    def add(self, found: Found) -> None:
        """Count a case."""
        self.tried += 1
        self.statuses[found.status] += 1
        self.faults.update({name for name, _ in found.faults})
        self.peak = max(self.peak, found.peak)
        self.slowest = max(self.slowest, found.seconds)
        if found.sentence:
            self.sentences[found.sentence[:200]] += 1
        if found.faults:
            self.faulty.append(found)


@dataclass(slots=True)
class _Worker:
    process: SpawnProcess
    link: Connection
    numbers: list[int]
    at: int | None = None


def run(
    kind: str,
    n: int,
    seed: int,
    *,
    kept: Path,
    n_workers: int = 2,
    until: float | None = None,
    on_progress: Callable[[Tally], None] | None = None,
) -> Tally:
    """Run `n` cases of a kind, or as many as fit before the time `until`; a crash is a fault of its case."""
    tally, started = Tally(kind), time.monotonic()
    scratch = Path(tempfile.mkdtemp(prefix="fuzz-"))
    workers = [
        _start(kind, seed, list(range(first, n, n_workers)), scratch, kept)
        for first in range(min(n_workers, n))
    ]
    try:
        while workers:
            ready = wait([worker.link for worker in workers], timeout=1)
            for worker in [one for one in workers if one.link in ready]:
                _receive(worker, workers, tally, kind, seed, scratch, kept)
            if until is not None and time.monotonic() > until:
                for worker in workers:
                    _ask_to_stop(worker)
            if on_progress:
                on_progress(tally)
    finally:
        for worker in workers:
            worker.process.kill()
        shutil.rmtree(scratch, ignore_errors=True)
    tally.seconds = time.monotonic() - started
    return tally


def _start(kind: str, seed: int, numbers: list[int], scratch: Path, kept: Path) -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=work, args=(kind, seed, numbers, scratch, kept, theirs))
    process.start()
    theirs.close()
    return _Worker(process, ours, numbers)


def _receive(
    worker: _Worker,
    workers: list[_Worker],
    tally: Tally,
    kind: str,
    seed: int,
    scratch: Path,
    kept: Path,
) -> None:
    """Take one message: the number of a case that begins, its result, or the end."""
    try:
        message = worker.link.recv()
    except EOFError:
        workers.remove(worker)
        worker.process.join()
        if worker.at is None:
            raise RuntimeError(f"a process of '{kind}' ended before its first case") from None
        tally.add(_crashed(worker, kind, scratch, kept))
        if rest := [number for number in worker.numbers if number > worker.at]:
            workers.append(_start(kind, seed, rest, scratch, kept))
        return
    if message is None:
        workers.remove(worker)
        worker.process.join()
    elif isinstance(message, Found):
        tally.add(message)
    else:
        worker.at = message


def _crashed(worker: _Worker, kind: str, scratch: Path, kept: Path) -> Found:
    """Return the fault of a case whose process ended, with where its threads were if it hung."""
    name = f"{kind.replace(' ', '-')}-{worker.at}"
    stacks = scratch / f"{name}{STACKS}"
    where = stacks.read_text(encoding="utf-8") if stacks.is_file() else ""
    fault = ("hang", where) if where else ("crash", f"exit code {worker.process.exitcode}")
    target = kept / name
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(scratch / f"{name}-before", target)
    (target / "FAULTS.txt").write_text(f"{fault[0]}:\n{fault[1]}", encoding="utf-8")
    return Found(worker.at or 0, "failed", faults=[fault], reproducer=str(target))


def _ask_to_stop(worker: _Worker) -> None:
    with contextlib.suppress(OSError):  # it has ended
        worker.link.send("stop")


def table(tallies: Sequence[Tally]) -> str:
    """Return the counts as a table in Markdown."""
    head = [
        "kind",
        "tried",
        "accepted",
        "refused",
        "listed",
        "faults",
        "peak MB",
        "slowest s",
        "minutes",
    ]
    rows = [head, ["---", *["---:"] * (len(head) - 1)]]
    for one in tallies:
        rows.append(
            [
                one.kind,
                f"{one.tried:,}",
                *(f"{one.statuses[name]:,}" for name in ("accepted", "refused", "listed")),
                ", ".join(f"{count} {name}" for name, count in sorted(one.faults.items())) or "0",
                f"{one.peak / 1e6:,.0f}",
                f"{one.slowest:.1f}",
                f"{one.seconds / 60:.1f}",
            ]
        )
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
