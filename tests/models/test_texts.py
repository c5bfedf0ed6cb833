"""A text has the same embedding whatever its neighbours are, or is refused by itself."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("ftfy")

from small_adapters import FAMILIES, small  # noqa: E402

from cxraudit import prompts  # noqa: E402
from cxraudit.errors import DataError, TextError  # noqa: E402
from cxraudit.models.random import RandomModel  # noqa: E402
from cxraudit.zeroshot import prompt_directions  # noqa: E402

REPORTS = (
    "No pneumothorax.",
    "There is a small right pleural effusion with adjacent atelectasis; the heart is enlarged.",
    "Clear.",
    "Right basal opacity, " * 20,
)
LONG = "opacity " * 600


@pytest.mark.parametrize("name", FAMILIES)
def test_a_report_does_not_depend_on_its_neighbours(name):
    """Also in the paper protocol: alone, in pairs, together and in another order."""
    model = small(name)
    texts = REPORTS if name != "chexzero@paper" else REPORTS[:3]
    alone = np.concatenate([model.encode_texts([text]) for text in texts])
    tolerance = 2e-6 * np.linalg.norm(alone, axis=1).max()

    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [1, 0], [0, 3], [2, 1]):
        chosen = [k for k in order if k < len(texts)]
        found = model.encode_texts([texts[k] for k in chosen])

        np.testing.assert_allclose(found, alone[chosen], atol=tolerance)


def test_the_prompts_of_medclips_wrapper_are_encoded_together():
    """The padding of the shorter prompt is part of its mean, so that directions differ from the native."""
    native, paper = small("medclip"), small("medclip@paper")
    pair = prompts.load("paper").pair("Pneumothorax")

    positive, negative = paper.encode_together(pair)
    found = prompt_directions(paper, ["Pneumothorax"], prompts.load("paper"))[0]

    np.testing.assert_array_equal(found, positive - negative)
    own = prompt_directions(native, ["Pneumothorax"], prompts.load("paper"))[0]
    assert np.abs(found - own).max() > 1e-3


@pytest.mark.parametrize(
    ("name", "limit"),
    [("medclip", 512), ("medclip@paper", 512), ("biovil", 512), ("chexzero@paper", 77)],
)
def test_a_text_that_is_too_long_is_refused_with_its_length(name, limit):
    """Before any text is encoded; the model and its limit are named."""
    model = small(name)
    model.text_features = None  # would raise if it were called

    with pytest.raises(TextError, match=rf"the text has \d+ tokens; .* takes at most {limit}\. "):
        model.encode_texts(["Clear.", LONG])


@pytest.mark.parametrize(
    "name", ["cxrclip", "biomedclip", "biomedclip@paper", "chexzero", "medimageinsight"]
)
def test_other_models_truncate_as_their_authors_do(name):
    """What follows has no influence."""
    model = small(name)

    found = model.encode_texts([LONG, LONG + " more"])

    np.testing.assert_array_equal(found[0], found[1])


def test_a_special_token_in_a_text_is_refused_by_biovil():
    """As by its authors; the end of a sentence is removed as by them."""
    model = small("biovil")

    with pytest.raises(TextError, match=r"contains \[SEP\]"):
        model.encode_texts(["no effusion [SEP]"])
    assert model.token_ids("no effusion!?..") == model.token_ids("no effusion")


def test_without_texts_there_are_no_rows():
    """As wide as any others."""
    assert small("cxrclip").encode_texts([]).shape == (0, 16)


@pytest.mark.parametrize("std", [0.0, 1e30])
def test_an_embedding_that_is_no_number_raises(std):
    """Weights that are plausible one by one, but not together: all zero, or so large that they overflow."""
    with pytest.raises(DataError, match="are not finite, or zero, in fp32 on cpu"):
        small("cxrclip", std=std).encode_texts(["Clear."])


def test_an_image_without_an_embedding_does_not_end_a_batch():
    """Its row is returned as it is, and the others as they would be without it."""
    model = small("cxrclip")
    model.image_features = lambda batch: batch.flatten(1)
    pixels = np.ones((3, 1, 2, 2), dtype=np.float32)
    pixels[1] = np.nan

    found = model.encode_images(pixels)

    np.testing.assert_allclose(found[[0, 2]], 0.5)
    assert np.isnan(found[1]).all()


def test_what_torch_raises_is_one_sentence():
    """Such as too little memory."""
    model = small("cxrclip")

    def out_of_memory(batch):
        raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 20 GiB.")

    model.image_features = out_of_memory
    pixels = np.zeros((5, 3, 8, 8), dtype=np.float32)

    with pytest.raises(DataError, match=r"cannot embed an image on cpu \(CUDA out of memory\)"):
        model.encode_images(pixels)


def test_the_null_model_takes_any_text():
    """Of any length."""
    assert RandomModel().encode_texts([LONG * 100]).shape == (1, 64)
