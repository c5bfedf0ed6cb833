"""A small cohort with scores and embeddings, and the run of a model on it, for the tests of the paper slice."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd
import pytest

from cxraudit.audits.run import audit
from cxraudit.datasets.base import Dataset
from cxraudit.paper.embeddings import project
from cxraudit.paper.faults import ModelRun
from cxraudit.paper.protocol import evaluate
from cxraudit.paper.tables import side_by_side
from cxraudit.settings import AuditSettings

Cohort = tuple[Dataset, pd.DataFrame, np.ndarray, np.ndarray]


def cohort(n_patients: int = 120, *, drains: bool = True, seed: int = 0) -> Cohort:
    """Return data set, scores in [0, 1], embeddings of images and of reports; images correlate by patient."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(n_patients), rng.integers(2, 7, n_patients))
    n = patient.size
    own = rng.normal(size=n_patients)[patient]
    label = (own + rng.normal(size=n) > 1).astype(float)
    sex = rng.choice(["female", "male"], n_patients)[patient]
    images = pd.DataFrame(
        {
            "image_id": [f"f{k:04d}" for k in range(n)],
            "patient_id": [f"{k:03d}" for k in patient],
            "study_id": [f"s{k:04d}" for k in range(n)],
            "path": "",
            "view_position": "PA",
            "Pneumothorax": label,
            "Pneumonia": rng.integers(0, 2, n).astype(float),
            "sex": sex,
            "race": rng.choice(["white", "black", "asian"], n_patients)[patient],
        }
    )
    if drains:
        images["drain"] = rng.choice(["yes", "no"], n, p=[0.3, 0.7])
        images["drain_source"] = np.where(label == 1, "annotated", "predicted")
    dataset = Dataset(
        name="toy",
        version="",
        license="",
        root=None,
        images=images,
        findings=("Pneumothorax", "Pneumonia"),
        attributes=("sex", "race"),
        shortcuts=("drain",) if drains else (),
    )
    logits = 2 * label - 1 + own + rng.normal(size=n)
    scores = pd.concat(
        pd.DataFrame(
            {
                "image_id": images["image_id"],
                "model": "m",
                "prompt_set": "paper",
                "finding": finding,
                "score": 1 / (1 + np.exp(-logits)),
            }
        )
        for finding in dataset.findings
    )
    vectors = rng.normal(size=(n, 12)).astype(np.float32)
    vectors[:, 0] += 3 * (sex == "male")
    vectors[:, 1] = logits
    texts = rng.normal(size=(n, 12)).astype(np.float32) + 2
    texts[:5] = np.nan
    return dataset, scores, vectors, texts


@cache
def model_run(**options: object) -> ModelRun:
    """Return the run that faults are computed from, with both protocols on the cohort; do not change it."""
    dataset, scores, vectors, texts = cohort(**options)
    settings = AuditSettings(n_resamples=300, operating_point="none", calibration="none")
    return ModelRun(
        dataset=dataset,
        model="m",
        scores=scores,
        image_ids=dataset.images["image_id"].to_numpy(dtype=np.str_),
        vectors=vectors,
        texts=texts,
        logit_scale=5.0,
        protocols=side_by_side(
            evaluate(dataset, scores, n_resamples=200),
            audit(dataset, scores, settings=settings).results,
        ),
        prompts={
            finding: (np.eye(12, dtype=np.float32)[1], np.eye(12, dtype=np.float32)[2])
            for finding in dataset.findings
        },
    )


@pytest.fixture(scope="session")
def make_cohort() -> Callable[..., Cohort]:
    """Return the function that makes a cohort."""
    return cohort


@pytest.fixture(scope="session")
def make_run() -> Callable[..., ModelRun]:
    """Return the function that makes the run of a model."""
    return model_run


@pytest.fixture(scope="session")
def points() -> pd.DataFrame:
    """Return the projections of 60 images, of which the first five have no report."""
    dataset, _, vectors, texts = cohort()
    return project("m", vectors[:60], texts[:60], dataset.images.iloc[:60])
