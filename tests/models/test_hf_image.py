"""A DINOv2 embeds images as transformers does; where texts are needed it is refused."""

import shutil

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from hf_folders import change, write_dinov2, write_folder  # noqa: E402

from cxraudit import models  # noqa: E402
from cxraudit.errors import ConfigError, DataError  # noqa: E402
from cxraudit.models.base import ImageModel, ImageTextModel  # noqa: E402
from cxraudit.testing import check_model, sample_images  # noqa: E402


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small DINOv2."""
    return write_dinov2(tmp_path_factory.mktemp("images") / "dino")


def test_embeddings_equal_transformers_own(folder):
    """Reference: model and processor of transformers; the class token, of unit norm."""
    ours = models.load_image_model(f"hf-image:{folder}")
    theirs = transformers.AutoModel.from_pretrained(folder).eval()
    processor = transformers.BitImageProcessorPil.from_pretrained(folder)
    images = sample_images(3)
    grey = [image.convert("RGB") for image in images]
    pixels = np.stack([ours.preprocess(image) for image in images])

    with torch.inference_mode():
        found = theirs(torch.from_numpy(pixels)).pooler_output

    np.testing.assert_array_equal(pixels, processor(grey, return_tensors="np")["pixel_values"])
    expected = torch.nn.functional.normalize(found).numpy()
    np.testing.assert_allclose(ours.encode_images(pixels), expected, atol=1e-6)
    assert np.abs(expected[0] - expected[1]).max() > 1e-3


def test_it_keeps_the_contract_of_a_model_of_images(folder):
    """All image modes; it has no texts and no logit scale."""
    model = models.load_image_model(f"hf-image:{folder}")

    check_model(model, sample_images(5))
    assert isinstance(model, ImageModel)
    assert not isinstance(model, ImageTextModel)
    assert models.card(f"hf-image:{folder}").text_side is False


def test_it_is_not_loaded_where_texts_are_needed(folder):
    """The sentence names what can be done."""
    with pytest.raises(ConfigError, match=r"no text side.*audit TABLE --embeddings"):
        models.load(f"hf-image:{folder}")


def test_the_other_kind_is_named(folder, tmp_path):
    """A CLIP as a model of images alone, and the reverse."""
    clip = write_folder("clip", tmp_path / "clip")
    with pytest.raises(DataError, match=r"is a clip; hf-image reads dinov2\. Use hf-clip:PATH"):
        models.load_image_model(f"hf-image:{clip}")
    with pytest.raises(DataError, match=r"is a dinov2; hf-clip reads clip, siglip\. Use hf-image"):
        models.load(f"hf-clip:{folder}")


CONFIGURATIONS = {
    "heads": ({"num_attention_heads": 5}, "cannot be split into 5 heads"),
    "swiglu": ({"use_swiglu_ffn": True}, "SwiGLU, which is not read"),
    "activation": ({"hidden_act": "relu"}, "activation is relu"),
    "patches": ({"patch_size": 71}, "larger than its images"),
    "layers": ({"num_hidden_layers": 10**6}, "whole number from 1 to 256"),
    "grey": ({"num_channels": 1}, "num_channels is 1; images of 3 are read"),
    "more layers": ({"num_hidden_layers": 4}, "18 tensors missing"),
    "fewer layers": ({"num_hidden_layers": 2}, "not expected"),
    "wide": ({"hidden_size": 64}, "of another shape"),
    "feed-forward": ({"mlp_ratio": 2}, "of another shape"),
    "code": ({"auto_map": {"AutoModel": "m.M"}}, "code of its own"),
}


@pytest.mark.parametrize(("changes", "said"), CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_a_configuration_of_another_network_is_refused(folder, tmp_path, changes, said):
    """In one sentence."""
    copy = shutil.copytree(folder, tmp_path / "copy")
    change(copy / "config.json", **changes)

    with pytest.raises(DataError) as raised:
        models.load_image_model(f"hf-image:{copy}")
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_cut_weights_are_refused(folder, tmp_path, share):
    """At any length."""
    copy = shutil.copytree(folder, tmp_path / "copy")
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[: int(weights.stat().st_size * share)])

    with pytest.raises(DataError, match=r"is empty|truncated or damaged"):
        models.load_image_model(f"hf-image:{copy}")
