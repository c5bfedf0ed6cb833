"""Fixtures: small synthetic releases, and the real data where they are present."""

import os
from pathlib import Path

import pytest

from cxraudit.phantom.releases import write_release
from cxraudit.phantom.spec import PhantomSpec


@pytest.fixture(scope="session", autouse=True)
def _kernels_compiled_once(tmp_path_factory):
    """Compile before any test counts sockets or warnings."""
    from cxraudit.stats.ranking import auroc

    auroc([0, 1], [0.0, 1.0])


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real data, or skip."""
    named = os.environ.get("CXRAUDIT_DATA")
    for folder in ([Path(named)] if named else []) + [
        Path(__file__).parents[2] / "shared" / "data"
    ]:
        if (folder / "nih_cxr14").is_dir():
            return folder
    pytest.skip("real data not found; set CXRAUDIT_DATA to the folder that holds nih_cxr14/")


@pytest.fixture(scope="session")
def nih_release(tmp_path_factory) -> Path:
    """A synthetic ChestX-ray14 release of 40 patients."""
    root = tmp_path_factory.mktemp("nih")
    write_release(PhantomSpec(n_patients=40, seed=5, image_size=64), root, "nih", n_workers=1)
    return root


@pytest.fixture(scope="session")
def mimic_release(tmp_path_factory) -> Path:
    """A synthetic MIMIC-CXR-JPG and MIMIC-IV release of 40 patients."""
    root = tmp_path_factory.mktemp("mimic")
    write_release(PhantomSpec(n_patients=40, seed=6, image_size=64), root, "mimic", n_workers=1)
    return root
