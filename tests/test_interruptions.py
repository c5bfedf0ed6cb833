"""Each step, stopped before and after every single write, ends with the same content when it is repeated."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from small_audit import small_audit

from cxraudit import datasets, steps
from cxraudit.errors import DataError
from cxraudit.files import TEMPORARY, read_json
from cxraudit.phantom.releases import write_release
from cxraudit.phantom.spec import PhantomSpec
from cxraudit.workspace import AuditFolder, Workspace

CHANGING = ("made_at", "command", "commands", "index", "checksum")
"""Keys of manifests and marks that differ between equal runs: times, and hashes of times."""


class Stop(KeyboardInterrupt):
    """A crash."""


@contextmanager
def no_bar(description: str, total: int) -> Iterator[Callable[[int], None]]:
    """No progress bar."""
    yield lambda n: None


@contextmanager
def stopped(monkeypatch, number: int, *, before: bool) -> Iterator[list[Path]]:
    """Let the write of this number fail, before or after its file got its name; yields those written."""
    written: list[Path] = []
    replace = Path.replace

    def replacing(self, target):
        if len(written) == number and before:
            raise Stop
        replace(self, target)
        written.append(Path(target))
        if len(written) == number + 1:
            raise Stop

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replacing)
        yield written


def contents(folder: Path) -> dict[str, Any]:
    """Everything in a folder, without what differs between equal runs."""
    found: dict[str, Any] = {}
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = str(file.relative_to(folder))
        if file.suffix == ".json":
            found[name] = {k: v for k, v in read_json(file).items() if k not in CHANGING}
        elif file.name.startswith("part-") and file.suffix == ".parquet":
            table = pd.read_parquet(file)
            found[name] = table.drop(columns=["mtime_ns", "ctime_ns"]).to_dict("list")
        else:
            found[name] = file.read_bytes()
    return found


@pytest.fixture(scope="module")
def release(tmp_path_factory) -> Path:
    """A release of 8 patients, with reports."""
    root = tmp_path_factory.mktemp("interruptions") / "release"
    write_release(PhantomSpec(n_patients=8, seed=5, image_size=64), root, "mimic", n_workers=1)
    return root


@pytest.fixture(scope="module")
def scored(release, tmp_path_factory) -> Path:
    """Its run, encoded and scored."""
    folder = tmp_path_factory.mktemp("interruptions-run") / "run"
    encode(release, folder)
    steps.score_step(folder, findings=["Pneumonia"])
    return folder


def encode(release: Path, folder: Path) -> None:
    """Encode images and reports with one model."""
    cohort = datasets.load("mimic-cxr", release, {"reports": "findings"})
    steps.encode_step(cohort, ["random"], folder, no_bar, shard_size=9, tell=lambda _: None)


def score(release: Path, folder: Path) -> None:
    """Score two findings instead of one."""
    steps.score_step(folder, findings=["Pneumonia", "Pneumothorax"])


def perturb(release: Path, folder: Path) -> None:
    """Perturb a few images."""
    names = ["markers"]
    steps.perturb_step(folder, no_bar, perturbations=names, n_images=3, tell=lambda _: None)


def audit(release: Path, folder: Path) -> None:
    """Save another audit over that of an earlier call."""
    steps.audit_step(
        Workspace(folder).open_dataset(),
        Workspace(folder).read_scores(),
        folder / "audit",
        inputs={"scores": folder / "scores.parquet"},
    )


STEPS = {"encode": encode, "score": score, "perturb": perturb, "audit": audit}


@pytest.mark.slow
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("name", STEPS)
def test_a_step_that_was_stopped_at_any_write_is_repeated(
    release, scored, tmp_path, monkeypatch, name, before
):
    """With the content of an undisturbed run, and nothing left over."""
    monkeypatch.setattr(
        steps, "audit", lambda *a, **k: small_audit(points=pd.DataFrame({"x": [0.5]}))
    )
    step, start = STEPS[name], tmp_path / "start"
    if name == "encode":
        start.mkdir()
    else:
        shutil.copytree(scored, start)
    if name == "audit":
        small_audit(curves=pd.DataFrame({"x": [1.5]})).save(
            start / "audit", inputs={"scores": start / "scores.parquet"}
        )
    folder = tmp_path / "run"  # of the same name in every trial, since manifests name it
    shutil.copytree(start, folder)
    with stopped(monkeypatch, -1, before=False) as written:
        step(release, folder)
    expected, n_writes = contents(folder), len(written)
    assert n_writes > 2

    for number in range(n_writes):
        shutil.rmtree(folder)
        shutil.copytree(start, folder)
        with stopped(monkeypatch, number, before=before), pytest.raises(Stop):
            step(release, folder)
        step(release, folder)
        found = contents(folder)
        assert found.keys() == expected.keys(), number
        assert [key for key in expected if found[key] != expected[key]] == [], number
        assert not list(folder.rglob(f"*{TEMPORARY}"))


@pytest.mark.slow
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_after_any_stop_of_the_scores_the_next_step_uses_all_old_or_all_new_ones(
    release, scored, tmp_path, monkeypatch, before
):
    """Or it refuses; directions and scores of two calls are never used together."""
    both = {"Pneumonia", "Pneumothorax"}
    for number in range(4):
        folder = tmp_path / f"run{number}"
        shutil.copytree(scored, folder)
        with stopped(monkeypatch, number, before=before), suppress(Stop):
            score(release, folder)
        work = Workspace(folder)
        with suppress(DataError):
            findings = set(work.read_scores()["finding"])
            assert findings == set(work.read_directions()["finding"])
            assert findings in ({"Pneumonia"}, both)


@pytest.mark.slow
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_after_any_stop_of_an_audit_its_tables_are_of_one_audit(
    release, scored, tmp_path, monkeypatch, before
):
    """Or they are refused."""
    monkeypatch.setattr(
        steps, "audit", lambda *a, **k: small_audit(points=pd.DataFrame({"x": [0.5]}))
    )
    for number in range(9):
        folder = tmp_path / f"run{number}"
        shutil.copytree(scored, folder)
        place = AuditFolder(folder / "audit")
        small_audit(curves=pd.DataFrame({"x": [1.5]})).save(
            place.folder, inputs={"scores": folder / "scores.parquet"}
        )
        with stopped(monkeypatch, number, before=before), suppress(Stop):
            audit(release, folder)
        with suppress(DataError):
            tables, _ = place.read()
            assert tables["points"].empty != tables["curves"].empty
