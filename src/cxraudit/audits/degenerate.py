"""Intervals of what does not vary in a bootstrap: perfect and constant scores, rates of 0 and 1, copies.

A value that is the same in every resample has no bootstrap interval, though it is no more certain than others
from as few patients. It gets the score interval of an area or of a share over its patients. A difference
that is 0 in every resample is exactly 0.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cxraudit.audits.cohort import Cell, CellCounts
from cxraudit.audits.measures import Flagged, Ranking, StandardisedRanking
from cxraudit.audits.plan import (
    Combination,
    Comparison,
    Known,
    Quantity,
    Statistic,
    is_difference,
)
from cxraudit.metrics import METRICS
from cxraudit.schema import Reason
from cxraudit.settings import AuditSettings
from cxraudit.stats.compare import estimate, is_constant
from cxraudit.stats.delong import newcombe
from cxraudit.stats.estimate import Estimate, Gap
from cxraudit.stats.limits import gap_of_limits, ignores_error, limits_of_sum, no_difference, wilson
from cxraudit.stats.replicated import ROUNDING, Replicated


@dataclass(frozen=True, slots=True)
class Degenerate:
    """Estimates quantities, and gives those that do not vary what they are due."""

    settings: AuditSettings
    value: Callable[[Quantity], Replicated]
    """Of a quantity, in the cohort and in every replicate."""
    count: Callable[[Cell], CellCounts]

    def limits(self, quantity: Quantity, metric: str, level: float) -> Estimate:
        """Estimate a quantity at some level; what does not vary gets an interval that does not collapse.

        A sum gets it from the intervals of its parts. What constant scores rank is a fixed number: its
        interval is the value itself.
        """
        if isinstance(quantity, Known):
            value = quantity.value
            return Estimate(
                value=value, low=value, high=value, confidence_level=level, method="known"
            )
        found = estimate(
            self.value(quantity),
            confidence_level=level,
            interval=self.settings.interval,
            scale=_scale(quantity, metric),
        )
        if not is_difference(quantity):
            found = found.within(METRICS[metric].low, METRICS[metric].high)
        if not math.isfinite(found.value) or math.isfinite(found.low):
            return found
        if _ranks_nothing(quantity):
            return _exact(found, bounded=self.settings.n_resamples > 0)
        if not self.settings.n_resamples:
            return found
        if isinstance(quantity, Combination):
            return self._of_sum(quantity, metric, found)
        named = quantity.metric if quantity.metric in METRICS else metric
        images = quantity.measure.images(named)
        if images is None:
            return found
        return small_sample(METRICS[named].small_sample, found, self.count(images))

    def _of_sum(self, quantity: Combination, metric: str, found: Estimate) -> Estimate:
        if found.reason != Reason.IDENTICAL_RESAMPLES:
            return found
        parts = [self.limits(part, metric, found.confidence_level) for part in quantity.parts]
        if quantity.runs is None:
            low, high = limits_of_sum(parts, quantity.weights)
        else:  # of the same patients: the mean of runs is no more certain than one of them
            low, high = (
                float(np.mean(ends))
                for ends in zip(*((one.low, one.high) for one in parts), strict=True)
            )
        if not math.isfinite(low):
            return found
        return replace(found, low=low, high=high, method="limits of its parts", reason="")

    def gap(self, item: Comparison, found: Gap, *, enough: bool) -> tuple[Gap, bool]:
        """Return a gap with the interval it is due, and whether there are enough patients for a verdict.

        Parameters
        ----------
        item : Comparison
            What is compared.
        found : Gap
            From the replicates of both sides.
        enough : bool
            Whether both sides have enough patients. Sides that are the same for certain are so whatever
            their number.
        """
        if not math.isfinite(found.value):
            return found, enough
        if item.unchanged:
            same = _without_interval(
                found,
                "the scores are the same numbers",
                limits=None,
                reason=Reason.IDENTICAL_SCORES,
            )
            return same, enough
        if item.identical:
            return no_difference(found), True
        unvaried = found.value == 0 and found.reason == Reason.IDENTICAL_RESAMPLES
        if unvaried and item.limits and self._does_not_vary(item):
            # Both at the same end, such as two AUROCs of 1: what few patients show is not 0.
            return self._gap_of_limits(item, found), enough
        # Where few patients have the finding, some resamples hold none of them, and are undefined.
        if item.by_chance and (unvaried or (item.paired and self._agree(item))):
            return self._agreed_by_chance(item, found), enough
        if item.paired and self._agree(item):
            return no_difference(found, p_value=1.0), True
        if unvaried:
            return (_exactly_none(item, found) if enough else found), enough
        if item.limits and found.value != 0 and self._ignores_error(item, found):
            return self._gap_of_limits(item, found), enough
        return found, enough

    def _agree(self, item: Comparison) -> bool:
        first, second = (self.value(side).replicates for side in (item.group, item.reference))
        return bool(np.allclose(first, second, rtol=0, atol=ROUNDING, equal_nan=True))

    def _does_not_vary(self, item: Comparison) -> bool:
        """Tell whether a side is the same in every resample though other patients could change it."""
        return any(
            is_constant(self.value(side)) and not _is_fixed(side)
            for side in (item.group, item.reference)
            if not isinstance(side, Known)
        )

    def _ignores_error(self, item: Comparison, found: Gap) -> bool:
        """Tell whether the replicates of a difference ignore the error of a side."""
        if found.reason == Reason.IDENTICAL_RESAMPLES:
            return True
        facts = METRICS[item.metric]
        scale = item.scale or facts.scale
        if scale not in ("logit", "arcsine") or item.error == "replicates":
            return False
        sides = [
            (side, self.value(side))
            for side in (item.group, item.reference)
            if not isinstance(side, Known)
        ]
        same = [v for side, v in sides if is_constant(v) and not _ranks_nothing(side)]
        if facts.small_sample is None:
            same = [value for value in same if value.value in (0, 1)]
        return ignores_error(found, same)

    def _agreed_by_chance(self, item: Comparison, found: Gap) -> Gap:
        """Bound a difference of which no patient of these shows any: no discordant one among n."""
        level = self.settings.confidence_level
        counts = [self.count(cell) for cell in item.by_chance]
        # Of one class on purpose, such as images without the finding that were edited: all of them count.
        n_patients = [limiting_of(item.metric, one) or one.n_patients for one in counts]
        if min(n_patients) < 1:
            return found
        none = Estimate(value=0.0, low=0.0, high=0.0, confidence_level=level, method="")
        bounds = []
        for one in (level, 2 * level - 1):
            reach = math.hypot(*(wilson(0.0, n, confidence_level=one)[1] for n in n_patients))
            bounds.append(replace(none, low=-reach, high=reach))
        bounded = gap_of_limits((bounds[0], bounds[1]), (none, none))
        return replace(bounded, method="no patient differs: score interval of 0 discordant ones")

    def _gap_of_limits(self, item: Comparison, found: Gap) -> Gap:
        level = self.settings.confidence_level
        sides = [
            (
                self.limits(side, item.metric, level),
                self.limits(side, item.metric, 2 * level - 1),
            )
            for side in (item.group, item.reference)
        ]
        bounded = gap_of_limits(*sides)
        if math.isfinite(bounded.low) and METRICS[item.metric].gap_by_limits:
            return bounded
        reason = found.reason or Reason.IDENTICAL_RESAMPLES
        return _without_interval(found, "a side does not vary", reason=reason)


def limiting_of(metric: str, counts: CellCounts) -> int:
    """Return the number of patients that a side rests on, of those that its metric is about."""
    return {
        "with": counts.n_positive_patients,
        "without": counts.n_negative_patients,
    }.get(METRICS[metric].among, counts.limiting_patients)


def _without_interval(found: Gap, why: str, **changed: Any) -> Gap:
    unknown: dict[str, Any] = dict.fromkeys(
        ("low", "high", "inner_low", "inner_high", "p_value", "standard_error"), math.nan
    )
    return replace(found, **unknown, method=f"no interval: {why}", **changed)


def _equal_scores(cell: Cell) -> bool:
    """Tell whether the scores of the whole sample that a cell is of are all equal."""
    return bool(np.ptp(cell.sample.y_score) == 0)


def _ranks_nothing(quantity: Quantity) -> bool:
    """Tell whether a quantity ranks images whose scores, in their whole sample, are all equal."""
    if isinstance(quantity, Combination):
        return all(map(_ranks_nothing, quantity.parts))
    return (
        isinstance(quantity, Statistic)
        and isinstance(quantity.measure, Ranking)
        and _equal_scores(quantity.measure.cell)
    )


def _is_fixed(quantity: Quantity) -> bool:
    """Tell whether no patient can change a quantity: scores are equal, or all or no images are flagged."""
    if isinstance(quantity, Combination):
        return all(map(_is_fixed, quantity.parts))
    if not isinstance(quantity, Statistic):
        return True
    measure = quantity.measure
    if isinstance(measure, Ranking):
        return _equal_scores(measure.cell)
    if isinstance(measure, StandardisedRanking):
        return _equal_scores(measure.side)
    if isinstance(measure, Flagged):
        flagged = measure.cell.sample.y_score >= measure.threshold
        return bool(flagged.all() or not flagged.any())
    return True


def _exactly_none(item: Comparison, found: Gap) -> Gap:
    """Return a difference that is exactly 0; of constant scores it is so by their being constant."""
    sides = [side for side in (item.group, item.reference) if not isinstance(side, Known)]
    constant = bool(sides) and all(map(_ranks_nothing, sides))
    return replace(no_difference(found), reason=Reason.CONSTANT_SCORES if constant else "")


def _scale(quantity: Quantity, metric: str) -> str:
    """Return the scale of a metric; a difference of values does not lie where they do."""
    return "plain" if is_difference(quantity) else METRICS[metric].scale


def _exact(found: Estimate, *, bounded: bool) -> Estimate:
    """Return what constant scores rank: a fixed number, free of rounding."""
    value = round(found.value, 12) + 0.0
    if not bounded:
        return replace(found, value=value, reason=Reason.CONSTANT_SCORES)
    return replace(
        found,
        value=value,
        low=value,
        high=value,
        method="exact: all scores are equal",
        reason=Reason.CONSTANT_SCORES,
    )


def small_sample(kind: str | None, found: Estimate, counts: CellCounts) -> Estimate:
    """Give a value that does not vary in a bootstrap (AUROC 1, every image flagged) its score interval.

    Parameters
    ----------
    kind : str or None
        As `cxraudit.metrics.Metric.small_sample`; None leaves the estimate as it is.
    found : Estimate
        The value and the level.
    counts : CellCounts
        Of the images an area ranks, or a rate is a share of: their patients are the sample size.
    """
    if kind is None:
        return found
    level = found.confidence_level
    if kind == "newcombe":
        low, high = newcombe(
            found.value,
            counts.n_positive_patients,
            counts.n_negative_patients,
            confidence_level=level,
        )
        method = "Newcombe score interval over patients"
    else:
        low, high = wilson(found.value, counts.n_patients, confidence_level=level)
        method = "Wilson score interval over patients"
    return replace(found, low=low, high=high, method=method, reason="")
