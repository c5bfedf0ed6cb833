"""The published evaluation, to the letter: the same predictions give the same numbers.

Unlike an audit, the published ``evaluate_performance.py`` resamples images, draws anew for each group and
metric from one legacy stream, takes a blank label as negative, compares positives with and without a drain
each with all negatives, and computes no difference between groups.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxraudit.datasets.base import Dataset
from cxraudit.errors import DataError
from cxraudit.paper.bootstrap import PUBLISHED_SEED, published_interval
from cxraudit.paper.numbers import ALL, COLUMNS, MIMIC, NIH
from cxraudit.schema import WITH, WITHOUT
from cxraudit.stats.ranking import adjusted_auprc, auroc

ATTRIBUTES = ("sex", "race", "age_group")
"""Attributes of the evaluation on MIMIC-CXR, in the published order."""

METRICS = {"auroc": auroc, "adjusted_auprc": adjusted_auprc}
"""Metrics in the published order, in which intervals draw from the stream."""

TABLE_ORDER: Mapping[str, tuple[str, ...]] = {
    NIH: ("image_id",),
    MIMIC: ("patient_id", "study_id", "image_id"),
}
"""Columns whose ascending order is the row order of the study's table of each data set.

ChestX-ray14: the order of ``test_list.txt``, and of the ``Data_Entry_2017.csv`` from which the study's
``process_datasets.py`` makes the table. ``Data_Entry_2017_v2020.csv`` has another order.

MIMIC-CXR: the order of the metadata table of MIMIC-CXR-JPG, which filters and left merges keep. The script
that made the study's table is not published."""


def evaluation_of(dataset: Dataset) -> str:
    """Return which of the two published evaluations applies to a data set.

    Returns
    -------
    str
        `NIH` if there are labels of drains: pneumothorax, by drain. Otherwise `MIMIC`: every finding,
        by sex, race and age.

    Raises
    ------
    DataError
        If the data set has neither drains nor one of the attributes.
    """
    if "drain" in dataset.shortcuts:
        return NIH
    if any(name in dataset.attributes for name in ATTRIBUTES):
        return MIMIC
    raise DataError(
        f"data set '{dataset.name}' has neither drains nor sex, race or age: the published protocol "
        "has nothing to evaluate on it."
    )


def in_published_order(images: pd.DataFrame, evaluation: str) -> pd.DataFrame:
    """Return images in the row order of the published evaluation.

    The order is part of the protocol: the bootstrap draws row numbers, so that the same random numbers
    on rows in another order give other interval ends (in the third decimal).

    Parameters
    ----------
    images : pandas.DataFrame
        Images table, in any order; see `cxraudit.schema.IMAGE_COLUMNS`.
    evaluation : {"nih-cxr14", "mimic-cxr"}
        From `evaluation_of`.

    Returns
    -------
    pandas.DataFrame
        The rows sorted by `TABLE_ORDER`; for MIMIC-CXR then by age, if there are ages, as the published
        ``df.sort_values(by=["age"])`` does. That sort is not stable: images of equal age are in the
        order that NumPy's default sort leaves them in, which depends on the version of NumPy and on
        the vector instructions of the processor. The same holds for the published code, so that its
        interval ends on MIMIC-CXR are reproduced to the letter on the same kind of machine only.

    References
    ----------
    .. [1] Sourget et al. (2025), arXiv:2507.21291, process_datasets.py and evaluate_performance.py of
       its code (MIT).
    """
    table = images.sort_values(list(TABLE_ORDER[evaluation]), kind="stable")
    if evaluation == MIMIC and "age" in table:
        return table.sort_values(by=["age"])
    return table


def evaluate(
    dataset: Dataset, scores: pd.DataFrame, *, named: str | None = None, n_resamples: int = 1000
) -> pd.DataFrame:
    """Evaluate every model by the published protocol.

    The stream of resamples begins anew with each model, as each is a run of the published script.
    Findings are taken in the order of the data set, images in that of `in_published_order`, groups in
    the order in which they first appear there. Nothing is rounded.

    Parameters
    ----------
    dataset : Dataset
        With drains (as on ChestX-ray14), or with sex, race and age groups (as on MIMIC-CXR).
    scores : pandas.DataFrame
        A scores table; images without a score are left out.
    named : str, optional
        Name of the data set in the result; default: its own.
    n_resamples : int
        1,000 in the study.

    Returns
    -------
    pandas.DataFrame
        One row per model, finding and group, with `cxraudit.paper.numbers.COLUMNS`. The order of the
        rows of `dataset` and `scores` has no effect on the numbers.

    Raises
    ------
    DataError
        If the data set has neither drains nor one of the attributes.
    """
    evaluation = evaluation_of(dataset)
    images = in_published_order(dataset.images, evaluation)
    attributes = [name for name in ATTRIBUTES if name in dataset.attributes]
    findings = ["Pneumothorax"] if evaluation == NIH else dataset.findings
    rows = []
    for model, of_model in scores.groupby("model", sort=False):
        stream = np.random.RandomState(PUBLISHED_SEED)
        for finding in findings:
            score_of = of_model[of_model["finding"] == finding].set_index("image_id")["score"]
            if score_of.empty:
                continue
            scored = images[images["image_id"].isin(score_of.index)]
            score = score_of.loc[scored["image_id"]].to_numpy(dtype=np.float64)
            label = scored[finding].fillna(0).to_numpy(dtype=np.float64) == 1
            cells = _by_drain(scored, label) if evaluation == NIH else _by_group(scored, attributes)
            for attribute, group, kept in cells:
                rows.append(
                    {
                        "dataset": named or dataset.name,
                        "model": model,
                        "finding": finding,
                        "attribute": attribute,
                        "group": group,
                        "prevalence": float(label[kept].mean()),
                        **_estimates(label[kept], score[kept], stream, n_resamples),
                    }
                )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _by_drain(
    images: pd.DataFrame, label: NDArray[np.bool_]
) -> Iterator[tuple[str, str, NDArray[np.intp]]]:
    """Yield attribute, group and rows: all images, then positives by drain before all negatives."""
    yield ALL, ALL, np.arange(len(images))
    for group, value in ((WITHOUT, "no"), (WITH, "yes")):
        positive = np.flatnonzero(label & (images["drain"] == value).to_numpy())
        yield "drain", group, np.concatenate([positive, np.flatnonzero(~label)])


def _by_group(
    images: pd.DataFrame, attributes: list[str]
) -> Iterator[tuple[str, str, NDArray[np.intp]]]:
    """Yield attribute, group and rows: all images, then the groups of each attribute."""
    yield ALL, ALL, np.arange(len(images))
    for attribute in attributes:
        values = images[attribute].to_numpy(dtype=object)
        for group in pd.unique(values):
            yield attribute, str(group), np.flatnonzero(values == group)


def _estimates(
    label: NDArray[np.bool_],
    score: NDArray[np.float64],
    stream: np.random.RandomState,
    n_resamples: int,
) -> dict[str, float]:
    """Return both metrics with their interval ends; the stream advances metric by metric."""
    found: dict[str, float] = {}
    for metric, point in METRICS.items():
        low, high = published_interval(label, score, metric, stream, n_resamples=n_resamples)
        found |= {metric: point(label, score), f"{metric}_low": low, f"{metric}_high": high}
    return found
