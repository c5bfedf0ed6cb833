"""An inserted drain adds brightness; its control changes as much at another place."""

import numpy as np
import pytest

from cxraudit.perturb.devices import insert_control, insert_drain

GREY = np.full((256, 220), 0.4, dtype=np.float32)


def rng():
    """Return the stream that a drain and its control share."""
    return np.random.default_rng(5)


def test_a_drain_only_adds_brightness_to_few_pixels():
    """Between 0.5 % and 3 % of the image; all others are unchanged."""
    added = insert_drain(GREY, rng()) - GREY

    assert added.min() == 0
    assert 0.005 < (added > 0).mean() < 0.03


def test_the_control_changes_as_many_pixels_by_as_much_elsewhere():
    """Below the diaphragm, and no pixel of the drain."""
    drain = insert_drain(GREY, rng()) - GREY
    control = insert_control(GREY, rng()) - GREY

    assert np.sort(drain[drain > 0]) == pytest.approx(
        np.sort(np.abs(control[control != 0])), abs=1e-6
    )
    assert not ((drain > 0) & (control != 0)).any()
    assert np.flatnonzero((control != 0).any(axis=1)).min() > 0.75 * len(GREY)


def test_the_control_darkens_bright_regions():
    """A brighter patch would be clipped there."""
    bright = np.full((256, 220), 0.9, dtype=np.float32)

    assert (insert_control(bright, rng()) <= bright).all()


def test_a_drain_has_the_same_proportions_at_any_size():
    """A tube of 2 % of the width, from 128 to 2,000 pixels."""
    shares = [
        (insert_drain(np.zeros((n, n), np.float32), np.random.default_rng(1)) > 0.05).mean()
        for n in (128, 512, 2000)
    ]

    assert max(shares) < 1.35 * min(shares)
