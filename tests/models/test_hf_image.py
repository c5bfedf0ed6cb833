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
    with pytest.raises(
        DataError, match=r"model_type clip; hf-image reads dinov2\. Use hf-clip:PATH"
    ):
        models.load_image_model(f"hf-image:{clip}")
    with pytest.raises(DataError, match=r"model_type dinov2; hf-clip reads clip, siglip\. Use hf"):
        models.load(f"hf-clip:{folder}")


CONFIGURATIONS = {
    "heads": ({"num_attention_heads": 5}, "cannot be split into 5 heads"),
    "swiglu": ({"use_swiglu_ffn": True}, "(use_swiglu_ffn), which is not read. Write an adapter"),
    "activation": ({"hidden_act": "relu"}, "activation (hidden_act) is relu"),
    "patches": ({"patch_size": 71}, "patches of 71 pixels are larger than its images of 70"),
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


def prepared(folder, copy, **steps):
    """Copy a folder, and change the steps of its preprocessing."""
    shutil.copytree(folder, copy)
    change(copy / "preprocessor_config.json", **steps)
    return copy


SIZES = {
    "as facebook publishes": ({"size": {"shortest_edge": 42}, "crop_size": 28}, 28),
    "one patch": ({"size": {"shortest_edge": 20}, "crop_size": 14}, 14),
    "larger": ({"size": {"shortest_edge": 120}, "crop_size": 112}, 112),
    "no whole patches": ({"crop_size": {"height": 33, "width": 33}}, 33),
    "as many patches": ({"size": {"shortest_edge": 80}, "crop_size": 75}, 75),
    "squashed": ({"size": {"height": 56, "width": 56}, "do_center_crop": False}, 56),
    "default": ({"size": ..., "crop_size": ..., "do_center_crop": ...}, 224),
}


@pytest.mark.parametrize(("steps", "side"), SIZES.values(), ids=SIZES)
def test_positions_are_interpolated_for_images_of_another_size(folder, tmp_path, steps, side):
    """Those of 70 pixels, as transformers interpolates them; the card names the size of the input."""
    copy = prepared(folder, tmp_path / "copy", **steps)
    ours = models.load_image_model(f"hf-image:{copy}")
    theirs = transformers.AutoModel.from_pretrained(copy).eval()
    pixels = np.stack([ours.preprocess(image) for image in sample_images(3)])
    assert pixels.shape == (3, 3, side, side)

    with torch.inference_mode():
        found = theirs(torch.from_numpy(pixels)).pooler_output

    expected = torch.nn.functional.normalize(found).numpy()
    np.testing.assert_allclose(ours.encode_images(pixels), expected, atol=1e-6)
    assert np.abs(expected[0] - expected[1]).max() > 1e-3
    assert models.card(f"hf-image:{copy}").image_size == side == ours.card.image_size


@pytest.mark.parametrize("name", ["half", "bfloat16"])
def test_positions_in_half_precision_are_interpolated_in_float32(folder, tmp_path, name):
    """As transformers does with the same numbers in float32."""
    copy = prepared(folder, tmp_path / "copy", size={"shortest_edge": 42}, crop_size=28)
    theirs = transformers.AutoModel.from_pretrained(folder).to(getattr(torch, name))
    theirs.save_pretrained(copy)
    ours = models.load_image_model(f"hf-image:{copy}")
    pixels = np.stack([ours.preprocess(image) for image in sample_images(2)])

    with torch.inference_mode():
        found = theirs.float().eval()(torch.from_numpy(pixels)).pooler_output

    expected = torch.nn.functional.normalize(found).numpy()
    np.testing.assert_allclose(ours.encode_images(pixels), expected, atol=1e-6)


def test_positions_of_the_same_size_are_those_of_the_file(folder):
    """To the bit: nothing is interpolated."""
    from safetensors.torch import load_file

    ours = models.load_image_model(f"hf-image:{folder}")

    key = "embeddings.position_embeddings"
    assert torch.equal(ours.network.state_dict()[key], load_file(folder / "model.safetensors")[key])


PREPROCESSINGS = {
    "crop below a patch": (
        {"crop_size": 13},
        "patches of 14 pixels are larger than its images of 13",
    ),
    "no square": ({"crop_size": {"height": 28, "width": 42}}, "images that are read are square"),
    "null": ({"do_center_crop": None}, "images become (3, 70, 105)"),
    "no crop": (
        {"do_center_crop": False},
        "images become (3, 70, 105), the network takes (3, 70, 70)",
    ),
    "crop of nothing": ({"crop_size": -14}, "crop_size is -14; images that are read are square"),
    "huge crop": ({"crop_size": 10**9}, "with 1 to 2,048 pixels a side"),
    "fraction": ({"crop_size": 28.5}, "crop_size is 28.5"),
    "text": ({"crop_size": "28"}, "crop_size is '28'"),
    "list": ({"crop_size": [28, 28]}, "crop_size is [28, 28]"),
    "truth": ({"crop_size": True}, "crop_size is True"),
    "empty": ({"crop_size": {"height": None}}, "crop_size is {'height': None}"),
    "one side": ({"crop_size": {"height": 28}}, "crop_size is {'height': 28}; it must have"),
    "resized to less": (
        {"size": {"shortest_edge": 42}},
        "resized to 42; from 70, to which they are",
    ),
    "another family": (
        {"image_processor_type": "CLIPImageProcessor"},
        "does not belong to a dinov2",
    ),
}


@pytest.mark.parametrize(("steps", "said"), PREPROCESSINGS.values(), ids=PREPROCESSINGS)
def test_a_preprocessing_that_gives_no_such_images_is_refused(folder, tmp_path, steps, said):
    """In one sentence that names the file or the folder."""
    copy = prepared(folder, tmp_path / "copy", **steps)

    with pytest.raises(DataError) as raised:
        models.load_image_model(f"hf-image:{copy}")
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
    assert str(copy) in str(raised.value)


def test_more_patches_than_any_dinov2_has_are_refused(tmp_path):
    """Before memory is allocated for them."""
    small = write_dinov2(tmp_path / "small", patch_size=2, image_size=8)
    change(small / "preprocessor_config.json", crop_size=2048, size={"shortest_edge": 2048})

    with pytest.raises(DataError, match=r"images have 1024 × 1024 patches; 256 a side are read"):
        models.load_image_model(f"hf-image:{small}")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_cut_weights_are_refused(folder, tmp_path, share):
    """At any length."""
    copy = shutil.copytree(folder, tmp_path / "copy")
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[: int(weights.stat().st_size * share)])

    with pytest.raises(DataError, match=r"is empty|truncated or damaged"):
        models.load_image_model(f"hf-image:{copy}")
