"""How far the mean embeddings of groups lie apart, and in which direction."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxraudit.audits.cohort import Mask
from cxraudit.audits.embeddings.cohort import EmbeddedCohort
from cxraudit.audits.embeddings.probes import exchanged
from cxraudit.audits.plan import Tested
from cxraudit.schema import COMPLEMENT, Analysis
from cxraudit.streams import Stream, generator

N_PERMUTATIONS = 199


def compare_centroids(
    cohort: EmbeddedCohort, attributes: Sequence[str]
) -> tuple[list[Tested], pd.DataFrame]:
    """Compare the mean embedding of each group with that of all other groups.

    Returns
    -------
    list of Tested
        Per attribute and group the distance of the means over the pooled standard deviation, tested by
        exchanging patients; per finding the cosine of their difference with the prompt direction; and,
        where texts were embedded, the modality gap.
    pandas.DataFrame
        The differences of all dimensions, sorted by size, as in the paper: ``model``, ``attribute``,
        ``group``, ``rank``, ``value``, and the band ``low`` to ``high`` in which they would lie if the
        groups were exchanged between patients, at the level of the settings.
    """
    settings = cohort.cohort.settings
    tail = (1 - settings.confidence_level) / 2
    items: list[Tested] = []
    curves = []
    x = cohort.vectors.astype(np.float64)
    for attribute in attributes:
        for group, inside, outside in cohort.comparisons(attribute):
            rng = generator(Stream.CENTROID_TEST, settings.seed)
            codes = np.where(inside, 1, np.where(outside, 0, -1)).astype(np.int64)
            difference = _difference(x, codes)
            null = np.stack(
                [
                    _difference(x, exchanged(codes, cohort.patients, rng))
                    for _ in range(N_PERMUTATIONS)
                ]
            )
            spread = _spread(x, inside, outside)
            length = float(np.linalg.norm(difference))
            by_chance = np.linalg.norm(null, axis=1)
            named = {"attribute": attribute, "group": group, "reference": COMPLEMENT}
            items.append(
                Tested(
                    key=cohort.key(Analysis.CENTROID, **named),
                    metric="centroid_distance",
                    cell=cohort.cell(inside),
                    value=length / spread,
                    p_value=(1 + int((by_chance >= length).sum())) / (N_PERMUTATIONS + 1),
                    method=f"exchange of patients between groups, {N_PERMUTATIONS} times",
                    note=f"by chance {np.median(by_chance) / spread:.3f}",
                )
            )
            items += _alignment(cohort, named, difference)
            sizes = np.sort(np.abs(null), axis=1)[:, ::-1]
            curves.append(
                pd.DataFrame(
                    {
                        "model": cohort.embedded.model,
                        "attribute": attribute,
                        "group": group,
                        "rank": np.arange(1, difference.size + 1),
                        "value": np.sort(np.abs(difference))[::-1],
                        "low": np.quantile(sizes, tail, axis=0),
                        "high": np.quantile(sizes, 1 - tail, axis=0),
                    }
                )
            )
    return [*items, *_modality_gap(cohort)], pd.concat(curves) if curves else pd.DataFrame()


def _difference(x: NDArray[np.float64], codes: NDArray[np.int64]) -> NDArray[np.float64]:
    weights = (codes == 1) / (codes == 1).sum() - (codes == 0) / (codes == 0).sum()
    return weights @ x


def _spread(x: NDArray[np.float64], inside: Mask, outside: Mask) -> float:
    """Root of the summed variance within the groups: how far an image lies from its group's mean."""
    within = [x[mask].var(axis=0).sum() * mask.sum() for mask in (inside, outside)]
    return float(np.sqrt(sum(within) / (inside.sum() + outside.sum())))


def _alignment(
    cohort: EmbeddedCohort, named: dict[str, str], difference: NDArray[np.float64]
) -> Iterator[Tested]:
    for prompt in cohort.embedded.prompts:
        size = np.linalg.norm(difference) * np.linalg.norm(prompt.direction)
        yield Tested(
            key=cohort.key(Analysis.CENTROID, finding=prompt.finding, **named),
            metric="prompt_cosine",
            cell=None,
            value=float(difference @ prompt.direction / size) if size else np.nan,
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
