"""A table of images and scores with effects planted on request: what the audits must find."""

from pathlib import Path

import numpy as np
import pandas as pd

from cxraudit.audits.scores import scores_from_wide
from cxraudit.datasets.base import Dataset
from cxraudit.datasets.table import from_frame


def planted_table(
    seed: int, *, n_patients: int = 400, age_gap: float = 0.0, drain_gap: float = 0.0
) -> pd.DataFrame:
    """Images with scores: two findings, patients who resemble themselves, and effects on request.

    A finding raises the score by 1.8 standard deviations; `age_gap` takes some of that away from
    patients of 80 and over, `drain_gap` from pneumothorax without a drain.
    """
    rng = np.random.default_rng(seed)
    images = rng.integers(1, 6, size=n_patients)
    patient = np.repeat(np.arange(n_patients), images)
    n = patient.size
    age = rng.integers(18, 95, size=n_patients)[patient]
    frame = pd.DataFrame(
        {
            "file": [f"image{i:05d}.png" for i in range(n)],
            "pid": patient,
            "age": age,
            "sex": rng.choice(["F", "M"], size=n_patients)[patient],
            "race": rng.choice(["asian", "black", "white"], size=n_patients)[patient],
        }
    )
    for finding in ("Pneumothorax", "Cardiomegaly"):
        tendency = rng.normal(scale=0.8, size=n_patients)[patient]
        label = rng.random(n) < 1 / (1 + np.exp(1.4 - tendency))
        own = rng.normal(scale=0.6, size=n_patients)[patient]
        strength = 1.8 - age_gap * (age >= 80)
        if finding == "Pneumothorax":
            drain = np.where(label, rng.random(n) < 0.5, rng.random(n) < 0.05)
            frame["drain"] = drain.astype(int)
            strength = strength - drain_gap * ~drain
        frame[finding] = label.astype(int)
        frame[f"score_{finding}"] = label * strength + own + rng.normal(size=n) * 0.8
    return frame


def planted_dataset(frame: pd.DataFrame) -> Dataset:
    """Return the data set of a `planted_table`."""
    return from_frame(
        frame,
        name="planted",
        root=Path(),
        image="file",
        patient="pid",
        findings=["Pneumothorax", "Cardiomegaly"],
        age="age",
        sex="sex",
        attributes=["race"],
        shortcuts=["drain"],
    )


def planted_scores(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the scores of a `planted_table`."""
    columns = {finding: f"score_{finding}" for finding in ("Pneumothorax", "Cardiomegaly")}
    return scores_from_wide(frame, image="file", columns=columns, model="m")
