"""Whether what is encoded is also associated with the score: the score's direction, and erasure.

A zero-shot score is a function of ⟨embedding, t₊ − t₋⟩ alone, so its relation to a group can be computed:
the share of its variance in the subspace from which the group is linearly decodable, how far it shifts
between groups of patients with the same label, and what becomes of AUROC and gaps when the group is erased
from the embedding in closed form (LEACE).
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from cxraudit.audits.cohort import Cell, Vector, count
from cxraudit.audits.embeddings.cohort import MIN_PATIENTS, EmbeddedCohort, PromptPair
from cxraudit.audits.embeddings.probes import (
    DECODABLE,
    IMAGE,
    METRIC,
    NOT_DECODABLE,
    UNCLEAR,
    macro_auroc,
    run_probe,
)
from cxraudit.audits.engine import Evaluated
from cxraudit.audits.plan import (
    Combination,
    Comparison,
    Item,
    Level,
    Quantity,
    Tested,
    mean,
    minus,
    ranking,
)
from cxraudit.schema import BEFORE_ERASURE, COMPLEMENT, Analysis, Confirmatory
from cxraudit.stats.estimate import SHOWN, WITHIN_MARGIN
from cxraudit.stats.leace import Eraser, fit_eraser, variance_share

ASSOCIATED, NOT_ASSOCIATED = "decodable and associated", "decodable, not associated"
ERASED = "erased"
"""Condition of probes after erasure."""
SHIFT = "conditional_score_shift"


def plan(engine_seed: int, cohort: EmbeddedCohort, attributes: Sequence[str]) -> list[Item]:
    """Plan how the scores of a model relate to attributes, and what erasing these changes.

    Parameters
    ----------
    engine_seed : int
        Of the probes.
    cohort : EmbeddedCohort
        Embeddings and prompts.
    attributes : sequence of str
        Attributes, and shortcuts.

    Returns
    -------
    list of Item
        ``score_direction``: share of score variance (eraser fitted without the test patients, share on
        these), and the shift of the score between a group and all other groups given the label, in standard
        deviations of the score. ``erasure``: AUROC of probes after erasing, and on test patients the change
        of AUROC and of each group's gap, after − before on the same resamples.
    """
    items: list[Item] = []
    for attribute in attributes:
        names, codes = cohort.groups(attribute)
        if len(names) < 2:
            continue
        # All images a probe may be fitted to; fitted to fewer, it would use what was left in the others.
        learned = ~cohort.parts.test & (codes >= 0)
        eraser = fit_eraser(cohort.vectors[learned], codes[learned], shrinkage=True)
        items += _probes_after(engine_seed, cohort, attribute, codes, eraser)
        erased = eraser(cohort.vectors)
        held_out = cohort.parts.test & (codes >= 0)
        for prompt in cohort.embedded.prompts:
            items.append(
                Tested(
                    key=cohort.key(
                        Analysis.SCORE_DIRECTION, attribute=attribute, finding=prompt.finding
                    ),
                    metric="variance_share",
                    cell=cohort.cell(held_out),
                    value=variance_share(eraser, cohort.vectors[held_out], prompt.direction),
                    note="in the subspace that separates the groups; on test patients",
                )
            )
            items += _shifts(cohort, attribute, prompt)
            items += _erasure(cohort, attribute, prompt, erased)
    return items


def _score(cohort: EmbeddedCohort, prompt: PromptPair) -> NDArray[np.float64]:
    """Return the score along the prompt direction, in its standard deviations."""
    along = cohort.vectors.astype(np.float64) @ prompt.direction
    spread = along.std()
    return (along - along.mean()) / (spread if spread > 0 else 1)


def _shifts(cohort: EmbeddedCohort, attribute: str, prompt: PromptPair) -> Iterator[Comparison]:
    """Compare the mean score of a group and of all others, among images with the same label."""
    score, label = _score(cohort, prompt), cohort.labels(prompt.finding)
    known = np.isfinite(label)
    sample = cohort.sample(label == 1, score)
    values = Vector(score)
    for group, inside, outside in cohort.comparisons(attribute):
        means: tuple[list[Quantity], list[Quantity]] = ([], [])
        weights = []
        for value in (1.0, 0.0):
            same = known & (label == value)
            cells = [sample.cell(side & same) for side in (inside, outside)]
            if min(count(cell).n_patients for cell in cells) < MIN_PATIENTS:
                continue
            for side, cell in zip(means, cells, strict=True):
                side.append(mean(cell, values))
            weights.append(float((same & (inside | outside)).sum()))
        if not weights:
            continue
        shares = tuple(w / sum(weights) for w in weights)
        yield Comparison(
            key=cohort.key(
                Analysis.SCORE_DIRECTION,
                attribute=attribute,
                group=group,
                finding=prompt.finding,
                reference=COMPLEMENT,
            ),
            metric=SHIFT,
            group=Combination(tuple(means[0]), shares),
            reference=Combination(tuple(means[1]), shares),
            cells=(sample.cell(inside & known),),
            family=Confirmatory.SCORE_DIRECTION,
            enough=True,
            note="standard deviations of the score",
        )


def _probes_after(
    seed: int, cohort: EmbeddedCohort, attribute: str, codes: NDArray[np.int64], eraser: Eraser
) -> Iterator[Level]:
    """Probe what is left: a linear probe should find nothing; a network may."""
    left = eraser(cohort.vectors).astype(np.float32)
    parts = cohort.parts.only(codes >= 0)
    for probe in ("linear", "MLP"):
        scores = run_probe(probe, left, codes, parts, seed)
        yield Level(
            key=cohort.key(Analysis.ERASURE, attribute=attribute, condition=ERASED),
            metric=METRIC[probe],
            quantity=macro_auroc(cohort, codes, parts.test, scores),
            cell=cohort.cell(parts.test),
            one_class=True,
            note="LEACE, fitted without the test patients; embeddings not normalised again",
        )


def _erasure(
    cohort: EmbeddedCohort, attribute: str, prompt: PromptPair, erased: NDArray[np.float64]
) -> Iterator[Comparison]:
    """Change of AUROC, and of each group's gap to all other groups, on test patients."""
    label = cohort.labels(prompt.finding)
    test = cohort.parts.test & np.isfinite(label)
    positive = label[test] == 1
    if not (positive.any() and (~positive).any()):
        return
    direction = prompt.direction.astype(np.float64)
    before, after = (
        cohort.sample(positive, vectors[test] @ direction, test)
        for vectors in (cohort.vectors.astype(np.float64), erased)
    )
    everything = np.ones(positive.size, dtype=bool)
    named = {"attribute": attribute, "finding": prompt.finding, "reference": BEFORE_ERASURE}

    def areas(mask: NDArray[np.bool_]) -> tuple[Quantity, Quantity]:
        return ranking(after.cell(mask)), ranking(before.cell(mask))

    now, then = areas(everything)
    yield _change(cohort, named, "auroc", now, then, after.everything)
    # Positives with and without a shortcut are each compared with all negatives.
    shared = ~positive & (attribute in cohort.cohort.dataset.shortcuts)
    for group, inside, outside in cohort.comparisons(attribute):
        first, second = areas(inside[test] | shared), areas(outside[test] | shared)
        yield _change(
            cohort,
            {**named, "group": group},
            "auroc_gap",
            minus(first[0], second[0]),
            minus(first[1], second[1]),
            after.cell(inside[test]),
        )


