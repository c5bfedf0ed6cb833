"""Any CLIP or SigLIP in transformers' format can be audited without an adapter of its own."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from hf_folders import change, write_folder  # noqa: E402

from cxraudit import models  # noqa: E402
from cxraudit.errors import ConfigError, DataError  # noqa: E402
from cxraudit.testing import check_model, sample_images  # noqa: E402


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A small CLIP and a small SigLIP."""
    place = tmp_path_factory.mktemp("hf")
    return {kind: write_folder(kind, place / kind) for kind in ("clip", "siglip")}


@pytest.mark.parametrize(("kind", "width"), [("clip", 24), ("siglip", 32)])
def test_a_model_in_transformers_format_keeps_the_contract(folders, kind, width):
    """Sizes from its configuration; all image modes; independent rows."""
    spec = f"hf-clip:{folders[kind]}"

    assert models.card(spec).embedding_dim == width
    check_model(models.load(spec), sample_images(5))


@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_embeddings_equal_transformers_own(folders, kind):
    """Reference: the model, processor and tokenizer of transformers."""
    ours = models.load(f"hf-clip:{folders[kind]}")
    theirs = transformers.AutoModel.from_pretrained(folders[kind]).eval()
    images = sample_images(2)
    texts = ["Chest Pneumothorax", "Chest No findings"]
    tokens = transformers.AutoTokenizer.from_pretrained(folders[kind])(
        texts, padding="max_length", truncation=True, max_length=16, return_tensors="pt"
    )
    pixels = np.stack([ours.preprocess(image) for image in images])

    with torch.inference_mode():
        found = theirs(pixel_values=torch.from_numpy(pixels), **tokens)

    np.testing.assert_allclose(ours.encode_images(pixels), found.image_embeds.numpy(), atol=1e-6)
    np.testing.assert_allclose(ours.encode_texts(texts), found.text_embeds.numpy(), atol=1e-6)
    assert ours.logit_scale == pytest.approx(theirs.logit_scale.exp().item())


def test_bfloat16_agrees_approximately_and_has_its_own_fingerprint(folders):
    """Cosines above 0.99; embeddings are never mixed with those of float32."""
    spec = f"hf-clip:{folders['clip']}"
    full, half = models.load(spec), models.load(f"{spec}+bf16")
    pixels = np.stack([full.preprocess(image) for image in sample_images(3)])

    cosines = (full.encode_images(pixels) * half.encode_images(pixels)).sum(1)

    assert full.fingerprint != half.fingerprint
    assert cosines.min() > 0.99
    assert half.encode_images(pixels).dtype == np.float32


def test_other_models_raise(folders, tmp_path):
    """No such folder; a file; an empty folder; another type of model."""
    with pytest.raises(DataError, match=r"no folder or hub name"):
        models.load(f"hf-clip:{tmp_path / 'nowhere'}")
    with pytest.raises(DataError, match=r"no folder or hub name"):
        models.load(f"hf-clip:{folders['clip'] / 'model.safetensors'}")
    with pytest.raises(DataError, match=r"config\.json is missing"):
        models.load(f"hf-clip:{tmp_path}")
    transformers.BertConfig().save_pretrained(tmp_path)
    with pytest.raises(DataError, match="has the model_type bert; hf-clip reads clip, siglip"):
        models.load(f"hf-clip:{tmp_path}")


@pytest.mark.parametrize("device", ["gpu", "cuda", "meta9"])
def test_devices_that_are_not_available_raise(folders, device):
    """Misspelled, or not present."""
    if device == "cuda" and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(ConfigError, match=f"the device '{device}'"):
        models.load(f"hf-clip:{folders['clip']}", device=device)


