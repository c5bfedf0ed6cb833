"""A normal synthetic radiograph, for tests that draw one."""

from dataclasses import replace
from typing import Any

from cxraudit.phantom.cohort import Radiograph

_NORMAL = Radiograph(
    seed=3,
    patient=5,
    number=0,
    age=60,
    sex="male",
    view_position="PA",
    findings=(),
    drain=False,
    contrast=1.0,
    image_size=256,
)


def normal_radiograph(**changed: Any) -> Radiograph:
    """Return the description of a radiograph of a man of 60 without a finding or drain, but for `changed`."""
    return replace(_NORMAL, **changed)
