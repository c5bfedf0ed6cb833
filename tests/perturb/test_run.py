"""From images to edited scores and the report, on files; the control models read true."""

import numpy as np
import pandas as pd
import pytest

from cxraudit.audits.perturbations import CHANGE
from cxraudit.cli import main
from cxraudit.phantom.releases import write_release
from cxraudit.phantom.spec import PhantomSpec
from cxraudit.report.leans import follows, sees
from cxraudit.steps import open_audit


def scored(root, n_patients, models):
    """Return a folder with synthetic radiographs, encoded and scored for two findings."""
    write_release(
        PhantomSpec(n_patients=n_patients, seed=77, image_size=128), root / "release", "nih"
    )
    out = root / "work"
    named = [part for model in models for part in ("--model", model)]
    assert (
        main(
            [
                "encode",
                "nih-cxr14",
                "--root",
                str(root / "release"),
                *named,
                "--out",
                str(out),
                "-q",
            ]
        )
        == 0
    )
    assert main(["score", str(out), "--finding", "Pneumothorax", "--finding", "Cardiomegaly"]) == 0
    return out


def test_the_model_that_was_taught_the_shortcut_follows_a_drain_and_its_counterpart_does_not(
    tmp_path, capsys
):
    """A drawn drain does what the image drawn again with a drain does; the sham is null for both."""
    work = scored(tmp_path, 110, ("phantom-clip", "phantom-clip-clean"))
    command = ["stress", str(work), "--images", "1000", "--edit", "drain", "-q"]
    assert main(command) == 0
    edited = pd.read_parquet(work / "edited-scores.parquet")
    assert set(edited["edit"]) == {"unedited", "drain", "sham", "drain-added", "drain-removed"}
    stores = {p: p.stat().st_mtime_ns for p in (work / "edited").rglob("*.npy")}
    assert main(command) == 0
    assert stores == {p: p.stat().st_mtime_ns for p in (work / "edited").rglob("*.npy")}
    assert main(["stress", str(work), "--images", "50", "--edit", "drain", "-q"]) == 2
    assert "--images 1000" in capsys.readouterr().err
    assert (
        main(["audit", str(work / "scores.parquet"), "--no-embeddings", "--resamples", "500"]) == 0
    )
    shown = capsys.readouterr().out
    assert "The score for pneumothorax rises when a drain is drawn in" in shown
    assert "The score for pneumothorax does not follow a drain drawn in" in shown

    record = open_audit(work / "audit")
    rows = record.edits.results
    rows = rows[
        (rows["metric"] == CHANGE) & (rows["group"] == "all") & (rows["finding"] == "Pneumothorax")
    ]
    for model, part in rows[rows["reference"] == "unedited"].groupby("model"):
        moved = part.set_index("edit")
        drawn, exact = moved.loc["drain"], moved.loc["drain-added"]
        assert drawn["value"] == pytest.approx(exact["value"], abs=0.25)
        assert moved.loc["sham", "verdict"] in ("equivalent", "within margin")
        if model == "phantom-clip":
            assert drawn["verdict"] == exact["verdict"] == "disparity"
            assert moved.loc["drain-removed", "value"] < 0
        else:
            assert drawn["verdict"] in ("equivalent", "within margin")
    html = (work / "audit" / "report.html").read_text()
    assert "images changed on purpose" in html
    assert html.count("the card</h4>") == 2
    assert len(record.places)


