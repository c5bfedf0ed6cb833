"""Whether an attribute is decodable from the embeddings, and from two axes of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cxraudit.audits.cohort import Mask, Sample
from cxraudit.audits.embeddings.cohort import MIN_PATIENTS, EmbeddedCohort, Parts
from cxraudit.audits.engine import Engine, Evaluated
from cxraudit.audits.plan import Quantity, Tested, average, ranking
from cxraudit.schema import Analysis
from cxraudit.stats.probes import PROBES, Codes, Scores, Vectors, standardised
from cxraudit.streams import Stream, generator

N_PERMUTATIONS = 499
DECODABLE, NOT_DECODABLE, UNCLEAR = "decodable", "not decodable", "unclear"

LITTLE = 0.6
"""An AUROC shown to be below this counts as not decodable."""

IMAGE = "image"
METRIC = {"linear": "linear_probe_auroc", "k-NN": "knn_probe_auroc", "MLP": "mlp_probe_auroc"}
"""Probe of `cxraudit.stats.probes.PROBES` → its metric."""
CONTROL_METRIC = "control_probe_auroc"


def probe_attributes(
    engine: Engine, cohort: EmbeddedCohort, attributes: Sequence[str], axes: Mapping[str, Vectors]
) -> list[Tested]:
    """Probe every attribute in every space with every probe.

    Patients are never shared between the images a probe is fitted to, those its hyper-parameters are chosen
    on, and those it is measured on. The interval resamples test patients; the p-value exchanges the groups
    of test patients; the metric ``control_probe_auroc`` is that of a linear probe fitted to labels shuffled
    between patients, which should be 0.5.

    Parameters
    ----------
    engine : Engine
        Of the same cohort.
    cohort : EmbeddedCohort
        Embeddings of one model.
    attributes : sequence of str
        Attributes, and shortcuts.
    axes : mapping of str to numpy.ndarray
        From `cxraudit.audits.embeddings.projections.two_axes`.

    Returns
    -------
    list of Tested
        ``condition`` is the space; adjusted over the attributes per space and probe. `with_verdicts` judges
        them.
    """
    spaces = _spaces(cohort) | dict(axes)
    items: list[Tested] = []
    for attribute in attributes:
        names, codes = cohort.groups(attribute)
        if len(names) < 2:
            continue
        for space, vectors in spaces.items():
            usable = (codes >= 0) & np.isfinite(vectors).all(axis=1)
            parts = cohort.parts.only(usable)
            if not _enough(cohort, codes, len(names), parts):
                continue
            for probe, metric in METRIC.items():
                scores = run_probe(probe, vectors, codes, parts, engine.settings.seed)
                items.append(
                    _measured(
                        engine, cohort, attribute, names, codes, parts.test, scores, space, metric
                    )
                )
            if space == IMAGE:
                rng = generator(Stream.PROBE_CONTROL, engine.settings.seed)
                shuffled = exchanged(codes, cohort.patients, rng)
                scores = run_probe("linear", vectors, shuffled, parts, engine.settings.seed)
                items.append(
                    _measured(
                        engine,
                        cohort,
                        attribute,
                        names,
                        shuffled,
                        parts.test,
                        scores,
                        space,
                        CONTROL_METRIC,
                    )
                )
    return items


def _spaces(cohort: EmbeddedCohort) -> dict[str, Vectors]:
    """Return the embeddings: of images, of reports where there are any, and of both."""
    spaces = {IMAGE: cohort.vectors}
    if cohort.texts is not None:
        spaces["text"] = cohort.texts
        spaces["both"] = np.concatenate([cohort.vectors, cohort.texts], axis=1)
    return spaces


def _enough(cohort: EmbeddedCohort, codes: Codes, n_groups: int, parts: Parts) -> bool:
    return all(
        np.unique(cohort.patients[part & (codes == group)]).size >= MIN_PATIENTS
        for part in (parts.train, parts.validation, parts.test)
        for group in range(n_groups)
    )


def run_probe(probe: str, vectors: Vectors, codes: Codes, parts: Parts, seed: int) -> Scores:
    """Fit a probe on training and validation patients; return the scores of the test images."""
    train, validation, test = standardised(
        vectors[parts.train], vectors[parts.validation], vectors[parts.test]
    )
    return PROBES[probe](train, codes[parts.train], validation, codes[parts.validation], test, seed)


def exchanged(codes: Codes, patients: NDArray[np.int64], rng: np.random.Generator) -> Codes:
    """Give every patient the groups of another; one with more images repeats them from the first.

    Images without a group (−1) stay so.
    """
    order = np.argsort(patients, kind="stable")
    order = order[codes[order] >= 0]
    first = np.flatnonzero(np.diff(patients[order], prepend=-1))
    sizes = np.diff(np.append(first, order.size))
    block = np.repeat(np.arange(sizes.size), sizes)
    other = rng.permutation(sizes.size)[block]
    offset = np.arange(order.size) - first[block]
    shuffled = codes.copy()
    shuffled[order] = codes[order[first[other] + offset % sizes[other]]]
    return shuffled


def macro_auroc(cohort: EmbeddedCohort, codes: Codes, test: Mask, scores: Scores) -> Quantity:
    """Name the mean AUROC of one group against the others on test images; of two groups, the one AUROC."""
    return average(
        [ranking(s.everything) for s in _one_against_others(cohort, codes, test, scores)]
    )


def _one_against_others(
    cohort: EmbeddedCohort, codes: Codes, test: Mask, scores: Scores
) -> list[Sample]:
    n_groups = scores.shape[1]
    chosen = range(1, 2) if n_groups == 2 else range(n_groups)
    return [cohort.sample(codes[test] == group, scores[:, group], test) for group in chosen]


def _measured(
    engine: Engine,
    cohort: EmbeddedCohort,
    attribute: str,
    names: Sequence[str],
    codes: Codes,
    test: Mask,
    scores: Scores,
    space: str,
    metric: str,
) -> Tested:
    found = engine.estimate(macro_auroc(cohort, codes, test, scores), metric)
    groups = f"groups: {', '.join(names)}"
    return Tested(
        key=cohort.key(Analysis.PROBE, attribute=attribute, condition=space),
        metric=metric,
        cell=cohort.cell(test),
        value=found.value,
        low=found.low,
        high=found.high,
        p_value=permutation_p(codes[test], scores, cohort.patients[test], engine.settings.seed),
        method=found.method,
        family=f"{Analysis.PROBE}, {space}, {metric}",
        note=groups if len(names) == 2 else f"{groups}; mean of one against the others",
    )


def permutation_p(codes: Codes, scores: Scores, patients: NDArray[np.int64], seed: int) -> float:
    """Test whether scores separate the groups, by exchanging the groups of whole patients."""
    from scipy.stats import rankdata

    ranks = rankdata(scores, axis=0)
    rng = generator(Stream.PROBE_TEST, seed)

    def statistic(groups: Codes) -> float:
        n_groups = scores.shape[1]
        total, chosen = 0.0, range(1, 2) if n_groups == 2 else range(n_groups)
        for group in chosen:
            mask = groups == group
            n, m = int(mask.sum()), int((~mask).sum())
            if n and m:
                total += (ranks[mask, group].sum() - n * (n + 1) / 2) / (n * m)
        return total

    found = statistic(codes)
    above = sum(
        statistic(exchanged(codes, patients, rng)) >= found - 1e-12 for _ in range(N_PERMUTATIONS)
    )
    return (1 + above) / (N_PERMUTATIONS + 1)


def with_verdicts(evaluated: Sequence[Evaluated], confidence_level: float) -> list[Evaluated]:
    """Say of every probe but the control whether the attribute is decodable.

    Examples
    --------
    >>> with_verdicts([], 0.95)
    []
    """
    return [
        one
        if one.item.key.analysis != Analysis.PROBE or one.item.metric == CONTROL_METRIC
        else replace(one, verdict=verdict(one, 1 - confidence_level))
        for one in evaluated
    ]


def verdict(one: Evaluated, alpha: float) -> str:
    """Return decodable (shown), not decodable (shown to be below `LITTLE`), or unclear."""
    if one.found.low > 0.5 and one.p_adjusted < alpha:
        return DECODABLE
    return NOT_DECODABLE if one.found.high < LITTLE else UNCLEAR
