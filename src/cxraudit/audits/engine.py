"""The engine of every audit: computes what a plan names, each distinct statistic once.

It estimates with the level and the interval of the settings, counts images and patients, and leaves judging
to `cxraudit.audits.verdicts` and rows to `to_frame`.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxraudit.audits.cohort import Cell, CellCounts, Cohort, count
from cxraudit.audits.degenerate import Degenerate, limiting_of
from cxraudit.audits.families import family_of
from cxraudit.audits.measures import Measure
from cxraudit.audits.plan import (
    KEY_FIELDS,
    Combination,
    Comparison,
    Equality,
    Item,
    Known,
    Level,
    Quantity,
    Runs,
    Statistic,
    Tested,
    joined_phrases,
    largest_difference,
    without_images,
)
from cxraudit.metrics import METRICS
from cxraudit.schema import OTHER_COLUMNS, Analysis, Reason, results_frame
from cxraudit.settings import AuditSettings
from cxraudit.stats.compare import estimate, gap
from cxraudit.stats.equality import equality_test, is_testable
from cxraudit.stats.estimate import Estimate, Gap
from cxraudit.stats.multiplicity import Draws
from cxraudit.stats.replicated import Replicated, over_runs, weighted_sum
from cxraudit.streams import Stream, generator


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """An item of a plan with what was found; judged later, with its family."""

    item: Level | Comparison | Tested
    """Without its quantities and cells, which are no longer needed; see `without_images`."""
    found: Estimate
    counts: CellCounts
    method: str = ""
    """How the interval came about, with what was resampled."""
    effective_patients: float = math.nan
    """As many equal patients would determine the error as well; NaN without an error."""
    enough: bool = True
    most: float = math.inf
    """How large a comparison can be at most."""
    p_value: float = math.nan
    p_adjusted: float = math.nan
    draws: Draws | None = None
    """Of a confirmatory comparison, until it is judged."""
    low_simultaneous: float = math.nan
    high_simultaneous: float = math.nan
    family: str = ""
    margin: float = math.nan
    detectable_gap: float = math.nan
    verdict: str = ""
    reasons: tuple[str, ...] = ()
    note: str = ""
    other: tuple[float, float, float] = (math.nan, math.nan, math.nan)
    """Value and interval under the other weighting; see `cxraudit.audits.other_weight`."""


FEWEST_RUNS = 3
"""Training runs for a verdict: two show how far runs lie apart by one difference, which may be small by
chance (see `simulations.training_runs`)."""

NO_COUNTS = CellCounts(0, 0, 0, 0, 0)


@dataclass(slots=True)
class Engine:
    """Computes what plans name, each distinct statistic once while they share a cohort."""

    cohort: Cohort
    n_computed: int = 0
    """Measures computed so far."""
    _known: dict[Quantity, Replicated] = field(default_factory=dict)
    _counts: dict[tuple[bytes, bytes], CellCounts] = field(default_factory=dict)

    @property
    def _degenerate(self) -> Degenerate:
        """What gives the values that do not vary their intervals."""
        return Degenerate(self.settings, self.value, self.count)

    @property
    def settings(self) -> AuditSettings:
        """Of the cohort."""
        return self.cohort.settings

    def forget(self) -> None:
        """Drop what was computed: the next plans are about other images."""
        self._known.clear()
        self._counts.clear()
        self.cohort.drawn.clear()

    def count(self, cell: Cell | CellCounts | None) -> CellCounts:
        """Count the images and patients of a cell, once; none are in no cell."""
        if cell is None:
            return NO_COUNTS
        if isinstance(cell, CellCounts):
            return cell
        if cell.key not in self._counts:
            self._counts[cell.key] = count(cell)
        return self._counts[cell.key]

    def evaluate(self, plan: Sequence[Item]) -> list[Evaluated]:
        """Compute, estimate and compare all that a plan names, in its order."""
        self.compute(quantity for item in plan for quantity in _quantities(item))
        return [self._evaluate(item) for item in plan]

    def compute(self, quantities: Iterable[Quantity]) -> None:
        """Compute the statistics that quantities are made of and that are not known yet."""
        wanted: dict[Measure, list[Statistic]] = {}
        for quantity in quantities:
            for statistic in _statistics(quantity):
                if statistic not in self._known:
                    metrics = wanted.setdefault(statistic.measure, [])
                    if statistic not in metrics:
                        metrics.append(statistic)
        batches: dict[object, list[Measure]] = {}
        for measure in wanted:
            batches.setdefault(measure.batch, []).append(measure)
        for measures in batches.values():
            self.n_computed += len(measures)
            for measure, found in zip(
                measures, measures[0].compute(self.cohort, measures), strict=True
            ):
                for statistic in wanted[measure]:
                    self._known[statistic] = measure.read(found, statistic.metric)

    def value(self, quantity: Quantity) -> Replicated:
        """Return a quantity in the cohort and in every replicate."""
        if quantity not in self._known:
            if isinstance(quantity, Combination):
                parts = [self.value(part) for part in quantity.parts]
                if quantity.runs is None:
                    drawn, influence = (
                        None if one is None else one.values  # noqa: PD011
                        for one in (quantity.drawn, quantity.influence)
                    )
                    return weighted_sum(parts, quantity.weights, drawn=drawn, influence=influence)
                noise = self._noise(quantity.runs)
                self._known[quantity] = over_runs(parts, quantity.runs.model, noise)
            elif isinstance(quantity, Known):
                nothing = np.zeros(self.cohort.counts.shape[1])
                return Replicated(np.full(self.settings.n_resamples + 1, quantity.value), nothing)
            else:
                self.compute([quantity])
        return self._known[quantity]

    def _noise(self, runs: Runs) -> NDArray[np.float64]:
        """Draw what the replicates of a mean over training runs vary by, alike for all its statistics."""
        rng = generator(Stream.TRAINING_RUNS, self.settings.seed, runs.key)
        return rng.standard_normal((self.settings.n_resamples, len(runs.names) - 1))

    def estimate(self, quantity: Quantity, metric: str) -> Estimate:
        """Estimate a quantity with the level and the interval of the settings."""
        return self.estimate_of(self.value(quantity), metric)

    def estimate_of(self, found: Replicated, metric: str) -> Estimate:
        """Estimate what was computed elsewhere, with the level and the interval of the settings."""
        summary = estimate(
            found,
            confidence_level=self.settings.confidence_level,
            interval=self.settings.interval,
            scale=METRICS[metric].scale,
        )
        return replace(summary, method=self._named(summary.method))

    def gap(self, item: Comparison, *, enough: bool = True) -> tuple[Gap, bool]:
        """Return a difference, and whether there are enough patients for a verdict on it."""
        found = gap(
            self.value(item.group),
            self._other(item),
            confidence_level=self.settings.confidence_level,
            interval=self.settings.interval,
            scale=item.scale or METRICS[item.metric].scale,
            error=item.error,
            inner=family_of(item) is not None,
        )
        if self.settings.n_resamples:
            found, enough = self._degenerate.gap(item, found, enough=enough)
        reach = largest_difference(item)
        return found.within(-reach, reach), enough

    def _evaluate(self, item: Item) -> Evaluated:
        if isinstance(item, Level):
            return self._level(item)
        if isinstance(item, Comparison):
            return self._comparison(item)
        if isinstance(item, Equality):
            item = self._tested(item)
        return Evaluated(
            item=without_images(item),
            found=Estimate(
                value=item.value,
                low=item.low,
                high=item.high,
                confidence_level=self.settings.confidence_level,
                method=item.method,
            ),
            method=item.method,
            counts=self.count(item.cell),
            p_value=item.p_value,
            p_adjusted=item.p_adjusted,
            verdict=item.verdict,
            reasons=item.reasons,
            note=item.note,
        )

    def _level(self, item: Level) -> Evaluated:
        counts = self.count(item.cell)
        summary = self._degenerate.limits(
            item.quantity, item.metric, self.settings.confidence_level
        )
        limiting = min(self.count(cell).limiting_patients for cell in item.parts or (item.cell,))
        reason, note = (
            ("", "") if item.one_class else _caution(counts, limiting, self.settings.min_patients)
        )
        why, words = _missing(summary, [counts])
        return Evaluated(
            item=without_images(item),
            found=summary,
            method=self._named(summary.method),
            counts=counts,
            effective_patients=self._effective_patients(item.quantity),
            reasons=_joined(reason, why, *item.reasons),
            note=joined_phrases(note, words, item.note, self._by_run(item.quantity)),
        )

    def _comparison(self, item: Comparison) -> Evaluated:
        counts = [self.count(cell) for cell in item.cells]
        enough = item.enough
        if enough is None:
            enough = min(limiting_of(item.metric, c) for c in counts) >= self.settings.min_patients
        found, enough = self.gap(item, enough=enough)
        few = [] if enough else [Reason.TOO_FEW_PATIENTS]
        if found.standard_error > 0 and 0 < _fewest_runs(item.group, item.reference) < FEWEST_RUNS:
            few.append(Reason.TOO_FEW_RUNS)
        caution = item.caution
        if item.enough is None:
            which = METRICS[item.metric].among or "with or without"
            caution = (
                f"fewer than {self.settings.min_patients} patients {which} the finding on one side"
            )
        why, words = _missing(found, counts)
        confirmatory = family_of(item) is not None
        return Evaluated(
            item=without_images(item),
            found=found if confirmatory else replace(found, limits=None),
            draws=self._draws(item) if confirmatory and math.isfinite(found.p_value) else None,
            method=self._named(found.method),
            counts=counts[0],
            effective_patients=_effective(found),
            enough=not few,
            most=largest_difference(item),
            p_value=found.p_value,
            reasons=_joined(*few, why, *item.reasons),
            note=joined_phrases(
                "" if enough else caution,
                words,
                item.note,
                self._by_run(item.group, item.reference),
            ),
        )

    def _by_run(self, *sides: Quantity) -> str:
        """Say how a mean over training runs, or a difference of two, varies between them."""
        runs = {side.runs for side in sides if isinstance(side, Combination) and side.runs}
        if not runs:
            return ""
        same = [side for side in sides if isinstance(side, Combination) and side.runs in runs]
        if len(runs) > 1 or any(side not in same and not isinstance(side, Known) for side in sides):
            alone = sum(not isinstance(side, Known) and side not in same for side in sides)
            return (
                "mean over training runs against a single run, whose error is not known"
                if alone and len(runs) == 1
                else "difference of means over training runs"
            )
        values = [np.array([self.value(part).value for part in side.parts]) for side in same]
        known = sum(side.value for side in sides if isinstance(side, Known))
        found = (values[0] - values[1]) if len(values) == 2 else values[0] - known
        hidden = self.settings.hides_small_numbers  # a rate of one run is a count of few images
        spread = "" if hidden else f", {found.min():.3f} to {found.max():.3f}"
        return f"mean of {found.size} training runs{spread}"

    def _effective_patients(self, quantity: Quantity) -> float:
        return (
            math.nan if isinstance(quantity, Known) else self.value(quantity).degrees_of_freedom + 1
        )

    def _draws(self, item: Comparison) -> Draws | None:
        """Return a difference in every replicate, in its standard deviations; None if it does not vary."""
        difference = (self.value(item.group) - self._other(item)).replicates[1:]
        spread = float(np.nanstd(difference)) if np.isfinite(difference).any() else 0.0
        if not spread > 0:
            return None
        centred = np.nan_to_num(difference - np.nanmean(difference))
        return (centred / spread).astype(np.float32)

    def _tested(self, item: Equality) -> Tested:
        """Test whether a metric is the same in the cells that have enough patients."""
        scale = METRICS[item.metric].scale
        values = [
            self.value(quantity)
            for cell, quantity in zip(item.cells, item.quantities, strict=True)
            if self.count(cell).limiting_patients >= self.settings.min_patients
            and not isinstance(quantity, Known)
        ]
        too_few_runs = 0 < _fewest_runs(*item.quantities) < FEWEST_RUNS
        tested = 0 if too_few_runs else sum(is_testable(value, scale) for value in values)
        left_out = len(item.cells) - tested
        # Without resamples the analytic error would be all there is, and too small.
        known = tested > 1 and self.settings.n_resamples > 0
        p_value = equality_test(values, scale=scale) if known else math.nan
        return Tested(
            key=item.key,
            metric=item.metric,
            cell=item.cell,
            p_value=p_value,
            method="Wald test with the covariance of patients, Hotelling's T²",
            family=item.family,
            reasons=()
            if math.isfinite(p_value)
            else (Reason.TOO_FEW_RUNS if too_few_runs else Reason.TOO_FEW_PATIENTS,),
            note=joined_phrases(*_of_groups(tested, left_out, too_few_runs=too_few_runs)),
        )

    def _other(self, item: Comparison) -> Replicated:
        if isinstance(item.reference, Known):
            return self.value(item.group).constant(item.reference.value)
        return self.value(item.reference)

    def _named(self, method: str) -> str:
        """Say what was resampled."""
        unit = {"patients": "patient-cluster", "images": "image-level"}[self.settings.resample]
        return f"{unit} {method}" if method.startswith("bootstrap") else method


def _quantities(item: Item) -> Iterator[Quantity]:
    if isinstance(item, Level):
        yield item.quantity
    elif isinstance(item, Comparison):
        yield item.group
        yield item.reference
    elif isinstance(item, Equality):
        yield from item.quantities


def _statistics(quantity: Quantity) -> Iterator[Statistic]:
    if isinstance(quantity, Statistic):
        yield quantity
    elif isinstance(quantity, Combination):
        for part in quantity.parts:
            yield from _statistics(part)


def _fewest_runs(*sides: Quantity) -> int:
    """Return the number of training runs of the side that has fewest; 0 if none has several."""
    return min(
        (len(side.parts) for side in sides if isinstance(side, Combination) and side.runs),
        default=0,
    )


def _of_groups(tested: int, left_out: int, *, too_few_runs: bool) -> Iterator[str]:
    """Say of one test of all groups how many it is about, or why there is none."""
    if too_few_runs:
        yield "not tested: too few training runs"
        return
    if tested > 1:
        yield f"one test of {tested} groups; it has no single difference"
    else:
        yield "not tested: fewer than two groups have enough patients and no perfect ranking"
    if left_out:
        yield f"{left_out} with too few patients or a perfect ranking left out"


def _effective(found: Gap) -> float:
    """Return the effective patients of a difference; NaN where there is no error, or one from limits."""
    known = math.isfinite(found.degrees_of_freedom) and math.isfinite(found.standard_error)
    return found.degrees_of_freedom + 1 if known else math.nan


def _joined(*reasons: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, reasons)))


def _missing(found: Estimate, counts: Sequence[CellCounts]) -> tuple[str, str]:
    """Return why there is no interval or no value, as code and in words."""
    if math.isfinite(found.value):
        return found.reason, ""
    return next(
        filter(all, map(_one_class, counts)),
        (Reason.UNDEFINED_VALUE, "the value does not exist for these images"),
    )


def _caution(counts: CellCounts, limiting: int, min_patients: int) -> tuple[str, str]:
    """Return why a level says little, as code and in words; empty if it does not."""
    if counts.n_positive in (0, counts.n):
        return _one_class(counts)
    if limiting < min_patients:
        return (
            Reason.TOO_FEW_PATIENTS,
            f"only {limiting} patients with or without the finding",
        )
    return "", ""


def _one_class(counts: CellCounts) -> tuple[str, str]:
    """Return which class is missing; empty if none is."""
    if not counts.n:
        return Reason.NO_IMAGES, "no images"
    if not counts.n_positive:
        return Reason.NO_POSITIVES, "no positives"
    if counts.n_positive == counts.n:
        return Reason.NO_NEGATIVES, "no negatives"
    return "", ""


def to_frame(evaluated: Sequence[Evaluated], dataset: str) -> pd.DataFrame:
    """Make the results table: one row per item, ordered by analysis."""
    order = {analysis: number for number, analysis in enumerate(Analysis)}
    rows = [
        {
            "dataset": dataset,
            **{name: getattr(one.item.key, name) for name in KEY_FIELDS},
            "metric": one.item.metric,
            "value": one.found.value,
            "low": one.found.low,
            "high": one.found.high,
            "confidence_level": one.found.confidence_level,
            "method": one.method,
            "n": one.counts.n,
            "n_positive": one.counts.n_positive,
            "n_patients": one.counts.n_patients,
            "n_positive_patients": one.counts.n_positive_patients,
            "effective_patients": one.effective_patients,
            "low_simultaneous": one.low_simultaneous,
            "high_simultaneous": one.high_simultaneous,
            "p_value": one.p_value,
            "p_adjusted": one.p_adjusted,
            "family": one.family,
            "margin": one.margin,
            "detectable_gap": one.detectable_gap,
            "verdict": one.verdict,
            **dict(zip(OTHER_COLUMNS, one.other, strict=True)),
            "reasons": " ".join(one.reasons),
            "note": one.note,
        }
        for one in sorted(evaluated, key=lambda one: order[one.item.key.analysis])
    ]
    return results_frame(rows)