def test_corruptions_run_over_files_and_wear_shows(tmp_path, capsys):
    """Blur at five severities, from the command to the report; edits add up; what differs is refused."""
    work = scored(tmp_path, 60, ("phantom-clip",))
    assert main(["stress", str(work), "--images", "1000", "--edit", "blur", "-q"]) == 0
    edited = pd.read_parquet(work / "edited-scores.parquet")
    assert sorted(edited.loc[edited["edit"] == "blur", "severity"].unique()) == [1, 2, 3, 4, 5]
    assert np.isfinite(edited["score"]).all()
    assert (
        main(["audit", str(work / "scores.parquet"), "--no-embeddings", "--resamples", "300"]) == 0
    )
    assert "Loses AUROC with blur" in capsys.readouterr().out
    before = set(edited["edit"])
    assert main(["stress", str(work), "--images", "1000", "--edit", "markers", "-q"]) == 0
    after = set(pd.read_parquet(work / "edited-scores.parquet")["edit"])
    assert after == before | {"markers"}
    capsys.readouterr()
    assert main(["stress", str(work), "--images", "1000", "--seed", "5", "--edit", "blur"]) == 2
    assert "--seed 0" in capsys.readouterr().err
    assert main(["stress", str(work), "--edit", "fog"]) == 2
    assert "fog" in capsys.readouterr().err
    other = tmp_path / "other.toml"
    other.write_text('positive = "an image of {finding}"\nnegative = "a normal image"\n')
    assert main(["score", str(work), "--prompts", str(other), "--finding", "Pneumothorax"]) == 0
    capsys.readouterr()
    assert main(["audit", str(work / "scores.parquet"), "--no-embeddings"]) == 2
    assert "made with other prompts" in capsys.readouterr().err


def test_scores_that_were_not_made_here_cannot_be_made_again(tmp_path, capsys):
    """A folder without scores, and one whose scores do not say with which prompts."""
    assert main(["stress", str(tmp_path)]) == 2
    assert "scores" in capsys.readouterr().err


@pytest.mark.slow
def test_readings_over_many_cohorts(tmp_path):
    """Twelve cohorts of 200 patients; prints the table of the documentation (run with -s)."""
    rows = []
    for seed in range(6001, 6013):
        root = tmp_path / str(seed)
        write_release(
            PhantomSpec(n_patients=200, seed=seed, image_size=128), root / "release", "nih"
        )
        out = root / "work"
        assert (
            main(
                [
                    "encode",
                    "nih-cxr14",
                    "--root",
                    str(root / "release"),
                    "--model",
                    "phantom-clip",
                    "--model",
                    "phantom-clip-clean",
                    "--out",
                    str(out),
                    "-q",
                ]
            )
            == 0
        )
        assert main(["score", str(out), "--finding", "Pneumothorax"]) == 0
        assert main(["stress", str(out), "--images", "400", "--edit", "drain", "-q"]) == 0
        assert main(["audit", str(out / "scores.parquet"), "--no-embeddings"]) == 0
        record = open_audit(out / "audit")
        edits = record.edits.results
        moved = edits[(edits["metric"] == CHANGE) & (edits["group"] == "all")]
        for model in ("phantom-clip", "phantom-clip-clean"):
            mine = moved[(moved["model"] == model) & (moved["reference"] == "unedited")]
            changes = mine.set_index("edit")
            rows.append(
                {
                    "model": model,
                    "seed": seed,
                    "sees": sees(record.results, model)[0].tone,
                    "follows": follows(edits, model, "Pneumothorax")[0].tone,
                    "sham": changes.loc["sham", "verdict"],
                    "drawn": changes.loc["drain", "value"],
                    "exact": changes.loc["drain-added", "value"],
                    "covers": changes.loc["drain", "low"] - 0.1
                    < changes.loc["drain-added", "value"]
                    < changes.loc["drain", "high"] + 0.1,
                }
            )
    table = pd.DataFrame(rows)
    print(table.to_string())  # noqa: T201
    for column in ("sees", "follows", "sham"):
        print(table.groupby(["model", column]).size().to_string())  # noqa: T201
    leaning = table[table["model"] == "phantom-clip"]
    clean = table[table["model"] == "phantom-clip-clean"]

    assert (leaning["follows"] == "bad").all()
    assert (leaning["sees"] == "bad").sum() >= 10
    assert (clean["follows"] == "good").sum() >= 10
    assert not (clean["follows"] == "bad").any()
    assert (clean["sees"] == "bad").sum() <= 1
    assert table["sham"].isin(["equivalent", "within margin"]).all()
    assert table["covers"].sum() >= 20
