"""A drain is inserted by anatomy; both controls change as much of an image, in another place or shape."""

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from cxraudit.errors import NotAppliedError
from cxraudit.perturb.anatomy import find_thorax
from cxraudit.perturb.devices import DEVICES, DRAIN, insert, place
from cxraudit.phantom.cohort import normal_radiograph
from cxraudit.phantom.findings import render
from cxraudit.schema import CONTROL_EDGE, CONTROL_OUTSIDE, CONTROLS

SEEDS = range(4)


def radiograph(size=256, patient=5):
    """Return a synthetic radiograph without a drain."""
    drawn = normal_radiograph(patient=patient, image_size=size)
    return Image.fromarray(render(drawn))


def added(image, name, seed=0):
    """Return the change of grey level by a device."""
    inserted = insert(image, name, np.random.default_rng(seed))
    return np.asarray(inserted, dtype=float) - np.asarray(image, dtype=float)


@pytest.fixture(scope="module")
def chest():
    """One radiograph with its lungs, in its own size."""
    image = radiograph()
    thorax = find_thorax(image)
    lungs, body = (
        np.asarray(Image.fromarray(mask).resize(image.size, Image.Resampling.NEAREST))
        for mask in (thorax.lungs, thorax.body)
    )
    return image, lungs, body


@pytest.mark.parametrize("seed", SEEDS)
def test_the_tip_lies_in_a_lung_and_the_tube_in_the_body(chest, seed):
    """From the lung through the lateral wall to the skin."""
    image, lungs, body = chest
    tube = place(find_thorax(image), np.random.default_rng(seed)).drain.scaled(2)
    x, y = np.floor(tube.curve).astype(int).T

    assert lungs[y[0], x[0]]
    assert not lungs[y[-1], x[-1]]
    assert body[y, x].mean() > 0.97
    assert (added(image, DRAIN, seed) >= 0).all()
    assert 0.002 < (added(image, DRAIN, seed) > 2).mean() < 0.03


@pytest.mark.parametrize("seed", SEEDS)
def test_controls_change_an_image_as_much_as_the_drain(chest, seed):
    """The same L2 norm within 5 %; outside the lungs and within them."""
    image, lungs, body = chest
    changes = {name: added(image, name, seed) for name in DEVICES}
    norms = {name: np.linalg.norm(change) for name, change in changes.items()}

    for name in CONTROLS:
        assert norms[name] == pytest.approx(norms[DRAIN], rel=0.05)
    outside = changes[CONTROL_OUTSIDE] != 0
    assert not (outside & ndimage.binary_erosion(lungs, iterations=2)).any()
    assert body[outside].mean() > 0.97
    energy = changes[CONTROL_EDGE] ** 2
    assert energy[lungs].sum() > 0.8 * energy.sum()
    assert abs(changes[CONTROL_EDGE].mean()) < 0.3 * changes[DRAIN].mean()


def test_a_drain_has_the_same_proportions_at_any_size():
    """From 128 to 1,024 pixels, the same share of the image is changed by the tube."""
    shares = [added(radiograph(size), DRAIN, 1).sum() / size**2 for size in (128, 256, 1024)]

    assert max(shares) < 1.2 * min(shares)


def test_devices_are_the_same_every_time(chest):
    """One state of the random numbers, one image."""
    image, _, _ = chest

    for name in DEVICES:
        assert np.array_equal(added(image, name, 3), added(image, name, 3))


def test_an_inverted_image_gets_a_dark_tube(chest):
    """Where dense tissue is dark, so is the drain."""
    image, _, _ = chest
    inverse = Image.fromarray(255 - np.asarray(image))

    assert (added(inverse, DRAIN) <= 0).all()


@pytest.mark.parametrize("kind", ["flat", "noise", "small"])
def test_where_there_are_no_lungs_nothing_is_inserted(kind):
    """An image of one grey level, of noise, and one too small."""
    grey = {
        "flat": np.full((200, 180), 90, dtype=np.uint8),
        "noise": np.random.default_rng(0).integers(0, 255, (200, 180)).astype(np.uint8),
        "small": np.zeros((8, 8), dtype=np.uint8),
    }[kind]

    with pytest.raises(NotAppliedError, match="no plausible pair of lungs"):
        insert(Image.fromarray(grey), DRAIN, np.random.default_rng(0))


def test_lungs_may_be_given(chest):
    """A mask in the shape of the image takes the place of the estimate."""
    image, lungs, _ = chest
    left = lungs.copy()
    left[:, : image.width // 2] = False
    drained = insert(image, DRAIN, np.random.default_rng(0), lungs)

    assert drained.size == image.size
    assert find_thorax(image, left).lungs.sum() < 0.7 * find_thorax(image).lungs.sum()
