"""The fuzzing finds what it looks for, and mutations can be made again."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fuzz import guard
from fuzz.campaign import Tally, table
from fuzz.case import Case, Outcome, judged, left_behind
from fuzz.kinds import KINDS, kind_named
from fuzz.kinds.score_tables import totals
from fuzz.worker import Found, generator, run_case

N = 8


@pytest.fixture(scope="module", params=KINDS)
def kind(request, tmp_path_factory):
    """A kind of input with the files that its mutations start from."""
    made = kind_named(request.param)
    made.prepare(tmp_path_factory.mktemp("base"))
    return request.param, made


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files of a case."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_some_mutations_of_every_kind_have_no_fault(kind, tmp_path, monkeypatch):
    """The same ones in every run; `make fuzz` makes others each time."""
    name, made = kind
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    found = [run_case(made, name, 0, number, tmp_path, tmp_path / "kept") for number in range(N)]

    assert [(one.number, one.made, one.faults) for one in found if one.faults] == []


def test_a_mutation_can_be_made_again(kind, tmp_path):
    """From the seed and its number, with the same bytes."""
    name, made = kind
    if name == "score tables":
        pytest.skip("Excel and Parquet files hold the time or the version of their writer")
    for number in range(4):
        folders = [tmp_path / f"{number}-{copy}" / "case" for copy in "ab"]
        for folder in folders:
            folder.mkdir(parents=True)
        cases = [made.write(generator(1, name, number), folder) for folder in folders]

        assert cases[0].made == [one.replace("-b/", "-a/") for one in cases[1].made]
        first, second = map(contents, folders)
        same = {key for key in first if first[key] == second.get(key)}
        assert len(same) >= len(first) - 1  # a payload names the folder it would write to


class Planted:
    """A kind whose program does what it is given."""

    name = "prompts"

    def __init__(self, do) -> None:
        self.do = do

    def write(self, rng, folder):
        """Write the input."""
        (folder / "input.txt").write_text("x")
        return Case(folder, made=["planted"])

    def run(self, case):
        """Do what was planted."""
        self.do(case)
        return Outcome("accepted")


def evaluated(case):
    """Run code that lies in the folder of the case."""
    code = compile("1 + 1", str(case.folder / "evil.py"), "exec")
    exec(code)


PLANTED = {
    "traceback": lambda case: [].pop(),
    "executed code": lambda case: os.system("true"),
    "executed code by Popen": lambda case: subprocess.run(["true"], check=False),
    "executed code of the case": evaluated,
    "executed code that left its mark": lambda case: (case.folder / guard.MARKER).touch(),
    "wrote outside": lambda case: (case.folder.parent.parent / "outside").write_text("x"),
    "connected": lambda case: sys.audit("socket.connect", None, ("localhost", 80)),
}


@pytest.mark.parametrize(("name", "do"), PLANTED.items(), ids=PLANTED)
def test_a_planted_fault_is_found(name, do, tmp_path):
    """And the input is kept with the mutations in words."""
    found = run_case(Planted(do), "prompts", 0, 1, tmp_path / "s" / "s", tmp_path / "kept")

    assert {fault for fault, _ in found.faults} == {" ".join(name.split()[:2]).removesuffix(" by")}
    assert (Path(found.reproducer) / "input.txt").read_text() == "x"
    assert "planted" in (Path(found.reproducer) / "FAULTS.txt").read_text()


def test_what_has_no_fault_leaves_nothing(tmp_path):
    """Neither files nor a reproducer; writing and reading in the folder of the case are right."""
    found = run_case(
        Planted(lambda case: (case.folder / "out").write_text("x")),
        "prompts",
        0,
        1,
        tmp_path,
        tmp_path,
    )

    assert (found.faults, found.reproducer) == ([], "")
    assert list(tmp_path.iterdir()) == []


def test_a_hang_ends_and_is_found(tmp_path):
    """Also inside of a handler of every error."""

    def hang() -> None:
        while True:
            try:
                time.sleep(60)
            except Exception:
                continue

    with guard.watched(tmp_path, seconds=1) as seen:
        hang()

    assert [name for name, _ in seen] == ["hang"]


@pytest.mark.parametrize(
    ("code", "err", "fault"),
    [
        (0, "", None),
        (2, "cxraudit: the table has no rows.\n", None),
        (2, "", "no sentence"),
        (1, "", "exit code"),
        (2, "cxraudit: a\x1b[2J.\n", "unreadable sentence"),
        (2, f"cxraudit: {'x' * 5000}.\n", "unreadable sentence"),
        (0, "/lib/x.py:3: DeprecationWarning: no\n", "noise on stderr"),
    ],
)
def test_messages_of_commands_are_judged(code, err, fault, tmp_path):
    """One sentence that can be printed, and nothing else."""
    names = [name for name, _ in judged(Case(tmp_path), code, err).faults]

    assert names == ([fault] if fault else [])


def test_half_results_and_temporary_files_are_found(tmp_path):
    """Of a command that was refused."""
    (tmp_path / ".results.parquet.1-2-3.cxraudit-tmp").touch()
    (tmp_path / "results.parquet").touch()

    assert [name for name, _ in left_behind(tmp_path, finished=True)] == ["temporary file left"]
    assert len(left_behind(tmp_path, finished=False)) == 2


@pytest.mark.parametrize(
    ("rows", "out", "listed", "faults"),
    [(60, 10, 10, 0), (61, 10, 10, 1), (None, 10, 9, 1), (60, 9, 9, 1)],
)
def test_totals_that_do_not_add_up_are_found(rows, out, listed, faults, tmp_path):
    """Rows, images that were left out, and images that are left."""
    pd.DataFrame({"images": [60, 50], "images_out": [0, out]}).to_csv(tmp_path / "flow.csv")
    ids = pd.DataFrame({"image_id": [f"i{k}" for k in range(listed)]})
    ids.to_parquet(tmp_path / "excluded.parquet")
    pd.DataFrame({"n": [50, 20]}).to_parquet(tmp_path / "results.parquet")

    assert len(totals(tmp_path, rows)) == faults


def test_counts_are_shown_by_kind():
    """With each kind of fault once per case."""
    tally = Tally("images")
    tally.add(Found(0, "accepted", peak=5_000_000))
    tally.add(Found(1, "failed", faults=[("traceback", "x"), ("traceback", "y")]))

    assert "| images | 2 | 1 | 0 | 0 | 1 traceback | 5 |" in table([tally])


def test_random_numbers_of_cases_differ():
    """Between kinds, seeds and numbers."""
    draws = {
        generator(seed, kind, number).integers(2**60)
        for seed in (0, 1)
        for kind in KINDS
        for number in range(5)
    }

    assert len(draws) == 2 * len(KINDS) * 5
    assert np.isin([generator(0, "images", 0).integers(2**60)], list(draws)).all()
