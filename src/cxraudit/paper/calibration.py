"""The study's calibration curves: ten bins of equal width, as scikit-learn's ``calibration_curve``."""

import numpy as np
import pandas as pd

from cxraudit.datasets.base import Dataset
from cxraudit.stats.calibration import reliability_curve

COLUMNS = ("dataset", "model", "finding", "group", "predicted", "observed", "n")


def calibration_points(
    dataset: Dataset, scores: pd.DataFrame, *, named: str | None = None
) -> pd.DataFrame:
    """Return the points of every curve the study draws.

    On ChestX-ray14: pneumothorax over all images, images with a drain and images without (whatever they
    show, as published). Elsewhere: every finding over all images. A blank label is negative.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`: mean score and share of positives per bin that has images; empty if scores are no
        probabilities.
    """
    images = dataset.images.set_index("image_id")
    drains = "drain" in dataset.shortcuts
    rows = []
    for (model, finding), part in scores.groupby(["model", "finding"], sort=False):
        if finding not in dataset.findings or (drains and finding != "Pneumothorax"):
            continue
        known = part[part["image_id"].isin(images.index)]
        score = known["score"].to_numpy(dtype=np.float64)
        if score.size == 0 or score.min() < 0 or score.max() > 1:
            continue
        radiographs = images.loc[known["image_id"]]
        label = radiographs[str(finding)].fillna(0).to_numpy(dtype=np.float64) == 1
        groups = {"all": np.ones(label.size, dtype=bool)}
        if drains:
            has = radiographs["drain"].to_numpy(dtype=object)
            groups |= {"with": has == "yes", "without": has == "no"}
        for group, kept in groups.items():
            if kept.any():
                curve = reliability_curve(label[kept], score[kept])
                rows += [
                    (named or dataset.name, model, finding, group, *point[:2], int(point[2]))
                    for point in curve
                ]
    return pd.DataFrame(rows, columns=list(COLUMNS))
