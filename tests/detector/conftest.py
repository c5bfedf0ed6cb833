"""Fixtures: annotated images with and without a bright line, and a detector of it."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from cxraudit.datasets.base import Dataset
from cxraudit.detector.train import TrainSettings, train_detector


@pytest.fixture(scope="package", autouse=True)
def _one_thread():
    """The networks are small: several threads would only wait for those of other processes."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="package")
def quick() -> TrainSettings:
    """Settings that suffice for a bright line."""
    return TrainSettings(image_size=32, epochs=14, patience=14, batch_size=16)


@pytest.fixture(scope="package")
def lines(tmp_path_factory) -> Dataset:
    """Noise with or without a bright line, of 160 patients, a fifth of them without an annotation."""
    root = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(3)
    rows = []
    for patient in range(160):
        picture = rng.normal(90, 25, size=(32, 32))
        drain = patient % 2 == 0
        if drain:
            row = rng.integers(6, 24)
            picture[row : row + 3] += 110
        path = root / f"{patient}.png"
        Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(path)
        annotated = patient % 5 != 4
        rows.append(
            {
                "image_id": f"f{patient:03d}",
                "patient_id": f"p{patient}",
                "study_id": f"s{patient}",
                "path": str(path),
                "view_position": "PA",
                "Pneumothorax": float(patient % 3 == 0),
                "drain": ("yes" if drain else "no") if annotated else "unknown",
                "drain_source": "annotated" if annotated else "unknown",
                "truth": "yes" if drain else "no",
            }
        )
    return Dataset(
        name="lines",
        version="",
        license="",
        root=root,
        images=pd.DataFrame(rows),
        findings=("Pneumothorax",),
        attributes=(),
        shortcuts=("drain",),
    )


@pytest.fixture(scope="package")
def detector(lines, quick, tmp_path_factory):
    """The folder and the record of a trained detector."""
    out = tmp_path_factory.mktemp("detector")
    return out, train_detector(lines, out, quick)
