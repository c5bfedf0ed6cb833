"""A model of images alone is encoded, refused where prompts are needed, and audited through heads."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

pytest.importorskip("torch")
pytest.importorskip("transformers")

from hf_folders import write_dinov2

from cxraudit import encode_images, open_audit, read_vectors, score
from cxraudit.cli import main
from cxraudit.errors import ConfigError
from cxraudit.models import load_image_model

N_PATIENTS = 120


@pytest.fixture(scope="module")
def dino(tmp_path_factory):
    """A small DINOv2, of which a user states the training data."""
    folder = write_dinov2(
        tmp_path_factory.mktemp("models") / "dino", hidden_size=8, num_attention_heads=2
    )
    (folder / "cxraudit-card.toml").write_text('trained_on = ["labels"]\nlicense = "MIT"\n')
    return folder


@pytest.fixture(scope="module")
def clinic(tmp_path_factory, dino):
    """A table of labels, its images with a bright corner where there is edema, and their embeddings."""
    place = tmp_path_factory.mktemp("clinic")
    rng = np.random.default_rng(3)
    edema = rng.random(N_PATIENTS) < 0.4
    names = []
    for number, positive in enumerate(edema):
        grey = rng.integers(60, 120, (24, 24), dtype=np.uint8)
        grey[:12, :12] += np.uint8(100 * positive * rng.random() + 10)
        names.append(f"{number:04}.png")
        Image.fromarray(grey).save(place / names[-1])
    table = pd.DataFrame(
        {
            "file": names,
            "pid": [f"p{number}" for number in range(N_PATIENTS)],
            "edema": edema.astype(int),
            "sex": rng.choice(["F", "M"], N_PATIENTS),
        }
    )
    table.to_csv(place / "labels.csv", index=False)
    images = pd.DataFrame({"image_id": names, "path": [str(place / name) for name in names]})
    encode_images(images, {"dino": load_image_model(f"hf-image:{dino}")}, place / "store")
    return place


def audited(clinic, out, embeddings):
    """Audit the table with heads."""
    columns = ["--patient", "pid", "--image", "file", "--label", "Edema=edema", "--sex", "sex"]
    options = ["--embeddings", f"dino={embeddings}", "--resamples", "50", "--out", str(out)]
    assert main(["audit", str(clinic / "labels.csv"), *columns, *options]) == 0
    return open_audit(out)


def test_heads_of_a_store_are_those_of_its_exported_vectors(clinic, tmp_path):
    """As .npz and as Parquet: every number of the audit to 1e-9."""
    found = read_vectors(clinic / "store" / "dino")
    np.savez(tmp_path / "v.npz", ids=found.image_ids, embeddings=found.vectors)
    frame = pd.DataFrame({"image_id": found.image_ids, "embedding": list(found.vectors)})
    frame.sample(frac=1, random_state=0).to_parquet(tmp_path / "v.parquet")

    expected = audited(clinic, tmp_path / "store", clinic / "store" / "dino")

    assert expected.results.query("metric == 'auroc'")["value"].max() > 0.8
    for file in ("v.npz", "v.parquet"):
        other = audited(clinic, tmp_path / file.partition(".")[2], tmp_path / file)
        pd.testing.assert_frame_equal(other.results, expected.results, rtol=0, atol=1e-9)
        for name in ("score_percentiles", "audited_scores"):
            mine, its = getattr(other, name), getattr(expected, name)
            pd.testing.assert_frame_equal(mine, its, rtol=0, atol=1e-9)


def test_the_card_of_the_encoder_is_part_of_the_audit(clinic, tmp_path):
    """Its training data are compared with the audited data; vectors of a file have no card."""
    found = audited(clinic, tmp_path / "store", clinic / "store" / "dino")

    assert found.manifest["cards"]["dino"]["trained_on"] == ["labels"]
    page = (tmp_path / "store" / "report.html").read_text()
    assert "<code>CXA004</code><b>unknown</b>" not in page
    assert "CXA004" in page


def test_images_are_encoded_and_prompts_refused(dino, nih_release, tmp_path, capsys):
    """The sentence names the command for heads, and its folder."""
    work = tmp_path / "work"
    spec = f"hf-image:{dino}"
    encode = ["encode", "nih-cxr14", "--root", str(nih_release), "--out", str(work), "--quiet"]

    assert main([*encode, "--model", spec]) == 0
    assert main(["score", str(work)]) == 2
    said = capsys.readouterr().err
    assert "'hf-image:dino' has no text side" in said
    assert "cxraudit audit TABLE --embeddings" in said
    assert not (work / "scores.parquet").exists()
    record = json.loads(next(work.glob("embeddings/*/store.json")).read_text())
    assert record["card"]["text_side"] is False
    assert main(["perturb", str(work)]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_other_models_are_scored_beside_it(dino, nih_release, tmp_path, capsys):
    """It is left out, and said to be."""
    work = tmp_path / "work"
    encode = ["encode", "nih-cxr14", "--root", str(nih_release), "--out", str(work), "--quiet"]
    assert main([*encode, "--model", f"hf-image:{dino}", "--model", "random"]) == 0

    assert main(["score", str(work)]) == 0
    assert "'hf-image:dino' has no text side" in capsys.readouterr().err
    assert main(["audit", str(work / "scores.parquet"), "--resamples", "50"]) == 0
    assert set(pd.read_parquet(work / "scores.parquet")["model"]) == {"random"}


def test_a_run_with_prompts_is_refused_before_any_work(dino, nih_release, tmp_path, capsys):
    """Nothing is written."""
    run = tmp_path / "run.toml"
    run.write_text(
        f'out = "{tmp_path}/work"\n[dataset]\nname = "nih-cxr14"\nroot = "{nih_release}"\n'
        f'[encode]\nmodels = ["hf-image:{dino}"]\n'
    )

    assert main(["run", str(run)]) == 2
    assert "no text side" in capsys.readouterr().err
    assert not (tmp_path / "work" / "embeddings").exists()


def test_scores_in_python_are_refused(dino, clinic):
    """Given the model."""
    with pytest.raises(ConfigError, match="no text side"):
        score(clinic / "store" / "dino", load_image_model(f"hf-image:{dino}"), ["Edema"])


def test_the_commands_of_models_work_without_texts(dino, capsys):
    """Card, check and bench."""
    spec = f"hf-image:{dino}"
    for command in (["models", spec], ["models", "check", spec], ["models", "bench", spec]):
        assert main([*command]) == 0
    said = capsys.readouterr().out
    assert "text_side      no" in said
    assert "depends on its own image only" in said
    assert "bfloat16" in said
