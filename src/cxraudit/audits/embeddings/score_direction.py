"""Whether what is encoded is also associated with the score: the score's direction, and erasure.

A zero-shot score is a function of ⟨embedding, t₊ − t₋⟩ alone, so its relation to a group can be computed:
the share of its variance in the subspace from which the group is linearly decodable, how far it shifts
between groups of patients with the same label, what else could explain that shift, and what becomes of AUROC
and gaps when the group is erased from the embedding in closed form (LEACE).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxraudit.audits.cohort import Cell, Mask, Sample, Vector, count
from cxraudit.audits.embeddings.cohort import MIN_PATIENTS, EmbeddedCohort, Parts, PromptPair
from cxraudit.audits.embeddings.probes import (
    DECODABLE,
    IMAGE,
    METRIC,
    NOT_DECODABLE,
    UNCLEAR,
    macro_auroc,
    run_probe,
    too_small,
)
from cxraudit.audits.engine import Engine, Evaluated
from cxraudit.audits.plan import (
    Comparison,
    Item,
    Key,
    Known,
    Level,
    Quantity,
    Tested,
    average,
    joined_phrases,
    mean,
    minus,
    ranking,
    unless_finite,
)
from cxraudit.metrics import SHIFT_MARGIN
from cxraudit.schema import (
    BEFORE_ERASURE,
    COMPLEMENT,
    NEGATIVES,
    POSITIVES,
    Analysis,
    Confirmatory,
    Reason,
)
from cxraudit.stats.estimate import SHOWN, WITHIN_MARGIN, Estimate, Verdict
from cxraudit.stats.label_errors import (
    Recorded,
    explained_influence,
    explaining_rate,
    largest_possible_rate,
)
from cxraudit.stats.leace import Eraser, fit_eraser, variance_share
from cxraudit.stats.multiplicity import holm
from cxraudit.stats.partial_effect import PartialEffect, partial_effect, robustness_value
from cxraudit.streams import Stream, generator

ASSOCIATED, NOT_ASSOCIATED = "decodable and associated", "decodable, not associated"
ASSOCIATED_UNCLEAR_SIZE = "decodable, association of unclear size"
ONLY_ASSOCIATED = "associated, not shown to be decodable"
ONLY_ASSOCIATED_UNCLEAR_SIZE = "association of unclear size, not shown to be decodable"
"""Answers where a shift is shown though no linear probe decodes the attribute: where scores of positives and
of negatives shift in opposite directions, embeddings of both together may not."""
SHOWN_SHIFTS = {
    ASSOCIATED: ONLY_ASSOCIATED,
    ASSOCIATED_UNCLEAR_SIZE: ONLY_ASSOCIATED_UNCLEAR_SIZE,
}
"""Answer about a shift that is shown → the same where no linear probe decodes the attribute."""
ERASED, NOT_ERASED = "erased", "not erased"
"""Conditions of probes after erasure, and of the same probes of the same patients without it."""
SHIFT = "conditional_score_shift"
UNADJUSTED_SHIFT = "unadjusted_score_shift"
SHIFT_DIFFERENCE = "score_shift_difference"
REMAINING_SHIFT = "score_shift_beyond_label_errors"
LABEL_ERROR_RATE = "explaining_label_error_rate"
ROBUSTNESS = "robustness_value"
NOT_HELD, UNKNOWN_SEVERITY = "not_held_share", "unknown_severity_share"
"""Shares of images of which labels of other findings, or severity, are not held equal."""
LABELS = {POSITIVES: 1, NEGATIVES: 0}
"""Condition of a shift → the recorded label of its images."""


def plan(engine: Engine, cohort: EmbeddedCohort, attributes: Sequence[str]) -> list[Item]:
    """Plan how the scores of a model relate to attributes, and what erasing these changes.

    Parameters
    ----------
    engine : Engine
        Of the same cohort.
    cohort : EmbeddedCohort
        Embeddings and prompts.
    attributes : sequence of str
        Attributes, and shortcuts.

    Returns
    -------
    list of Item
        ``score_direction``: share of score variance (eraser fitted without the test patients, share on
        these), and `shifts`. ``erasure``: AUROC of probes of erased and of the same unerased images, and on
        test patients the change of AUROC and of each group's gap, after − before on the same resamples.
    """
    items: list[Item] = []
    for attribute in attributes:
        names, codes = cohort.groups(attribute)
        if len(names) < 2:
            continue
        # All images that patients outside the test part have.
        learned = ~cohort.parts.test & (codes >= 0)
        eraser = fit_eraser(cohort.vectors[learned], codes[learned], shrinkage=True)
        items += _probes_after(engine.settings.seed, cohort, attribute, codes)
        erased = eraser(cohort.vectors)
        for prompt in cohort.embedded.prompts:
            items.append(_variance_share(engine, cohort, attribute, codes, eraser, prompt))
            items += shifts(cohort, attribute, prompt)
            items += _not_compared(cohort, attribute, prompt)
            items += _erasure(cohort, attribute, prompt, erased)
    return items


def _variance_share(
    engine: Engine,
    cohort: EmbeddedCohort,
    attribute: str,
    codes: NDArray[np.int64],
    eraser: Eraser,
    prompt: PromptPair,
) -> Tested:
    """Estimate the share of score variance in the subspace that was found without the test patients."""
    test = cohort.parts.test & (codes >= 0)
    share = variance_share(
        eraser,
        cohort.vectors[test],
        prompt.direction,
        cohort.units[test],
        cohort.cohort.counts,
        n_resamples=engine.settings.n_resamples,
    )
    found = engine.estimate_of(share, "variance_share").within(0.0, 1.0)
    return Tested(
        key=cohort.key(Analysis.SCORE_DIRECTION, attribute=attribute, finding=prompt.finding),
        metric="variance_share",
        cell=cohort.cell(test),
        value=found.value,
        low=found.low,
        high=found.high,
        method=found.method,
        reasons=(Reason(found.reason),) if found.reason else unless_finite(found.value),
        note="in the subspace that separates the groups, as found without the test patients",
    )


def _score(cohort: EmbeddedCohort, prompt: PromptPair) -> NDArray[np.float64]:
    """Return the score along the prompt direction, in its standard deviations; zeros if all are equal."""
    along = cohort.vectors.astype(np.float64) @ prompt.direction.astype(np.float64)
    spread = along.std()
    if spread <= _ROUNDING * np.abs(along).max():
        return np.zeros_like(along)
    return (along - along.mean()) / spread


_ROUNDING = 1e-12
"""Scores that differ by no more of their size are equal."""


def shifts(cohort: EmbeddedCohort, attribute: str, prompt: PromptPair) -> Iterator[Item]:
    """Compare the score of a group and of all others among images with the same label.

    Yields
    ------
    Item
        Per group and label (``condition`` positives or negatives): ``conditional_score_shift``, adjusted for
        the labels of all other findings, and severity if the settings name a column of it; the same
        unadjusted; what is left of it if as many labels are wrong as the settings assume; the share of wrong
        labels that would explain it; and its robustness value. Per group, the difference between the shifts
        of both labels. In standard deviations of the score.
    """
    score, label = _score(cohort, prompt), cohort.labels(prompt.finding)
    known = np.isfinite(label)
    constant = not score.any()
    sample = cohort.sample(label == 1, score)
    covariates = _covariates(cohort, prompt.finding)
    compared = cohort.groups(attribute)[1] >= 0
    images = {name: compared & known & (label == value) for name, value in LABELS.items()}
    tables = {name: covariates.among(mask, cohort.patients) for name, mask in images.items()}
    for group, inside, outside in cohort.comparisons(attribute):
        key = cohort.key(
            Analysis.SCORE_DIRECTION,
            attribute=attribute,
            group=group,
            finding=prompt.finding,
            reference=COMPLEMENT,
        )
        adjusted: list[Quantity] = []
        for condition, among in images.items():
            given = replace(key, condition=condition)
            cells = sample.cell(inside & among), sample.cell(outside & among)
            table, held = tables[condition]
            effect = partial_effect(score[among], inside[among], table, cohort.patients[among])
            caution = _caution(cells, effect, constant=constant)
            if constant or not math.isfinite(effect.value):
                assert caution is not None  # each of these is one
                yield _no_shift(given, cells, caution)
                continue
            enough = caution is None
            few = _FEW if caution is None else caution[1]
            shift = _mean(sample, among, effect.pseudo_values)
            adjusted.append(shift)
            yield Comparison(
                key=given,
                metric=SHIFT,
                group=shift,
                reference=Known(0.0),
                cells=cells,
                family=Confirmatory.SCORE_DIRECTION,
                enough=enough,
                caution=few,
                note=joined_phrases(
                    "standard deviations of the score", *covariates.stated(among, held)
                ),
            )
            yield Comparison(
                key=given,
                metric=UNADJUSTED_SHIFT,
                group=mean(cells[0], Vector(score)),
                reference=mean(cells[1], Vector(score)),
                cells=cells,
                family=None,
                enough=enough,
                caution=few,
            )
            both = (inside | outside) & known
            yield from _label_errors(
                cohort, sample, given, cells, both, among, inside, effect.pseudo_values, few, enough
            )
            for metric, share in covariates.shares(among, held):
                yield Tested(key=given, metric=metric, cell=cells[0], value=share)
            yield Tested(
                key=given,
                metric=ROBUSTNESS,
                cell=cells[0],
                value=robustness_value(effect.cohens_f),
            )
        if len(adjusted) == 2:
            yield Comparison(
                key=key,
                metric=SHIFT_DIFFERENCE,
                group=adjusted[0],
                reference=adjusted[1],
                cells=(sample.cell(inside & known), sample.cell(outside & known)),
                family=None,
                enough=True,
                note="positives − negatives",
            )


_FEW = f"fewer than {MIN_PATIENTS} patients with this label on one side"
_FEW_COMPARABLE = (
    f"rests on fewer than {MIN_PATIENTS} patients: in all others the group goes with what the score is "
    "adjusted for"
)
_DETERMINED = "what the score is compared at determines the group"
_CONSTANT = "all scores are equal"
Caution = tuple[Reason, str]


def _caution(cells: Sequence[Cell], effect: PartialEffect, *, constant: bool) -> Caution | None:
    """Return why a shift is not to be judged, as code and in words; None if nothing is wrong."""
    if constant:
        return Reason.CONSTANT_SCORES, _CONSTANT
    if min(count(cell).n_patients for cell in cells) < MIN_PATIENTS:
        return Reason.TOO_FEW_PATIENTS, _FEW
    if not math.isfinite(effect.value):
        return Reason.UNDEFINED_VALUE, _DETERMINED
    if effect.effective_patients < MIN_PATIENTS:
        return Reason.TOO_FEW_PATIENTS, _FEW_COMPARABLE
    return None


def _not_compared(cohort: EmbeddedCohort, attribute: str, prompt: PromptPair) -> Iterator[Tested]:
    """Keep a row, without a label as its condition, of each group with too few patients to be compared."""
    for small in cohort.small_groups(attribute):
        yield Tested(
            key=cohort.key(
                Analysis.SCORE_DIRECTION,
                attribute=attribute,
                group=small.group,
                finding=prompt.finding,
                reference=COMPLEMENT,
            ),
            metric=SHIFT,
            cell=cohort.cell(cohort.column(attribute) == small.group),
            verdict=Verdict.UNDEFINED,
            reasons=(Reason.TOO_FEW_PATIENTS,),
            note=too_small([small], cohort.cohort.settings),
        )


def _mean(sample: Sample, mask: Mask, values: NDArray[np.float64]) -> Quantity:
    """Name the mean of numbers given for some images."""
    everywhere = np.zeros(mask.size)
    everywhere[mask] = values
    return mean(sample.cell(mask), Vector(everywhere))


def _no_shift(key: Key, cells: Sequence[Cell], caution: Caution) -> Tested:
    """Keep the row of a shift that does not exist, with why."""
    reason, note = caution
    return Tested(
        key=key,
        metric=SHIFT,
        cell=cells[0],
        verdict=Verdict.UNDEFINED,
        reasons=(reason,),
        note=note,
    )


MOST_COMBINATIONS = 24
"""Combinations of labels of other findings that are levels of their own, the most frequent ones."""
TWENTIETHS = np.linspace(0, 1, 21)[1:-1]
"""Quantiles between which severity is a level of its own."""


@dataclass(frozen=True, slots=True)
class _Covariates:
    """What shifts are adjusted for."""

    findings: NDArray[np.float64]
    """Labels of the other findings that have any, shape (n, k)."""
    severity: NDArray[np.float64]
    """Shape (n,); NaN where there is none or it is not known."""
    severity_name: str
    """Its column; empty if there is none."""

    def among(
        self, images: Mask, patients: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return covariates of some images, and whether the labels of an image are all held equal.

        Labels enter one by one; so do the number of findings, and the combinations of labels that enough
        patients have: of a score that two findings raise only together, the labels one by one would leave a
        part, which would go to a group that follows both. Severity enters as a number, as a rank (also
        among images with each finding), and by twentieths.
        """
        labels, own = self.findings[images], patients[images]
        known = np.isfinite(labels)
        filled = np.where(known, labels, 0.0)
        parts: list[NDArray[Any]] = [filled, ~known]
        held = known.all(axis=1)
        if labels.shape[1]:
            number = filled.sum(axis=1).astype(np.int64)
            parts.append(_levels(number, own, labels.shape[1] + 1)[0])
            combination = np.zeros(len(labels), dtype=np.int64)
            for column in np.where(known, labels, 2).astype(np.int64).T:
                combination = np.unique(3 * combination + column, return_inverse=True)[1]
            frequent, is_one = _levels(combination, own, MOST_COMBINATIONS)
            parts.append(frequent)
            held &= is_one
        if self.severity_name:
            parts += _severity(self.severity[images], own, filled)
        return np.column_stack(parts).astype(np.float64), np.asarray(held)

    def stated(self, images: Mask, held: NDArray[np.bool_]) -> Iterator[str]:
        """Say what the shift among some images is adjusted for, and of how many it is not known."""
        names = []
        if n := self.findings.shape[1]:
            some = f" ({100 * (1 - held.mean()):.0f} % of images: unknown or rare combinations)"
            what = f"{n} other findings" if n > 1 else "another finding"
            names.append(f"{what}{'' if held.all() else some}")
        if self.severity_name:
            unknown = float(np.isnan(self.severity[images]).mean())
            some = f" (not known for {100 * unknown:.0f} % of images)" if unknown else ""
            names.append(f"{self.severity_name}{some}")
        if names:
            yield f"adjusted for {' and '.join(names)}"

    def shares(self, images: Mask, held: NDArray[np.bool_]) -> Iterator[tuple[str, float]]:
        """Yield the shares of images of which labels, or severity, are not held equal."""
        if self.findings.shape[1]:
            yield NOT_HELD, float(1 - held.mean())
        if self.severity_name:
            yield UNKNOWN_SEVERITY, float(np.isnan(self.severity[images]).mean())


