"""Is a gap the model's, or the sentence's: the same gaps over a bank of prompt pairs."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxraudit.audits.embeddings.cohort import Space
from cxraudit.stats.compare import estimate
from cxraudit.stats.ranking import ranking_replicates
from cxraudit.stats.replicated import Replicated, weighted_sum

INVERTED = "ranked below chance"


def over_prompts(space: Space, attributes: list[str]) -> tuple[list[dict[str, Any]], pd.DataFrame]:
    """Evaluate every prompt pair of every finding on the same images and resamples.

    Returns
    -------
    list of dict
        Per finding, attribute and group: the mean gap over the pairs with its interval over
        patients; the standard deviation of the gap between pairs (what is more than sampling), that of
        sampling patients, and the share of the sentence in both together.
    pandas.DataFrame
        One row per pair and gap: what the figure draws.
    """
    rows: list[dict[str, Any]] = []
    tables = []
    findings = dict.fromkeys(pair.finding for pair in space.embedded.bank)
    for finding in findings:
        pairs = [pair for pair in space.embedded.bank if pair.finding == finding]
        label = space.labels(finding)
        known = np.isfinite(label)
        positive = label[known] == 1
        if len(pairs) < 2 or not (positive.any() and (~positive).any()):
            continue
        groups = [
            (attribute, group, inside[known] | shared, outside[known] | shared)
            for attribute in attributes
            # Positives with and without a shortcut are each compared with all negatives.
            for shared in [~positive & (attribute in space.cohort.dataset.shortcuts)]
            for group, inside, outside in space.comparisons(attribute)
        ]
        groups = [g for g in groups if _both(positive, g[2]) and _both(positive, g[3])]
        cells = np.stack(
            [np.ones(positive.size, dtype=bool), *(m for g in groups for m in (g[2], g[3]))]
        )
        areas = [_areas(space, pair.direction, known, positive, cells) for pair in pairs]
        rows += _inverted(space, finding, pairs, areas)
        for number, (attribute, group, *_) in enumerate(groups):
            gaps = [side[1 + 2 * number] - side[2 + 2 * number] for side in areas]
            rows += _components(space, finding, attribute, group, gaps)
            tables.append(_listed(space, finding, pairs, areas, attribute, group, gaps))
    return rows, pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _both(positive: NDArray[np.bool_], mask: NDArray[np.bool_]) -> bool:
    return bool((positive & mask).any() and (~positive & mask).any())


def _areas(
    space: Space,
    direction: NDArray[np.float32],
    known: NDArray[np.bool_],
    positive: NDArray[np.bool_],
    cells: NDArray[np.bool_],
) -> list[Replicated]:
    score = space.vectors[known].astype(np.float64) @ direction
    settings = space.cohort.settings
    return [
        cell.auroc
        for cell in ranking_replicates(
            positive,
            score,
            space.units[known],
            cells,
            space.cohort.counts,
            n_resamples=settings.n_resamples,
            n_threads=settings.n_threads,
        )
    ]


def components(gaps: list[Replicated]) -> tuple[float, float]:
    """Split the variance of a gap into that between sentences and that of sampling patients.

    All sentences are asked of the same patients, so most of their sampling error is shared and does
    not make them differ. What remains of it (each gap minus the mean gap, over replicates) is taken
    off the variance between them.

    Returns
    -------
    tuple of float
        Standard deviation between sentences (0 if sampling explains it) and of the mean gap by
        sampling.
    """
    replicates = np.stack([g.replicates for g in gaps])
    replicates = replicates[:, np.isfinite(replicates).all(axis=0)]
    points, draws = replicates[:, 0], replicates[:, 1:]
    own = draws - draws.mean(axis=0)  # what a sentence has beyond the mean gap of its replicate
    noise = float(own.var(axis=1, ddof=1).mean()) if draws.shape[1] > 1 else 0.0
    between = max(float(points.var(ddof=1)) - noise * len(gaps) / (len(gaps) - 1), 0.0)
    sampling = float(draws.mean(axis=0).var(ddof=1)) if draws.shape[1] > 1 else np.nan
    return float(np.sqrt(between)), float(np.sqrt(sampling))


def _components(
    space: Space, finding: str, attribute: str, group: str, gaps: list[Replicated]
) -> list[dict[str, Any]]:
    mean = weighted_sum(gaps, [1 / len(gaps)] * len(gaps))
    found = estimate(mean, confidence_level=space.cohort.settings.confidence_level)
    between, sampling = components(gaps)
    total = between**2 + sampling**2
    base = {
        "analysis": "multiverse",
        "space": "score",
        "attribute": attribute,
        "group": group,
        "finding": finding,
    }
    points = np.array([g.value for g in gaps])
    return [
        space.row(
            **base,
            metric="mean gap over prompts",
            value=found.value,
            low=found.low,
            high=found.high,
            note=f"{len(gaps)} prompt pairs; from {points.min():+.3f} to {points.max():+.3f}",
        ),
        space.row(**base, metric="standard deviation between prompts", value=between),
        space.row(**base, metric="standard deviation by sampling patients", value=sampling),
        space.row(
            **base, metric="share of the prompt", value=between**2 / total if total > 0 else np.nan
        ),
    ]


def _inverted(
    space: Space, finding: str, pairs: list[Any], areas: list[list[Replicated]]
) -> list[dict[str, Any]]:
    """Warn of pairs that rank the finding below chance: a prompt that says its opposite."""
    rows = []
    for pair, cells in zip(pairs, areas, strict=True):
        found = estimate(cells[0], confidence_level=space.cohort.settings.confidence_level)
        if found.high < 0.5:
            rows.append(
                space.row(
                    analysis="multiverse",
                    space="score",
                    finding=finding,
                    method=pair.name,
                    metric="auroc",
                    value=found.value,
                    low=found.low,
                    high=found.high,
                    verdict=INVERTED,
                    note=f"“{pair.positive}” against “{pair.negative}”",
                )
            )
    return rows


def _listed(
    space: Space,
    finding: str,
    pairs: list[Any],
    areas: list[list[Replicated]],
    attribute: str,
    group: str,
    gaps: list[Replicated],
) -> pd.DataFrame:
    level = space.cohort.settings.confidence_level
    found = [estimate(g, confidence_level=level) for g in gaps]
    return pd.DataFrame(
        {
            "model": space.embedded.model,
            "finding": finding,
            "pair": [pair.name for pair in pairs],
            "positive": [pair.positive for pair in pairs],
            "negative": [pair.negative for pair in pairs],
            "attribute": attribute,
            "group": group,
            "auroc": [side[0].value for side in areas],
            "gap": [e.value for e in found],
            "low": [e.low for e in found],
            "high": [e.high for e in found],
        }
    )
