"""A folder in the format of open_clip gives the pixels, tokens and embeddings of open_clip itself."""

import hashlib
import json

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

import open_clip_folders as folders  # noqa: E402
from hf_folders import change  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

import generated  # noqa: E402
from cxraudit import models  # noqa: E402
from cxraudit.models import weights  # noqa: E402
from cxraudit.testing import check_model, sample_images  # noqa: E402

LARGE = ("siglip", "siglip_exact")
QUICK = [case for case in folders.CASES if case not in LARGE]
CASES = [*QUICK, *(pytest.param(case, marks=pytest.mark.slow) for case in LARGE)]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Write a case once."""
    place = tmp_path_factory.mktemp("open_clip")
    made = {}

    def write(case):
        if case not in made:
            made[case] = folders.write_folder(case, place / case)
        return made[case]

    return write


def pictures():
    """The images of the canonical values."""
    images = [generated.image(one) for one in folders.IMAGES]
    return [*images, Image.merge("RGB", [images[1], images[1].rotate(180), images[1]])]


@pytest.mark.parametrize("case", CASES)
def test_pixels_tokens_and_embeddings_are_those_of_open_clip(written, case):
    """Pixels and tokens to the bit, embeddings to 1e-6, and the logit scale and bias."""
    folder, stored = written(case), folders.canonical(case)
    model = models.load(f"open-clip:{folder}")

    pixels = [model.preprocess(image) for image in pictures()]
    images = model.encode_images(np.stack(pixels))
    texts = model.encode_texts(folders.TEXTS)

    assert [hashlib.sha256(one.tobytes()).hexdigest() for one in pixels] == [*stored["pixels"]]
    assert [model.token_ids(text) for text in folders.TEXTS] == stored["ids"].tolist()
    np.testing.assert_allclose(images, stored["images"], atol=1e-6)
    np.testing.assert_allclose(texts, stored["texts"], atol=1e-6)
    assert model.logit_scale == pytest.approx(float(stored["logit_scale"]), rel=1e-6)
    assert ("logit_bias" in stored) == hasattr(model.network, "logit_bias")
    if "logit_bias" in stored:
        np.testing.assert_allclose(model.network.logit_bias, stored["logit_bias"], atol=1e-7)
    for rows in (images, texts):  # or equality would say little
        assert np.abs(rows[0] - rows[1]).max() > 1e-3


@pytest.mark.parametrize("case", CASES)
def test_generated_weights_are_those_that_open_clip_ran_with(case):
    """Equal digests."""
    digest = hashlib.sha256()
    for name, value in folders.state(folders.manifest(case)).items():
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(value.numpy()).tobytes())

    assert digest.hexdigest() == str(folders.canonical(case)["digest"])


@pytest.mark.parametrize("case", QUICK)
def test_the_model_keeps_the_contract(written, case):
    """Rows that depend on neither order nor batch; all image modes."""
    check_model(models.load(f"open-clip:{written(case)}"), sample_images(4))


@pytest.mark.parametrize("name", ["open_clip_pytorch_model.bin", "open_clip_pytorch_model.pth"])
@pytest.mark.parametrize("nested", [False, True])
def test_weights_of_a_training_run_are_read(written, tmp_path, name, nested):
    """Pickled, with other content, each name after ``module.``; the logit scale as one number or a list."""
    state = load_file(written("vit") / "open_clip_model.safetensors")
    state["logit_scale"] = state["logit_scale"].reshape(1)
    folder = folders.write_folder("vit", tmp_path / "run", {})
    wrapped = {f"module.{key}": value for key, value in state.items()}
    content = {"epoch": 3, "name": "run", "state_dict": wrapped} if nested else wrapped
    torch.save(content, folder / name)

    model, plain = (models.load(f"open-clip:{place}") for place in (folder, written("vit")))

    assert np.array_equal(model.encode_texts(folders.TEXTS), plain.encode_texts(folders.TEXTS))
    assert model.logit_scale == plain.logit_scale


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_half_precision_is_read_as_the_same_numbers(written, tmp_path, kind):
    """The embeddings are those of the rounded numbers in float32."""
    state = load_file(written("vit_options") / "open_clip_model.safetensors")
    places = []
    for name, of in (("half", kind), ("full", torch.float32)):
        places.append(folders.write_folder("vit_options", tmp_path / name, {}))
        rounded = {key: value.to(kind).to(of) for key, value in state.items()}
        save_file(rounded, places[-1] / "open_clip_model.safetensors")
    half, full = (models.load(f"open-clip:{place}") for place in places)

    assert np.array_equal(half.encode_texts(folders.TEXTS), full.encode_texts(folders.TEXTS))


def test_safetensors_are_preferred_as_by_open_clip(written, tmp_path):
    """A pickle beside them is not opened."""
    folder = folders.write_folder("vit", tmp_path / "both")
    (folder / "open_clip_pytorch_model.bin").write_bytes(b"nothing that could be read")

    assert models.load(f"open-clip:{folder}").fingerprint == (
        models.load(f"open-clip:{written('vit')}").fingerprint
    )


def test_every_file_that_is_used_is_part_of_the_fingerprint(written, tmp_path):
    """Weights, configuration, tokenizer; a card and a text beside them are not."""
    folder = folders.write_folder("bert_mean", tmp_path / "same")
    before = models.load(f"open-clip:{folder}").fingerprint
    (folder / "README.md").write_text("x")
    (folder / "cxraudit-card.toml").write_text('license = "MIT"')
    assert models.load(f"open-clip:{folder}").fingerprint == before
    seen = {before}
    for change_one in (
        lambda: change(folder / "open_clip_config.json", preprocess_cfg__fill_color=9),
        lambda: (folder / "tokenizer_config.json").write_text(
            (folder / "tokenizer_config.json").read_text() + " "
        ),
        lambda: (folder / "config.json").write_text(json.dumps(folders.BERT) + " "),
    ):
        change_one()
        seen.add(models.load(f"open-clip:{folder}").fingerprint)

    assert len(seen) == 4


def test_bfloat16_agrees_approximately_and_has_its_own_fingerprint(written):
    """Cosines above 0.99."""
    spec = f"open-clip:{written('vit')}"
    full, half = models.load(spec), models.load(f"{spec}+bf16")
    pixels = np.stack([full.preprocess(image) for image in sample_images(3)])

    assert full.fingerprint != half.fingerprint
    assert (full.encode_images(pixels) * half.encode_images(pixels)).sum(1).min() > 0.99


def test_the_card_is_that_of_the_configuration(written):
    """Sizes, towers and steps; what the configuration does not say is not known."""
    card = models.card(f"open-clip:{written('vit_options')}")

    assert card.name == "open-clip:vit_options"
    assert (card.embedding_dim, card.image_size) == (24, 64)
    assert "longest 64 bilinear on 100" in card.transform
    assert card.trained_on is None
    assert weights.missing(card) == []
