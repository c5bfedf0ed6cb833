"""How the score is distributed among images with and without finding and shortcut."""

from collections.abc import Mapping
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxraudit.audits.cohort import Cohort, Mask, Sample
from cxraudit.audits.shortcuts.labels import labels_of
from cxraudit.stats.delong import share_below

N_BINS = 25


def score_percentiles(
    cohort: Cohort, sample: Sample, shortcuts: Mapping[str, str]
) -> list[pd.DataFrame]:
    """Describe the score among images with and without finding and shortcut.

    Scores of different models have different scales, so each image is given its percentile among images
    that have neither the finding nor the shortcut (all images without the finding, where the shortcut is
    not known of them): 0.9 is a score above 90 % of theirs. The mean percentile of the other three kinds
    is an AUROC: that of BNSP for images with both.

    Returns
    -------
    list of pandas.DataFrame
        One table per shortcut of the finding, one row per kind of image and bin: ``model``,
        ``prompt_set``, ``finding``, ``shortcut``, ``has_finding``, ``has_shortcut`` (yes, no, unknown),
        ``percentile`` (middle of the bin), ``share`` (of the images of this kind), ``n`` (images of this
        kind), ``n_patients``.
    """
    tables = []
    edges = np.linspace(0, 1, N_BINS + 1)
    for shortcut, finding in shortcuts.items():
        if finding != sample.finding:
            continue
        labels = labels_of(cohort, sample, shortcut)
        neither = ~sample.y_true & labels.lacks
        among = neither if neither.any() else ~sample.y_true
        percentile = _percentiles(sample, among)
        kinds = {"yes": labels.has, "no": labels.lacks, "unknown": ~labels.known}
        for positive, (answer, kind) in product((True, False), kinds.items()):
            cell = kind & (sample.y_true == positive)
            if not cell.any():
                continue
            tables.append(
                pd.DataFrame(
                    {
                        "model": sample.model,
                        "prompt_set": sample.prompt_set,
                        "finding": finding,
                        "shortcut": shortcut,
                        "has_finding": positive,
                        "has_shortcut": answer,
                        "percentile": (edges[:-1] + edges[1:]) / 2,
                        "share": _histogram(sample, percentile, cell, edges),
                        "n": int(cell.sum()),
                        "n_patients": np.unique(sample.patients[cell]).size,
                    }
                )
            )
    return tables


def _percentiles(sample: Sample, among: Mask) -> NDArray[np.float64]:
    """Return the share of the images of `among` below the score of each image, ties counting half."""
    weights = np.ones(among.size) if sample.weights is None else sample.weights
    return share_below(sample.y_score, sample.y_score[among], weights[among])


def _histogram(
    sample: Sample, percentile: NDArray[np.float64], cell: Mask, edges: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the share of the images of a cell in each bin of percentiles."""
    own = None if sample.weights is None else sample.weights[cell]
    return np.histogram(percentile[cell], edges, weights=own)[0] / sample.total(cell)