@pytest.mark.slow
def test_the_command_line_runs_on_such_a_model(folders, nih_release, tmp_path, capsys):
    """Encode, score and audit; the model is reported under the name of its folder, not where it lies."""
    from cxraudit.cli import main

    spec = f"hf-clip:{folders['siglip']}"
    work = tmp_path / "work"
    assert (
        main(
            [
                "encode",
                "nih-cxr14",
                "--root",
                str(nih_release),
                "--model",
                spec,
                "--out",
                str(work),
                "--quiet",
            ]
        )
        == 0
    )
    assert main(["score", str(work)]) == 0
    assert main(["audit", str(work / "scores.parquet"), "--resamples", "100"]) == 0

    assert "hf-clip:siglip on" in capsys.readouterr().out
    handed_on = [*work.glob("*.manifest.json"), *(work / "audit").rglob("*.*")]
    assert not any(str(folders["siglip"].parent).encode() in f.read_bytes() for f in handed_on)
    assert set(pd.read_parquet(work / "scores.parquet")["model"]) == {"hf-clip:siglip"}
    page = (work / "audit" / "report.html").read_text()
    assert "<code>CXA004</code><b>unknown</b>" in page


def test_two_folders_of_one_name_are_refused(folders, nih_release, tmp_path, capsys):
    """Results could not distinguish them."""
    from cxraudit.cli import main

    twins = [tmp_path / name / "clip" for name in "ab"]
    for twin in twins:
        shutil.copytree(folders["clip"], twin)
    chosen = [word for twin in twins for word in ("--model", f"hf-clip:{twin}")]

    code = main(
        ["encode", "nih-cxr14", "--root", str(nih_release), *chosen, "--out", str(tmp_path / "w")]
    )

    assert code == 2
    assert "would both be called hf-clip:clip" in capsys.readouterr().err


def test_the_training_data_of_such_a_model_are_not_known(folders):
    """None, which is not the same as none; the list and the card say so."""
    assert models.card(f"hf-clip:{folders['clip']}").trained_on is None


def test_older_folders_are_read(folders, tmp_path):
    """Configurations that leave defaults out, have the sizes of the towers twice and an old end token."""
    folder = shutil.copytree(folders["clip"], tmp_path / "old")
    config = json.loads((folder / "config.json").read_text())
    text = config.pop("text_config")
    config["text_config_dict"], config["text_config"] = text, {**text, "hidden_size": 99}
    (folder / "config.json").write_text(json.dumps(config))
    change(folder / "config.json", text_config_dict__eos_token_id=2)
    change(folder / "preprocessor_config.json", size=64, crop_size=64, do_convert_rgb=...)
    pixels = np.zeros((1, 3, 64, 64), dtype=np.float32)

    old, new = (models.load(f"hf-clip:{place}") for place in (folder, folders["clip"]))

    assert np.array_equal(old.encode_images(pixels), new.encode_images(pixels))
    texts = ["Chest Pneumonia", "no"]
    assert np.array_equal(old.encode_texts(texts), new.encode_texts(texts))


def test_half_precision_and_shards_are_read(folders, tmp_path):
    """As large models are published; the embeddings are those of the same numbers in float32."""
    network = transformers.AutoModel.from_pretrained(folders["clip"]).half()
    folder = shutil.copytree(folders["clip"], tmp_path / "shards")
    (folder / "model.safetensors").unlink()
    network.save_pretrained(folder, max_shard_size="60KB")
    assert len(list(folder.glob("model-*.safetensors"))) > 1
    pixels = np.random.default_rng(0).normal(size=(1, 3, 64, 64)).astype(np.float32)

    found = models.load(f"hf-clip:{folder}").encode_images(pixels)

    with torch.inference_mode():
        features = network.float().get_image_features(torch.from_numpy(pixels)).pooler_output
    expected = torch.nn.functional.normalize(features).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_processor_of_transformers_5_is_read(folders, tmp_path):
    """It has the steps of images in the configuration of the whole processor."""
    folder = shutil.copytree(folders["siglip"], tmp_path / "new")
    steps = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").unlink()
    (folder / "processor_config.json").write_text(json.dumps({"image_processor": steps}))

    check_model(models.load(f"hf-clip:{folder}"), sample_images(3))


