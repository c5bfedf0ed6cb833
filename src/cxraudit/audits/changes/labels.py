"""Two sources of labels for the same images: each audit by its own, and the errors of the older one."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from cxraudit.audits import operating_point, planned, verdicts
from cxraudit.audits.cohort import sample_of
from cxraudit.audits.engine import Engine, Evaluated
from cxraudit.audits.plan import Comparison, Item
from cxraudit.audits.thresholds import Given
from cxraudit.datasets.base import Dataset

OLDER_LABELS = "older labels"
"""The model of rows on the labels of the older audit."""


def with_own_labels(
    dataset: Dataset, older: pd.DataFrame, findings: Sequence[str]
) -> tuple[Dataset, Dataset]:
    """Return the images with the labels of the older and of the newer audit, where both have them."""
    images = dataset.images
    by_image = older.set_index("image_id").loc[images["image_id"]]
    columns: dict[str, dict[str, Any]] = {"old": {}, "new": {}}
    for finding in findings:
        one = by_image[finding].to_numpy(dtype=np.float64, na_value=np.nan)
        other = images[finding].to_numpy(dtype=np.float64, na_value=np.nan)
        both = np.isfinite(one) & np.isfinite(other)
        columns["old"][finding] = np.where(both, one, np.nan)
        columns["new"][finding] = np.where(both, other, np.nan)
    old, new = (replace(dataset, images=images.assign(**columns[name])) for name in columns)
    return old, new


_OF_LABELS = ("tpr", "fpr", "ppv", "npv")
"""Rates of the older labels: sensitivity, one minus specificity, and predictive values."""


def label_errors(
    engine: Engine, frames: Sequence[planned.Frame], findings: Sequence[str]
) -> list[Evaluated]:
    """Evaluate the older labels as decisions about the newer ones, over all images and by group."""
    old, new = frames
    cohort = new.cohort
    no_image = np.zeros(len(cohort.images), dtype=bool)
    found: list[Evaluated] = []
    for finding in findings:
        labels, truth = (
            frame.cohort.images[finding].to_numpy(dtype=np.float64, na_value=np.nan)
            for frame in (old, new)
        )
        sample = sample_of(cohort, truth, labels, OLDER_LABELS, "", finding)
        tuned = operating_point.tune(cohort, sample, no_image, Given(0.5, "given"))
        items = operating_point.plan_tuned(cohort, sample, new.attributes, tuned)
        found += engine.evaluate(
            [_exploratory(item) for item in items if item.metric in _OF_LABELS]
        )
        engine.forget()
    return verdicts.judged(found, cohort.settings)


def _exploratory(item: Item) -> Item:
    return replace(item, family=None) if isinstance(item, Comparison) else item
