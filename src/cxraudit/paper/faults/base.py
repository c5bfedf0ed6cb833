"""A fault, and the run of a model that faults are computed from."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxraudit.datasets.base import Dataset

Bool = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: what it is, its result on the images of a run, and the result without it."""

    file: str
    """The published file."""
    fault: str
    published: str
    """Result of the published code on these images."""
    corrected: str
    """Result without the fault, on the same images."""
    consequence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRun:
    """What one model computed on one data set."""

    dataset: Dataset
    model: str
    scores: pd.DataFrame
    """Scores table of this model."""
    image_ids: NDArray[np.str_]
    vectors: NDArray[np.float32]
    """Embeddings of these images, shape (n_images, d)."""
    texts: NDArray[np.float32] | None
    """Embeddings of their reports, NaN where an image has none; None without reports."""
    logit_scale: float
    """Factor on cosines in the softmax, as trained."""
    protocols: pd.DataFrame
    """Both protocols on these predictions; see `cxraudit.paper.tables.side_by_side`."""
    prompts: Mapping[str, tuple[NDArray[np.float32], NDArray[np.float32]]]
    """Finding → embeddings of its two prompts, as the model returns them."""


def scored_findings(run: ModelRun) -> list[str]:
    """Return the findings of the data set that have scores."""
    scored = set(run.scores["finding"])
    return [finding for finding in run.dataset.findings if finding in scored]


def main_finding(run: ModelRun) -> str:
    """Return pneumothorax if it is scored, else the first finding."""
    findings = scored_findings(run)
    return "Pneumothorax" if "Pneumothorax" in findings else findings[0]


def labels_and_scores(
    run: ModelRun, finding: str
) -> tuple[pd.DataFrame, Bool, NDArray[np.float64]]:
    """Return the scored images, their labels (blank is negative, as published) and their scores."""
    score_of = run.scores[run.scores["finding"] == finding].set_index("image_id")["score"]
    images = run.dataset.images[run.dataset.images["image_id"].isin(score_of.index)]
    label = images[finding].fillna(0).to_numpy(dtype=np.float64) == 1
    return images, label, score_of.loc[images["image_id"]].to_numpy(dtype=np.float64)
