"""Models that ship their weights keep the contract of `ImageTextModel`."""

import numpy as np
import pytest

from cxraudit import models
from cxraudit.models.random import RandomModel
from cxraudit.testing import check_model, sample_images


@pytest.mark.parametrize(
    "name", [n for n in sorted(models.available()) if not models.card(n).files]
)
def test_a_model_that_ships_its_weights_keeps_the_contract(name):
    """Unit rows, independent of order and batch; all image modes.

    Models with published files are checked in test_parity, on generated weights.
    """
    check_model(models.load(name))


def test_the_shipped_weights_are_small_and_documented():
    """At most 5 MB, with vocabulary and a training log of the same run."""
    import json

    from cxraudit.models.phantom_clip import CARD, FOLDER

    record = json.loads((FOLDER / "training.json").read_text())

    assert (FOLDER / "weights.safetensors").stat().st_size <= 5_000_000
    assert f"phantom:seed={record['seed']}" in CARD.trained_on
    assert record["seconds"] < 40 * 60
    assert record["log"][-1]["loss"] < record["log"][0]["loss"]


def test_embeddings_of_the_null_model_depend_on_the_image():
    """The same image, the same row; another image, another row."""
    first, second = sample_images(2)
    model = RandomModel()
    rows = model.encode_images(
        np.stack([model.preprocess(image) for image in (first, first, second)])
    )

    assert np.array_equal(rows[0], rows[1])
    assert not np.allclose(rows[0], rows[2])
