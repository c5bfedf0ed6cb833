"""Any CLIP or SigLIP in transformers' format can be audited without an adapter of its own."""

import json
import shutil

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from cxraudit import models  # noqa: E402
from cxraudit.errors import ConfigError, DataError  # noqa: E402
from cxraudit.models._torch.tokens import bpe_lists  # noqa: E402
from cxraudit.testing import check_model, sample_images  # noqa: E402

SMALL = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A small CLIP in the layout of PubMedCLIP, and a small SigLIP in that of MedSigLIP."""
    torch.manual_seed(0)
    written = {}
    for kind in ("clip", "siglip"):
        folder = tmp_path_factory.mktemp(kind)
        vocabulary, merges = bpe_lists()
        (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
        (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges), encoding="utf-8")
        tokenizer = transformers.CLIPTokenizer.from_pretrained(folder)
        tokenizer.save_pretrained(folder)
        vision = {**SMALL, "image_size": 64, "patch_size": 16}
        text = {
            **SMALL,
            "vocab_size": 49_408,
            "max_position_embeddings": 16,
            "eos_token_id": 49_407,
        }
        if kind == "clip":
            config = transformers.CLIPConfig(
                text_config=text, vision_config=vision, projection_dim=24
            )
            model = transformers.CLIPModel(config)
            processor = transformers.CLIPImageProcessorPil(size={"shortest_edge": 64}, crop_size=64)
        else:
            config = transformers.SiglipConfig(text_config=text, vision_config=vision)
            model = transformers.SiglipModel(config)
            processor = transformers.SiglipImageProcessorPil(size={"height": 64, "width": 64})
        model.save_pretrained(folder)
        processor.save_pretrained(folder)
        written[kind] = folder
    return written


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
        texts, padding="max_length", max_length=16, return_tensors="pt"
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
    """No such folder; another type of model; a folder without weights."""
    with pytest.raises(DataError, match=r"no folder or hub name"):
        models.load(f"hf-clip:{tmp_path / 'nowhere'}")
    transformers.BertConfig().save_pretrained(tmp_path)
    with pytest.raises(DataError, match="is a bert; hf-clip reads clip, siglip"):
        models.load(f"hf-clip:{tmp_path}")
    (tmp_path / "config.json").write_text((folders["clip"] / "config.json").read_text())
    with pytest.raises(DataError, match="cannot be loaded"):
        models.load(f"hf-clip:{tmp_path}")


@pytest.mark.parametrize("device", ["gpu", "cuda", "meta9"])
def test_devices_that_are_not_available_raise(folders, device):
    """Misspelled, or not present."""
    if device == "cuda" and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(ConfigError, match=f"the device '{device}'"):
        models.load(f"hf-clip:{folders['clip']}", device=device)


def test_missing_tensors_raise(folders, tmp_path):
    """Without one layer of the file, transformers would initialise it at random."""
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "incomplete"
    shutil.copytree(folders["clip"], folder)
    state = load_file(folder / "model.safetensors")
    kept = {key: value for key, value in state.items() if "layers.0" not in key}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})

    with pytest.raises(DataError, match="they would be random"):
        models.load(f"hf-clip:{folder}")


def test_code_beside_the_weights_is_never_run(folders, tmp_path):
    """A configuration of an unknown model type that refers to a Python file."""
    trace = tmp_path / "trace"
    folder = tmp_path / "malicious"
    folder.mkdir()
    (folder / "conf.py").write_text(f"open({str(trace)!r}, 'w')\n")
    config = {"model_type": "other", "auto_map": {"AutoConfig": "conf.Other"}}
    (folder / "config.json").write_text(json.dumps(config))

    with pytest.raises(DataError, match="can be read"):
        models.card(f"hf-clip:{folder}")
    assert not trace.exists()


def test_the_command_line_runs_on_such_a_model(folders, nih_release, tmp_path, capsys):
    """Encode, score and audit; the model is reported under its full name."""
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

    assert spec in capsys.readouterr().out
