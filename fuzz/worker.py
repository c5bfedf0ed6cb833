"""One process that runs cases of one kind."""

import os
import resource
import shutil
import sys
import time
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from fuzz.case import Case, Outcome
from fuzz.guard import watched
from fuzz.kinds import KINDS, kind_named

MEMORY = 6 * 2**30
"""Bytes a process may allocate: more is a MemoryError, before the machine is out of memory."""

REPRODUCERS = "reproducers"


@dataclass(slots=True)
class Found:
    """What a case came to, as it is sent to the parent."""

    number: int
    status: str
    sentence: str = ""
    faults: list[tuple[str, str]] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    seconds: float = 0.0
    peak: int = 0
    """Largest resident memory of the process so far, in bytes."""
    reproducer: str = ""


def generator(seed: int, kind: str, number: int) -> np.random.Generator:
    """Return the random numbers of one case."""
    return np.random.default_rng([seed, list(KINDS).index(kind), number])


def work(
    kind: str, seed: int, numbers: Iterable[int], scratch: Path, kept: Path, link: Connection
) -> None:
    """Run cases, and send what each came to; ends when the parent sends anything."""
    _limit()
    made = kind_named(kind)
    base = scratch / f"base-{os.getpid()}"
    base.mkdir(parents=True)
    made.prepare(base)
    for number in numbers:
        if link.poll():
            break
        link.send(number)
        link.send(run_case(made, kind, seed, number, scratch, kept))
    shutil.rmtree(base, ignore_errors=True)
    link.send(None)


def _limit() -> None:
    os.environ |= {
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.stdout = sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - for good


def run_case(made: Any, kind: str, seed: int, number: int, scratch: Path, kept: Path) -> Found:
    """Write a case, run it, and keep what it was made of if there is a fault."""
    folder = scratch / f"{kind.replace(' ', '-')}-{number}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    rng = generator(seed, kind, number)
    try:
        case = made.write(rng, folder)
    except Exception:  # ours, not of the program
        return Found(number, "failed", faults=[("mutation failed", traceback.format_exc())])
    shutil.copytree(folder, before := folder.with_name(folder.name + "-before"), symlinks=False)
    started = time.perf_counter()
    outcome = Outcome("failed")
    with watched(folder) as seen:
        try:
            outcome = made.run(case)
        except Exception:
            outcome = Outcome("failed", faults=[("traceback", traceback.format_exc())])
    outcome.faults += seen
    found = Found(
        number,
        outcome.status,
        outcome.sentence,
        outcome.faults,
        case.made,
        time.perf_counter() - started,
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    )
    if found.faults:
        found.reproducer = str(_keep(before, kept, kind, case, found))
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(before, ignore_errors=True)
    return found


def _keep(before: Path, kept: Path, kind: str, case: Case, found: Found) -> Path:
    """Keep the files of a case with the mutations and the faults in words."""
    target = kept / f"{kind.replace(' ', '-')}-{found.number}"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(before, target)
    lines = [f"mutations: {case.made!r}", f"notes: {case.notes!r}", f"sentence: {found.sentence}"]
    lines += [f"{name}:\n{detail}" for name, detail in found.faults]
    (target / "FAULTS.txt").write_text("\n\n".join(lines), encoding="utf-8", errors="replace")
    return target
