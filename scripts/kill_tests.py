"""Kill commands at random moments, and check that nothing is lost, mixed or stale.

    python scripts/kill_tests.py [STEP ...] [--moments 20] [--seed N] [--keep FOLDER]

The command is started on a small synthetic release (`kill_steps.py`) and killed: without warning
(SIGKILL) in four of five trials, by SIGTERM in the others; in three of four trials after it began to write,
in the others at any moment. Trials take turns:

=============  ================================================================================
repeated       The command is repeated, and ends with the content of an undisturbed run.
changed        The inputs are changed after the kill; the repeated command ends with the content of
               an undisturbed run on the changed inputs.
done before    The command had ended, the inputs were changed, and the second run is killed; as above.
followed       As before, but the next command is run instead: it refuses (exit code 2), or ends
               with what it makes of one of the two undisturbed runs.
=============  ================================================================================

No file that was being written is left over. Times, commands and places of the inputs are not compared.
The exit code is 1 if any trial fails.
"""

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from kill_steps import STEPS, WORK, Step

from cxraudit.files import TEMPORARY

COMMAND = [sys.executable, "-m", "cxraudit.cli"]
LIMIT = 600
"""Seconds after which a command counts as hung."""
POLL = 0.002

VOLATILE = (
    *("made_at", "command", "commands", "path", "mtime_ns", "ctime_ns", "index", "made_in"),
    *("checksum", "sources"),
)
"""Keys of manifests and columns of tables that differ between equal runs: times, and hashes of times."""
_TIMES = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+\d:]*")

_MISSED = "ended before it was killed"
"""Such a trial is repeated: it is none."""

Contents = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """What a command writes if it is left alone."""

    contents: Contents
    before: float
    """Seconds until it begins to write."""
    writing: float
    """Seconds from then to its end."""


