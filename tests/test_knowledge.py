"""From images to the report: what embeddings know is audited where there are embeddings."""

import numpy as np
import pandas as pd
import pytest

from cxraudit.cli import main
from cxraudit.phantom.releases import write_release
from cxraudit.phantom.spec import PhantomSpec
from cxraudit.prompts.bank import wordings
from cxraudit.steps import open_audit, read_embedded


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A MIMIC release of 90 patients, its images and reports embedded, scored and audited."""
    root = tmp_path_factory.mktemp("release")
    write_release(PhantomSpec(n_patients=90, seed=12, image_size=64), root, "mimic", n_workers=1)
    out = tmp_path_factory.mktemp("work")
    for command in (
        [
            "encode",
            "mimic-cxr",
            "--root",
            str(root),
            "--option",
            "reports=findings",
            "--model",
            "phantom-clip",
            "--out",
            str(out),
            "-q",
        ],
        ["score", str(out), "--finding", "Pneumothorax", "--finding", "Pneumonia"],
        ["audit", str(out / "scores.parquet"), "--resamples", "150"],
    ):
        assert main(command) == 0
    return out


def test_images_and_reports_are_probed_and_the_report_says_so(work):
    """Images, texts, both and two axes; readings; figures in the report; the folder reads back."""
    record = open_audit(work / "audit")

    assert record.knowledge is not None
    rows = record.knowledge.results
    spaces = set(rows.loc[rows["analysis"] == "probe", "space"])
    assert {"image", "text", "both", "PCA (2 axes)", "t-SNE (2 axes)"} == spaces
    assert {
        "probe",
        "projection",
        "centroid",
        "direction",
        "erasure",
        "reading",
        "multiverse",
    } == set(rows["analysis"])
    assert (rows["metric"] == "modality gap").sum() == 1
    assert set(record.knowledge.points["modality"]) == {"image", "report"}
    html = (work / "audit" / "report.html").read_text()
    assert "what the embedding knows, and what the score uses" in html
    assert "What two axes show, and what probes read" in html
    assert len(list((work / "audit" / "figures").glob("*seen-and-read.svg"))) == 1


def test_directions_are_kept_with_their_words(work):
    """One row per prompt pair; the score is a function of the embedding along the direction."""
    table = pd.read_parquet(work / "directions.parquet")
    (one,) = read_embedded(work)
    scores = pd.read_parquet(work / "scores.parquet")

    assert set(table.loc[~table["in_bank"], "pair"]) == {"paper"}
    assert table["in_bank"].sum() == sum(len(wordings(f)) for f in ("Pneumothorax", "Pneumonia"))
    usual = next(pair for pair in one.prompts if pair.finding == "Pneumonia")
    assert (usual.positive, usual.negative) == ("Chest Pneumonia", "Chest No findings")
    along = pd.Series(one.vectors @ usual.direction, index=one.image_ids)
    mine = scores[scores["finding"] == "Pneumonia"].set_index("image_id")["score"]
    assert np.corrcoef(along.rank(), mine.loc[along.index].rank())[0, 1] > 0.999
    assert one.texts is not None
    assert one.texts.shape == one.vectors.shape


def test_it_can_be_left_out(work, tmp_path):
    """--no-embeddings: no tables, and those of an earlier audit go."""
    out = tmp_path / "audit"
    command = ["audit", str(work / "scores.parquet"), "--resamples", "100", "--out", str(out)]
    out.mkdir()
    (out / "embeddings.parquet").write_bytes(b"of an earlier audit")

    assert main([*command, "--no-embeddings"]) == 0

    assert not (out / "embeddings.parquet").exists()
    assert open_audit(out).knowledge is None


def test_score_warns_of_a_prompt_that_denies_twice(work, tmp_path, capsys):
    """“no No Finding” is said on stderr; the scores are made all the same."""
    prompts = tmp_path / "mine.toml"
    prompts.write_text('positive = "no {finding}"\nnegative = "{finding}"\n')
    capsys.readouterr()

    assert main(["score", str(work), "--prompts", str(prompts), "--finding", "Pneumonia"]) == 0

    assert "Pneumonia: the positive prompt denies" in capsys.readouterr().err
    assert main(["score", str(work), "--finding", "Pneumothorax", "--finding", "Pneumonia"]) == 0
