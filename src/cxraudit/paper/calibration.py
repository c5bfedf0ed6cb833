"""The study's calibration curves: ten bins of equal width, as scikit-learn's ``calibration_curve``."""

import numpy as np
import pandas as pd

from cxraudit.datasets.base import Dataset
from cxraudit.paper.numbers import ALL
from cxraudit.schema import WITH, WITHOUT
from cxraudit.stats.calibration import reliability_curve

COLUMNS = ("dataset", "model", "finding", "group", "predicted", "observed", "n")


def calibration_points(
    dataset: Dataset, scores: pd.DataFrame, *, named: str | None = None
) -> pd.DataFrame:
    """Return the points of every calibration curve of the study.

    On ChestX-ray14: pneumothorax over all images, over images with a drain and over images without a
    drain (positive or negative, as published). On other data sets: every finding over all images. A
    blank label is negative.

    Parameters
    ----------
    dataset : Dataset
        With drains (as on ChestX-ray14), or without (as on MIMIC-CXR).
    scores : pandas.DataFrame
        A scores table.
    named : str, optional
        Name of the data set in the result; default: its own.

    Returns
    -------
    pandas.DataFrame
        One row per bin that has images, with `COLUMNS`: ``predicted`` is the mean score and ``observed``
        the share of positives, both in [0, 1]; ``n`` counts images. Scores outside [0, 1] are no
        probabilities and have no rows.
    """
    images = dataset.images.set_index("image_id")
    has_drains = "drain" in dataset.shortcuts
    rows: list[tuple[object, ...]] = []
    for (model, finding), part in scores.groupby(["model", "finding"], sort=False):
        if finding not in dataset.findings or (has_drains and finding != "Pneumothorax"):
            continue
        scored = part[part["image_id"].isin(images.index)]
        score = scored["score"].to_numpy(dtype=np.float64)
        if score.size == 0 or score.min() < 0 or score.max() > 1:
            continue
        scored_images = images.loc[scored["image_id"]]
        label = scored_images[str(finding)].fillna(0).to_numpy(dtype=np.float64) == 1
        groups = {ALL: np.ones(label.size, dtype=np.bool_)}
        if has_drains:
            drain = scored_images["drain"].to_numpy(dtype=object)
            groups |= {WITH: drain == "yes", WITHOUT: drain == "no"}
        for group, kept in groups.items():
            if kept.any():
                curve = reliability_curve(label[kept], score[kept])
                rows += [
                    (named or dataset.name, model, finding, group, *point[:2], int(point[2]))
                    for point in curve
                ]
    return pd.DataFrame(rows, columns=list(COLUMNS))
