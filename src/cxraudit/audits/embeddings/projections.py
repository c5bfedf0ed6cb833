"""What two axes show of the embeddings, and how far groups lie apart in the whole space."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxraudit.audits.cohort import Mask
from cxraudit.audits.embeddings.cohort import (
    MIN_PATIENTS,
    SPACES_2D,
    EmbeddedCohort,
    Vectors,
)
from cxraudit.audits.plan import Tested, unless_finite
from cxraudit.schema import COMPLEMENT, Analysis, Reason
from cxraudit.stats.distances import Distance, energy_distance, ks_distance
from cxraudit.streams import Stream, generator

N_COMPONENTS = 4
TSNE_IMAGES = 1200
"""t-SNE is fitted on as many images of training patients at most."""
PLACED_BY = 5
"""t-SNE places an image amid as many nearest images."""
ENERGY_PATIENTS = 1000
MAX_POINTS = 4000


def groups_column(attribute: str) -> str:
    """Return the column of the table of points that holds the groups of an attribute.

    An attribute may be called like any other column, such as ``modality``.
    """
    return f"attribute:{attribute}"


def two_axes(cohort: EmbeddedCohort) -> dict[str, Vectors]:
    """Return two axes by PCA and by t-SNE of every image, fitted on training patients only.

    t-SNE has no way to place another image. Here every image goes to the mean place of the nearest training
    images of other patients, weighted by closeness: no test image had a part in the axes, and probes learn
    from places that came about like those of test images.
    """
    pca = fit_pca(cohort.vectors[cohort.parts.train])
    principal = ((cohort.vectors - pca.mean_) @ pca.components_[:2].T).astype(np.float32)
    return dict(zip(SPACES_2D, (principal, _tsne(cohort)), strict=True))


def fit_pca(vectors: Vectors) -> Any:
    """Fit the first `N_COMPONENTS` principal components (scikit-learn)."""
    from sklearn.decomposition import PCA

    n = min(N_COMPONENTS, *vectors.shape)
    solver = "full" if vectors.shape[1] <= 64 else "randomized"
    # Where all vectors are equal, shares of no variance are NaN.
    with np.errstate(invalid="ignore"):
        return PCA(n, svd_solver=solver, random_state=0).fit(vectors)


def _tsne(cohort: EmbeddedCohort) -> Vectors:
    from sklearn.manifold import TSNE

    rng = generator(Stream.TSNE_IMAGES, cohort.cohort.settings.seed)
    train = np.flatnonzero(cohort.parts.train)
    fitted = np.sort(rng.permutation(train)[:TSNE_IMAGES])
    if not _differ(cohort.vectors[fitted]):
        return np.zeros((len(cohort.vectors), 2), dtype=np.float32)
    placed = TSNE(
        2,
        perplexity=min(30, (len(fitted) - 1) / 3),
        init="pca",
        random_state=cohort.cohort.settings.seed,
        n_jobs=cohort.cohort.settings.n_threads,
    ).fit_transform(cohort.vectors[fitted])
    known, owners = cohort.vectors[fitted], cohort.patients[fitted]
    result = np.empty((len(cohort.vectors), 2), dtype=np.float32)
    for start in range(0, len(result), 4096):
        near = cohort.vectors[start : start + 4096] @ known.T
        near[cohort.patients[start : start + 4096, None] == owners] = -np.inf
        best = np.argpartition(-near, PLACED_BY - 1, axis=1)[:, :PLACED_BY]
        apart = np.clip(1 - np.take_along_axis(near, best, axis=1), 1e-6, None)
        weights = 1 / apart
        weights /= weights.sum(axis=1, keepdims=True)
        result[start : start + 4096] = np.einsum("nk,nkd->nd", weights, placed[best])
    return result


def _differ(vectors: Vectors) -> bool:
    """Tell whether vectors differ by more than rounding; t-SNE has no places for equal ones."""
    apart = np.linalg.norm(vectors - vectors.mean(axis=0), axis=1).max()
    return bool(apart > 1e-5 * np.linalg.norm(vectors, axis=1).max())


def project(
    cohort: EmbeddedCohort, attributes: Sequence[str], axes: Mapping[str, Vectors]
) -> tuple[list[Tested], pd.DataFrame]:
    """Describe the principal components by group, and test the whole cohort.

    Returns
    -------
    list of Tested
        Explained variance of the first components (``at``: number of the component); per component,
        attribute and group the Kolmogorov–Smirnov distance to all other groups, on one image per patient,
        with Benjamini–Yekutieli p-values; per attribute and group the energy distance of the whole cohort.
    pandas.DataFrame
        Where the images lie, in random order: what the figure draws.
    """
    pca = fit_pca(cohort.vectors[cohort.parts.train])
    components = (cohort.vectors - pca.mean_) @ pca.components_.T
    items = [
        Tested(
            key=cohort.key(Analysis.PROJECTION, at=float(number + 1)),
            metric="explained_variance",
            cell=cohort.cell(cohort.parts.train),
            value=float(share),
            method="PCA",
            reasons=unless_finite(share),
        )
        for number, share in enumerate(pca.explained_variance_ratio_)
    ]
    items += _component_distances(cohort, attributes, components)
    items += _energies(cohort, attributes)
    return items, _points(cohort, attributes, axes)


def _component_distances(
    cohort: EmbeddedCohort, attributes: Sequence[str], components: NDArray[np.floating]
) -> Iterator[Tested]:
    settings = cohort.cohort.settings
    for attribute in attributes:
        for group, inside, outside in cohort.comparisons(attribute):
            one = cohort.one_per_patient(inside | outside)
            for number in range(components.shape[1]):
                yield _of_patients(
                    cohort,
                    {"attribute": attribute, "group": group, "at": float(number + 1)},
                    "ks_distance",
                    (inside & one, outside & one),
                    lambda first, second, along=components[:, number]: ks_distance(
                        along[first],
                        along[second],
                        n_resamples=200,
                        seed=settings.seed,
                        confidence_level=settings.confidence_level,
                    ),
                    method="largest difference, less its bias; lower limit on other patients",
                )


def _energies(cohort: EmbeddedCohort, attributes: Sequence[str]) -> Iterator[Tested]:
    seed = cohort.cohort.settings.seed
    for attribute in attributes:
        for group, inside, outside in cohort.comparisons(attribute):
            one = np.flatnonzero(cohort.one_per_patient(inside | outside))
            rng = generator(Stream.ENERGY_PATIENTS, seed)
            chosen = np.zeros(cohort.rows.size, dtype=bool)
            chosen[rng.permutation(one)[:ENERGY_PATIENTS]] = True
            yield _of_patients(
                cohort,
                {"attribute": attribute, "group": group},
                "energy_distance",
                (inside & chosen, outside & chosen),
                lambda first, second: energy_distance(
                    cohort.vectors[first | second], first[first | second], seed=seed
                ),
                note="; patients exchanged 499 times",
            )


def _of_patients(
    cohort: EmbeddedCohort,
    named: dict[str, Any],
    metric: str,
    sides: tuple[Mask, Mask],
    distance: Callable[[Mask, Mask], Distance],
    *,
    method: str = "",
    note: str = "",
) -> Tested:
    """Compute a distance between two groups of patients; say so where a group has too few."""
    fewest = min(int(side.sum()) for side in sides)
    enough = fewest >= MIN_PATIENTS
    nothing = Distance(np.nan, np.nan, np.nan, np.nan)
    found = distance(*sides) if enough else nothing
    hidden = cohort.cohort.settings.hides_small_numbers
    too_few = f"; fewer than {MIN_PATIENTS} patients on a side{'' if hidden else f' ({fewest})'}"
    return Tested(
        key=cohort.key(Analysis.PROJECTION, reference=COMPLEMENT, **named),
        metric=metric,
        cell=cohort.cell(sides[0]),
        value=found.value,
        low=found.low,
        high=found.high,
        p_value=found.p_value,
        method=method if enough else "",
        family=metric if enough else "",
        adjust="dependent",
        reasons=() if enough else (Reason.TOO_FEW_PATIENTS,),
        note=f"one image per patient, at random{note if enough else too_few}",
    )


def _points(
    cohort: EmbeddedCohort, attributes: Sequence[str], axes: Mapping[str, Vectors]
) -> pd.DataFrame:
    rng = generator(Stream.PROJECTED_IMAGES, cohort.cohort.settings.seed)
    shown = rng.permutation(cohort.rows.size)[:MAX_POINTS]  # random order: no group covers another
    images = cohort.cohort.images.index[cohort.rows[shown]]
    table = pd.DataFrame({"model": cohort.embedded.model, "image_id": images})
    for name, places in zip(("pca", "tsne"), (axes[s] for s in SPACES_2D), strict=True):
        table[f"{name}_x"], table[f"{name}_y"] = places[shown, 0], places[shown, 1]
    for attribute in attributes:
        table[groups_column(attribute)] = cohort.column(attribute)[shown]
    return (
        table.assign(modality="image")
        if cohort.texts is None
        else _with_texts(cohort, table, shown)
    )


def _with_texts(
    cohort: EmbeddedCohort, table: pd.DataFrame, shown: NDArray[np.intp]
) -> pd.DataFrame:
    """Add the axes of images and reports together: both coordinates come from the one fit.

    Images and reports stand in random order, as separate rows.
    """
    assert cohort.texts is not None
    embedded = np.asarray(np.isfinite(cohort.texts).all(axis=1))
    train = cohort.parts.train
    pca = fit_pca(np.concatenate([cohort.vectors[train], cohort.texts[train & embedded]]))
    parts = []
    for modality, vectors, kept in (
        ("image", cohort.vectors, np.ones_like(embedded)),
        ("report", cohort.texts, embedded),
    ):
        rows = kept[shown]
        axes = (vectors[shown][rows] - pca.mean_) @ pca.components_[:2].T
        part = table[rows].assign(modality=modality, joint_x=axes[:, 0], joint_y=axes[:, 1])
        if modality == "report":
            part = part.assign(pca_x=np.nan, pca_y=np.nan, tsne_x=np.nan, tsne_y=np.nan)
        parts.append(part)
    both = pd.concat(parts, ignore_index=True)
    order = generator(Stream.PROJECTED_REPORTS, cohort.cohort.settings.seed).permutation(len(both))
    return both.iloc[order].reset_index(drop=True)
