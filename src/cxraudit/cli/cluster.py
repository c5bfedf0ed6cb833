"""Encoding on many machines: ``cxraudit submit`` and ``cxraudit status``."""

import shlex
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from cxraudit.cli._options import Count, Devices, Workers
from cxraudit.cli._output import Answer
from cxraudit.cli._shared import shared

if TYPE_CHECKING:
    from cxraudit.workspace.parts import Extent, PartRecord, Progress

LATE = 600
"""Seconds without a sign of life after which a part is listed as stopped."""


@shared("status")
def status(folder: Path) -> Answer:
    """Show how far an encoding is: shards per model, and the parts that encode them.

    A shard counts if its files are there; no embedding is read, and `cxraudit score` checks them.
    Parts are those of the division that began last, with those that never began, and then what earlier
    divisions recorded.

    Parameters
    ----------
    folder
        What `cxraudit encode --out` writes.
    """
    from cxraudit.errors import one_line
    from cxraudit.workspace import Workspace

    found = Workspace(folder).progress()
    for what, extents in (("", found.images), (", reports", found.reports)):
        for name, one in extents.items():
            missing = f"; first missing: {one.missing[0]}" if one.missing else ""
            shards = f"{one.done:,} of {one.n_shards:,} shards of {one.images:,} images"
            print(one_line(f"{name}{what}: {shards}{missing}"))
    now = time.time()
    for line in _lines(found, now):
        print(one_line(line))
    print("complete" if found.complete else f"not complete: {_remedy(found, now)}")
    shown = [*found.parts(), *found.earlier()]
    return Answer(
        {
            "complete": found.complete,
            "models": {name: _counts(one) for name, one in found.images.items()},
            "reports": {name: _counts(one) for name, one in found.reports.items()},
            "parts": [
                {
                    "part": str(one),
                    "state": _state(one, now),
                    "done": one.done,
                    "n_shards": one.n_shards,
                    "machine": one.machine,
                    "process": one.process,
                    "error": one.error,
                }
                for one in shown
            ],
        }
    )


def _counts(extent: "Extent") -> dict[str, int]:
    return {"shards": extent.n_shards, "done": extent.done, "images": extent.images}


def _lines(found: "Progress", now: float) -> Iterator[str]:
    """Yield a line for each part; those that never began are named together."""
    from cxraudit.notices import counted
    from cxraudit.workspace.parts import DAMAGED, FINISHED, LOGS, NOT_BEGUN, listed

    parts = found.parts()
    for one in (*parts, *found.earlier()):
        earlier = "" if one in parts else " (earlier division)"
        if one.state == DAMAGED:
            file = f"{LOGS}/{one.number}-of-{one.of}.json"
            yield f"part {one}{earlier}: its record ({file}) is damaged; the part makes it again"
        elif one.state != NOT_BEGUN:
            error = f": {one.error}" if one.error else ""
            lacking = found.lacks(one) if one.state == FINISHED and not earlier else {}
            gone = [f"{counted(n, 'shard')} of {name}" for name, n in lacking.items()]
            yield (
                f"part {one}{earlier}: {_state(one, now)}, {one.done:,} of {one.n_shards:,} shards, "
                f"{one.machine} (process {one.process}){error}"
                f"{'; missing: ' if gone else ''}{', '.join(gone)}"
            )
    if never := [one for one in parts if one.state == NOT_BEGUN]:
        yield f"part{'s' if len(never) > 1 else ''} {listed(never)}: not begun"


def _remedy(found: "Progress", now: float) -> str:
    """Return what is to be done about an encoding that is not complete."""
    from cxraudit.workspace.parts import ENCODING, listed

    running = [one for one in found.parts() if _state(one, now) == ENCODING]
    if parts := [one for one in found.to_run() if one not in running]:
        many = "s" if len(parts) > 1 else ""
        return f"run part{many} {listed(parts)} with the same command and every model"
    if running:
        return f"part{'s' if len(running) > 1 else ''} {listed(running)} did not end yet"
    return "run the same cxraudit encode command again; finished work is kept"


