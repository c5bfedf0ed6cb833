"""Whether a gap is the model's or the prompt's: the same gaps over a bank of prompt pairs."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxraudit.audits.cohort import Sample
from cxraudit.audits.embeddings.cohort import EmbeddedCohort, PromptPair
from cxraudit.audits.embeddings.probes import CHANCE_AUROC
from cxraudit.audits.engine import Engine
from cxraudit.audits.plan import (
    Combination,
    Item,
    Level,
    Tested,
    average,
    joined_phrases,
    minus,
    ranking,
    unless_finite,
)
from cxraudit.schema import Analysis, Reason
from cxraudit.stats.compare import MIN_RESAMPLES
from cxraudit.stats.replicated import Replicated
from cxraudit.streams import Stream, generator

Masks = tuple[NDArray[np.bool_], NDArray[np.bool_]]

N_DRAWS, HALVINGS = 4000, 40
"""Sums of squares that are drawn, and steps to the limit of an interval."""


def over_prompts(
    engine: Engine, cohort: EmbeddedCohort, attributes: Sequence[str]
) -> tuple[list[Item], pd.DataFrame]:
    """Evaluate every prompt pair of every finding on the same images and resamples.

    Returns
    -------
    list of Item
        Per finding, attribute and group: the mean gap over the pairs with its interval over patients; the
        standard deviation of the gap between pairs (beyond sampling) and the share of the prompt in the
        variance, with intervals, and the standard deviation by sampling patients. Pairs that rank a
        finding below chance carry the reason ``BELOW_CHANCE``, with the pair as ``condition``.
    pandas.DataFrame
        One row per pair and gap: ``model``, ``finding``, ``pair``, ``positive``, ``negative``,
        ``attribute``, ``group``, ``auroc``, ``gap``, ``low``, ``high``.
    """
    items: list[Item] = []
    tables = []
    for finding in dict.fromkeys(pair.finding for pair in cohort.embedded.bank):
        given = [pair for pair in cohort.embedded.bank if pair.finding == finding]
        pairs = different(given)
        left_out = len(given) - len(pairs)
        label = cohort.labels(finding)
        known = np.isfinite(label)
        positive = label[known] == 1
        if len(pairs) < 2 or not (positive.any() and (~positive).any()):
            continue
        of_pairs = [
            cohort.sample(positive, cohort.vectors[known].astype(np.float64) @ p.direction, known)
            for p in pairs
        ]
        items += _below_chance(engine, cohort, pairs, of_pairs)
        for attribute, group, masks in _groups(cohort, attributes, known, positive):
            gaps = [minus(*(ranking(s.cell(mask)) for mask in masks)) for s in of_pairs]
            engine.compute(gaps)
            items += _components(engine, cohort, finding, attribute, group, gaps, left_out)
            tables.append(_listed(engine, cohort, pairs, of_pairs, attribute, group, gaps))
        engine.forget()
    return items, pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def different(pairs: Sequence[PromptPair]) -> list[PromptPair]:
    """Return the pairs with a direction of their own: parallel ones rank all images alike.

    Of parallel pairs the first is kept; one of no direction ranks nothing.
    """
    kept: list[PromptPair] = []
    units: list[NDArray[np.float64]] = []
    for pair in pairs:
        direction = pair.direction.astype(np.float64)
        length = np.linalg.norm(direction)
        if length > 0 and not any(direction @ unit > (1 - _PARALLEL) * length for unit in units):
            kept.append(pair)
            units.append(direction / length)
    return kept


_PARALLEL = 1e-10
"""One less the cosine of directions that are the same but for rounding."""


def _groups(
    cohort: EmbeddedCohort,
    attributes: Sequence[str],
    known: NDArray[np.bool_],
    positive: NDArray[np.bool_],
) -> Iterator[tuple[str, str, Masks]]:
    """Yield the comparisons in which both sides hold both classes."""
    for attribute in attributes:
        # Positives with and without a shortcut are each compared with all negatives.
        shared = ~positive & (attribute in cohort.cohort.dataset.shortcuts)
        for group, inside, outside in cohort.comparisons(attribute):
            masks = (inside[known] | shared, outside[known] | shared)
            if all((positive & m).any() and (~positive & m).any() for m in masks):
                yield attribute, group, masks


@dataclass(frozen=True, slots=True)
class Components:
    """The variance of a gap between prompts, with its interval, and that of sampling patients."""

    between: float
    """Beyond sampling, not cut at 0: below it where prompts differ less than by sampling."""
    low: float
    high: float
    sampling: float
    """Of the mean gap."""

    def share(self, between: float) -> float:
        """Return the share of a variance between prompts in both together; below 0 if the variance is."""
        total = abs(between) + self.sampling
        return between / total if total > 0 else math.nan


def components(
    gaps: Sequence[Replicated], rng: np.random.Generator, *, confidence_level: float = 0.95
) -> Components:
    """Split the variance of a gap into that between prompts and that of sampling patients.

    All prompts are evaluated on the same patients, so most of their sampling error is shared and does not
    make them differ. What remains of it (each gap minus the mean gap, over replicates) is taken off the
    variance between them. It is not cut at 0, since it would then be above 0 on average without any effect
    of the prompt.

    The interval inverts a test: for a variance between prompts, the sum of squares of the gaps around their
    mean is drawn from what remains of the sampling error and from normal deviations of the prompts; the
    interval holds the variances at which the observed sum lies within the central part of those drawn. It
    begins at the estimate, where that is below 0.

    Parameters
    ----------
    gaps : sequence of Replicated
        Of the prompts, on the same resamples.
    rng : numpy.random.Generator
        Draws deviations of prompts.
    confidence_level : float
        Of the interval.
    """
    replicates = np.stack([g.replicates for g in gaps])
    replicates = replicates[:, np.isfinite(replicates).all(axis=0)]
    points, draws = replicates[:, 0], replicates[:, 1:]
    if draws.shape[1] < MIN_RESAMPLES:
        return Components(*(math.nan,) * 4)
    own = draws - draws.mean(axis=0)  # what a prompt has beyond the mean gap of its replicate
    own = own - own.mean(axis=1, keepdims=True)
    k = len(gaps)
    noise = float((own**2).sum() / (draws.shape[1] - 1)) / (k - 1)
    observed = float(((points - points.mean()) ** 2).sum())
    between = observed / (k - 1) - noise
    low, high = variances(own, observed, rng, confidence_level=confidence_level)
    sampling = float(draws.mean(axis=0).var(ddof=1))
    return Components(between, min(low, between), high, sampling)


def variances(
    own: NDArray[np.float64],
    observed: float,
    rng: np.random.Generator,
    *,
    confidence_level: float,
    centred: bool = True,
) -> tuple[float, float]:
    """Return the variances at which the observed sum of squares is in either tail of those drawn.

    Parameters
    ----------
    own : numpy.ndarray, shape (n, n_resamples)
        Sampling error of each value in the sum.
    observed : float
        Sum of squares.
    rng : numpy.random.Generator
        Draws deviations.
    confidence_level : float
        Of the interval.
    centred : bool
        Whether the squares are around the mean of the values; else of contrasts, around 0.
    """
    repeated = np.tile(own, -(-N_DRAWS // own.shape[1]))
    deviations = rng.standard_normal(repeated.shape)
    if centred:
        deviations -= deviations.mean(axis=0)
    alone, both = (repeated**2).sum(axis=0), (repeated * deviations).sum(axis=0)
    apart = (deviations**2).sum(axis=0)

    def below(sd: float) -> float:
        """Return the share of drawn sums up to the observed one."""
        return float((alone + 2 * sd * both + sd**2 * apart <= observed).mean())

    tail = (1 - confidence_level) / 2
    limits = []
    for level in (1 - tail, tail):
        # Drawn sums grow with the deviation: from where few enough are below the observed one.
        least, most = 0.0, 10 * math.sqrt(observed) + 1e-12
        if below(least) <= level:
            limits.append(0.0)
            continue
        for _ in range(HALVINGS):
            middle = (least + most) / 2
            least, most = (middle, most) if below(middle) > level else (least, middle)
        limits.append(least**2)
    return limits[0], limits[1]


def _components(
    engine: Engine,
    cohort: EmbeddedCohort,
    finding: str,
    attribute: str,
    group: str,
    gaps: Sequence[Combination],
    left_out: int,
) -> Iterator[Item]:
    values = [engine.value(gap) for gap in gaps]
    settings = engine.settings
    rng = generator(Stream.PROMPT_VARIANCE, settings.seed)
    variance = components(values, rng, confidence_level=settings.confidence_level)
    limits = variance.between, variance.low, variance.high
    key = cohort.key(Analysis.PROMPT_SENSITIVITY, finding=finding, attribute=attribute, group=group)
    points = np.array([g.value for g in values])
    found = engine.estimate(average(gaps), "auroc_gap")
    yield Tested(
        key=key,
        metric="auroc_gap",
        cell=None,
        value=found.value,
        low=found.low,
        high=found.high,
        method=found.method,
        note=joined_phrases(
            f"{len(gaps)} prompt pairs",
            f"{left_out} without a direction of their own left out" if left_out else "",
            f"from {points.min():+.3f} to {points.max():+.3f}",
        ),
    )
    for metric, (value, low, high) in (
        ("gap_between_prompts_sd", [root(v) for v in limits]),
        ("gap_sampling_sd", (root(variance.sampling), math.nan, math.nan)),
        ("prompt_variance_share", [variance.share(v) for v in limits]),
    ):
        yield Tested(
            key=key,
            metric=metric,
            cell=None,
            value=value,
            low=low,
            high=high,
            reasons=unless_finite(value),
            method="inverted test of the sum of squares" if math.isfinite(low) else "",
        )


def root(variance: float) -> float:
    """Return the root of a variance; 0 below it, NaN of none."""
    return math.sqrt(max(variance, 0.0)) if math.isfinite(variance) else math.nan


def _below_chance(
    engine: Engine, cohort: EmbeddedCohort, pairs: Sequence[PromptPair], samples: Sequence[Sample]
) -> Iterator[Level]:
    """Warn of pairs that rank the finding below chance: a prompt that may mean the opposite."""
    levels = [
        Level(
            key=cohort.key(Analysis.PROMPT_SENSITIVITY, finding=pair.finding, condition=pair.name),
            metric="auroc",
            quantity=ranking(sample.everything),
            cell=sample.everything,
            reasons=(Reason.BELOW_CHANCE,),
            note=f"“{pair.positive}” against “{pair.negative}”",
        )
        for pair, sample in zip(pairs, samples, strict=True)
    ]
    found = engine.evaluate(levels)
    yield from (
        level for level, one in zip(levels, found, strict=True) if one.found.high < CHANCE_AUROC
    )


def _listed(
    engine: Engine,
    cohort: EmbeddedCohort,
    pairs: Sequence[PromptPair],
    samples: Sequence[Sample],
    attribute: str,
    group: str,
    gaps: Sequence[Combination],
) -> pd.DataFrame:
    found = [engine.estimate(gap, "auroc_gap") for gap in gaps]
    return pd.DataFrame(
        {
            "model": cohort.embedded.model,
            "finding": pairs[0].finding,
            "pair": [pair.name for pair in pairs],
            "positive": [pair.positive for pair in pairs],
            "negative": [pair.negative for pair in pairs],
            "attribute": attribute,
            "group": group,
            "auroc": [engine.value(ranking(sample.everything)).value for sample in samples],
            "gap": [e.value for e in found],
            "low": [e.low for e in found],
            "high": [e.high for e in found],
        }
    )
