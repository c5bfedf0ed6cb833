"""How far the mean embeddings of groups lie apart, and in which direction."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxraudit.audits.cohort import Mask
from cxraudit.audits.embeddings.cohort import EmbeddedCohort
from cxraudit.audits.plan import Tested, unless_finite
from cxraudit.schema import COMPLEMENT, Analysis, Reason
from cxraudit.streams import Stream, generator

N_DRAWS = 499
BLOCK = 50
"""Draws at a time, for memory."""


def compare_centroids(
    cohort: EmbeddedCohort, attributes: Sequence[str]
) -> tuple[list[Tested], pd.DataFrame]:
    """Compare the mean embedding of each group with that of all other groups.

    Returns
    -------
    list of Tested
        Per attribute and group the distance of the means over the pooled standard deviation, tested by
        changing the signs of patients (`by_chance`); per finding the cosine of their difference with the
        prompt direction; and, where texts were embedded, the modality gap.
    pandas.DataFrame
        The differences of all dimensions, sorted by size, as in the paper: ``model``, ``attribute``,
        ``group``, ``rank``, ``value``, and the band ``low`` to ``high`` that the whole curve lies in, at
        the level of the settings, if the means of the groups are equal.
    """
    settings = cohort.cohort.settings
    items: list[Tested] = []
    curves = []
    x = cohort.vectors.astype(np.float64)
    for attribute in attributes:
        for group, inside, outside in cohort.comparisons(attribute):
            rng = generator(Stream.CENTROID_TEST, settings.seed)
            difference = x[inside].mean(axis=0) - x[outside].mean(axis=0)
            null = by_chance(x, inside, outside, cohort.patients, rng)
            spread = _spread(x, inside, outside)
            length = float(np.linalg.norm(difference))
            lengths = np.linalg.norm(null, axis=1)
            varied = spread > 0  # the unit of distances; all embeddings can be equal
            named = {"attribute": attribute, "group": group, "reference": COMPLEMENT}
            items.append(
                Tested(
                    key=cohort.key(Analysis.CENTROID, **named),
                    metric="centroid_distance",
                    cell=cohort.cell(inside),
                    value=length / spread if varied else math.nan,
                    p_value=(1 + int((lengths >= length).sum())) / (N_DRAWS + 1),
                    method=f"signs of patients changed at random, {N_DRAWS} times",
                    reasons=() if varied else (Reason.UNDEFINED_VALUE,),
                    note=f"by chance {np.median(lengths) / spread:.3f}"
                    if varied
                    else "all embeddings are equal",
                )
            )
            items += _alignment(cohort, named, difference)
            low, high = simultaneous_band(_sorted_sizes(null), settings.confidence_level)
            curves.append(
                pd.DataFrame(
                    {
                        "model": cohort.embedded.model,
                        "attribute": attribute,
                        "group": group,
                        "rank": np.arange(1, difference.size + 1),
                        "value": _sorted_sizes(difference),
                        "low": low,
                        "high": high,
                    }
                )
            )
    return [*items, *_modality_gap(cohort)], pd.concat(curves) if curves else pd.DataFrame()


def by_chance(
    x: NDArray[np.float64],
    inside: Mask,
    outside: Mask,
    patients: NDArray[np.int64],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Draw differences of means as they are if both groups have the same mean (wild cluster bootstrap).

    The difference is a sum of one contribution per patient, of images minus the mean of all, and each draw
    changes the signs of contributions at random. So it does not matter whether the group is one of the
    patient or varies within patients, nor how many images a patient has; of patients with one image of
    either group it is exactly an exchange of the two.

    Parameters
    ----------
    x : numpy.ndarray, shape (n_images, d)
        Embeddings.
    inside, outside : numpy.ndarray of bool, shape (n_images,)
        Images of the group, and of all other groups.
    patients : numpy.ndarray of int, shape (n_images,)
        Patient of each image.
    rng : numpy.random.Generator
        Of the signs.

    Returns
    -------
    numpy.ndarray, shape (N_DRAWS, d)
    """
    both = inside | outside
    weights = np.where(inside, 1 / inside.sum(), -1 / outside.sum())[both]
    order = np.argsort(patients[both], kind="stable")
    first = np.flatnonzero(np.diff(patients[both][order], prepend=-1))
    centred = (x[both] - x[both].mean(axis=0))[order]
    weights = weights[order]
    contributions = np.add.reduceat(centred * weights[:, None], first)
    larger = _lost_to_the_mean(
        contributions,
        np.add.reduceat(centred, first),
        np.add.reduceat(weights, first),
        len(weights),
    )
    draws = [
        rng.choice([-larger, larger], (min(BLOCK, N_DRAWS - start), len(first))) @ contributions
        for start in range(0, N_DRAWS, BLOCK)
    ]
    return np.concatenate(draws)


