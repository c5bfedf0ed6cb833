"""Rates at a threshold, and calibration of probabilities, group by group.

Thresholds and maps to probabilities are chosen on tuning patients and then fixed; every rate is of images of
other patients. Thresholds that the user gives need no tuning patients: their rates are those of all images.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import expit

from cxraudit.audits.cohort import Cell, Cohort, Mask, Sample, Vector, count
from cxraudit.audits.groups import groups
from cxraudit.audits.measures import Calibrated, Flagged
from cxraudit.audits.plan import (
    Comparison,
    Item,
    Key,
    Level,
    Statistic,
    Tested,
    joined_phrases,
    key,
)
from cxraudit.audits.thresholds import Given, rule_of
from cxraudit.errors import ConfigError
from cxraudit.metrics import METRICS, Family, of_family
from cxraudit.schema import COMPLEMENT, NO_FINDING, Analysis, Confirmatory, Reason
from cxraudit.stats.calibration import platt
from cxraudit.stats.thresholds import (
    as_text,
    choose_threshold,
    in_single_precision,
    rechosen,
    rule_chooses,
    rule_named,
    shortest_equivalent,
)

OF_NO_FINDING = ("underdiagnosis", "overdiagnosis")
"""Rates that only the label No Finding has (Seyyed-Kalantari et al. 2021)."""
OF_PROBABILITIES = ("net_benefit",)
"""Metrics at the threshold that need probabilities, too."""

Statistics = Iterator[tuple[Analysis, str, Statistic]]


@dataclass(frozen=True, slots=True)
class Tuned:
    """The images of a finding that are evaluated, and what was chosen on others."""

    sample: Sample
    """Whose rates are evaluated."""
    threshold: float
    """At or above it an image is flagged; infinite if no image is, NaN without a threshold."""
    calibrated: Sample
    """Whose probabilities are evaluated: those that the map was not fitted on."""
    probability: Vector | None
    """Of each image of `calibrated`."""
    at_threshold: float
    """Probability at the threshold; NaN without probabilities."""
    note: str
    """Which images are flagged, and how probabilities came about."""
    rates_note: str
    """The first part of it: of rates alone."""
    rechosen: Vector | None = None
    """The threshold of every replicate, where it is chosen anew in each."""
    is_estimated: bool = False
    """Whether the threshold was chosen on tuning patients and intervals take it as known."""
    unmapped: str = ""
    """Why there are no probabilities, though a map was to be fitted."""


@dataclass(frozen=True, slots=True)
class _Cut:
    """Where the images of a finding are divided."""

    sample: Sample
    """The images whose rates are evaluated."""
    threshold: float
    """With as few digits as flag the same images; infinite if no image is flagged, NaN without one."""
    exact: float
    """As the rule chose it."""
    note: str
    """Which images are flagged."""
    rechosen: Vector | None = None
    is_estimated: bool = False
    """Both as in `Tuned`."""


@dataclass(frozen=True, slots=True)
class NotTuned:
    """Why nothing could be chosen or evaluated."""

    reason: Reason
    note: str


def plan(
    cohort: Cohort,
    sample: Sample,
    attributes: Sequence[str],
    tuning: Mask,
    given: Given | None = None,
) -> list[Item]:
    """Plan rates at the threshold and calibration, overall and by group, with gaps to all other groups.

    Parameters
    ----------
    cohort, sample, attributes
        As in `cxraudit.audits.subgroups.plan`.
    tuning : numpy.ndarray of bool, shape (n_images,)
        From `cxraudit.audits.cohort.Cohort.tuning`.
    given : Given, optional
        The threshold of the user for this model and finding, in place of the rule of the settings.

    Returns
    -------
    list of Item
        Rates carry the threshold as ``at``; ``net_benefit`` is at the probability the threshold stands
        for. The label No Finding also gets under- and overdiagnosis. Gaps are families metric by metric.

    Raises
    ------
    ConfigError
        If scores are taken as probabilities and are none.
    """
    return plan_tuned(cohort, sample, attributes, tune(cohort, sample, tuning, given))


def plan_tuned(
    cohort: Cohort, sample: Sample, attributes: Sequence[str], tuned: Tuned | NotTuned
) -> list[Item]:
    """Do as `plan` with what was chosen already."""
    if isinstance(tuned, NotTuned):
        return [_nothing(sample, Analysis.OPERATING_POINT, "tpr", tuned.reason, tuned.note)]
    items: list[Item] = []
    for part in _parts(tuned):
        items += part.levels(part.sample.everything, {})
        for group in groups(cohort, part.sample, attributes):
            named = {"attribute": group.attribute, "group": group.name}
            items += part.levels(group.inside, named)
            if group.compared and part.sample.both_classes:
                items += part.gaps((group.inside, group.outside), named)
    if tuned.unmapped:
        metric = of_family(Family.CALIBRATION)[0]
        reason = Reason.NO_PROBABILITIES
        items.append(_nothing(sample, Analysis.CALIBRATION, metric, reason, tuned.unmapped))
    return items


def _nothing(sample: Sample, analysis: Analysis, metric: str, reason: Reason, note: str) -> Tested:
    """Return the row that says why there are no others."""
    nothing = sample.cell(np.zeros(sample.y_true.size, dtype=bool))
    return Tested(
        key=key(sample, analysis),
        metric=metric,
        cell=nothing,
        method="undefined",
        reasons=(reason,),
        note=note,
    )


def tune(
    cohort: Cohort, sample: Sample, tuning: Mask, given: Given | None = None
) -> Tuned | NotTuned:
    """Choose threshold and map on the images of tuning patients; or say why they cannot be chosen."""
    found = _divided(cohort, sample, tuning, given)
    if isinstance(found, NotTuned):
        return found
    maps = cohort.settings.calibration == "platt"
    own = tuning[sample.rows]
    calibrated = sample.only(~own) if maps and found.sample is sample else found.sample
    mapped = _mapped(cohort.settings.calibration, sample.only(own), calibrated, found)
    return Tuned(
        sample=found.sample,
        threshold=found.threshold,
        calibrated=calibrated,
        probability=mapped.probability,
        at_threshold=mapped.at_threshold,
        note=joined_phrases(found.note, mapped.note),
        rates_note=found.note,
        rechosen=found.rechosen,
        is_estimated=found.is_estimated,
        unmapped=mapped.missing,
    )


def _divided(
    cohort: Cohort, sample: Sample, tuning: Mask, given: Given | None = None
) -> _Cut | NotTuned:
    """Take the threshold that was given, or choose one on the images of tuning patients.

    The images whose rates are evaluated are all with a threshold that was given, those of other patients
    where the threshold, or a map to probabilities, is chosen on tuning patients.
    """
    rule = rule_of(cohort.settings, cohort.dataset, sample.finding)
    own = tuning[sample.rows]
    chosen = sample.only(own)
    evaluated = sample
    if given is None and (rule_chooses(rule) or cohort.settings.calibration == "platt"):
        evaluated = sample.only(~own)
        if not chosen.both_classes:
            return NotTuned(
                Reason.ONE_CLASS_TUNING,
                "nothing to choose on: the images of the tuning patients hold one class",
            )
        if not evaluated.y_true.size:
            return NotTuned(
                Reason.NOTHING_HELD_OUT, "nothing to evaluate: all images are of tuning patients"
            )
    found = _cut(sample, chosen, evaluated, rule, given)
    if given is not None or not rule_chooses(rule):
        return found
    if cohort.settings.threshold_uncertainty:
        return _rechosen(cohort, chosen, rule, found)
    return replace(found, is_estimated=True)


def _rechosen(cohort: Cohort, chosen: Sample, rule: str, found: _Cut) -> _Cut:
    """Choose the threshold anew in every replicate, on the tuning patients who were drawn."""
    thresholds = rechosen(
        chosen.y_true,
        chosen.y_score,
        chosen.units,
        rule_named(rule),
        cohort.counts,
        n_resamples=cohort.settings.n_resamples,
        weights=chosen.weights,
    )
    note = f"{found.note}; chosen anew in every resample"
    return replace(found, rechosen=Vector(thresholds), note=note)


def _cut(sample: Sample, chosen: Sample, evaluated: Sample, rule: str, given: Given | None) -> _Cut:
    """Take the threshold that was given, or apply the rule to the tuning images."""
    if given is not None:
        note = _flagged(given.value, given.source, evaluated)
        return _Cut(evaluated, given.value, given.value, note)
    if rule == "none":
        return _Cut(evaluated, np.nan, np.nan, "")
    if not rule_chooses(rule):
        fixed = rule_named(rule)(sample.y_true, sample.y_score, np.ones_like(sample.y_score))
        return _Cut(evaluated, fixed, fixed, _flagged(fixed, rule, evaluated))
    exact = choose_threshold(
        chosen.y_true, chosen.y_score, rule_named(rule), weights=chosen.weights
    )
    threshold = shortest_equivalent(exact, sample.y_score)
    source = f"{rule}, chosen {_on(chosen)}"
    return _Cut(evaluated, threshold, exact, _flagged(threshold, source, evaluated))


@dataclass(frozen=True, slots=True)
class _Mapped:
    """Probabilities of images, and at the threshold."""

    probability: Vector | None = None
    at_threshold: float = np.nan
    """One object where it is NaN: equal to itself in a key."""
    note: str = ""
    missing: str = ""
    """Why a map could not be fitted."""


def _mapped(calibration: str, chosen: Sample, calibrated: Sample, cut: _Cut) -> _Mapped:
    """Take scores as probabilities, or map them to probabilities by Platt scaling."""
    if calibration == "none":
        return _Mapped()
    if calibration == "as is":
        _demand_probabilities(calibrated)
        at_threshold = np.nan if np.isnan(cut.threshold) else cut.threshold
        return _Mapped(Vector(calibrated.y_score), at_threshold)
    intercept = slope = np.nan
    if chosen.both_classes and calibrated.y_true.size:
        intercept, slope = platt(chosen.y_true, chosen.y_score, weights=chosen.weights)
    if not np.isfinite(slope):
        return _Mapped(
            missing="no map from scores to probabilities: the images of the tuning patients hold one "
            "class, one score, or classes that the scores separate"
        )
    at_threshold = np.nan if np.isnan(cut.exact) else float(expit(intercept + slope * cut.exact))
    return _Mapped(
        Vector(expit(intercept + slope * calibrated.y_score)),
        at_threshold,
        f"probability by Platt scaling, slope {slope:.4g}, fitted {_on(chosen)}",
    )


def _on(chosen: Sample) -> str:
    return f"on {count(chosen.everything).n_patients} other patients"


def _flagged(threshold: float, source: str, evaluated: Sample) -> str:
    """Say which images are flagged, with a threshold that can be applied as it is written."""
    if np.isinf(threshold):
        return f"no image is flagged ({source})"
    scores = evaluated.y_score
    reached = "" if (scores >= threshold).any() else ", which no evaluated image reaches"
    phrases = [f"flagged at or above {as_text(threshold)} ({source}){reached}"]
    same = in_single_precision(scores) == in_single_precision(threshold)
    rounded = int(np.sum((scores < threshold) & same))
    if rounded:
        phrases.append(
            f"{rounded} images lie below it by less than single precision distinguishes, and are not flagged"
        )
    return "; ".join(phrases)


def _demand_probabilities(sample: Sample) -> None:
    if not (sample.y_score.min() >= 0 and sample.y_score.max() <= 1):
        raise ConfigError(
            "calibration 'as is' needs probabilities, but scores run from "
            f"{sample.y_score.min():.3g} to {sample.y_score.max():.3g}. Use platt."
        )


def _at_threshold(tuned: Tuned, cell: Cell, *, probabilities: bool) -> Statistics:
    """Name the metrics at the threshold: those that need probabilities, or the others."""
    if np.isnan(tuned.threshold):
        return
    flagged = Flagged(cell, tuned.threshold, tuned.at_threshold, tuned.rechosen)
    for metric in of_family(Family.DECISION):
        if (metric in OF_PROBABILITIES) != probabilities:
            continue
        if probabilities and not 0 < tuned.at_threshold < 1:
            continue
        if metric in OF_NO_FINDING and cell.sample.finding != NO_FINDING:
            continue
        yield Analysis.OPERATING_POINT, metric, Statistic(flagged, metric)


def _of_probabilities(tuned: Tuned, cell: Cell) -> Statistics:
    """Name the metrics of calibration."""
    if tuned.probability is not None:
        for metric in of_family(Family.CALIBRATION):
            yield (
                Analysis.CALIBRATION,
                metric,
                Statistic(Calibrated(cell, tuned.probability), metric),
            )


@dataclass(frozen=True, slots=True)
class _Part:
    """Images that are evaluated, with the statistics of their cells."""

    tuned: Tuned
    sample: Sample
    statistics: Callable[[Cell], Statistics]
    note: str

    def _key(self, analysis: Analysis, **columns: Any) -> Key:
        at = self.tuned.threshold if analysis == Analysis.OPERATING_POINT else float("nan")
        return key(self.sample, analysis, at=at, **columns)

    def levels(self, cell: Cell, named: dict[str, str]) -> list[Item]:
        """Plan every statistic of a cell."""
        return [
            Level(
                key=self._key(analysis, **named),
                metric=metric,
                quantity=statistic,
                cell=cell,
                note=self.note,
            )
            for analysis, metric, statistic in self.statistics(cell)
        ]

    def gaps(self, cells: tuple[Cell, Cell], named: dict[str, str]) -> list[Item]:
        """Plan the difference of every statistic between a group and all other groups."""
        inside, outside = (list(self.statistics(cell)) for cell in cells)
        return [
            Comparison(
                key=self._key(analysis, reference=COMPLEMENT, **named),
                metric=metric,
                group=first,
                reference=second,
                cells=cells,
                family=Confirmatory.THRESHOLD,
            )
            for (analysis, metric, first), (_, _, second) in zip(inside, outside, strict=True)
            if METRICS[metric].compared
        ]


def _parts(tuned: Tuned) -> list[_Part]:
    """Return the images that are evaluated, with the statistics of their cells.

    Rates at a threshold that was given are those of all images, while probabilities are evaluated on
    those that their map was not fitted on.
    """

    def rates(cell: Cell) -> Statistics:
        return _at_threshold(tuned, cell, probabilities=False)

    def probabilities(cell: Cell) -> Statistics:
        yield from _at_threshold(tuned, cell, probabilities=True)
        yield from _of_probabilities(tuned, cell)

    def both(cell: Cell) -> Statistics:
        yield from rates(cell)
        yield from probabilities(cell)

    if tuned.calibrated is tuned.sample or tuned.probability is None:
        return [_Part(tuned, tuned.sample, both, tuned.note)]
    return [
        _Part(tuned, tuned.sample, rates, tuned.rates_note),
        _Part(tuned, tuned.calibrated, probabilities, tuned.note),
    ]
