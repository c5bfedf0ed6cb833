"""Corruptions increase with severity."""

import numpy as np
import pytest

from cxraudit.perturb.corruptions import CORRUPTIONS, SEVERITIES


def difference(image, name, severity):
    """Return the mean absolute change of grey level."""
    corrupted = CORRUPTIONS[name](image, severity, np.random.default_rng(0))
    return np.abs(np.asarray(corrupted, dtype=float) - np.asarray(image, dtype=float)).mean()


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_change_of_the_image_increases_with_severity(name, image):
    """At severities 1, 3 and 5; an image of 200 pixels is not reduced to 192 or more."""
    small, medium, large = (difference(image, name, severity) for severity in (1, 3, 5))

    assert 0 < medium < large
    assert small < medium


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("severity", SEVERITIES)
def test_a_corrupted_image_has_the_size_and_mode_of_the_image(name, severity, image):
    """8-bit grey."""
    corrupted = CORRUPTIONS[name](image, severity, np.random.default_rng(0))

    assert (corrupted.size, corrupted.mode) == (image.size, "L")


def test_severities_of_one_image_differ_in_strength_only(image):
    """An image is over- or underexposed at all severities."""
    for seed in range(4):
        changes = [
            np.asarray(
                CORRUPTIONS["exposure"](image, severity, np.random.default_rng(seed)), dtype=float
            ).mean()
            - np.asarray(image, dtype=float).mean()
            for severity in SEVERITIES
        ]
        assert len(set(np.sign(changes))) == 1
