"""Fixtures of the data sets."""

from pathlib import Path

import pytest

from cxraudit.phantom.releases import write_release
from cxraudit.phantom.spec import PhantomSpec


@pytest.fixture(scope="session")
def noisy_mimic_release(tmp_path_factory) -> Path:
    """A synthetic MIMIC release with the record noise of real releases."""
    root = tmp_path_factory.mktemp("noisy")
    spec = PhantomSpec(n_patients=120, seed=11, image_size=64, record_noise=0.12)
    write_release(spec, root, "mimic", n_workers=1)
    return root
