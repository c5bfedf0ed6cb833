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
        With the weights as numbers above 0, scaled to a mean of 1 to 2: only their ratios matter. Images of
        weight 0 are excluded by a step of their own.

    Raises
    ------
    UnknownNameError
        If there is no such column.
    DataError
        If a weight is missing, negative, infinite or no number, all are 0, or they lie too far apart.
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
    checked = replace(dataset, images=dataset.images.assign(**{column: _scaled(weights, column)}))
    return checked.keep(weights > 0, step="sampling weight", reason="the sampling weight is 0")


LARGEST_RATIO = 1e6
"""Of two weights: beside an image that counts for more, the other is lost in the rounding of sums."""

_BITS = 46
"""Of the ratio of two weights, which the rounding of both leaves: a scale then changes no result."""


def _scaled(weights: "pd.Series[float]", column: str) -> "pd.Series[float]":
    """Divide weights by the smallest above 0, and by the power of 2 that makes their mean 1 to 2.

    Whole weights, and with them sums that may be equal, so stay exact.

    Raises
    ------
    DataError
        If numbers do not hold the ratios of the weights.
    """
    above = weights[weights > 0]
    if above.empty:
        return weights
    smallest, largest = float(above.min()), float(above.max())
    if smallest < np.finfo(np.float64).tiny:
        raise DataError(
            f"the sampling weights in column '{column}' begin at {smallest:g}, which is too small for a "
            "number of full precision. Multiply all by one factor: only their ratios matter."
        )
    if smallest < largest / LARGEST_RATIO:
        raise DataError(
            f"the sampling weights in column '{column}' run from {smallest:g} to {largest:g}; ratios above "
            f"{LARGEST_RATIO:,.0f} are lost in rounding. Check the weights, or give 0 to the images that "
            "count for nothing."
        )
    mantissa, exponent = np.frexp(weights.to_numpy() / smallest)
    ratios = np.ldexp(np.round(np.ldexp(mantissa, _BITS)), exponent - _BITS)
    _, power = np.frexp(ratios[ratios > 0].mean())
    return pd.Series(np.ldexp(ratios, 1 - power), index=weights.index)
