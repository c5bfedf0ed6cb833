"""``cxraudit encode --part``, ``submit`` and ``status``: many processes, one folder."""

import json
import shutil
import subprocess
import time

import pandas as pd
import pytest

from cxraudit.cli.cluster import LATE, _state
from cxraudit.workspace.parts import PartRecord


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
    assert "for the part that is missing (--part 1/3)" in capsys.readouterr().err
    assert run("status", parts, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert not found["complete"]
    assert [(part["part"], part["state"]) for part in found["parts"]] == [
        ("1/3", "not begun"),
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

    def state(name, late):
        return _state(PartRecord(1, 2, name, written=now - late), now)

    assert state("encoding", 1) == "encoding"
    assert state("encoding", 2 * LATE).startswith("stopped")
    assert state("finished", 2 * LATE) == "finished"


def lines(run, capsys, out):
    """What status prints."""
    capsys.readouterr()
    assert run("status", out) == 0
    return capsys.readouterr().out.splitlines()


def test_records_of_earlier_divisions_are_listed(nih_release, tmp_path, run, capsys):
    """Behind those of the last one and what of it is missing; a plain run leaves nothing to begin."""
    out = tmp_path / "w"
    command = encode(nih_release, out).replace("--shard-size 16", "--shard-size 4")
    for part in ("1/3", "2/7"):
        assert run(command, "--part", part) == 0

    said = lines(run, capsys, out)

    named = [line.partition(":")[0] for line in said if line.startswith("part")]
    assert named == ["part 2/7", "part 1/3 (earlier division)", "parts 1/7 and 3/7 to 7/7"]
    assert said[-1] == (
        "not complete: run parts 1/7 and 3/7 to 7/7 with the same command and every model"
    )
    assert run("score", out) == 2
    assert "missing (--part 1/7 and 3/7 to 7/7)" in capsys.readouterr().err

    assert run(command) == 0
    said = lines(run, capsys, out)
    named = [line.partition(":")[0] for line in said if line.startswith("part")]
    assert named == ["part 2/7", "part 1/3 (earlier division)"]
    assert said[-1] == "complete"


def test_an_encoding_is_complete_if_every_model_has_every_shard(nih_release, tmp_path, run, capsys):
    """One part of two models and one of one of them; and where embeddings are deleted."""
    out = tmp_path / "w"
    command = encode(nih_release, out)
    both = command.replace("--model random", "--model random --model grey-levels")
    assert run(both, "--part 1/2") == 0
    assert run(command, "--part 2/2") == 0

    said = lines(run, capsys, out)

    assert any(line.startswith("part 2/2: finished") and "of grey-levels" in line for line in said)
    assert said[-1] == "not complete: run part 2/2 with the same command and every model"
    assert run("score", out) == 2
    assert "(--part 2/2)" in capsys.readouterr().err

    assert run(both, "--part 2/2") == 0
    assert lines(run, capsys, out)[-1] == "complete"
    (out / "embeddings" / "random" / "part-00000.npy").unlink()
    said = lines(run, capsys, out)
    assert any(line.startswith("random:") and "first missing: 0" in line for line in said)
    assert said[-1] == "not complete: run part 1/2 with the same command and every model"

    assert run(both, "--part 1/2") == 0
    assert lines(run, capsys, out)[-1] == "complete"
    shutil.rmtree(out / "embeddings" / "random")
    assert lines(run, capsys, out)[-1].startswith("not complete")


def test_a_damaged_record_is_named_and_made_again(nih_release, tmp_path, run, capsys):
    """By the part itself, which says so."""
    out = tmp_path / "w"
    for number in (1, 2):
        assert run(encode(nih_release, out), f"--part {number}/3") == 0
    (out / "parts" / "2-of-3.json").write_bytes(b"\xff\xfe")

    said = lines(run, capsys, out)

    assert any("parts/2-of-3.json" in line and "damaged" in line for line in said)
    assert run("status", out, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [part["state"] for part in found["parts"]] == ["finished", "damaged", "not begun"]
    assert run(encode(nih_release, out), "--part 2/3") == 0
    assert "(parts/2-of-3.json) was damaged, and is made again" in capsys.readouterr().err
    assert not any("damaged" in line for line in lines(run, capsys, out))


def test_a_part_that_encodes_is_waited_for(nih_release, tmp_path, run, capsys):
    """Unless it stopped."""
    out = tmp_path / "w"
    assert run(encode(nih_release, out), "--part 1/2") == 0
    file = out / "parts" / "2-of-2.json"
    record = json.loads((out / "parts" / "1-of-2.json").read_text())
    record = {**record, "part": "2/2", "state": "encoding", "machine": "a\nb\x1b[31m\u202e"}
    file.write_text(json.dumps(record))
    said = lines(run, capsys, out)
    assert said[-1] == "not complete: part 2/2 did not end yet"
    assert len(said) == 4
    assert not any(mark in line for line in said for mark in ("\x1b", "\u202e"))

    file.write_text(json.dumps({**record, "written": record["written"] - 2 * LATE}))
    assert lines(run, capsys, out)[-1].startswith("not complete: run part 2/2")


def test_reports_count_as_images_do(mimic_release, tmp_path, run, capsys):
    """An encoding is not complete without them, and the part that lacks them is named."""
    out = tmp_path / "w"
    command = f"encode mimic-cxr --root {mimic_release} --option reports=findings --model random"
    command += f" --shard-size 16 --out {out} -q"
    for part in ("1/2", "2/2"):
        assert run(command, "--part", part) == 0
    said = lines(run, capsys, out)
    assert said[-1] == "complete"
    assert any(line.startswith("random, reports: ") for line in said)

    (out / "report-embeddings" / "random" / "part-00001.npy").unlink()

    said = lines(run, capsys, out)
    assert any(
        line.startswith("part 2/2: ") and "1 shard of random, reports" in line for line in said
    )
    assert said[-1] == "not complete: run part 2/2 with the same command and every model"
    assert run(command, "--part 2/2") == 0
    assert lines(run, capsys, out)[-1] == "complete"
