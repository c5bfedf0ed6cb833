"""Corruptions increase with severity, and are as strong for images of any size."""

import numpy as np
import pytest
from PIL import Image

from cxraudit.errors import NotAppliedError
from cxraudit.perturb import perturb
from cxraudit.perturb.corruptions import CORRUPTIONS, NOISE, SEVERITIES, seen
from cxraudit.phantom.cohort import normal_radiograph
from cxraudit.phantom.findings import render


def corrupted(image, name, severity, seed=0):
    """Return the corrupted image."""
    return CORRUPTIONS[name](image, severity, np.random.default_rng(seed))


def difference(image, name, severity):
    """Return the mean absolute change of grey level."""
    after = corrupted(image, name, severity)
    return np.abs(np.asarray(after, dtype=float) - np.asarray(image, dtype=float)).mean()


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_change_of_the_image_increases_with_severity(name, image):
    """At all severities."""
    changes = [difference(image, name, severity) for severity in SEVERITIES]

    assert changes[0] > 0
    assert changes == sorted(changes)


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("severity", SEVERITIES)
def test_a_corrupted_image_has_the_size_and_mode_of_the_image(name, severity, image):
    """8-bit grey."""
    after = corrupted(image, name, severity)

    assert (after.size, after.mode) == (image.size, "L")


def test_severities_of_one_image_differ_in_strength_only(image):
    """An image is over- or underexposed at all severities."""
    before = np.asarray(image, dtype=float).mean()
    for seed in range(4):
        changes = [
            np.asarray(corrupted(image, "exposure", k, seed), dtype=float).mean() - before
            for k in SEVERITIES
        ]
        assert len(set(np.sign(changes))) == 1


@pytest.fixture(scope="module")
def sizes():
    """One synthetic radiograph in several sizes."""
    drawn = normal_radiograph(image_size=1024)
    whole = Image.fromarray(render(drawn))
    return {n: whole.resize((n, n), Image.Resampling.BOX) for n in (128, 256, 1024)}


def rms_seen(image, name, severity):
    """Return the root mean square of the change at the side that models see."""
    before, after = (
        seen(np.asarray(one, dtype=np.float32)) for one in (image, corrupted(image, name, severity))
    )
    return float(np.sqrt(np.mean((after - before) ** 2))) / 255


@pytest.mark.parametrize("name", sorted(set(CORRUPTIONS) - {"downsampling", "markers"}))
def test_a_corruption_is_as_strong_at_every_size(name, sizes):
    """Within 20 % between 256 and 1,024 pixels as models see it."""
    for severity in (2, 4):
        large, medium = (rms_seen(sizes[n], name, severity) for n in (1024, 256))

        assert medium == pytest.approx(large, rel=0.2)


def test_noise_has_the_standard_deviation_that_is_stated(sizes):
    """In an image of one grey level, at any size."""
    for n in sizes:
        flat = Image.new("L", (n, n), 128)
        assert rms_seen(flat, "noise", 5) == pytest.approx(NOISE[4], rel=0.03)


def test_a_small_image_is_not_reduced_to_more_pixels_than_it_has(sizes):
    """A severity that changes nothing is not applied; it is no image that resists it."""
    with pytest.raises(NotAppliedError, match="changes no pixel"):
        perturb(sizes[128], "downsampling", severity=1)

    assert perturb(sizes[128], "downsampling", severity=2).size == (128, 128)