def _change(
    cohort: EmbeddedCohort,
    named: dict[str, str],
    metric: str,
    after: Quantity,
    before: Quantity,
    cell: Cell,
) -> Comparison:
    return Comparison(
        key=cohort.key(Analysis.ERASURE, **named),
        metric=metric,
        group=after,
        reference=before,
        cells=(cell,),
        family=None,
        scale="plain",
        enough=True,
    )


def encoding_use(cohort: EmbeddedCohort, evaluated: Sequence[Evaluated]) -> list[Tested]:
    """Put probe and shift together: one answer per finding and attribute.

    Parameters
    ----------
    cohort : EmbeddedCohort
        Of the model.
    evaluated : sequence of Evaluated
        Judged probes and shifts of the model.

    Returns
    -------
    list of Tested
        The largest shift, with the verdict of `association`.
    """
    probes = {
        one.item.key.attribute: one
        for one in evaluated
        if one.item.key.analysis == Analysis.PROBE
        and (one.item.key.condition, one.item.metric) == (IMAGE, METRIC["linear"])
    }
    shifts = [one for one in evaluated if one.item.metric == SHIFT]
    answers = []
    for attribute, probe in probes.items():
        for prompt in cohort.embedded.prompts:
            own = [
                one
                for one in shifts
                if (one.item.key.attribute, one.item.key.finding) == (attribute, prompt.finding)
            ]
            if own:
                answers.append(_answer(cohort, probe, own))
    return answers


def _answer(cohort: EmbeddedCohort, probe: Evaluated, shifts: Sequence[Evaluated]) -> Tested:
    largest = max(shifts, key=lambda one: abs(one.found.value))
    where = largest.item.key
    return Tested(
        key=cohort.key(
            Analysis.ENCODING_USE,
            attribute=where.attribute,
            group=where.group,
            finding=where.finding,
            reference=COMPLEMENT,
        ),
        metric=SHIFT,
        cell=largest.counts,
        value=largest.found.value,
        low=largest.found.low,
        high=largest.found.high,
        p_value=largest.p_value,
        p_adjusted=largest.p_adjusted,
        method=largest.method,
        verdict=association(probe.verdict, [one.verdict for one in shifts]),
        note=f"linear probe {probe.found.value:.2f} ({probe.found.low:.2f} to {probe.found.high:.2f})",
    )


def association(probe: str, shifts: Sequence[str]) -> str:
    """Answer from what a linear probe decodes and how the score shifts between groups.

    Examples
    --------
    >>> association("decodable", ["equivalent", "disparity"])
    'decodable and associated'
    >>> association("decodable", ["equivalent", "small difference"])
    'decodable, not associated'
    >>> association("decodable", ["equivalent", "inconclusive"])
    'unclear'
    """
    if probe == NOT_DECODABLE:
        return NOT_DECODABLE
    if probe != DECODABLE:
        return UNCLEAR
    if set(SHOWN) & set(shifts):
        return ASSOCIATED
    return NOT_ASSOCIATED if set(shifts) <= set(WITHIN_MARGIN) else UNCLEAR
