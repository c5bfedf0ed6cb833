"""Fixtures of the phantom."""

import pytest

from cxraudit.phantom.cohort import Radiograph


@pytest.fixture
def radiograph() -> Radiograph:
    """A normal radiograph of a man of 60."""
    return Radiograph(
        seed=1,
        patient=3,
        number=0,
        age=60,
        sex="male",
        view_position="PA",
        findings=(),
        drain=False,
        contrast=1.0,
        image_size=128,
    )
