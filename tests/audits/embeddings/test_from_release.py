"""From images to the report: embeddings are audited where there are embeddings."""

import numpy as np
import pandas as pd
import pytest

from cxraudit.audits.result import open_audit
from cxraudit.cli import main
from cxraudit.phantom.releases import write_release
from cxraudit.phantom.spec import PhantomSpec
from cxraudit.prompts.bank import wordings
from cxraudit.schema import Analysis
from cxraudit.steps import read_embeddings
from cxraudit.workspace import AuditFolder, Workspace
from planted import the

OF_EMBEDDINGS = {
    Analysis.PROBE,
    Analysis.PROJECTION,
    Analysis.CENTROID,
    Analysis.SCORE_DIRECTION,
    Analysis.ERASURE,
    Analysis.ENCODING_USE,
    Analysis.PROMPT_SENSITIVITY,
}
FINDINGS = ["--finding", "Pneumothorax", "--finding", "Pneumonia"]


@pytest.fixture(scope="module")
def work(tmp_path_factory, coarse_probes):
    """A synthetic MIMIC release of 90 patients, its images and reports embedded, scored and audited."""
    root = tmp_path_factory.mktemp("release")
    write_release(PhantomSpec(n_patients=90, seed=12, image_size=64), root, "mimic", n_workers=1)
    out = tmp_path_factory.mktemp("work")
    encode = ["encode", "mimic-cxr", "--root", str(root), "--option", "reports=findings"]
    for command in (
        [*encode, "--model", "phantom-clip", "--out", str(out), "-q"],
        ["score", str(out), *FINDINGS],
        ["audit", str(out / "scores.parquet"), "--resamples", "150"],
    ):
        assert main(command) == 0
    return out


@pytest.mark.slow
def test_images_and_reports_are_probed(work):
    """Images, texts, both and two axes."""
    results = open_audit(work / "audit").results

    probes = results[results["analysis"] == Analysis.PROBE]
    assert set(probes["condition"]) == {"image", "text", "both", "PCA (2 axes)", "t-SNE (2 axes)"}


def test_every_analysis_of_embeddings_is_in_the_folder(work):
    """The audit that is read back has rows of each, and the tables of the figures."""
    found = open_audit(work / "audit")

    assert set(found.results["analysis"]) >= OF_EMBEDDINGS
    assert np.isfinite(the(found.results, metric="modality_gap")["value"])
    assert set(found.points["modality"]) == {"image", "report"}
    assert len(found.curves)
    assert len(found.prompt_gaps)
    assert found.facts["embedded"] == ["phantom-clip"]


def test_directions_are_kept_with_their_words(work):
    """One row per prompt pair: those of the scores, and those of the bank."""
    table = pd.read_parquet(Workspace(work).directions)

    assert set(table.loc[~table["in_bank"], "pair"]) == {"paper"}
    assert table["in_bank"].sum() == sum(len(wordings(f)) for f in ("Pneumothorax", "Pneumonia"))


def test_the_score_is_a_function_of_the_embedding_along_the_direction(work):
    """Ranks agree, image by image; reports stand beside the images."""
    (one,) = read_embeddings(work)
    scores = pd.read_parquet(Workspace(work).scores)

    usual = next(pair for pair in one.prompts if pair.finding == "Pneumonia")

    assert (usual.positive, usual.negative) == ("Chest Pneumonia", "Chest No findings")
    along = pd.Series(one.vectors @ usual.direction, index=one.image_ids)
    own = scores[scores["finding"] == "Pneumonia"].set_index("image_id")["score"]
    assert np.corrcoef(along.rank(), own.loc[along.index].rank())[0, 1] > 0.999
    assert one.texts is not None
    assert one.texts.shape == one.vectors.shape


@pytest.mark.slow
def test_embeddings_can_be_left_out(work, tmp_path):
    """``--no-embeddings``: no rows and no tables of them."""
    out = tmp_path / "audit"
    scores = str(work / "scores.parquet")

    code = main(["audit", scores, "--resamples", "100", "--out", str(out), "--no-embeddings"])

    assert code == 0
    found = open_audit(out)
    assert not set(found.results["analysis"]) & OF_EMBEDDINGS
    assert found.points.empty
    assert not AuditFolder(out).points.exists()


def test_a_prompt_with_two_negations_is_pointed_out(work, tmp_path, capsys):
    """On stderr; the scores are made all the same, and can be made again."""
    prompts = tmp_path / "own.toml"
    prompts.write_text('positive = "no {finding}"\nnegative = "{finding}"\n')
    capsys.readouterr()

    code = main(["score", str(work), "--prompts", str(prompts), "--finding", "Pneumonia"])

    assert code == 0
    assert "Pneumonia: the positive prompt has a negation" in capsys.readouterr().err
    assert main(["score", str(work), *FINDINGS]) == 0