class Trials:
    """All trials of one step, in one folder, so that the paths in what is written are the same."""

    def __init__(self, step: Step, folder: Path, rng: random.Random) -> None:
        self.step, self.rng = step, rng
        self.base, self.folder = folder / "base", folder / "trial"
        self.base.mkdir()
        step.setup(self.base)
        self.reference = self._undisturbed()
        self.changed = self._undisturbed(changed=True)
        self.hurry = 1.0
        """Share of the undisturbed time that is waited at most; smaller after a command that ended first."""

    def _start(self, *, changed: bool = False) -> None:
        """Copy the inputs into a fresh folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.base, self.folder)
        if changed:
            self.step.change(self.folder)

    def _undisturbed(self, *, changed: bool = False) -> Undisturbed:
        self._start(changed=changed)
        before = _listing(self.folder)
        process, started = self._launch(), time.perf_counter()
        first = 0.0
        while process.poll() is None:
            if not first and _listing(self.folder) != before:
                first = time.perf_counter() - started
            time.sleep(POLL)
        if process.returncode:
            raise RuntimeError(f"{' '.join(self.step.command)} ended with {process.returncode}")
        whole = time.perf_counter() - started
        return Undisturbed(_contents(self.folder, self.step), first, whole - first)

    def _launch(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*COMMAND, *self.step.command],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _finish(self, arguments: list[str] | None = None) -> int:
        """Run a command to its end; return its exit code."""
        chosen = self.step.command if arguments is None else arguments
        done = subprocess.run(
            [*COMMAND, *chosen], cwd=self.folder, capture_output=True, timeout=LIMIT, check=False
        )
        if done.returncode not in (0, 2) or b"Traceback" in done.stderr:
            raise RuntimeError(done.stderr.decode(errors="replace")[-1500:])
        return done.returncode

    def _kill(self) -> str:
        """Start the command and kill it; return how, in words."""
        kind = signal.SIGTERM if self.rng.random() < 0.2 else signal.SIGKILL
        writing = self.rng.random() < 0.75
        length = self.reference.writing if writing else self.reference.before
        wait = self.rng.random() * length * self.hurry
        before = _listing(self.folder)
        process = self._launch()
        while writing and process.poll() is None and _listing(self.folder) == before:
            time.sleep(POLL)
        try:
            process.wait(wait)
            self.hurry *= 0.7
            return _MISSED
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, kind)
            process.wait(LIMIT)
        return f"{kind.name} {wait:.3f} s after {'the first write' if writing else 'the start'}"

    def repeated(self) -> tuple[str, list[str]]:
        """Kill and repeat."""
        self._start()
        how = self._kill()
        return how, self._repeat(self.reference)

    def with_changed_inputs(self) -> tuple[str, list[str]]:
        """Kill, change the inputs and repeat."""
        self._start()
        how = self._kill()
        self.step.change(self.folder)
        return how, self._repeat(self.changed)

    def done_before(self) -> tuple[str, list[str]]:
        """End, change the inputs, kill and repeat."""
        self._start()
        self._finish()
        self.step.change(self.folder)
        how = self._kill()
        return how, self._repeat(self.changed)

    def followed(self) -> tuple[str, list[str]]:
        """End, change the inputs, kill, and run the next command."""
        self._start()
        self._finish()
        self.step.change(self.folder)
        how = self._kill()
        following = list(self.step.follow)
        if self._finish(following) == 2:
            return f"{how}, refused", []
        found = _contents(self.folder, self.step)
        differing = []
        for changed in (False, True):
            self._start()
            self._finish()
            if changed:
                self.step.change(self.folder)
                self._finish()
            if self._finish(following) == 0:
                differing.append(_differences(_contents(self.folder, self.step), found))
        return how, min(differing, key=len, default=["the next command ran"])

    def _repeat(self, expected: Undisturbed) -> list[str]:
        before = _contents(self.folder, self.step)
        code = self._finish()
        if code == 2 and self.step.refuses and expected is self.changed:
            return _differences(before, _contents(self.folder, self.step), left_over=True)
        if code:
            return [f"the repeated command ended with {code}"]
        return _differences(expected.contents, _contents(self.folder, self.step))

    def kinds(self) -> list[Callable[[], tuple[str, list[str]]]]:
        """Return the kinds of trial, which take turns."""
        kinds = [self.repeated, self.with_changed_inputs, self.done_before]
        return [*kinds, self.followed] if self.step.follow else kinds


def _listing(folder: Path) -> dict[str, int]:
    """Return the times of all files that are written, also of those that are being written."""
    found = {}
    for file in (folder / WORK).rglob("*"):
        try:
            found[str(file)] = file.lstat().st_mtime_ns
        except OSError:
            continue
    return found


def _contents(folder: Path, step: Step) -> Contents:
    """Return path → content of every file that was written, without what differs between equal runs."""
    return {
        path.relative_to(folder).as_posix(): _content(path)
        for path in sorted((folder / WORK).rglob("*"))
        if path.is_file() and not any(path.match(pattern) for pattern in step.ignore)
    }


def _content(path: Path) -> Any:
    if path.suffix == ".json":
        return _without_times(json.loads(path.read_text()))
    if path.suffix == ".parquet":
        table = pd.read_parquet(path)
        return table.drop(columns=[name for name in VOLATILE if name in table])
    if path.suffix in (".html", ".svg", ".csv", ".toml", ".txt"):
        return _TIMES.sub("", path.read_text())
    return path.read_bytes()


def _without_times(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {key: _without_times(value) for key, value in data.items() if key not in VOLATILE}
    return [_without_times(item) for item in data] if isinstance(data, list) else data


def _differences(expected: Contents, found: Contents, *, left_over: bool = False) -> list[str]:
    """Name the files that are missing, different or, unless they may be there, left over."""
    names = [f"left over: {name}" for name in found if name.endswith(TEMPORARY) and not left_over]
    names += [f"missing: {name}" for name in expected.keys() - found.keys()]
    names += [f"new: {name}" for name in found.keys() - expected.keys()]
    for name in expected.keys() & found.keys():
        one, other = expected[name], found[name]
        same = one.equals(other) if isinstance(one, pd.DataFrame) else one == other
        if not same:
            names.append(f"differs: {name}")
    return sorted(names)


def _results(trials: Trials, moments: int) -> Iterator[bool]:
    kinds = trials.kinds()
    for number in range(moments):
        kind = kinds[number % len(kinds)]
        try:
            how, differences = kind()
            while how.startswith(_MISSED) and not differences:
                how, differences = kind()
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            how, differences = "failed", [str(error)]
        state = "same" if not differences else f"DIFFERENT: {'; '.join(differences[:5])}"
        print(f"  {number + 1:2d} {kind.__name__:20s} {how}: {state}", flush=True)
        yield not differences


def main() -> int:
    """Run the trials of the chosen steps."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("steps", nargs="*", choices=[[], *STEPS], metavar="STEP")
    parser.add_argument("--moments", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="a folder for the trials, which stays")
    given = parser.parse_args()
    failed = False
    for name in given.steps or STEPS:
        folder = Path(tempfile.mkdtemp(prefix=f"kill-{name.replace(' ', '-')}-", dir=given.keep))
        try:
            trials = Trials(STEPS[name], folder, random.Random(given.seed))
            print(
                f"{name}: begins to write after {trials.reference.before:.2f} s and writes for "
                f"{trials.reference.writing:.2f} s",
                flush=True,
            )
            passed = list(_results(trials, given.moments))
        finally:
            if given.keep is None:
                shutil.rmtree(folder)
        print(f"{name}: {sum(passed)} of {len(passed)}", flush=True)
        failed |= not all(passed)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