def _state(part: "PartRecord", now: float) -> str:
    """Return the state of a part; one that writes no more has stopped."""
    from cxraudit.workspace.parts import ENCODING

    late = now - part.written
    if part.state == ENCODING and late > LATE:
        return f"stopped (no sign for {late / 60:,.0f} min)"
    return part.state


@shared("submit")
def submit(
    *command: Annotated[str, Parameter(allow_leading_hyphen=True)],
    parts: Count,
    shell: Literal["slurm", "bash"] = "slurm",
    cpus: Workers = 8,
    gpus: Devices = 1,
    hours: Count = 12,
) -> Answer:
    """Print a script that encodes in parts, for a job array of Slurm or for one machine.

    For instance `cxraudit submit --parts 16 -- encode mimic-cxr --root DATA --model biomedclip --out WORK >
    encode.sh`, and `sbatch encode.sh`. All parts need the same folders. A part that was killed is repeated
    alone (`sbatch --array=3 encode.sh` as printed in its last lines); finished shards are kept.

    Parameters
    ----------
    command
        The `encode` command that is divided, behind `--`.
    parts
        Number of parts.
    shell
        slurm: a job array; bash: all parts on this machine at once.
    cpus
        Cores of each part, which read and decode images.
    gpus
        GPUs of each part; with bash, those of the machine, which parts take in turn.
    hours
        Limit of each part.
    """
    script = script_of(command, parts=parts, shell=shell, cpus=cpus, gpus=gpus, hours=hours)
    print(script, end="")
    return Answer({"script": script})


def script_of(
    command: Sequence[str],
    *,
    parts: int,
    shell: str,
    cpus: int,
    gpus: int,
    hours: int,
) -> str:
    """Return the script.

    Raises
    ------
    ConfigError
        If the command is not ``encode``, or names a part or readers itself.
    """
    from cxraudit.errors import ConfigError

    words = list(command[1:] if command[:1] == ("cxraudit",) else command)
    if words[:1] != ["encode"]:
        raise ConfigError(
            "only encode is divided into parts: cxraudit submit --parts 16 -- encode DATASET --root … --out …"
        )
    for flag in ("--part", "--readers"):
        if any(word == flag or word.startswith(f"{flag}=") for word in words):
            raise ConfigError(f"{flag} is set by the script for each part. Leave it out.")
    quiet = [] if {"-q", "--quiet"} & {*words} else ["--quiet"]
    line = shlex.join(["cxraudit", *words, *quiet])
    of_slurm = shell == "slurm"
    heads, body = (_slurm if of_slurm else _bash)(line, parts, cpus, gpus, hours)
    return "\n".join(["#!/usr/bin/env bash", *heads, "set -euo pipefail", *body, ""])


def _slurm(line: str, parts: int, cpus: int, gpus: int, hours: int) -> tuple[list[str], list[str]]:
    heads = [
        "#SBATCH --job-name=cxraudit",
        f"#SBATCH --array=1-{parts}",
        f"#SBATCH --cpus-per-task={cpus}",
        *([f"#SBATCH --gres=gpu:{gpus}"] if gpus else []),
        f"#SBATCH --time={hours}:00:00",
        "#SBATCH --output=cxraudit-%A-%a.log",
    ]
    body = [
        "# A part that was killed: sbatch --array=NUMBER with this script; finished shards are kept.",
        f'srun {line} --part "$SLURM_ARRAY_TASK_ID/{parts}" --readers {cpus}',
    ]
    return heads, body


def _bash(line: str, parts: int, cpus: int, gpus: int, hours: int) -> tuple[list[str], list[str]]:
    device = (
        f'CUDA_VISIBLE_DEVICES="$(( (part - 1) % {gpus} ))" '
        if gpus
        else 'CUDA_VISIBLE_DEVICES="" '
    )
    body = [
        "pids=()",
        f"for part in $(seq 1 {parts}); do",
        f'  {device}timeout {hours}h {line} --part "$part/{parts}" --readers {cpus} &',
        '  pids+=("$!")',
        "done",
        "failed=0",
        'for pid in "${pids[@]}"; do wait "$pid" || failed=1; done',
        "exit $failed",
    ]
    return [], body
