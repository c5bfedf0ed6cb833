"""The study's plots of embeddings: two axes by PCA and t-SNE, and differences of centroids.

Both coordinates of a point come from one fit (the published script takes x from the fit of images and
reports together and y from that of images alone); points are in random order, so that no group covers
another.
"""

from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxraudit.datasets.base import NO_GROUP, ordered_groups

SEED = 1907
MAX_IMAGES = 1500
"""Images that are projected and drawn; t-SNE of more takes minutes and shows no more."""
MIN_IMAGES = 10
"""With fewer reports there is no joint plot."""
ATTRIBUTES = ("sex", "race", "age_group")
IMAGES, BOTH = "images", "images and reports"

Vectors = NDArray[np.float32]


def project(
    model: str, vectors: Vectors, texts: Vectors | None, images: pd.DataFrame
) -> pd.DataFrame:
    """Place images, and images with their reports, on two axes by PCA and by t-SNE.

    Parameters
    ----------
    model : str
        Name for the rows.
    vectors, texts : numpy.ndarray, shape (n, d)
        Embeddings of images and of their reports; rows of reports that do not exist are NaN, and their
        images are in the fit of images only.
    images : pandas.DataFrame
        One row per image, with the attributes.

    Returns
    -------
    pandas.DataFrame
        ``model``, ``fit`` (images, or images and reports), ``method`` (PCA, t-SNE), ``modality``, ``x``,
        ``y`` and the attributes.
    """
    rng = np.random.default_rng(SEED)
    kept = rng.permutation(len(vectors))[:MAX_IMAGES]
    fits = {IMAGES: (kept, [("image", vectors[kept])])}
    if texts is not None:
        with_report = kept[np.isfinite(texts[kept]).all(axis=1)]
        if with_report.size >= MIN_IMAGES:
            pieces = [("image", vectors[with_report]), ("report", texts[with_report])]
            fits[BOTH] = (with_report, pieces)
    shown = [name for name in (*ATTRIBUTES, "drain") if name in images]
    parts = []
    for fit, (rows, pieces) in fits.items():
        points = np.concatenate([piece for _, piece in pieces])
        people = pd.concat([images.iloc[rows][shown]] * len(pieces), ignore_index=True)
        modality = np.repeat([name for name, _ in pieces], rows.size)
        order = rng.permutation(len(points))
        for method, axes in _two_axes(points).items():
            table = people.assign(
                model=model, fit=fit, method=method, modality=modality, x=axes[:, 0], y=axes[:, 1]
            )
            parts.append(table.iloc[order])
    return pd.concat(parts, ignore_index=True)


def _two_axes(points: Vectors) -> dict[str, NDArray[np.floating]]:
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    return {
        "PCA": PCA(2, random_state=SEED).fit_transform(points),
        "t-SNE": TSNE(
            2, random_state=SEED, perplexity=min(30, (len(points) - 1) / 3)
        ).fit_transform(points),
    }


def centroid_differences(
    model: str, vectors: Vectors, texts: Vectors | None, images: pd.DataFrame
) -> pd.DataFrame:
    """Return |mean − mean| of every dimension, largest first, for every two groups and for modality.

    Returns
    -------
    pandas.DataFrame
        ``model``, ``attribute`` (``modality``, or an attribute), ``pair``, ``rank`` (from 1),
        ``difference``.
    """
    pairs: list[tuple[str, str, NDArray[np.floating]]] = []
    if texts is not None:
        there = np.isfinite(texts).all(axis=1)
        if there.any():
            gap = vectors[there].mean(axis=0) - texts[there].mean(axis=0)
            pairs.append(("modality", "images − reports", gap))
    for attribute in (*ATTRIBUTES, "drain"):
        if attribute not in images:
            continue
        values = images[attribute].to_numpy(dtype=object)
        groups = [g for g in ordered_groups(attribute, images[attribute]) if (values == g).any()]
        groups = [g for g in groups if g not in NO_GROUP]
        means = {group: vectors[values == group].mean(axis=0) for group in groups}
        pairs += [
            (attribute, f"{first} − {second}", means[first] - means[second])
            for first, second in combinations(groups, 2)
        ]
    parts = [
        pd.DataFrame(
            {
                "model": model,
                "attribute": attribute,
                "pair": pair,
                "rank": np.arange(1, gap.size + 1),
                "difference": np.sort(np.abs(gap))[::-1],
            }
        )
        for attribute, pair, gap in pairs
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
