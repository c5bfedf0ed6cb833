"""From films to edited scores and the report, on files; the control models read true."""

import numpy as np
import pandas as pd
import pytest

from cxraudit.audits.edits import CHANGE
from cxraudit.cli import main
from cxraudit.datasets.phantom.releases import write_release
from cxraudit.datasets.phantom.spec import PhantomSpec
from cxraudit.pipeline import open_audit


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """150 made-up patients, encoded and scored with both control models."""
    root = tmp_path_factory.mktemp("stress")
    write_release(PhantomSpec(n_patients=150, seed=77, image_size=128), root / "release", "nih")
    out = root / "work"
    assert main(["encode", "nih-cxr14", "--root", str(root / "release"), "--model", "phantom-clip",
                 "--model", "phantom-clip-clean", "--out", str(out), "-q"]) == 0  # fmt: skip
    assert main(["score", str(out), "--finding", "Pneumothorax", "--finding", "Cardiomegaly"]) == 0
    return out


def test_the_model_that_was_taught_the_shortcut_follows_a_drain_and_its_counterpart_does_not(
    work, capsys
):
    """A drawn drain does what the film drawn again with a drain does; the sham is null for both."""
    command = ["stress", str(work), "--films", "1000", "--edit", "drain", "-q"]
    assert main(command) == 0
    edited = pd.read_parquet(work / "edited-scores.parquet")
    assert set(edited["edit"]) == {"unedited", "drain", "sham", "drain-added", "drain-removed"}
    stores = {p: p.stat().st_mtime_ns for p in (work / "edited").rglob("*.npy")}
    assert main(command) == 0
    assert stores == {p: p.stat().st_mtime_ns for p in (work / "edited").rglob("*.npy")}
    assert main(["stress", str(work), "--films", "50", "--edit", "drain", "-q"]) == 2
    assert "differ in films" in capsys.readouterr().err
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
    assert "films changed on purpose" in html
    assert html.count("the card</h4>") == 2
    assert len(record.places)


def test_corruptions_run_over_files_and_wear_shows(work, capsys):
    """Blur at five severities, from the command to the report; an unknown edit is refused."""
    assert main(["stress", str(work), "--films", "1000", "--edit", "blur", "-q"]) == 0
    edited = pd.read_parquet(work / "edited-scores.parquet")
    assert sorted(edited.loc[edited["edit"] == "blur", "severity"].unique()) == [1, 2, 3, 4, 5]
    assert np.isfinite(edited["score"]).all()
    assert (
        main(["audit", str(work / "scores.parquet"), "--no-embeddings", "--resamples", "300"]) == 0
    )
    assert "Loses AUROC with blur" in capsys.readouterr().out
    assert main(["stress", str(work), "--edit", "fog"]) == 2
    assert "fog" in capsys.readouterr().err


def test_scores_that_were_not_made_here_cannot_be_made_again(tmp_path, capsys):
    """A folder without scores, and one whose scores do not say with which prompts."""
    assert main(["stress", str(tmp_path)]) == 2
    assert "scores" in capsys.readouterr().err
