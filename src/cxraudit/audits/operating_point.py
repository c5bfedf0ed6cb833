"""Rates at a threshold, and calibration of probabilities, group by group.

Thresholds and maps to probabilities are chosen on tuning patients and then fixed; every rate is of images of
other patients.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from cxraudit.audits.cohort import Cell, Cohort, Mask, Sample, Vector, count
from cxraudit.audits.groups import groups
from cxraudit.audits.measures import Calibrated, Flagged
from cxraudit.audits.plan import Comparison, Item, Level, Statistic, Tested, key
from cxraudit.errors import ConfigError
from cxraudit.metrics import Family, of_family
from cxraudit.schema import COMPLEMENT, NO_FINDING, Analysis, Reason
from cxraudit.stats.calibration import platt
from cxraudit.stats.thresholds import choose_threshold, rule_named

OF_NO_FINDING = ("underdiagnosis", "overdiagnosis")
"""Rates that only the label No Finding has (Seyyed-Kalantari et al. 2021)."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """The images of a finding that are evaluated, and what was chosen on the others."""

    sample: Sample
    threshold: float
    """At or above it an image is flagged; NaN without one."""
    probability: Vector | None
    """Of each evaluated image."""
    at_threshold: float
    """Probability at the threshold; NaN without probabilities."""
    note: str


@dataclass(frozen=True, slots=True)
class NotTuned:
    """Why nothing could be chosen or evaluated."""

    reason: Reason
    note: str


def plan(cohort: Cohort, sample: Sample, attributes: Sequence[str], tuning: Mask) -> list[Item]:
    """Plan rates at the threshold and calibration, overall and by group, with gaps to all other groups.

    Parameters
    ----------
    cohort, sample, attributes
        As in `cxraudit.audits.subgroups.plan`.
    tuning : numpy.ndarray of bool, shape (n_images,)
        From `cxraudit.audits.cohort.Cohort.tuning`.

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
    tuned = tune(cohort, sample, tuning)
    if isinstance(tuned, NotTuned):
        nothing = sample.cell(np.zeros(sample.y_true.size, dtype=bool))
        return [
            Tested(
                key=key(sample, Analysis.OPERATING_POINT),
                metric="tpr",
                cell=nothing,
                method="undefined",
                reasons=(tuned.reason,),
                note=tuned.note,
            )
        ]
    evaluated = tuned.sample
    items = _levels(tuned, evaluated.everything, {})
    for group in groups(cohort, evaluated, attributes):
        named = {"attribute": group.attribute, "group": group.name}
        items += _levels(tuned, group.inside, named)
        if group.compared and evaluated.both_classes:
            items += _gaps(tuned, (group.inside, group.outside), named)
    return items


def tune(cohort: Cohort, sample: Sample, tuning: Mask) -> Tuned | NotTuned:
    """Choose threshold and map on the images of tuning patients; or say why they cannot be chosen."""
    settings = cohort.settings
    rule = settings.operating_point
    chooses = rule != "none" and not rule.startswith("fixed=")
    maps = settings.calibration == "platt"
    own = tuning[sample.rows]
    chosen, rest = sample.only(own), sample.only(~own)
    if not (chooses or maps):
        rest = sample
    elif not chosen.both_classes:
        return NotTuned(
            Reason.ONE_CLASS_TUNING,
            "nothing to choose on: the images of the tuning patients hold one class",
        )
    if not rest.y_true.size:
        return NotTuned(
            Reason.NOTHING_HELD_OUT, "nothing to evaluate: all images are of tuning patients"
        )
    on = f"on {count(chosen.everything).n_patients} other patients"
    threshold = float("nan")
    notes = []
    if rule != "none":
        choose = rule_named(rule)
        threshold = (
            choose_threshold(chosen.y_true, chosen.y_score, choose)
            if chooses
            else choose(sample.y_true, sample.y_score)
        )
        notes.append(
            f"flagged at or above {threshold:.6g} ({rule}{f', chosen {on}' if chooses else ''})"
        )
    probability, at_threshold = None, np.nan  # one object: equal to itself in a key
    if settings.calibration == "as is":
        if not (rest.y_score.min() >= 0 and rest.y_score.max() <= 1):
            raise ConfigError(
                "calibration 'as is' needs probabilities, but scores run from "
                f"{rest.y_score.min():.3g} to {rest.y_score.max():.3g}. Use platt."
            )
        probability, at_threshold = rest.y_score, threshold
    elif maps:
        intercept, slope = platt(chosen.y_true, chosen.y_score)
        if np.isfinite(slope):
            probability = expit(intercept + slope * rest.y_score)
            at_threshold = float(expit(intercept + slope * threshold))
            notes.append(f"probability by Platt scaling, slope {slope:.4g}, fitted {on}")
    return Tuned(
        rest,
        threshold,
        None if probability is None else Vector(probability),
        at_threshold,
        "; ".join(notes),
    )


def _statistics(tuned: Tuned, cell: Cell) -> Iterator[tuple[Analysis, str, Statistic]]:
    """Name the metrics of a cell that the threshold and the probabilities allow."""
    if np.isfinite(tuned.threshold):
        flagged = Flagged(cell, tuned.threshold, tuned.at_threshold)
        for metric in of_family(Family.DECISION):
            if metric == "net_benefit" and not 0 < tuned.at_threshold < 1:
                continue
            if metric in OF_NO_FINDING and cell.sample.finding != NO_FINDING:
                continue
            yield Analysis.OPERATING_POINT, metric, Statistic(flagged, metric)
    if tuned.probability is not None:
        for metric in of_family(Family.CALIBRATION):
            yield (
                Analysis.CALIBRATION,
                metric,
                Statistic(Calibrated(cell, tuned.probability), metric),
            )


def _at(tuned: Tuned, analysis: Analysis) -> float:
    return tuned.threshold if analysis == Analysis.OPERATING_POINT else float("nan")


def _levels(tuned: Tuned, cell: Cell, named: dict[str, str]) -> list[Item]:
    return [
        Level(
            key=key(tuned.sample, analysis, at=_at(tuned, analysis), **named),
            metric=metric,
            quantity=statistic,
            cell=cell,
            note=tuned.note,
        )
        for analysis, metric, statistic in _statistics(tuned, cell)
    ]


def _gaps(tuned: Tuned, cells: tuple[Cell, Cell], named: dict[str, str]) -> list[Item]:
    inside, outside = (list(_statistics(tuned, cell)) for cell in cells)
    return [
        Comparison(
            key=key(tuned.sample, analysis, at=_at(tuned, analysis), reference=COMPLEMENT, **named),
            metric=metric,
            group=first,
            reference=second,
            cells=cells,
            family=analysis,
        )
        for (analysis, metric, first), (_, _, second) in zip(inside, outside, strict=True)
    ]