def _levels(
    values: NDArray[np.int64], patients: NDArray[np.int64], most: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return columns of the most frequent values that enough patients have, and which images have one."""
    pairs = np.unique(np.column_stack([values, patients]), axis=0)
    present, n_patients = np.unique(pairs[:, 0], return_counts=True)
    frequent = np.argsort(-n_patients, kind="stable")[:most]
    chosen = present[frequent][n_patients[frequent] >= MIN_PATIENTS]
    columns = values[:, None] == chosen
    return columns, columns.any(axis=1)


def _severity(
    severity: NDArray[np.float64], patients: NDArray[np.int64], findings: NDArray[np.float64]
) -> list[NDArray[Any]]:
    """Return columns of severity: as a number, as a rank, also with each finding, and by twentieths."""
    known = np.isfinite(severity)
    if not known.any():
        return []
    number = np.where(known, severity, severity[known].mean())
    # Of any scale, and as far apart as images are.
    ranks = np.where(known, pd.Series(number).rank(), 0.0)
    part = np.searchsorted(np.quantile(number[known], TWENTIETHS), number, side="right")
    parts, _ = _levels(np.where(known, part, -1), patients, TWENTIETHS.size + 2)
    centred = ranks - ranks[known].mean()
    return [
        number[:, None],
        ranks[:, None],
        ~known[:, None],
        parts,
        np.where(known, centred, 0.0)[:, None] * findings,
    ]


def _covariates(cohort: EmbeddedCohort, finding: str) -> _Covariates:
    """Return the labels of all other findings that have any, and severity if the settings name it."""
    others = [name for name in cohort.cohort.dataset.findings if name != finding]
    labels = [column for name in others if np.isfinite(column := cohort.labels(name)).any()]
    n = cohort.rows.size
    severity = cohort.cohort.settings.severity
    return _Covariates(
        np.column_stack(labels) if labels else np.empty((n, 0)),
        numbers_of(pd.Series(cohort.column(severity))) if severity else np.full(n, np.nan),
        severity,
    )


def numbers_of(column: pd.Series) -> NDArray[np.float64]:
    """Return a column as numbers; NaN where it holds none.

    Examples
    --------
    >>> numbers_of(pd.Series([1, None, 2.5], dtype=object))
    array([1. , nan, 2.5])
    """
    numbers = pd.to_numeric(column, errors="coerce")
    return numbers.to_numpy(dtype=np.float64, na_value=np.nan)


def _label_errors(
    cohort: EmbeddedCohort,
    sample: Sample,
    key: Key,
    cells: tuple[Cell, Cell],
    both: Mask,
    among: Mask,
    inside: Mask,
    pseudo_values: NDArray[np.float64],
    caution: str,
    enough: bool,
) -> Iterator[Item]:
    """Compare a shift with what wrong labels can do; see `cxraudit.stats.label_errors`."""
    label, shift = LABELS[key.condition], float(pseudo_values.mean())
    images = sample.y_true[both], sample.y_score[both], inside[both]
    recorded = Recorded.of(*images)
    assumed = largest_possible_rate(recorded, cohort.cohort.settings.label_error_rate)
    explained, influence = explained_influence(*images, label=label, rate=assumed)
    if explained * shift <= 0:  # errors would hide a part of it
        assumed, explained, influence = 0.0, 0.0, np.zeros_like(influence)
    n = influence.size
    own = np.zeros(both.size)
    own[among] = (pseudo_values - shift) / pseudo_values.size
    remaining = shift - explained + n * (own[both] - influence)
    yield Comparison(
        key=replace(key, at=assumed),
        metric=REMAINING_SHIFT,
        group=_mean(sample, both, remaining),
        reference=Known(0.0),
        cells=cells,
        family=None,
        enough=enough,
        caution=caution,
        note=f"if {100 * assumed:.0f} % of labels are wrong" if assumed else "",
    )
    explaining = explaining_rate(recorded, label, shift)
    yield Tested(
        key=key,
        metric=LABEL_ERROR_RATE,
        cell=cells[0],
        value=explaining,
        note="" if math.isfinite(explaining) else "no rate of label errors would explain the shift",
    )


def _probes_after(
    seed: int, cohort: EmbeddedCohort, attribute: str, codes: NDArray[np.int64]
) -> Iterator[Level | Tested]:
    """Probe what erasure leaves, on patients that neither the eraser nor the probe was fitted to.

    On the images that an eraser was fitted to, nothing is left for a linear probe to learn, whatever is left
    in others. Patients outside the test part are divided into halves: the eraser is fitted to one, the probe
    to the other after erasure, and the reverse; both are measured on erased test images.
    """
    halves = _halves(cohort, codes, generator(Stream.ERASURE_HALVES, seed))
    test = cohort.parts.test & (codes >= 0)
    vectors = {ERASED: [], NOT_ERASED: []}
    for fitted, probed in (halves, halves[::-1]):
        eraser = fit_eraser(cohort.vectors[_either(fitted)], codes[_either(fitted)], shrinkage=True)
        parts = Parts(probed.train, probed.validation, test)
        vectors[ERASED].append((eraser(cohort.vectors).astype(np.float32), parts))
        vectors[NOT_ERASED].append((cohort.vectors, parts))
    n_patients = np.unique(cohort.patients[_either(halves[0])]).size
    for condition, pairs in vectors.items():
        for probe in ("linear", "MLP"):
            key = cohort.key(Analysis.ERASURE, attribute=attribute, condition=condition)
            if not all(_all_groups(codes, parts) for _, parts in pairs):
                yield Tested(
                    key=key,
                    metric=METRIC[probe],
                    cell=cohort.cell(test),
                    reasons=(Reason.TOO_FEW_PATIENTS,),
                    note="a group is in too few patients to fit eraser and probe to different ones",
                )
                continue
            yield Level(
                key=key,
                metric=METRIC[probe],
                quantity=average(
                    [
                        macro_auroc(cohort, codes, test, run_probe(probe, left, codes, parts, seed))
                        for left, parts in pairs
                    ]
                ),
                cell=cohort.cell(test),
                one_class=True,
                note=f"mean of two, each of a probe fitted to about {n_patients} patients"
                + (
                    " after an eraser fitted to as many others (LEACE); embeddings not normalised again"
                    if condition == ERASED
                    else ""
                ),
            )


def _either(parts: Parts) -> Mask:
    return parts.train | parts.validation


def _all_groups(codes: NDArray[np.int64], parts: Parts) -> bool:
    """Tell whether every group is in both parts that a probe is fitted to."""
    n_groups = np.unique(codes[codes >= 0]).size
    return all(np.unique(codes[part]).size == n_groups for part in (parts.train, parts.validation))


def _halves(
    cohort: EmbeddedCohort, codes: NDArray[np.int64], rng: np.random.Generator
) -> tuple[Parts, Parts]:
    """Divide the patients outside the test part into halves, and each half 5 : 2 to fit and to choose.

    Groups, by the first image of a patient that has one, are divided alike.
    """
    usable = ~cohort.parts.test & (codes >= 0)
    patients, first = np.unique(cohort.patients[usable], return_index=True)
    order = rng.permutation(patients.size)
    order = order[np.argsort(codes[usable][first][order], kind="stable")]
    nothing = np.zeros_like(usable)
    halves = []
    for half in (0, 1):
        members = patients[order[half::2]]
        chosen = np.isin(cohort.patients, members[2::7]) | np.isin(cohort.patients, members[5::7])
        own = usable & np.isin(cohort.patients, members)
        halves.append(Parts(own & ~chosen, own & chosen, nothing))
    return halves[0], halves[1]


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


def with_adjusted(evaluated: Sequence[Evaluated]) -> list[Evaluated]:
    """Adjust the p-values of what is left of shifts if some labels are wrong, over all of a model (Holm)."""
    rows = [k for k, one in enumerate(evaluated) if one.item.metric == REMAINING_SHIFT]
    result = list(evaluated)
    for number, p in zip(rows, holm([evaluated[k].p_value for k in rows]), strict=True):
        result[number] = replace(evaluated[number], p_adjusted=float(p))
    return result


def encoding_use(cohort: EmbeddedCohort, evaluated: Sequence[Evaluated]) -> list[Tested]:
    """Put probe and shifts together: one answer per finding and attribute.

    Parameters
    ----------
    cohort : EmbeddedCohort
        Of the model.
    evaluated : sequence of Evaluated
        Judged probes and shifts of the model, from `with_adjusted`.

    Returns
    -------
    list of Tested
        The largest of the shifts that decide, with the answer of `association`. ``condition`` is its label.
    """
    probes = {
        one.item.key.attribute: one
        for one in evaluated
        if one.item.key.analysis == Analysis.PROBE
        and (one.item.key.condition, one.item.metric) == (IMAGE, METRIC["linear"])
    }
    found = _ByShift.of(evaluated)
    answers = []
    for attribute, probe in probes.items():
        for prompt in cohort.embedded.prompts:
            own = [
                one
                for one in found.shifts
                if (one.item.key.attribute, one.item.key.finding) == (attribute, prompt.finding)
            ]
            if own:
                answers.append(_answer(probe, own, found))
    return answers


@dataclass(frozen=True, slots=True)
class _ByShift:
    """Shifts, and what else is known of each: by the key of its row, and metric."""

    shifts: list[Evaluated]
    others: dict[tuple[Key, str], Evaluated]

    @classmethod
    def of(cls, evaluated: Sequence[Evaluated]) -> "_ByShift":
        rows = [one for one in evaluated if one.item.key.analysis == Analysis.SCORE_DIRECTION]
        return cls(
            [one for one in rows if one.item.metric == SHIFT and one.item.key.condition],
            {(_without_place(one.item.key), one.item.metric): one for one in rows},
        )

    def get(self, shift: Evaluated, metric: str) -> Evaluated | None:
        return self.others.get((_without_place(shift.item.key), metric))


def _without_place(key: Key) -> Key:
    """Return a key without the number that goes with it."""
    return replace(key, at=0.0)


def _answer(probe: Evaluated, shifts: Sequence[Evaluated], found: _ByShift) -> Tested:
    answers = [_of_shift(one, found.get(one, REMAINING_SHIFT)) for one in shifts]
    verdict = association(probe.verdict, [answer for answer, _ in answers])
    of_shifts = next((shown for shown, only in SHOWN_SHIFTS.items() if only == verdict), verdict)
    decisive = [
        pair for pair in zip(shifts, answers, strict=True) if pair[1][0] == of_shifts
    ] or list(zip(shifts, answers, strict=True))
    largest, (_, reason) = max(decisive, key=lambda pair: _size(pair[0]))
    where = largest.item.key
    rate = found.get(largest, LABEL_ERROR_RATE)
    phrases = [
        f"linear probe {probe.found.value:.2f}"
        + (
            f" ({probe.found.low:.2f} to {probe.found.high:.2f})"
            if math.isfinite(probe.found.low)
            else ""
        ),
        f"among {where.condition}",
        _explained_by(rate) if rate is not None else "",
        _caution_of(largest) if reason else "",
    ]
    return Tested(
        key=replace(where, analysis=Analysis.ENCODING_USE),
        metric=SHIFT,
        cell=largest.counts,
        value=largest.found.value,
        low=largest.found.low,
        high=largest.found.high,
        p_value=largest.p_value,
        p_adjusted=largest.p_adjusted,
        method=largest.method,
        verdict=verdict,
        reasons=(reason,) if reason and verdict in (UNCLEAR, NOT_DECODABLE) else (),
        note=joined_phrases(*phrases),
    )


def _caution_of(shift: Evaluated) -> str:
    """Return why a shift is not judged, in words; empty if it is."""
    if isinstance(shift.item, Comparison):
        return "" if shift.enough else shift.item.caution
    return shift.item.note


def _size(shift: Evaluated) -> float:
    return abs(shift.found.value) if math.isfinite(shift.found.value) else -1.0


def _explained_by(rate: Evaluated) -> str:
    if math.isfinite(rate.found.value):
        return f"label errors of {100 * rate.found.value:.0f} % would explain it"
    return "no rate of label errors would explain it"


def _of_shift(shift: Evaluated, remaining: Evaluated | None) -> tuple[str, Reason | None]:
    """Answer from one shift, and from what is left of it if some labels are wrong."""
    if shift.verdict in WITHIN_MARGIN:
        return NOT_ASSOCIATED, None
    if not shift.enough or not math.isfinite(shift.found.value):
        return UNCLEAR, Reason(shift.reasons[0])
    if not math.isfinite(shift.found.low) and shift.reasons:
        return UNCLEAR, Reason(shift.reasons[0])
    if shift.verdict not in SHOWN or remaining is None:
        return UNCLEAR, None
    same_side = _lies_beyond(remaining.found, 0.0, shift.found.value)
    if not (same_side and remaining.p_adjusted < 1 - remaining.found.confidence_level):
        return UNCLEAR, Reason.LABEL_ERRORS
    if all(_lies_beyond(one.found, SHIFT_MARGIN, shift.found.value) for one in (shift, remaining)):
        return ASSOCIATED, None
    return ASSOCIATED_UNCLEAR_SIZE, None


def _lies_beyond(found: Estimate, size: float, direction: float) -> bool:
    """Tell whether a whole interval lies beyond a size, on the side of a direction."""
    return found.low > size if direction > 0 else found.high < -size


def association(probe: str, shifts: Sequence[str]) -> str:
    """Answer from what a linear probe decodes, and from what was found of each label and group.

    Examples
    --------
    >>> association("decodable", ["decodable, not associated", "decodable and associated"])
    'decodable and associated'
    >>> association("decodable", ["decodable, not associated", "decodable, not associated"])
    'decodable, not associated'
    >>> association("decodable", ["decodable, not associated", "unclear"])
    'unclear'
    >>> association("not decodable", ["decodable and associated", "unclear"])
    'associated, not shown to be decodable'
    >>> association("not decodable", ["unclear"])
    'not decodable'
    """
    for answer, only in SHOWN_SHIFTS.items():
        if answer in shifts:
            return answer if probe == DECODABLE else only
    if probe != DECODABLE:
        return NOT_DECODABLE if probe == NOT_DECODABLE else UNCLEAR
    return UNCLEAR if UNCLEAR in shifts else NOT_ASSOCIATED
