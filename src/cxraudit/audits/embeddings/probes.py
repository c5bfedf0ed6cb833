"""Can a group be read from the embeddings, and from two axes of them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxraudit.audits.embeddings.cohort import MIN_PATIENTS, Mask, Parts, Space
from cxraudit.stats.compare import estimate, holm
from cxraudit.stats.probes import PROBES, Codes, Scores, Vectors, standardised
from cxraudit.stats.ranking import ranking_replicates
from cxraudit.stats.replicated import Replicated, weighted_sum

N_PERMUTATIONS = 499
READABLE, HIDDEN, UNSURE = "readable", "not readable", "cannot tell"

LITTLE = 0.6
"""An AUROC shown to be below this counts as not readable."""


def probe_attributes(
    space: Space, attributes: list[str], axes: Mapping[str, Vectors]
) -> list[dict[str, Any]]:
    """Probe every attribute in every space with every probe; `axes` is `two_axes`.

    Patients are never shared between the images a probe learns from, those its hyper-parameters are
    chosen on, and those it is measured on. The interval resamples test patients; the p-value
    exchanges the groups of test patients; the row ``control`` gives the AUROC of a linear probe that
    learned from labels shuffled between patients, which should be 0.5.
    """
    views = _views(space) | dict(axes)
    rows: list[dict[str, Any]] = []
    for attribute in attributes:
        names, codes = space.groups(attribute)
        if len(names) < 2:
            continue
        for where, vectors in views.items():
            usable = (codes >= 0) & np.isfinite(vectors).all(axis=1)
            parts = space.parts.only(usable)
            if not _enough(space, codes, len(names), parts):
                continue
            for method in PROBES:
                scores = run_probe(method, vectors, codes, parts, space.cohort.settings.seed)
                rows.append(
                    _measured(space, attribute, names, codes, parts.test, scores)
                    | {"space": where, "method": method}
                )
            if where == "image":
                shuffled = exchanged(
                    codes, space.patients, np.random.default_rng([space.cohort.settings.seed, 33])
                )
                scores = run_probe("linear", vectors, shuffled, parts, space.cohort.settings.seed)
                rows.append(
                    _measured(space, attribute, names, shuffled, parts.test, scores)
                    | {"space": where, "method": "control", "verdict": ""}
                )
    return _adjusted(rows)


def _views(space: Space) -> dict[str, Vectors]:
    """Return the embeddings: of images, of reports where there are any, and of both."""
    views = {"image": space.vectors}
    if space.texts is not None:
        views["text"] = space.texts
        views["both"] = np.concatenate([space.vectors, space.texts], axis=1)
    return views


def _enough(space: Space, codes: Codes, n_groups: int, parts: Parts) -> bool:
    return all(
        np.unique(space.patients[part & (codes == group)]).size >= MIN_PATIENTS
        for part in (parts.train, parts.validation, parts.test)
        for group in range(n_groups)
    )


def run_probe(method: str, vectors: Vectors, codes: Codes, parts: Parts, seed: int) -> Scores:
    """Fit a probe on training and validation patients; return the scores of the test images."""
    train, validation, test = standardised(
        vectors[parts.train], vectors[parts.validation], vectors[parts.test]
    )
    return PROBES[method](
        train, codes[parts.train], validation, codes[parts.validation], test, seed
    )


def exchanged(codes: Codes, patients: NDArray[np.int64], rng: np.random.Generator) -> Codes:
    """Give every patient the groups of another; who has more images takes theirs again from the first.

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


def macro_replicates(space: Space, codes: Codes, test: Mask, scores: Scores) -> Replicated:
    """Return the macro one-against-others AUROC of test images, with replicates by patient."""
    n_groups = scores.shape[1]
    chosen = range(1, 2) if n_groups == 2 else range(n_groups)
    settings = space.cohort.settings
    everyone = np.ones((1, int(test.sum())), dtype=bool)
    parts = [
        ranking_replicates(
            codes[test] == group,
            scores[:, group],
            space.units[test],
            everyone,
            space.cohort.counts,
            n_resamples=settings.n_resamples,
            n_threads=1,
        )[0].auroc
        for group in chosen
    ]
    return weighted_sum(parts, [1 / len(parts)] * len(parts))


def _measured(
    space: Space, attribute: str, names: list[str], codes: Codes, test: Mask, scores: Scores
) -> dict[str, Any]:
    found = estimate(
        macro_replicates(space, codes, test, scores),
        confidence_level=space.cohort.settings.confidence_level,
    )
    return space.row(
        analysis="probe",
        attribute=attribute,
        group=", ".join(names),
        metric="auroc",
        value=found.value,
        low=found.low,
        high=found.high,
        **space.counted(test),
        p_value=permutation_p(
            codes[test], scores, space.patients[test], space.cohort.settings.seed
        ),
        note="" if len(names) == 2 else "mean over groups of one against the others",
    )


def permutation_p(codes: Codes, scores: Scores, patients: NDArray[np.int64], seed: int) -> float:
    """Test whether scores know the groups, by exchanging the groups of whole patients."""
    from scipy.stats import rankdata

    ranks = rankdata(scores, axis=0)
    rng = np.random.default_rng([seed, 32])

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


def _adjusted(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Adjust over the attributes, per space and probe, and decide."""
    kinds = {(row["space"], row["method"]) for row in rows}
    for kind in kinds:
        family = [row for row in rows if (row["space"], row["method"]) == kind]
        for row, p in zip(family, holm([row["p_value"] for row in family]), strict=True):
            row["p_adjusted"] = p
            row.setdefault("verdict", verdict_of(row))
    return rows


def verdict_of(row: dict[str, Any], alpha: float = 0.05) -> str:
    """Say whether a group can be read: shown, shown to be less than `LITTLE`, or neither."""
    if row["low"] > 0.5 and row["p_adjusted"] < alpha:
        return READABLE
    return HIDDEN if row["high"] < LITTLE else UNSURE
