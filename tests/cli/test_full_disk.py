"""A full disk ends every command with one sentence, and nothing half-written is left."""

import errno
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from cxraudit.files import TEMPORARY

pytestmark = pytest.mark.slow

COMMANDS = {
    "phantom": "phantom OUT --patients 4 --images-per-patient 1 --image-size 64 --workers 1 -q",
    "prepare": "prepare nih-cxr14 --root NIH --out OUT --size 32 -q",
    "encode": "encode nih-cxr14 --root NIH --model random --out OUT --shard-size 40 -q",
    "score": "score OUT",
    "perturb": "perturb OUT --images 5 --perturbation blur -q",
    "audit": "audit OUT/scores.parquet --resamples 20",
    "audit of a table": "audit TABLE COLUMNS --sex sex --out OUT",
    "report": "report WORK/audit --out OUT/r.html --summary OUT/s.html",
    "figures": "figures WORK/audit --out OUT --format svg",
    "run": "run RUN -q",
    "paper tables": "paper tables OUT",
}
"""Command → its line; what it continues is copied to OUT."""

STARTS_FROM = {
    "score": ("scores", "directions", "perturbed", "audit"),
    "perturb": ("perturbed", "audit"),
    "audit": ("audit",),
}
"""Command → what is removed from a finished run before it is started; others start from nothing."""


@pytest.fixture(scope="session")
def finished(nih_release, tmp_path_factory, run) -> Path:
    """A finished run: encoded, scored, perturbed and audited."""
    work = tmp_path_factory.mktemp("finished") / "work"
    run(f"encode nih-cxr14 --root {nih_release} --model random --out {work} -q")
    run("score", work)
    run("perturb", work, "--images 5 --perturbation blur -q")
    assert run(f"audit {work}/scores.parquet --resamples 20") == 0
    return work


def fill_at(monkeypatch, number: int) -> list[Path]:
    """Let the disk be full when the file of a number is put in its place; returns what was written."""
    written: list[Path] = []
    replace = Path.replace

    def full(self: Path, target):
        if len(written) == number:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(Path(target))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", full)
    return written


@pytest.mark.parametrize("number", [0, 2])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk_is_one_sentence(
    name, number, finished, nih_release, own_table, columns, tmp_path, run, monkeypatch, capsys
):
    """With the file that could not be written; what is there is complete, and no temporary file is left."""
    out = tmp_path / "out"
    if name in STARTS_FROM:
        gone = STARTS_FROM[name]
        shutil.copytree(
            finished, out, ignore=lambda _, names: {n for n in names if n.startswith(gone)}
        )
    config = tmp_path / "run.toml"
    config.write_text(
        f'out = "out"\n[dataset]\nname = "nih-cxr14"\nroot = "{nih_release}"\n'
        '[encode]\nmodels = ["random"]\n[audit]\nn_resamples = 5\n'
    )
    places = {"OUT": out, "NIH": nih_release, "TABLE": own_table, "WORK": finished, "RUN": config}
    line = COMMANDS[name].replace("COLUMNS", columns)
    for word, place in places.items():
        line = line.replace(word, str(place))
    fill_at(monkeypatch, number)

    code = run(line)

    message = capsys.readouterr().err
    assert code == 2, message
    assert message.startswith(f"cxraudit: {tmp_path}")
    assert "No space left on device" in message
    assert message.count("\n") == 1
    files = [path for path in out.rglob("*") if path.is_file()]
    assert [path for path in files if TEMPORARY in path.name] == []
    for table in (path for path in files if path.suffix == ".parquet"):
        pd.read_parquet(table)


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 5_000, 20_000])
@pytest.mark.parametrize(
    "line",
    [
        "phantom OUT --patients 4 --image-size 512 -q",
        "encode nih-cxr14 --root NIH --model random --out OUT -q",
        "audit FINISHED/scores.parquet --resamples 20 --out OUT",
        "report FINISHED/audit --out OUT/r.html",
    ],
)
def test_a_file_that_cannot_grow_is_one_sentence(line, size, nih_release, finished, tmp_path):
    """With a limit that the system sets on the size of files, as quotas do."""
    out = tmp_path / "out"
    for word, place in {"OUT": out, "NIH": nih_release, "FINISHED": finished}.items():
        line = line.replace(word, str(place))

    done = subprocess.run(
        [sys.executable, "-m", "cxraudit.cli", *line.split()],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )

    assert done.returncode == 2
    assert done.stderr.startswith("cxraudit: ")
    assert done.stderr.count("\n") == 1
    assert [path for path in out.rglob("*") if TEMPORARY in path.name] == []
