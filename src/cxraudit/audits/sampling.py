"""The weights that images were sampled with: a column of the data set, checked once."""

from dataclasses import replace

import numpy as np
import pandas as pd

from cxraudit.datasets.base import Dataset
from cxraudit.errors import DataError, UnknownNameError, short
from cxraudit.settings import AuditSettings


def with_sampling_weights(dataset: Dataset, settings: AuditSettings) -> Dataset:
    """Check the sampling weights that the settings name, and leave out images of weight 0.

    Parameters
    ----------
    dataset : Dataset
        Its images may hold the column of weights, as numbers or text.
    settings : AuditSettings
        Their ``sampling_weight`` names the column; the data set is returned as it is where they name none.

    Returns
    -------
    Dataset
        With the weights as numbers above 0; images of weight 0 are excluded by a step of their own.

    Raises
    ------
    UnknownNameError
        If there is no such column.
    DataError
        If a weight is missing, negative, infinite or no number, or all are 0.
    """
    column = settings.sampling_weight
    if not column:
        return dataset
    if column not in dataset.images:
        raise UnknownNameError("column of sampling weights", column, dataset.images.columns)
    given = dataset.images[column]
    weights = pd.to_numeric(given, errors="coerce").astype("float64")
    wrong = ~(np.isfinite(weights) & (weights >= 0))
    if wrong.any():
        first = dataset.images.loc[wrong, "image_id"].iloc[0]
        raise DataError(
            f"{int(wrong.sum()):,} of the sampling weights in column '{column}' are no numbers of at least "
            f"0, first {short(given[wrong].iloc[0])} for image {short(first)}. Give every image a weight, or "
            "leave the image out."
        )
    checked = replace(dataset, images=dataset.images.assign(**{column: weights}))
    return checked.keep(weights > 0, step="sampling weight", reason="the sampling weight is 0")
