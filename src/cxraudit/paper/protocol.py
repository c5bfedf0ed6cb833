"""The published evaluation, to the letter: the same predictions give the same numbers.

What the published ``evaluate_performance.py`` does, and an audit does not: images are resampled, each
group and metric on draws of its own from one legacy stream; a blank label is negative; positives with
and without a drain are each compared with all negatives; nothing is compared with anything.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from cxraudit.datasets.base import Dataset
from cxraudit.errors import DataError
from cxraudit.paper.bootstrap import PUBLISHED_SEED, published_interval
from cxraudit.paper.numbers import COLUMNS
from cxraudit.stats.ranking import adjusted_auprc, auroc

ATTRIBUTES = ("sex", "race", "age_group")
"""In the published order."""

METRICS = {"auroc": auroc, "adjusted_auprc": adjusted_auprc}


def evaluate(
    dataset: Dataset, scores: pd.DataFrame, *, named: str | None = None, n_resamples: int = 1000
) -> pd.DataFrame:
    """Evaluate every model by the published protocol.

    The stream of resamples begins anew with each model, as each is a run of the published script;
    findings are taken in the order of the data set, groups in the order in which they appear when
    images are sorted by age. Nothing is rounded.

    Parameters
    ----------
    dataset : Dataset
        With drains (as on ChestX-ray14), or with sex, race and age groups (as on MIMIC-CXR).
    scores : pandas.DataFrame
        A scores table; images without a score are left out.
    named : str, optional
        What to call the data set; default: its name.
    n_resamples : int
        1,000 in the study.

    Returns
    -------
    pandas.DataFrame
        `cxraudit.paper.numbers.COLUMNS`, one row per model, finding and group.

    Raises
    ------
    DataError
        If the data set has neither drains nor one of the attributes.
    """
    attributes = [name for name in ATTRIBUTES if name in dataset.attributes]
    drains = "drain" in dataset.shortcuts
    if not attributes and not drains:
        raise DataError(
            f"data set '{dataset.name}' has neither drains nor sex, race or age: the published protocol "
            "has nothing to evaluate on it."
        )
    images = dataset.images.set_index("image_id", drop=False)
    if not drains and "age" in images:
        # The published script sorts so before it looks for groups; the order decides the draws.
        images = images.sort_values(by=["age"])
    rows = []
    for model, mine in scores.groupby("model", sort=False):
        stream = np.random.RandomState(PUBLISHED_SEED)
        for finding in ["Pneumothorax"] if drains else dataset.findings:
            found = mine[mine["finding"] == finding].set_index("image_id")["score"]
            if found.empty:
                continue
            radiographs = images[images["image_id"].isin(found.index)]
            score = found.loc[radiographs["image_id"]].to_numpy(dtype=np.float64)
            label = radiographs[finding].fillna(0).to_numpy(dtype=np.float64) == 1
            for attribute, group, kept in _cells(radiographs, label, attributes, drains=drains):
                row = {
                    "dataset": named or dataset.name,
                    "model": model,
                    "finding": finding,
                    "attribute": attribute,
                    "group": group,
                    "prevalence": float(label[kept].mean()),
                }
                for metric, point in METRICS.items():
                    low, high = published_interval(
                        label[kept], score[kept], metric, stream, n_resamples=n_resamples
                    )
                    row |= {
                        metric: point(label[kept], score[kept]),
                        f"{metric}_low": low,
                        f"{metric}_high": high,
                    }
                rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _cells(
    images: pd.DataFrame, label: "np.ndarray", attributes: list[str], *, drains: bool
) -> Iterator[tuple[str, str, "np.ndarray"]]:
    """Yield attribute, group and the rows of the images, in the published order of both."""
    everyone = np.arange(len(images))
    yield "all", "all", everyone
    if drains:
        for group, value in (("without", "no"), ("with", "yes")):
            positive = np.flatnonzero(label & (images["drain"] == value).to_numpy())
            yield "drain", group, np.concatenate([positive, np.flatnonzero(~label)])
        return
    for attribute in attributes:
        values = images[attribute].to_numpy(dtype=object)
        for group in pd.unique(values):
            yield attribute, str(group), np.flatnonzero(values == group)