def _lost_to_the_mean(
    contributions: NDArray[np.float64],
    sums: NDArray[np.float64],
    weights: NDArray[np.float64],
    n_images: int,
) -> float:
    """Return how many times larger contributions are about the true mean than about that of all images.

    Each patient is part of the mean it is compared with, which matters where patients are few and dimensions
    many. To first order; exactly 1 where the weights of each patient add up to 0.
    """
    squares = float((contributions**2).sum())
    with_own = 2 * float(weights @ (contributions * sums).sum(axis=1)) / n_images
    of_mean = float((weights**2).sum() * (sums**2).sum()) / n_images**2
    return float(np.sqrt(1 + (with_own - of_mean) / squares)) if squares > 0 else 1.0


def _sorted_sizes(differences: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.sort(np.abs(differences), axis=-1)[..., ::-1]


def simultaneous_band(
    curves: NDArray[np.float64], level: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the band around the mean of curves that a share of them does not leave at any place.

    Its half-width is as many standard deviations at every place: the quantile of the largest distance of
    each curve, for one more curve than there are.

    Parameters
    ----------
    curves : numpy.ndarray, shape (n_curves, n_places)
        Sizes, which are not below 0.
    level : float
        The share.
    """
    middle, spread = curves.mean(axis=0), curves.std(axis=0)
    scaled = np.divide(np.abs(curves - middle), spread, out=np.zeros_like(curves), where=spread > 0)
    largest = np.sort(scaled.max(axis=1))
    reach = largest[min(math.ceil(level * (largest.size + 1)), largest.size) - 1]
    return np.maximum(middle - reach * spread, 0.0), middle + reach * spread


def _spread(x: NDArray[np.float64], inside: Mask, outside: Mask) -> float:
    """Root of the summed variance within the groups: how far an image lies from its group's mean."""
    within = [x[mask].var(axis=0).sum() * mask.sum() for mask in (inside, outside)]
    return float(np.sqrt(sum(within) / (inside.sum() + outside.sum())))


def _alignment(
    cohort: EmbeddedCohort, named: dict[str, str], difference: NDArray[np.float64]
) -> Iterator[Tested]:
    for prompt in cohort.embedded.prompts:
        size = np.linalg.norm(difference) * np.linalg.norm(prompt.direction)
        cosine = float(difference @ prompt.direction / size) if size else np.nan
        yield Tested(
            key=cohort.key(Analysis.CENTROID, finding=prompt.finding, **named),
            metric="prompt_cosine",
            cell=None,
            value=cosine,
            reasons=unless_finite(cosine),
        )


def _modality_gap(cohort: EmbeddedCohort) -> Iterator[Tested]:
    """How far images and reports lie apart (Liang et al. 2022)."""
    if cohort.texts is None:
        return
    with_text = np.asarray(np.isfinite(cohort.texts).all(axis=1))
    gap = cohort.vectors[with_text].mean(axis=0) - cohort.texts[with_text].mean(axis=0)
    yield Tested(
        key=cohort.key(Analysis.CENTROID),
        metric="modality_gap",
        cell=cohort.cell(with_text),
        value=float(np.linalg.norm(gap)),
        note="distance of the mean image from the mean report",
    )
