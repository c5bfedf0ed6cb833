"""Whether an attribute is decodable from the embeddings, and from two axes of them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cxraudit.audits.cohort import CellCounts, Cohort, Mask, Sample
from cxraudit.audits.embeddings.cohort import (
    FEWEST_PATIENTS,
    MIN_PATIENTS,
    EmbeddedCohort,
    GroupSize,
    ModelEmbeddings,
    Parts,
    with_embedding,
)
from cxraudit.audits.engine import Engine, Evaluated
from cxraudit.audits.plan import Comparison, Key, Known, Quantity, Tested, average, ranking
from cxraudit.schema import CHANCE, Analysis, Reason
from cxraudit.settings import AuditSettings
from cxraudit.stats.probes import PROBES, Codes, Scores, Vectors, standardised
from cxraudit.streams import Stream, generator

DECODABLE, NOT_DECODABLE, UNCLEAR = "decodable", "not decodable", "unclear"

CHANCE_AUROC = 0.5
LITTLE = 0.6
"""An AUROC shown to be below this counts as not decodable."""

IMAGE = "image"
METRIC = {"linear": "linear_probe_auroc", "k-NN": "knn_probe_auroc", "MLP": "mlp_probe_auroc"}
"""Probe of `cxraudit.stats.probes.PROBES` → its metric."""
CONTROL_METRIC = "control_probe_auroc"


def probe_attributes(
    engine: Engine,
    cohort: EmbeddedCohort,
    attributes: Sequence[str],
    axes: Mapping[str, Vectors],
    *,
    probes: Sequence[str] = tuple(METRIC),
) -> list[Tested]:
    """Probe every attribute in every space with every probe.

    Patients are never shared between the images a probe is fitted to, those its hyper-parameters are chosen
    on, and those it is measured on. Interval and p-value are those of the difference of the AUROC from 0.5
    over test patients, one construction; the metric ``control_probe_auroc`` is that of a linear probe fitted
    to labels exchanged between patients, which should be 0.5.

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
    probes : sequence of str
        Of `cxraudit.stats.probes.PROBES`.

    Returns
    -------
    list of Tested
        ``condition`` is the space, ``at`` the number of patients the probe is fitted to; adjusted over the
        attributes per space and probe. `with_verdicts` judges them. An attribute that cannot be probed in
        a space of embeddings has one row there, without a value.
    """
    seed = engine.settings.seed
    items: list[Tested] = []
    for attribute in attributes:
        for space, vectors in (_spaces(cohort) | dict(axes)).items():
            usable = np.asarray(np.isfinite(vectors).all(axis=1))
            names, codes = cohort.groups(attribute, usable)
            if len(names) < 2:
                items += [] if space in axes else [_not_probed(cohort, attribute, space, usable)]
                continue
            parts = cohort.parts.only(codes >= 0)
            groups = [codes] * len(probes)
            fitted = [(probe, METRIC[probe]) for probe in probes]
            if space == IMAGE:
                rng = generator(Stream.PROBE_CONTROL, seed)
                groups.append(exchanged(codes, cohort.patients, rng))
                fitted.append(("linear", CONTROL_METRIC))
            without = int((usable & (codes < 0)).sum())
            note = _note(names, cohort.small_groups(attribute, usable), without, engine.settings)
            for labels, (probe, metric) in zip(groups, fitted, strict=True):
                scores = run_probe(probe, vectors, labels, parts, seed)
                key = cohort.key(
                    Analysis.PROBE,
                    attribute=attribute,
                    condition=space,
                    at=float(_n_patients(cohort, parts.train | parts.validation)),
                )
                items.append(
                    _measured(engine, cohort, key, metric, labels, parts.test, scores, note)
                )
    return items


def _spaces(cohort: EmbeddedCohort) -> dict[str, Vectors]:
    """Return the embeddings: of images, of reports where there are any, and of both."""
    spaces = {IMAGE: cohort.vectors}
    if cohort.texts is not None:
        spaces["text"] = cohort.texts
        spaces["both"] = np.concatenate([cohort.vectors, cohort.texts], axis=1)
    return spaces


def _n_patients(cohort: EmbeddedCohort, images: Mask) -> int:
    return int(np.unique(cohort.patients[images]).size)


def _note(
    names: Sequence[str], small: Sequence[GroupSize], without: int, settings: AuditSettings
) -> str:
    """Name the groups of a probe, and those that are left out; count the images of none of them."""
    phrases = [f"groups: {', '.join(names)}"]
    if len(names) > 2:
        phrases.append("mean of one against the others")
    if small:
        phrases.append(f"left out: {too_small(small, settings)}")
    if without and not settings.hides_small_numbers:
        phrases.append(f"{without:,} images of no such group")
    return "; ".join(phrases)


def too_small(small: Sequence[GroupSize], settings: AuditSettings) -> str:
    """Name groups of too few patients, with their numbers unless small cells are to be hidden.

    Examples
    --------
    >>> too_small([GroupSize("asian", "validation", 4)], AuditSettings())
    'fewer than 10 patients in a part of asian (validation: 4)'
    """
    hidden = settings.hides_small_numbers
    sizes = (f"{one.group} ({one.part}{'' if hidden else f': {one.n_patients}'})" for one in small)
    return f"fewer than {MIN_PATIENTS} patients in a part of {', '.join(sizes)}"


def _not_probed(cohort: EmbeddedCohort, attribute: str, space: str, usable: Mask) -> Tested:
    """Say why an attribute cannot be probed."""
    names, codes = cohort.groups(attribute, usable)
    small = cohort.small_groups(attribute, usable)
    if small:
        reason, note = Reason.TOO_FEW_PATIENTS, too_small(small, cohort.cohort.settings)
    elif names:
        reason, note = Reason.UNDEFINED_VALUE, f"one group only: {names[0]}"
    else:
        reason, note = Reason.NO_IMAGES, "no image of a known group"
    return Tested(
        key=cohort.key(Analysis.PROBE, attribute=attribute, condition=space),
        metric=METRIC["linear"],
        cell=cohort.cell(cohort.parts.test & (codes >= 0)),
        reasons=(reason,),
        note=note,
    )


def too_few_patients(
    cohort: Cohort, embedded: ModelEmbeddings, attributes: Sequence[str]
) -> list[Tested]:
    """Say of a model of whose embeddings nothing can be fitted and measured, that nothing is probed."""
    patients = cohort.patients[with_embedding(cohort, embedded)]
    n = int(np.unique(patients).size)
    found = "" if cohort.settings.hides_small_numbers else f" ({n})"
    return [
        Tested(
            key=Key(
                model=embedded.model,
                prompt_set="",
                analysis=Analysis.PROBE,
                attribute=attribute,
                condition=IMAGE,
            ),
            metric=METRIC["linear"],
            cell=CellCounts(patients.size, 0, n, 0, n),
            reasons=(Reason.TOO_FEW_PATIENTS,),
            note=f"fewer than {FEWEST_PATIENTS} patients with an embedding{found}",
        )
        for attribute in attributes
    ]


def run_probe(probe: str, vectors: Vectors, codes: Codes, parts: Parts, seed: int) -> Scores:
    """Fit a probe on training and validation patients; return the scores of the test images."""
    train, validation, test = standardised(
        vectors[parts.train], vectors[parts.validation], vectors[parts.test]
    )
    return PROBES[probe](train, codes[parts.train], validation, codes[parts.validation], test, seed)


def exchanged(codes: Codes, patients: NDArray[np.int64], rng: np.random.Generator) -> Codes:
    """Give the images of every patient the groups of another patient's, in random order.

    A patient with more images than the other repeats its groups. What is drawn has nothing to do with the
    image, whether the group is one of the patient or varies within patients, such as the view. Images
    without a group (−1) stay so.
    """
    known = np.flatnonzero(codes >= 0)

    def by_patient() -> NDArray[np.intp]:
        return known[np.lexsort((rng.random(known.size), patients[known]))]

    to, given = by_patient(), by_patient()
    first = np.flatnonzero(np.diff(patients[to], prepend=-1))
    sizes = np.diff(np.append(first, to.size))
    block = np.repeat(np.arange(sizes.size), sizes)
    other = rng.permutation(sizes.size)[block]
    offset = np.arange(to.size) - first[block]
    shuffled = codes.copy()
    shuffled[to] = codes[given[first[other] + offset % sizes[other]]]
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
    key: Key,
    metric: str,
    codes: Codes,
    test: Mask,
    scores: Scores,
    note: str,
) -> Tested:
    """Compare an AUROC with chance: its interval excludes 0.5 exactly where its p-value is below α."""
    quantity = macro_auroc(cohort, codes, test, scores)
    cell = cohort.cell(test)
    from_chance = Comparison(
        key=replace(key, reference=CHANCE),
        metric=metric,
        group=quantity,
        reference=Known(CHANCE_AUROC),
        cells=(cell,),
        family=None,
        enough=True,
    )
    (found,) = engine.evaluate([from_chance])
    reasons = found.reasons
    if math.isfinite(found.found.low) and not math.isfinite(found.p_value):
        reasons = (Reason.CONSTANT_SCORES,)  # nothing is ranked, whatever the patients
    return Tested(
        key=key,
        metric=metric,
        cell=cell,
        value=engine.value(quantity).value,
        low=CHANCE_AUROC + found.found.low,
        high=CHANCE_AUROC + found.found.high,
        p_value=found.p_value,
        method=found.method,
        family=f"{Analysis.PROBE}, {key.condition}, {metric}",
        reasons=tuple(Reason(one) for one in reasons),
        note=note,
    )


def with_verdicts(evaluated: Sequence[Evaluated], confidence_level: float) -> list[Evaluated]:
    """Say of every probe with a value, but the control, whether it decodes the attribute.

    Examples
    --------
    >>> with_verdicts([], 0.95)
    []
    """
    return [
        replace(one, verdict=verdict(one, 1 - confidence_level)) if _is_judged(one) else one
        for one in evaluated
    ]


def _is_judged(one: Evaluated) -> bool:
    return (
        one.item.key.analysis == Analysis.PROBE
        and one.item.metric != CONTROL_METRIC
        and math.isfinite(one.found.value)
    )


def verdict(one: Evaluated, alpha: float) -> str:
    """Return decodable (shown), not decodable (shown to be below `LITTLE`), or unclear.

    Without a test nothing is shown, such as where all scores are equal.
    """
    if not math.isfinite(one.p_adjusted):
        return UNCLEAR
    if one.found.low > CHANCE_AUROC and one.p_adjusted < alpha:
        return DECODABLE
    return NOT_DECODABLE if one.found.high < LITTLE else UNCLEAR
