"""``cxraudit prepare``, ``encode`` and ``score``: from images to scores, and what is left out."""

import inspect
import json
import shutil

import numpy as np
import pandas as pd
import pytest

from cxraudit.schema import OVERALL


def encode_random(run, root, out, *more) -> int:
    """Encode a synthetic ChestX-ray14 release with the random model."""
    return run(f"encode nih-cxr14 --root {root} --model random --out {out} -q", *more)


def test_from_images_to_report(nih_release, tmp_path, run, capsys):
    """encode, score, audit, report on a synthetic release, with manifests at every step."""
    work = tmp_path / "work"

    assert encode_random(run, nih_release, work) == 0
    assert run("score", work, "--finding Pneumothorax --finding Cardiomegaly") == 0
    assert run("audit", work / "scores.parquet", "--resamples 100") == 0
    assert run("report", work / "audit", "--out", work / "again.html") == 0

    results = pd.read_parquet(work / "audit" / "results.parquet")
    of_scores = results[results["finding"] != ""]
    assert {"Pneumothorax", "Cardiomegaly"} <= set(of_scores["finding"])
    assert {OVERALL, "age_group", "sex", "view_position", "drain"} <= set(results["attribute"])
    assert (work / "again.html").read_text().startswith("<!doctype html>")
    manifest = json.loads((work / "audit" / "results.parquet.manifest.json").read_text())
    assert manifest["cards"]["random"]["name"] == "random"
    assert len(manifest["prompt_hash"]) == 16
    assert manifest["inputs"]["scores"]["sha256"]
    assert "numpy" in manifest["versions"]
    assert "random on phantom-nih" in capsys.readouterr().out


def test_an_image_that_cannot_be_read_is_named_and_the_others_are_kept(
    nih_release, tmp_path, run, capsys
):
    """A corrupt and a missing image: both in failures.csv and on stderr."""
    root = shutil.copytree(nih_release, tmp_path / "copy")
    (root / "images" / "00000001_000.png").write_bytes(b"broken")
    (root / "images" / "00000002_000.png").unlink()

    assert encode_random(run, root, tmp_path / "w") == 0

    failures = pd.read_csv(tmp_path / "w" / "failures.csv")
    assert failures["image_id"].tolist() == ["00000001_000.png", "00000002_000.png"]
    assert "2 images could not be read" in capsys.readouterr().err
    assert run("score", tmp_path / "w", "--finding Pneumonia") == 0
    assert run("audit", tmp_path / "w" / "scores.parquet", "--resamples 20") == 0
    exclusions = pd.read_csv(tmp_path / "w" / "audit" / "exclusions.csv").set_index("step")
    assert exclusions.loc["scored", "images"] == 2


def test_a_refused_encode_leaves_the_cohort_as_it_was(nih_release, tmp_path, run, capsys):
    """Another subset into the same folder: exit code 2, images.parquet untouched."""
    work, listed = tmp_path / "work", tmp_path / "few.txt"
    listed.write_text("00000001_000.png")
    assert encode_random(run, nih_release, work) == 0
    before = (work / "images.parquet").read_bytes()

    assert encode_random(run, nih_release, work, f"--option subset={listed}") == 2
    assert "differ in images" in capsys.readouterr().err
    assert (work / "images.parquet").read_bytes() == before


def defaults(function) -> dict[str, object]:
    """Return the defaults of a function's parameters."""
    return {
        name: parameter.default
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.default is not parameter.empty
    }


@pytest.mark.parametrize("command", ["encode", "score", "perturb", "prepare", "drains", "phantom"])
def test_defaults_are_those_of_the_python_function(command):
    """A number that stands in both places is the same in both."""
    from cxraudit import prepare, steps
    from cxraudit.cli import detector, encode, perturb, phantom
    from cxraudit.detector.train import TrainSettings
    from cxraudit.phantom.spec import PhantomSpec

    shown, python, names = {
        "encode": (encode.encode, steps.encode_step, {"readers": "n_readers"}),
        "score": (encode.score, steps.score_step, {"prompts": "prompt_set"}),
        "perturb": (
            perturb.perturb,
            steps.perturb_step,
            {"images": "n_images", "readers": "n_readers"},
        ),
        "prepare": (encode.prepare, prepare.Preparation, {}),
        "drains": (detector.train, TrainSettings, {"resamples": "n_resamples"}),
        "phantom": (phantom.phantom, PhantomSpec, {"patients": "n_patients"}),
    }[command]

    own, theirs = defaults(shown), defaults(python)
    both = {name: names.get(name, name) for name in own if names.get(name, name) in theirs}
    compared = {name for name in both if theirs[both[name]] is not None and own[name] is not None}
    assert len(compared) >= 1
    assert {name: own[name] for name in compared if name != "prevalence"} == {
        name: theirs[both[name]] for name in compared if name != "prevalence"
    }


def test_changed_images_and_damaged_shards_are_named_by_the_next_encode(
    nih_release, tmp_path, run, capsys
):
    """On stderr; `audit` of the scores made before refuses in one sentence."""
    root = shutil.copytree(nih_release, tmp_path / "copy")
    work = tmp_path / "w"
    assert encode_random(run, root, work, "--shard-size 50") == 0
    assert run("score", work, "--finding Pneumonia") == 0
    first, second = root / "images" / "00000001_000.png", root / "images" / "00000002_000.png"
    kept = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(kept)
    part = work / "embeddings" / "random" / "part-00001.npy"
    part.write_bytes(bytes(part.stat().st_size))
    capsys.readouterr()

    assert encode_random(run, root, work, "--shard-size 50") == 0

    found = capsys.readouterr().err
    assert "images: 2 images had other content than when last encoded: encoded again." in found
    assert "embeddings of 'random': 1 shard incomplete or damaged: encoded again." in found
    assert run("audit", work / "scores.parquet", "--resamples 20") == 2
    assert "Run cxraudit score again" in capsys.readouterr().err


def test_a_model_that_embeds_nothing_is_named_and_the_others_are_finished(
    nih_release, tmp_path, run, capsys, monkeypatch
):
    """Its weights are at fault, not the images; a folder that holds it stays usable."""
    from cxraudit.models.grey_levels import GreyLevels

    real = GreyLevels.encode_images
    monkeypatch.setattr(GreyLevels, "encode_images", lambda self, x: real(self, x) * np.nan)
    work = tmp_path / "work"
    both = (
        f"encode nih-cxr14 --root {nih_release} --model random --model grey-levels --out {work} -q"
    )

    assert run(both) == 2
    said = capsys.readouterr().err
    assert "the model 'grey-levels' embeds none of the" in said
    assert "The other models are encoded" in said
    assert "--root" not in said

    assert encode_random(run, nih_release, work) == 0
    assert run("score", work, "--finding Pneumothorax") == 0
    assert set(pd.read_parquet(work / "scores.parquet")["model"]) == {"random"}

    alone = f"encode nih-cxr14 --root {nih_release} --model grey-levels --out {tmp_path / 'w'} -q"
    assert run(alone) == 2
    assert "Check the weights" in capsys.readouterr().err
