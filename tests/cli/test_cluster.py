"""``cxraudit encode --part``, ``submit`` and ``status``: many processes, one folder."""

import json
import shutil
import subprocess
import time

import pandas as pd
import pytest

from cxraudit.cli.cluster import LATE, _state


def encode(root, out):
    """The command that is divided."""
    return f"encode nih-cxr14 --root {root} --model random --shard-size 16 --out {out} -q"


def test_the_part_that_ends_last_completes_the_folder(nih_release, tmp_path, run, capsys):
    """The scores are those of one process; before, the folder cannot be scored, and status says why."""
    parts, one = tmp_path / "parts", tmp_path / "one"
    assert run(encode(nih_release, one)) == 0
    for number in (2, 3):
        assert run(encode(nih_release, parts), f"--part {number}/3") == 0
    assert "cxraudit status" in capsys.readouterr().out

    assert run("score", parts, "--finding Pneumothorax") == 2
    assert run("status", parts, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert not found["complete"]
    assert [(part["part"], part["state"]) for part in found["parts"]] == [
        ("2/3", "finished"),
        ("3/3", "finished"),
    ]
    assert found["models"]["random"]["done"] < found["models"]["random"]["shards"]

    assert run(encode(nih_release, parts), "--part 1/3") == 0
    assert run("status", parts) == 0
    assert "complete" in capsys.readouterr().out.splitlines()[-1]
    for folder in (parts, one):
        assert run("score", folder, "--finding Pneumothorax") == 0
    pd.testing.assert_frame_equal(
        pd.read_parquet(parts / "scores.parquet"), pd.read_parquet(one / "scores.parquet")
    )


def test_a_part_of_a_job_is_named(nih_release, tmp_path, run, capsys, monkeypatch):
    """Where the variables of a job array say so, and not where all of it is asked for."""
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "1")
    monkeypatch.setenv("SLURM_ARRAY_TASK_COUNT", "2")
    assert run(encode(nih_release, tmp_path / "w")) == 0
    assert "part 2/2 (SLURM_ARRAY_TASK_ID)" in capsys.readouterr().err

    assert run(encode(nih_release, tmp_path / "w"), "--part 1/1") == 0
    assert "images × 1 model" in capsys.readouterr().out


def test_scripts_name_every_part_once(run, capsys):
    """Of a job array, and of one machine; words of the command are quoted."""
    command = "-- encode nih-cxr14 --model random --out w --root"
    assert run("submit --parts 3", command, "'a b'") == 0
    slurm = capsys.readouterr().out
    assert run("submit --parts 3 --shell bash --gpus 0 --cpus 1", command, "'a b'") == 0
    bash = capsys.readouterr().out

    assert "#SBATCH --array=1-3" in slurm
    assert '--part "$SLURM_ARRAY_TASK_ID/3"' in slurm
    assert '--part "$part/3"' in bash
    for script in (slurm, bash):
        assert script.startswith("#!/usr/bin/env bash\n")
        assert "--root 'a b'" in script or '"a b"' in script or "a b" in script
        subprocess.run([shutil.which("bash") or "bash", "-n"], input=script, text=True, check=True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("-- score w", "only encode is divided"),
        ("-- encode x --part 1/2", "--part is set by the script"),
        ("-- encode x --readers=4", "--readers is set by the script"),
    ],
)
def test_what_cannot_be_divided_is_refused(run, capsys, words, said):
    """With what can."""
    assert run("submit --parts 2", words) == 2
    assert said in capsys.readouterr().err


def test_a_part_without_a_sign_of_life_has_stopped():
    """A killed process writes no more."""
    now = time.time()

    assert _state({"state": "encoding", "written": now - 1}, now) == "encoding"
    assert _state({"state": "encoding", "written": now - 2 * LATE}, now).startswith("stopped")
    assert _state({"state": "finished", "written": now - 2 * LATE}, now) == "finished"
