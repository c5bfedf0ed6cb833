"""What two axes show of the embeddings, and how far groups lie apart in all of them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxraudit.audits.embeddings.cohort import SPACES_2D, Space, Vectors
from cxraudit.stats.compare import step_up
from cxraudit.stats.distances import energy_distance, ks_distance

N_COMPONENTS = 4
TSNE_IMAGES = 1200
"""t-SNE is fitted on as many images of training patients at most."""
PLACED_BY = 5
"""An image t-SNE was not fitted on is placed amid as many nearest images."""
ENERGY_PATIENTS = 1000
MAX_POINTS = 4000


def two_axes(space: Space) -> dict[str, Vectors]:
    """Return two axes by PCA and by t-SNE of every image, fitted on training patients only.

    t-SNE has no way to place another image. Here it goes to the mean place of its nearest training
    images, weighted by closeness, so that no test image had a part in the axes.
    """
    pca = fit_pca(space.vectors[space.parts.train])
    principal = ((space.vectors - pca.mean_) @ pca.components_[:2].T).astype(np.float32)
    return dict(zip(SPACES_2D, (principal, _tsne(space)), strict=True))


def fit_pca(vectors: Vectors) -> Any:
    """Fit the first `N_COMPONENTS` principal components (scikit-learn)."""
    from sklearn.decomposition import PCA

    n = min(N_COMPONENTS, *vectors.shape)
    return PCA(
        n, svd_solver="full" if vectors.shape[1] <= 64 else "randomized", random_state=0
    ).fit(vectors)


def _tsne(space: Space) -> Vectors:
    from sklearn.manifold import TSNE

    rng = np.random.default_rng([space.cohort.settings.seed, 34])
    train = np.flatnonzero(space.parts.train)
    fitted = np.sort(rng.permutation(train)[:TSNE_IMAGES])
    placed = TSNE(
        2,
        perplexity=min(30, (len(fitted) - 1) / 3),
        init="pca",
        random_state=space.cohort.settings.seed,
        n_jobs=space.cohort.settings.n_threads,
    ).fit_transform(space.vectors[fitted])
    known = space.vectors[fitted]
    result = np.empty((len(space.vectors), 2), dtype=np.float32)
    for start in range(0, len(result), 4096):
        near = space.vectors[start : start + 4096] @ known.T
        best = np.argpartition(-near, PLACED_BY - 1, axis=1)[:, :PLACED_BY]
        apart = np.clip(1 - np.take_along_axis(near, best, axis=1), 1e-6, None)
        weights = 1 / apart
        weights /= weights.sum(axis=1, keepdims=True)
        result[start : start + 4096] = np.einsum("nk,nkd->nd", weights, placed[best])
    result[fitted] = placed
    return result


def project(
    space: Space, attributes: list[str], axes: Mapping[str, Vectors]
) -> tuple[list[dict[str, Any]], pd.DataFrame]:
    """Say what the principal components show, and test the whole space.

    Returns
    -------
    list of dict
        Explained variance of the first components; per component, attribute and group the
        Kolmogorov–Smirnov distance to the other groups, on one image per patient, with
        Benjamini–Yekutieli p-values; per attribute and group the energy distance of the whole space.
    pandas.DataFrame
        Where the images lie, in random order: what the figure draws.
    """
    pca = fit_pca(space.vectors[space.parts.train])
    components = (space.vectors - pca.mean_) @ pca.components_.T
    rows = [
        space.row(
            analysis="projection",
            space="image",
            method="PCA",
            metric="explained variance",
            group=f"component {number + 1}",
            value=share,
            **space.counted(space.parts.train),
        )
        for number, share in enumerate(pca.explained_variance_ratio_)
    ]
    rows += _component_distances(space, attributes, components)
    rows += _energies(space, attributes)
    return rows, _points(space, attributes, axes)


def _component_distances(
    space: Space, attributes: list[str], components: NDArray[np.floating]
) -> list[dict[str, Any]]:
    first = space.one_per_patient()
    rows = []
    for attribute in attributes:
        for group, inside, outside in space.comparisons(attribute):
            for number in range(components.shape[1]):
                found = ks_distance(
                    components[inside & first, number],
                    components[outside & first, number],
                    n_resamples=200,
                    seed=space.cohort.settings.seed,
                    confidence_level=space.cohort.settings.confidence_level,
                )
                rows.append(
                    space.row(
                        analysis="projection",
                        space=f"component {number + 1}",
                        method="Kolmogorov–Smirnov",
                        attribute=attribute,
                        group=group,
                        metric="distance to the rest",
                        value=found.value,
                        low=found.low,
                        high=found.high,
                        p_value=found.p_value,
                        **space.counted(inside & first),
                        note="one image per patient",
                    )
                )
    for row, p in zip(rows, step_up([row["p_value"] for row in rows], dependent=True), strict=True):
        row["p_adjusted"] = p
    return rows


def _energies(space: Space, attributes: list[str]) -> list[dict[str, Any]]:
    rng = np.random.default_rng([space.cohort.settings.seed, 35])
    some = rng.permutation(np.flatnonzero(space.one_per_patient()))[:ENERGY_PATIENTS]
    chosen = np.zeros(space.rows.size, dtype=bool)
    chosen[some] = True
    rows = []
    for attribute in attributes:
        for group, inside, outside in space.comparisons(attribute):
            both = chosen & (inside | outside)
            found = energy_distance(
                space.vectors[both], inside[both], seed=space.cohort.settings.seed
            )
            rows.append(
                space.row(
                    analysis="projection",
                    space="image",
                    method="energy",
                    attribute=attribute,
                    group=group,
                    metric="distance to the rest",
                    value=found.value,
                    p_value=found.p_value,
                    **space.counted(inside & both),
                    note="one image per patient; patients exchanged 499 times",
                )
            )
    for row, p in zip(rows, step_up([row["p_value"] for row in rows], dependent=True), strict=True):
        row["p_adjusted"] = p
    return rows


def _points(space: Space, attributes: list[str], axes: Mapping[str, Vectors]) -> pd.DataFrame:
    rng = np.random.default_rng([space.cohort.settings.seed, 36])
    shown = rng.permutation(space.rows.size)[:MAX_POINTS]  # random order: no group covers another
    images = space.cohort.images.index[space.rows[shown]]
    table = pd.DataFrame({"model": space.embedded.model, "image_id": images})
    for name, places in zip(("pca", "tsne"), (axes[s] for s in SPACES_2D), strict=True):
        table[f"{name}_x"], table[f"{name}_y"] = places[shown, 0], places[shown, 1]
    for attribute in attributes:
        table[attribute] = space.column(attribute)[shown]
    return (
        table.assign(modality="image") if space.texts is None else _with_texts(space, table, shown)
    )


def _with_texts(space: Space, table: pd.DataFrame, shown: NDArray[np.intp]) -> pd.DataFrame:
    """Add the axes of images and reports together: both coordinates come from the one fit.

    Images and reports stand in random order, as separate rows.
    """
    assert space.texts is not None
    there = np.asarray(np.isfinite(space.texts).all(axis=1))
    train = space.parts.train
    pca = fit_pca(np.concatenate([space.vectors[train], space.texts[train & there]]))
    parts = []
    for modality, vectors, kept in (
        ("image", space.vectors, np.ones_like(there)),
        ("report", space.texts, there),
    ):
        rows = kept[shown]
        axes = (vectors[shown][rows] - pca.mean_) @ pca.components_[:2].T
        part = table[rows].assign(modality=modality, joint_x=axes[:, 0], joint_y=axes[:, 1])
        if modality == "report":
            part = part.assign(pca_x=np.nan, pca_y=np.nan, tsne_x=np.nan, tsne_y=np.nan)
        parts.append(part)
    both = pd.concat(parts, ignore_index=True)
    order = np.random.default_rng([space.cohort.settings.seed, 38]).permutation(len(both))
    return both.iloc[order].reset_index(drop=True)
