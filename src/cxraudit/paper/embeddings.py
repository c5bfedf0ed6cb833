"""The study's plots of embeddings: projections by PCA and t-SNE, and differences of centroids.

Both coordinates of a point come from one fit (the published script takes x from the fit of images and
reports together and y from that of images alone). Points are in random order, so that no group covers
another.
"""

from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxraudit.datasets.base import NO_GROUP, ordered_groups
from cxraudit.paper.bootstrap import PUBLISHED_SEED

SEED = PUBLISHED_SEED
"""Of the sample of images that is drawn, of PCA and of t-SNE; fixed, so that plots are reproducible."""
MAX_IMAGES = 1500
"""Images that are projected: t-SNE of more takes minutes, and more points cover each other."""
MIN_IMAGES = 10
"""Images with a report below which there is no joint projection."""
ATTRIBUTES = ("sex", "race", "age_group")
IMAGES, IMAGES_AND_REPORTS = "images", "images and reports"
"""Fits: of images alone, and of images and their reports together."""

Vectors = NDArray[np.float32]


def project(
    model: str, vectors: Vectors, texts: Vectors | None, images: pd.DataFrame
) -> pd.DataFrame:
    """Project images, and images with their reports, on two axes by PCA and by t-SNE.

    Parameters
    ----------
    model : str
        Name for the rows.
    vectors, texts : numpy.ndarray, shape (n_images, d)
        Embeddings of images and of their reports. Rows of missing reports are NaN; their images are
        in the fit of images only.
    images : pandas.DataFrame, n_images rows
        With the attributes.

    Returns
    -------
    pandas.DataFrame
        One row per point: ``model``, ``fit`` (`IMAGES` or `IMAGES_AND_REPORTS`), ``method`` (PCA or
        t-SNE), ``modality`` (image or report), ``x``, ``y`` and the attributes; at most `MAX_IMAGES`
        images, drawn at random.
    """
    rng = np.random.default_rng(SEED)
    drawn = rng.permutation(len(vectors))[:MAX_IMAGES]
    fits = {IMAGES: (drawn, {"image": vectors[drawn]})}
    if texts is not None:
        with_report = drawn[np.isfinite(texts[drawn]).all(axis=1)]
        if with_report.size >= MIN_IMAGES:
            pieces = {"image": vectors[with_report], "report": texts[with_report]}
            fits[IMAGES_AND_REPORTS] = (with_report, pieces)
    columns = [name for name in (*ATTRIBUTES, "drain") if name in images]
    tables = []
    for fit, (rows, pieces) in fits.items():
        points = np.concatenate(list(pieces.values()))
        attributes = pd.concat([images.iloc[rows][columns]] * len(pieces), ignore_index=True)
        modality = np.repeat(list(pieces), rows.size)
        order = rng.permutation(len(points))
        for method, axes in _two_axes(points).items():
            table = attributes.assign(
                model=model, fit=fit, method=method, modality=modality, x=axes[:, 0], y=axes[:, 1]
            )
            tables.append(table.iloc[order])
    return pd.concat(tables, ignore_index=True)


def _two_axes(points: Vectors) -> dict[str, NDArray[np.floating]]:
    """Return the coordinates of points by method, shape (n_points, 2)."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    perplexity = min(30, (len(points) - 1) / 3)
    return {
        "PCA": PCA(2, random_state=SEED).fit_transform(points),
        "t-SNE": TSNE(2, random_state=SEED, perplexity=perplexity).fit_transform(points),
    }


def centroid_differences(
    model: str, vectors: Vectors, texts: Vectors | None, images: pd.DataFrame
) -> pd.DataFrame:
    """Return the absolute difference of two centroids in every dimension, largest first.

    Of every two groups of each attribute, and of images and reports.

    Parameters
    ----------
    model, vectors, texts, images
        As of `project`.

    Returns
    -------
    pandas.DataFrame
        One row per pair and dimension: ``model``, ``attribute`` (``modality`` for images − reports),
        ``pair``, ``rank`` (from 1), ``difference``; empty if there is nothing to compare.
    """
    pairs: list[tuple[str, str, NDArray[np.floating]]] = []
    if texts is not None:
        has_report = np.isfinite(texts).all(axis=1)
        if has_report.any():
            difference = vectors[has_report].mean(axis=0) - texts[has_report].mean(axis=0)
            pairs.append(("modality", "images − reports", difference))
    for attribute in (*ATTRIBUTES, "drain"):
        if attribute not in images:
            continue
        values = images[attribute].to_numpy(dtype=object)
        named = [g for g in ordered_groups(attribute, images[attribute]) if g not in NO_GROUP]
        groups = [group for group in named if (values == group).any()]
        means = {group: vectors[values == group].mean(axis=0) for group in groups}
        pairs += [
            (attribute, f"{first} − {second}", means[first] - means[second])
            for first, second in combinations(groups, 2)
        ]
    tables = [
        pd.DataFrame(
            {
                "model": model,
                "attribute": attribute,
                "pair": pair,
                "rank": np.arange(1, difference.size + 1),
                "difference": np.sort(np.abs(difference))[::-1],
            }
        )
        for attribute, pair, difference in pairs
    ]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
