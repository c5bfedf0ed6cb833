"""The embedding of `grey-levels` is the distribution of grey levels, and nothing else."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from cxraudit import models
from cxraudit.models.random import RandomModel

MODEL = models.load("grey-levels")


def radiograph(shape=(60, 80)):
    """Grey levels between 40 and 160, darker to the left."""
    noise = np.random.default_rng(0).normal(scale=12, size=shape)
    return np.clip(np.linspace(60, 140, shape[1]) + noise, 40, 160)


def embedded(*images):
    """One embedding per array of grey levels."""
    pictures = [Image.fromarray(np.round(image).astype(np.uint8)) for image in images]
    return MODEL.encode_images(np.stack([MODEL.preprocess(picture) for picture in pictures]))


def distance(first, second):
    """Between the embeddings of two arrays of grey levels."""
    return float(np.linalg.norm(np.subtract(*embedded(first, second))))


@pytest.mark.parametrize("size", [(60, 80), (53, 61)])
def test_the_position_of_pixels_has_no_influence(size):
    """Shuffled pixels, mirrored and turned images have the same embedding."""
    image = radiograph(size)
    shuffled = np.random.default_rng(1).permutation(image.ravel()).reshape(size)

    rows = embedded(image, shuffled, image[:, ::-1], np.rot90(image))

    assert np.array_equal(rows, np.repeat(rows[:1], 4, axis=0))


def test_the_size_of_an_image_has_no_influence():
    """Every pixel four times is the same distribution."""
    image = radiograph()

    assert distance(image, np.kron(image, np.ones((2, 2)))) < 1e-6


@pytest.mark.parametrize(
    "change", [lambda image: image + 20, lambda image: 100 + 1.4 * (image - 100)]
)
def test_exposure_and_contrast_change_the_embedding(change):
    """The more, the brighter or the richer in contrast the image."""
    image = radiograph()
    half = (image + change(image)) / 2

    assert 0.05 < distance(image, half) < distance(image, change(image))


def test_a_distance_is_that_of_hellinger():
    """Of distributions that do not overlap: √2, its maximum."""
    black, white = np.zeros((8, 8)), np.full((8, 8), 255)

    assert distance(black, white) == pytest.approx(np.sqrt(2), abs=1e-6)


def test_texts_are_those_of_the_null_model():
    """No prompt has a meaning."""
    texts = ["Chest Pneumothorax", "Chest No findings"]

    assert np.array_equal(MODEL.encode_texts(texts), RandomModel().encode_texts(texts))


def test_an_embedding_without_images_is_empty():
    """As wide as any other."""
    assert MODEL.encode_images(np.empty((0, 1, 16, 16), dtype=np.float32)).shape == (0, 64)


def test_no_torch_is_needed():
    """Loading the model does not import it."""
    code = (
        "import sys; from cxraudit import models; models.load('grey-levels'); "
        "sys.exit('torch' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
