"""Words for groups in prompts, from the command line: by a folder of embeddings, and by a table."""

import json

import pandas as pd
import pytest

from cxraudit.workspace import Workspace
from planted import planted_table

LABELS = "--image file --patient pid --label Pneumothorax=Pneumothorax --sex sex"
QUICK = "--resamples 120 --operating-point none --calibration none"
HOSTILE = "<b>x|y</b> $\\frac{$"


@pytest.fixture
def worded_table(tmp_path):
    """One row per image and wording, with names that are markup."""
    frame = planted_table(0, n_patients=150)
    female = frame["sex"] == "F"
    kinds = {
        "plain": ("base", "", "", 0.0),
        "w": ("demographic", "sex", "female", 0.5),
        "m": ("demographic", "sex", "male", -0.5),
        HOSTILE: ("neutral", "day", HOSTILE, 0.01),
        "tue": ("neutral", "day", "Tuesday", -0.01),
        "wed": ("neutral", "day", "Wednesday", 0.02),
    }
    parts = [
        frame.assign(
            prompt_variant=name,
            variant_kind=kind,
            variant_attribute=attribute,
            variant_group=group,
            score=frame["score_Pneumothorax"] + step * female,
        )
        for name, (kind, attribute, group, step) in kinds.items()
    ]
    path = tmp_path / "worded.csv"
    pd.concat(parts).to_csv(path, index=False)
    return path


def test_words_are_scored_audited_and_removed_again(nih_release, tmp_path, run, capsys):
    """Texts only; a later call without them leaves no directions of theirs behind."""
    work = tmp_path / "work"
    assert run(f"encode nih-cxr14 --root {nih_release} --model random --out {work} -q") == 0
    capsys.readouterr()

    assert run("score", work, "--finding Pneumothorax --wordings default") == 0

    assert "118 wordings of each prompt" in capsys.readouterr().out
    manifest = json.loads((work / "scores.parquet.manifest.json").read_text())
    assert manifest["wordings"]["texts"] == 118
    assert len(Workspace(work).read_wording_directions()) == 118
    assert run("audit", work / "scores.parquet", QUICK) == 0
    results = pd.read_parquet(work / "audit" / "results.parquet")
    assert "wording" in set(results["analysis"])
    assert (work / "audit" / "wording-changes.parquet").is_file()

    assert run("score", work, "--finding Pneumothorax") == 0
    assert not (work / "wording-directions.parquet").exists()
    assert run("audit", work / "scores.parquet", QUICK) == 0
    assert not (work / "audit" / "wording-changes.parquet").exists()


def test_directions_that_were_changed_are_refused(nih_release, tmp_path, run, capsys):
    """As every file of a finished step."""
    work = tmp_path / "work"
    run(f"encode nih-cxr14 --root {nih_release} --model random --out {work} -q")
    run("score", work, "--finding Pneumothorax --wordings default")
    (work / "wording-directions.parquet").write_bytes(b"broken")

    assert run("audit", work / "scores.parquet", QUICK) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("name", ["defualt", "none.toml"])
def test_unknown_words_are_refused_before_anything_is_scored(
    nih_release, tmp_path, run, capsys, name
):
    """Exit code 2, no scores."""
    work = tmp_path / "work"
    run(f"encode nih-cxr14 --root {nih_release} --model random --out {work} -q")

    assert run("score", work, f"--wordings {name}") == 2
    assert name in capsys.readouterr().err
    assert not (work / "scores.parquet").exists()


def test_a_table_with_wordings_is_audited_by_its_base(worded_table, tmp_path, run, capsys):
    """The report has the section, and names stay text."""
    assert run("audit", worded_table, f"{LABELS} --score Pneumothorax=score {QUICK}") == 0

    out = capsys.readouterr().out
    assert "exploratory: Words for groups in the prompt" in out
    page = (tmp_path / "audit" / "report.html").read_text()
    assert "Prompt wordings" in page
    assert "<b>x|y" not in page
    results = pd.read_parquet(tmp_path / "audit" / "results.parquet")
    own = results[results["metric"] == "own_words_shift"]
    assert own["value"].item() == pytest.approx(1.0, abs=0.2)
    assert set(pd.read_parquet(tmp_path / "audit" / "audited-scores.parquet")["model"]) == {"model"}


def test_small_cells_stay_hidden(worded_table, tmp_path, run):
    """No count, and nothing of hidden groups, in the table of changes."""
    more = "--suppress-below 11"
    assert run("audit", worded_table, f"{LABELS} --score Pneumothorax=score {QUICK} {more}") == 0

    results = pd.read_parquet(tmp_path / "audit" / "results.parquet")
    words = results[results["analysis"] == "wording"]
    assert len(words)
    assert words["n"].isna().all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="variant_kind"), "none variant_kind"),
        (lambda t: t[t["variant_kind"] != "base"], "no wording of variant_kind base"),
        (lambda t: t[t["variant_kind"] != "neutral"], "no neutral wordings"),
        (lambda t: pd.concat([t, t.tail(3)]), "3 rows whose"),
        (lambda t: t.assign(seed=1), "training runs and wordings"),
        (
            lambda t: t.assign(score=t["score"].mask(t["prompt_variant"] == "tue")),
            "wording 'tue', has no score",
        ),
    ],
)
def test_a_table_that_cannot_be_compared_is_refused(
    worded_table, tmp_path, run, capsys, change, message
):
    """In one sentence, exit code 2, nothing written."""
    change(pd.read_csv(worded_table)).to_csv(worded_table, index=False)
    more = "--seed-column seed" if message.startswith("training") else ""

    code = run("audit", worded_table, f"{LABELS} --score Pneumothorax=score {QUICK} {more}")

    assert code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "audit").exists()
