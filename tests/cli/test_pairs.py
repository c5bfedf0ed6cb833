"""Own edits of images by the command line: from files, and as scores."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cxraudit.edits import CONTROL_OF
from cxraudit.images import read_image
from cxraudit.perturb import perturb
from planted import pick

HOSTILE = '<b>drain</b> "x" | $\\frac{'


@pytest.fixture(scope="module")
def work(nih_release, tmp_path_factory, run):
    """A run that was encoded and scored."""
    folder = tmp_path_factory.mktemp("run") / "work"
    assert run("encode nih-cxr14 --root", nih_release, "--model phantom-clip -q --out", folder) == 0
    assert run("score", folder, "--finding Pneumothorax") == 0
    return folder


@pytest.fixture(scope="module")
def table(work, tmp_path_factory):
    """Images made darker (with a hostile name), and turned as their control."""
    folder = tmp_path_factory.mktemp("edited")
    images = pd.read_parquet(work / "images.parquet")
    rows = []
    for image_id, path in list(zip(images["image_id"], images["path"], strict=True))[:60]:
        for edit, name, of in (("exposure", HOSTILE, ""), ("noise", "control", HOSTILE)):
            file = f"{edit}-{image_id}"
            image = read_image(Path(path))
            perturb(image, edit, severity=3, image_id=image_id).save(folder / file)
            rows.append((image_id, file, name, of))
    frame = pd.DataFrame(rows, columns=["image_id", "output", "edit", CONTROL_OF])
    frame.to_csv(folder / "pairs.csv", index=False)
    return folder / "pairs.csv"


def test_edited_images_are_scored_and_audited(work, table, run, capsys):
    """With other perturbations beside; a second call keeps everything."""
    pairs = ("perturb", work, "-q --pair-column edited=output --pairs", table)
    assert run("perturb", work, "-q --perturbation drain --images 40") == 0
    assert run(*pairs) == 0
    first = pd.read_parquet(work / "pair-scores.parquet")
    assert run(*pairs) == 0
    pd.testing.assert_frame_equal(first, pd.read_parquet(work / "pair-scores.parquet"))

    assert run("audit", work / "scores.parquet", "--resamples 60 --no-embeddings") == 0

    results = pd.read_parquet(work / "audit" / "results.parquet")
    edits = pick(results, analysis="counterfactual")
    assert {HOSTILE, "control", "drain"} <= set(edits["condition"])
    assert set(pick(edits, condition=HOSTILE)["reference"]) == {"", "unedited", "control"}
    checks = pd.read_csv(work / "pair-checks.csv")
    assert len(checks) == 120
    page = (work / "audit" / "report.html").read_text()
    assert "Own edits" in page
    assert "<b>drain</b>" not in page
    assert "‘<b>drain</b>" in capsys.readouterr().out


def test_scores_of_edited_images_are_audited(own_table, columns, tmp_path, run):
    """From a table of one row per image, with the columns of the table of scores."""
    frame = pd.read_csv(own_table)
    score = "score_Pneumothorax"
    wobble = 0.2 * np.random.default_rng(0).normal(size=len(frame))
    edited = [
        frame[["file", score]].assign(
            edit=edit, control=control, **{score: frame[score] + step * (1 + wobble)}
        )
        for edit, control, step in ((HOSTILE, "no", 1.5), ("copy", "yes", 0.0))
    ]
    pairs = tmp_path / "pairs.csv"
    pd.concat(edited).to_csv(pairs, index=False)

    assert run("audit", own_table, columns, "--out", tmp_path / "out", "--pairs", pairs) == 0

    rows = pick(
        pd.read_parquet(tmp_path / "out" / "results.parquet"),
        analysis="counterfactual",
        condition=HOSTILE,
        metric="score_change",
        attribute="",
        group="",
    ).set_index("reference")
    assert rows.loc["copy", "verdict"] == "disparity"
    assert rows.loc["copy", "value"] == pytest.approx(rows.loc["unedited", "value"])


MISUSE = [
    ("perturb {work} --pairs {missing}", "is missing"),
    ("perturb {work} --pairs {folder}", "is a folder"),
    ("perturb {work} --pairs {table}", "lacks the column edited"),
    ("perturb {work} --pairs {table} --perturbation drain", "--pairs scores edited images only"),
    (
        "perturb {work} --pairs {table} --pairs-root {missing} --pair-column edited=output",
        "is no folder",
    ),
    ("perturb {work} --pairs-root {folder}", "name it with --pairs"),
    ("perturb {work} --pairs {table} --pair-column colour=edit", "no column of pairs named"),
    ("perturb {work} --pairs {table} --pair-column edited", "NAME=|edited"),
    ("perturb {folder} --pairs {table}", "holds no scores.parquet"),
    ("audit {own} {columns} --pair-column edit=x --out {missing}", "add --pairs"),
    ("audit {own} {columns} --pairs {missing} --out {missing}", "is missing"),
    ("audit {own} {columns} --pairs {own} --out {missing}", "lacks the column"),
]


@pytest.mark.parametrize(("words", "message"), MISUSE)
def test_misuse_is_refused_in_one_sentence(
    work, table, own_table, columns, tmp_path, run, capsys, words, message
):
    """Nothing is written."""
    (tmp_path / "empty").mkdir()
    given = words.format(
        work=work,
        table=table,
        own=own_table,
        columns=columns,
        folder=tmp_path / "empty",
        missing=tmp_path / "nowhere",
    )

    assert run(given) == 2
    assert re.search(message, " ".join(capsys.readouterr().err.split()))
    assert not (tmp_path / "nowhere").exists()
