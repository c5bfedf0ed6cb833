"""Encoding on many machines: ``cxraudit submit`` and ``cxraudit status``."""

import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from cxraudit.cli._options import Count, Devices, Workers
from cxraudit.cli._output import Answer
from cxraudit.cli._shared import shared

LATE = 600
"""Seconds without a sign of life after which a part is listed as stopped."""


@shared("status")
def status(folder: Path) -> Answer:
    """Show how far an encoding is: shards per model, and the parts that encode them.

    Nothing of the embeddings is read; `cxraudit score` checks them.

    Parameters
    ----------
    folder
        What `cxraudit encode --out` writes.
    """
    from cxraudit.encode.parts import logs, progress_of
    from cxraudit.store import stores
    from cxraudit.workspace import Workspace

    work = Workspace(folder)
    found = {name: progress_of(store) for name, store in stores(work.embeddings).items()}
    for name, one in found.items():
        missing = "" if one.first_missing is None else f"; first missing: {one.first_missing}"
        print(f"{name}: {one.done:,} of {one.n_shards:,} shards of {one.images:,} images{missing}")
    parts = [{**one, "state": _state(one, time.time())} for one in logs(folder)]
    for one in parts:
        error = f": {one['error']}" if one["error"] else ""
        print(
            f"part {one['part']}: {one['state']}, {one['done']:,} of {one['n_shards']:,} shards, "
            f"{one['machine']} (process {one['process']}){error}"
        )
    whole = work.is_encoded()
    print("complete" if whole else "not complete: repeat the parts that stopped or failed")
    return Answer(
        {
            "complete": whole,
            "models": {
                name: {"shards": one.n_shards, "done": one.done, "images": one.images}
                for name, one in found.items()
            },
            "parts": [{key: one[key] for key in _SHOWN} for one in parts],
        }
    )


_SHOWN = ("part", "state", "done", "n_shards", "machine", "process", "error")


def _state(log: dict[str, Any], now: float) -> str:
    """Return the state of a part; one that writes no more has stopped."""
    late = now - log["written"]
    if log["state"] == "encoding" and late > LATE:
        return f"stopped (no sign for {late / 60:,.0f} min)"
    return log["state"]


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
