"""Fixtures of the phantom."""

import pytest

from cxraudit.phantom.cohort import Radiograph, normal_radiograph


@pytest.fixture
def radiograph() -> Radiograph:
    """A normal radiograph of a man of 60."""
    return normal_radiograph(seed=1, patient=3, image_size=128)
