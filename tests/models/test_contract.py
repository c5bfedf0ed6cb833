"""Every registered model keeps the contract, and breaking it is noticed."""

import numpy as np
import pytest
from PIL import Image

from cxraudit import models
from cxraudit.errors import MissingExtraError, UnknownNameError
from cxraudit.images import to_grey
from cxraudit.models.random import RandomModel
from cxraudit.testing import check_model, sample_images


@pytest.mark.parametrize(
    "name", [n for n in sorted(models.available()) if not models.card(n).files]
)
def test_a_model_that_ships_its_weights_keeps_the_contract(name):
    """Unit rows, independent of order, batch and neighbours; all image modes.

    Those with published files are checked in test_parity, on generated weights.
    """
    check_model(models.load(name))


def test_the_contract_notices_what_breaks_it():
    """Rows that are not unit, that depend on neighbours, or have the wrong type."""

    class Long(RandomModel):
        def encode_images(self, pixels):
            return super().encode_images(pixels) * 2

    class Nosy(RandomModel):
        def encode_images(self, pixels):
            rows = super().encode_images(pixels) + 0.1 * pixels.mean() / 255
            return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    class Wide(RandomModel):
        def encode_texts(self, texts):
            return super().encode_texts(texts).astype(np.float64)

    for broken, match in ((Long(), "unit norm"), (Nosy(), "depend on"), (Wide(), "float32")):
        with pytest.raises(AssertionError, match=match):
            check_model(broken)


def test_an_unknown_model_gets_a_suggestion():
    """Spelled nearly right."""
    with pytest.raises(UnknownNameError, match="Did you mean 'phantom-clip'"):
        models.load("phantomclip")


def test_a_model_without_its_packages_says_what_to_install(monkeypatch):
    """As on an installation without torch."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(MissingExtraError, match=r"pip install 'cxraudit\[models\]'"):
        models.load("phantom-clip")


def test_the_shipped_weights_are_small_and_described():
    """At most 5 MB, with vocabulary and a training log of the same run."""
    import json

    from cxraudit.models.phantom_clip import CARD, FOLDER

    record = json.loads((FOLDER / "training.json").read_text())

    assert (FOLDER / "weights.safetensors").stat().st_size <= 5_000_000
    assert f"phantom:seed={record['seed']}" in CARD.trained_on
    assert record["seconds"] < 40 * 60
    assert record["log"][-1]["loss"] < record["log"][0]["loss"]


def test_images_of_every_mode_become_the_same_grey():
    """L, RGB, RGBA and palette of one picture; 16 bit is stretched to 8."""
    grey = np.random.default_rng(0).integers(0, 256, size=(20, 20), dtype=np.uint8)
    image = Image.fromarray(grey)

    for mode in ("L", "RGB", "RGBA", "P"):
        assert np.array_equal(np.asarray(to_grey(image.convert(mode))), grey), mode
    deep = np.asarray(to_grey(Image.fromarray(grey.astype(np.uint16) * 257)))
    assert np.abs(deep.astype(int) - grey).max() <= 255 - int(grey.max()) + int(grey.min()) + 1
    assert to_grey(Image.fromarray(np.full((4, 4), 900, dtype=np.uint16))).getextrema() == (0, 0)


def test_embeddings_of_the_null_model_follow_the_image():
    """The same image, the same row; another image, another row."""
    first, second = sample_images(2)
    model = RandomModel()
    rows = model.encode_images(np.stack([model.preprocess(f) for f in (first, first, second)]))

    assert np.array_equal(rows[0], rows[1])
    assert not np.allclose(rows[0], rows[2])