def test_every_file_that_is_used_is_part_of_the_fingerprint(folders, tmp_path):
    """Another file beside them is not."""
    folder = shutil.copytree(folders["clip"], tmp_path / "changed")
    before = models.load(f"hf-clip:{folder}").fingerprint
    (folder / "README.md").write_text("x")
    (folder / "pytorch_model.bin").write_bytes(b"not used beside safetensors")
    assert models.load(f"hf-clip:{folder}").fingerprint == before

    change(folder / "preprocessor_config.json", resample=2)

    assert models.load(f"hf-clip:{folder}").fingerprint != before


def test_nothing_is_asked_of_the_network_for_a_folder(folders, monkeypatch):
    """Sockets are disabled in tests; here the hub's client is not even made."""
    import huggingface_hub

    def refused(*args, **kwargs):
        raise AssertionError("the hub was asked")

    monkeypatch.setattr(huggingface_hub, "get_session", refused)
    monkeypatch.setattr("huggingface_hub.utils._http.get_session", refused)

    models.load(f"hf-clip:{folders['siglip']}").encode_texts(["Chest Pneumonia"])


@pytest.fixture
def hub(folders, tmp_path, monkeypatch):
    """A cache of the hub that has the small CLIP, with files named by their checksums."""
    import huggingface_hub

    from cxraudit.models.weights import checksum

    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / ("a" * 40)
    blobs.mkdir()
    snapshot.mkdir(parents=True)
    for file in folders["clip"].iterdir():
        blob = blobs / checksum(file)
        shutil.copy(file, blob)
        (snapshot / file.name).symlink_to(blob)

    class Answering:
        """A client whose hub is there."""

        def head(self, address, timeout):
            """Say nothing."""

    def hf_hub_download(name, filename, local_files_only):
        assert not local_files_only
        assert (name, filename) == ("owner/model", "config.json")
        return str(snapshot / filename)

    def snapshot_download(name, revision, allow_patterns, local_files_only):
        assert (name, revision) == ("owner/model", "a" * 40)
        return str(snapshot)

    monkeypatch.setattr(huggingface_hub, "get_session", Answering)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", hf_hub_download)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    return snapshot


def test_a_model_of_the_hub_is_the_same_as_its_folder(hub, folders):
    """By the revision that its configuration has; links out of the folder are followed."""
    of_hub, of_folder = (models.load(f"hf-clip:{x}") for x in ("owner/model", folders["clip"]))

    texts = ["Chest Pneumonia"]
    assert np.array_equal(of_hub.encode_texts(texts), of_folder.encode_texts(texts))
    assert of_hub.fingerprint == of_folder.fingerprint


def test_a_file_that_is_not_what_the_hub_published_raises(hub):
    """Its name in the cache is its checksum."""
    blob = (hub / "tokenizer_config.json").resolve()
    blob.write_text(blob.read_text() + " ")

    with pytest.raises(DataError, match="is not what the hub published"):
        models.load("hf-clip:owner/model")


def test_a_hub_that_does_not_answer_is_one_sentence(tmp_path):
    """In a new process, where no part of the client was imported; at once, since nothing is tried again."""
    program = (
        "import socket, sys\n"
        "def refused(*args, **kwargs): raise OSError('no network here')\n"
        "socket.socket.connect = socket.getaddrinfo = refused\n"
        "from cxraudit.cli import main\n"
        "sys.exit(main(['models', 'hf-clip:owner/model']))"
    )
    environment = {**os.environ, "HF_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )

    assert done.returncode == 2, done.stderr
    assert "'owner/model' is no folder, and cannot be downloaded from the hub" in done.stderr
    assert "does not answer: no network here" in done.stderr.replace("[Errno None] ", "")
    assert done.stderr.count("\n") == 1


def test_a_hub_that_is_not_https_raises(monkeypatch):
    """HF_ENDPOINT is set to a mirror, for all programs."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://mirror.test")

    with pytest.raises(ConfigError, match="plain http"):
        models.card("hf-clip:owner/model")
