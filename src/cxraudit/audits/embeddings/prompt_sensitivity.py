"""Whether a gap is the model's or the prompt's: the same gaps over a bank of prompt pairs."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxraudit.audits.cohort import Sample
from cxraudit.audits.embeddings.cohort import EmbeddedCohort, PromptPair
from cxraudit.audits.engine import Engine
from cxraudit.audits.plan import Combination, Item, Tested, average, minus, ranking
from cxraudit.schema import Analysis, Reason
from cxraudit.stats.replicated import Replicated

Masks = tuple[NDArray[np.bool_], NDArray[np.bool_]]


def over_prompts(
    engine: Engine, cohort: EmbeddedCohort, attributes: Sequence[str]
) -> tuple[list[Item], pd.DataFrame]:
    """Evaluate every prompt pair of every finding on the same images and resamples.

    Returns
    -------
    list of Item
        Per finding, attribute and group: the mean gap over the pairs with its interval over patients; the
        standard deviation of the gap between pairs (beyond sampling), that of sampling patients, and the
        share of the prompt in both together. Pairs that rank a finding below chance carry the reason
        ``BELOW_CHANCE``, with the pair as ``condition``.
    pandas.DataFrame
        One row per pair and gap: ``model``, ``finding``, ``pair``, ``positive``, ``negative``,
        ``attribute``, ``group``, ``auroc``, ``gap``, ``low``, ``high``.
    """
    items: list[Item] = []
    tables = []
    for finding in dict.fromkeys(pair.finding for pair in cohort.embedded.bank):
        pairs = [pair for pair in cohort.embedded.bank if pair.finding == finding]
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
            items += _components(engine, cohort, finding, attribute, group, gaps)
            tables.append(_listed(engine, cohort, pairs, of_pairs, attribute, group, gaps))
        engine.forget()
    return items, pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


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


def components(gaps: Sequence[Replicated]) -> tuple[float, float]:
    """Split the variance of a gap into that between prompts and that of sampling patients.

    All prompts are evaluated on the same patients, so most of their sampling error is shared and does not
    make them differ. What remains of it (each gap minus the mean gap, over replicates) is taken off the
    variance between them.

    Returns
    -------
    tuple of float
        Standard deviation between prompts (0 if sampling explains it) and of the mean gap by sampling.
    """
    replicates = np.stack([g.replicates for g in gaps])
    replicates = replicates[:, np.isfinite(replicates).all(axis=0)]
    points, draws = replicates[:, 0], replicates[:, 1:]
    own = draws - draws.mean(axis=0)  # what a prompt has beyond the mean gap of its replicate
    noise = float(own.var(axis=1, ddof=1).mean()) if draws.shape[1] > 1 else 0.0
    between = max(float(points.var(ddof=1)) - noise * len(gaps) / (len(gaps) - 1), 0.0)
    sampling = float(draws.mean(axis=0).var(ddof=1)) if draws.shape[1] > 1 else np.nan
    return float(np.sqrt(between)), float(np.sqrt(sampling))


def _components(
    engine: Engine,
    cohort: EmbeddedCohort,
    finding: str,
    attribute: str,
    group: str,
    gaps: Sequence[Combination],
) -> Iterator[Item]:
    values = [engine.value(gap) for gap in gaps]
    between, sampling = components(values)
    total = between**2 + sampling**2
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
        note=f"{len(gaps)} prompt pairs; from {points.min():+.3f} to {points.max():+.3f}",
    )
    for metric, value in (
        ("gap_between_prompts_sd", between),
        ("gap_sampling_sd", sampling),
        ("prompt_variance_share", between**2 / total if total > 0 else np.nan),
    ):
        yield Tested(key=key, metric=metric, cell=None, value=value)


def _below_chance(
    engine: Engine, cohort: EmbeddedCohort, pairs: Sequence[PromptPair], samples: Sequence[Sample]
) -> Iterator[Tested]:
    """Warn of pairs that rank the finding below chance: a prompt that may mean the opposite."""
    engine.compute([ranking(sample.everything) for sample in samples])
    for pair, sample in zip(pairs, samples, strict=True):
        found = engine.estimate(ranking(sample.everything), "auroc")
        if found.high < 0.5:
            yield Tested(
                key=cohort.key(
                    Analysis.PROMPT_SENSITIVITY, finding=pair.finding, condition=pair.name
                ),
                metric="auroc",
                cell=None,
                value=found.value,
                low=found.low,
                high=found.high,
                method=found.method,
                reasons=(Reason.BELOW_CHANCE,),
                note=f"“{pair.positive}” against “{pair.negative}”",
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
