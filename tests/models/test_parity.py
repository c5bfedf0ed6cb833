"""The nine published checkpoints give the embeddings of the original code, to 1e-5.

Full size, from files in the real layouts with generated weights; minutes, so marked slow.
"""

import json

import numpy as np
import pytest
from scipy.special import expit

import generated

pytest.importorskip("torch")

from cxraudit import models, prompts
from cxraudit.models import weights
from cxraudit.testing import check_model, sample_images
from cxraudit.zeroshot import prompt_directions

pytestmark = pytest.mark.slow

NATIVE = {
    "biomedclip": ("image_embeds_norm", "text_plain_norm"),
    "biovil": ("himl_default/image_embeds_norm", "text_embeds_norm"),
    "biovil-t": ("himl_default/image_embeds_norm", "text_embeds_norm"),
    "chexzero": ("h5_noaa/image_embeds_norm", "text_embeds_norm"),
    "cxrclip-r50": ("imagenet/image_embeds_norm", "text_embeds_norm"),
    "cxrclip-swint": ("ref/image_embeds_norm", "text_embeds_norm"),
    "medclip-resnet": ("ref/image_embeds_norm", "text_embeds_norm_single"),
    "medclip-vit": ("ref/image_embeds_norm", "text_embeds_norm_single"),
    "medimageinsight": ("image_embeds", "text_embeds"),
}
PAPER = {
    "medclip-resnet": ("ref_img_embeds", "text_embeds_norm_single"),
    "medclip-vit": ("ref_img_embeds", "text_embeds_norm_single"),
    "medimageinsight": ("image_embeds", "text_embeds"),
}


@pytest.fixture(scope="module", params=sorted(NATIVE))
def checkpoint(request, tmp_path_factory):
    """The files of one model in the folder that CXRAUDIT_WEIGHTS names; deleted afterwards."""
    root = tmp_path_factory.mktemp("weights")
    generated.write_checkpoint(request.param, root / request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(weights.FOLDER_VARIABLE, str(root))
        yield request.param
    for path in root.rglob("*"):
        if path.is_file():
            path.unlink()


def test_the_generated_weights_are_those_of_the_reference_run(checkpoint):
    """Equal digests."""
    facts = json.loads(str(generated.canonical(checkpoint)["meta"]))
    salt = generated.SALT.get(checkpoint, "")
    expected = [facts[key] for key in ("digest", "image_digest", "text_digest") if key in facts]

    assert [generated.digest(m, salt) for m in generated.PARTS[checkpoint].values()] == expected


@pytest.mark.parametrize("protocol", ["native", "paper"])
def test_embeddings_equal_those_of_the_original_code(checkpoint, protocol):
    """Two images, two prompts (2e-5 where not normalised) and their probabilities, to 1e-5."""
    model = models.load(f"{checkpoint}@{protocol}")
    stored = generated.canonical(checkpoint)
    default = PAPER.get(checkpoint, ("ref_img_embeds", "ref_text_embeds"))
    image_field, text_field = NATIVE[checkpoint] if protocol == "native" else default
    pixels = np.stack([model.preprocess(generated.image(name)) for name in ("g1024", "g390x320")])

    images, texts = model.encode_images(pixels), model.encode_texts(generated.PROMPTS)

    np.testing.assert_allclose(images, stored[image_field], atol=1e-5)
    tolerance = 2e-5 if checkpoint.startswith("biovil") and protocol == "paper" else 1e-5
    np.testing.assert_allclose(texts, stored[text_field], atol=tolerance)
    if protocol == "paper":
        directions = prompt_directions(model, ["Pneumothorax"], prompts.load("paper"))
        found = expit((images @ directions.T) * model.logit_scale)[:, 0]
        field = next(name for name in stored if "probs/Pneumothorax" in name)
        np.testing.assert_allclose(found, stored[field][:, 0], atol=1e-5)


@pytest.mark.parametrize("protocol", ["native", "paper"])
def test_the_model_keeps_the_contract(checkpoint, protocol):
    """Rows that depend on neither order nor batch; all image modes."""
    check_model(models.load(f"{checkpoint}@{protocol}"), sample_images(5))


def test_the_published_wrapper_of_medclip_encodes_a_pair_together(checkpoint):
    """Its two embeddings are those of the original code, and their difference is the direction."""
    if not checkpoint.startswith("medclip"):
        pytest.skip("only MedCLIP's texts depend on padding")
    model = models.load(f"{checkpoint}@paper")
    stored = generated.canonical(checkpoint)["text_embeds_norm_pairs/Pneumothorax"]

    np.testing.assert_allclose(model.encode_together(generated.PROMPTS), stored, atol=1e-5)
    direction = prompt_directions(model, ["Pneumothorax"], prompts.load("paper"))[0]
    np.testing.assert_allclose(direction, stored[0] - stored[1], atol=2e-5)


def test_embeddings_of_64_images_do_not_depend_on_the_batch(checkpoint):
    """One by one, in batches of 8, at once, and shuffled, to 1e-6; the largest model gets 8 images."""
    model = models.load(checkpoint)
    n = 8 if checkpoint == "medimageinsight" else 64
    pixels = np.stack([model.preprocess(image) for image in sample_images(n)])
    order = np.random.default_rng(0).permutation(n)

    whole = model.encode_images(pixels)
    eights = np.concatenate([model.encode_images(pixels[k : k + 8]) for k in range(0, n, 8)])
    ones = np.concatenate([model.encode_images(pixels[k : k + 1]) for k in range(n)])

    np.testing.assert_allclose(eights, whole, atol=1e-6)
    np.testing.assert_allclose(ones, whole, atol=1e-6)
    np.testing.assert_allclose(model.encode_images(pixels[order]), whole[order], atol=1e-6)
