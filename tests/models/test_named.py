"""Published checkpoints that are read by their layout: small ones in the same layout, by their names."""

import hashlib
import json

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from hf_folders import PUBLISHED, change, vocabulary, write_published  # noqa: E402
from resized_images import SIDES, cases  # noqa: E402

import generated  # noqa: E402
from cxraudit import models  # noqa: E402
from cxraudit.errors import ConfigError, DataError, MissingExtraError  # noqa: E402
from cxraudit.models import weights, xrayclip  # noqa: E402
from cxraudit.models._torch.pixels import resize_tensorflow  # noqa: E402
from cxraudit.testing import check_model, sample_images  # noqa: E402


@pytest.fixture
def placed(tmp_path, monkeypatch):
    """Write a checkpoint where its name is looked for, with a tokenizer that needs no other package."""
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path))

    def place(name):
        folder = write_published(name, tmp_path / name)
        if "vocab.json" in [file.name for file in models.card(name).files]:
            (folder / "vocab.json").write_text(json.dumps(vocabulary()))
            (folder / "merges.txt").write_text("#version: 0.2\n")
            (folder / "tokenizer.json").unlink()
        if "spiece.model" in [file.name for file in models.card(name).files]:
            (folder / "spiece.model").write_bytes(b"not read beside tokenizer.json")
        return folder

    return place


LARGE = ("medsiglip-448", "xraysiglip-siglip-b16-512", "xraysiglip-siglip-l16-384")


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if n in LARGE else ()) for n in PUBLISHED]
)
def test_a_named_checkpoint_is_its_folder(placed, name):
    """The embeddings are those of the folder by its path; the card is the published one's."""
    folder = placed(name)
    prefix = "hf-clip" if models.card(name).text_side else "hf-image"

    named, plain = models.load_image_model(name), models.load_image_model(f"{prefix}:{folder}")

    check_model(named, sample_images(3))
    pixels = np.stack([named.preprocess(image) for image in sample_images(2)])
    assert np.array_equal(named.encode_images(pixels), plain.encode_images(pixels))
    assert named.card.license != plain.card.license
    assert named.card.trained_on


@pytest.mark.parametrize("name", ["medsiglip-448", "rad-dino", "xrayclip-b16"])
def test_a_folder_of_other_sizes_is_not_the_named_checkpoint(placed, name):
    """It is named by its path."""
    key = "image_size" if name == "rad-dino" else "vision_config__image_size"
    change(placed(name) / "config.json", **{key: 112})

    with pytest.raises(DataError, match=r"has images of 112 pixels .* name the folder by hf-"):
        models.load_image_model(name)


def test_a_missing_file_names_where_it_is_published(placed):
    """And the folder where it is looked for."""
    (placed("rad-dino") / "model.safetensors").unlink()

    with pytest.raises(DataError, match=r"model\.safetensors is missing. Download it from https"):
        models.load_image_model("rad-dino")


def test_every_checkpoint_of_the_family_has_a_card_of_its_own():
    """Eight, each with another address, as the hub lists them."""
    names = [name for name in models.REGISTRY if name.startswith("xray")]
    cards = [models.card(name) for name in names]

    assert len({card.weights for card in cards}) == len(names) == 8
    assert {card.weights.removeprefix(xrayclip.HUB + "Xray").split("__")[0] for card in cards} == {
        "CLIP",
        "SigLIP",
    }
    assert all(card.license == "CC BY-NC 4.0" for card in cards)
    assert all("mimic-cxr" in card.trained_on for card in cards)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", cases())
def test_images_are_resized_as_by_tensorflow(name, side):
    """To the bit; reference: tf.image.resize of TensorFlow 2.21, bilinear without antialiasing."""
    with np.load(generated.HERE / "canonical" / "tensorflow_resize.npz") as stored:
        expected = str(stored[f"{name}/{side}"])

    found = np.asarray(resize_tensorflow(Image.fromarray(cases()[name]), side))

    assert found.shape == (side, side, 3)
    assert hashlib.sha256(found.tobytes()).hexdigest() == expected


def test_two_protocols_of_one_checkpoint_resize_differently(placed):
    """Other pixels and another fingerprint, the same network."""
    placed("medsiglip-448")
    native, other = models.load("medsiglip-448"), models.load("medsiglip-448@tf-resize")
    image = generated.image("g1024")

    resized = resize_tensorflow(image.convert("RGB"), 448)
    expected = (np.asarray(resized, dtype=np.float32) / 255 - 0.5) / 0.5

    np.testing.assert_allclose(other.preprocess(image), expected.transpose(2, 0, 1), atol=1e-6)
    assert np.abs(native.preprocess(image) - other.preprocess(image)).max() > 0.05
    assert native.fingerprint != other.fingerprint
    assert "tf.image.resize" in other.card.transform
    assert other.card.protocol == "tf-resize"
    assert np.array_equal(native.encode_texts(["a"]), other.encode_texts(["a"]))


@pytest.mark.parametrize(
    "spec", ["medsiglip-448@paper", "biovil@tf-resize", "rad-dino@paper", "xrayclip-b16@tf-resize"]
)
def test_a_protocol_that_a_model_does_not_have_is_refused(placed, spec):
    """With those it has, or none."""
    with pytest.raises(ConfigError, match=r"protocol"):
        models.load_image_model(spec)


def test_pieces_need_their_package(placed, monkeypatch):
    """The sentence names the extra."""
    folder = placed("medsiglip-448")
    (folder / "tokenizer.json").unlink()
    (folder / "spiece.model").write_bytes(b"\n\x0e")
    monkeypatch.setattr(
        "cxraudit.models._torch.hf_tokenizer.is_installed", lambda name: name != "sentencepiece"
    )

    with pytest.raises(MissingExtraError, match=r"pip install 'cxraudit\[models\]'"):
        models.load("medsiglip-448")
