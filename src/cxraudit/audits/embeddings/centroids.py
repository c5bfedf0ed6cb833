"""How far the means of groups lie apart, and in which direction."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxraudit.audits.embeddings.cohort import Mask, Space
from cxraudit.audits.embeddings.probes import exchanged

N_PERMUTATIONS = 199


def compare_centroids(
    space: Space, attributes: list[str]
) -> tuple[list[dict[str, Any]], pd.DataFrame]:
    """Compare the mean embedding of each group with that of the other groups.

    Returns
    -------
    list of dict
        Per attribute and group the distance of the means over the pooled standard deviation, tested
        by exchanging patients; per finding the cosine of their difference with the prompt direction;
        and, where texts were embedded, the modality gap.
    pandas.DataFrame
        The differences of all dimensions, sorted, as in the paper, with the band in which they
        would lie if the groups were exchanged between patients.
    """
    rows: list[dict[str, Any]] = []
    curves = []
    x = space.vectors.astype(np.float64)
    for attribute in attributes:
        for group, inside, outside in space.comparisons(attribute):
            rng = np.random.default_rng([space.cohort.settings.seed, 37])
            codes = np.where(inside, 1, np.where(outside, 0, -1)).astype(np.int64)
            difference = _difference(x, codes)
            null = np.stack(
                [
                    _difference(x, exchanged(codes, space.patients, rng))
                    for _ in range(N_PERMUTATIONS)
                ]
            )
            spread = _spread(x, inside, outside)
            length = float(np.linalg.norm(difference))
            by_chance = np.linalg.norm(null, axis=1)
            rows.append(
                space.row(
                    analysis="centroid",
                    space="image",
                    attribute=attribute,
                    group=group,
                    metric="distance of the means",
                    method="in pooled standard deviations",
                    value=length / spread,
                    high=np.nan,
                    **space.counted(inside),
                    p_value=(1 + int((by_chance >= length).sum())) / (N_PERMUTATIONS + 1),
                    note=f"by chance {np.median(by_chance) / spread:.3f}",
                )
            )
            rows += _alignment(space, attribute, group, difference)
            sizes = np.sort(np.abs(null), axis=1)[:, ::-1]
            curves.append(
                pd.DataFrame(
                    {
                        "model": space.embedded.model,
                        "attribute": attribute,
                        "group": group,
                        "rank": np.arange(1, difference.size + 1),
                        "value": np.sort(np.abs(difference))[::-1],
                        "low": np.quantile(sizes, 0.025, axis=0),
                        "high": np.quantile(sizes, 0.975, axis=0),
                    }
                )
            )
    return rows + _modality_gap(space), pd.concat(curves) if curves else pd.DataFrame()


def _difference(x: NDArray[np.float64], codes: NDArray[np.int64]) -> NDArray[np.float64]:
    weights = (codes == 1) / (codes == 1).sum() - (codes == 0) / (codes == 0).sum()
    return weights @ x


def _spread(x: NDArray[np.float64], inside: Mask, outside: Mask) -> float:
    """Root of the summed variance within the groups: how far an image lies from its group's mean."""
    within = [x[mask].var(axis=0).sum() * mask.sum() for mask in (inside, outside)]
    return float(np.sqrt(sum(within) / (inside.sum() + outside.sum())))


def _alignment(
    space: Space, attribute: str, group: str, difference: NDArray[np.float64]
) -> list[dict[str, Any]]:
    rows = []
    for prompt in space.embedded.prompts:
        size = np.linalg.norm(difference) * np.linalg.norm(prompt.direction)
        rows.append(
            space.row(
                analysis="centroid",
                space="image",
                attribute=attribute,
                group=group,
                finding=prompt.finding,
                metric="cosine with the prompt direction",
                value=float(difference @ prompt.direction / size) if size else np.nan,
            )
        )
    return rows


def _modality_gap(space: Space) -> list[dict[str, Any]]:
    """How far images and reports lie apart (Liang et al. 2022)."""
    if space.texts is None:
        return []
    there = np.asarray(np.isfinite(space.texts).all(axis=1))
    gap = space.vectors[there].mean(axis=0) - space.texts[there].mean(axis=0)
    return [
        space.row(
            analysis="centroid",
            space="both",
            metric="modality gap",
            value=float(np.linalg.norm(gap)),
            **space.counted(there),
            note="distance of the mean image from the mean report",
        )
    ]
