"""The engine of every audit: computes what a plan names, each distinct statistic once.

It estimates with the level and the interval of the settings, counts images and patients, and leaves judging
to `cxraudit.audits.verdicts` and rows to `to_frame`.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from cxraudit.audits.cohort import Cell, CellCounts, Cohort, count
from cxraudit.audits.measures import Measure
from cxraudit.audits.plan import (
    KEY_FIELDS,
    Combination,
    Comparison,
    Item,
    Known,
    Level,
    Quantity,
    Statistic,
    without_images,
)
from cxraudit.metrics import METRICS
from cxraudit.schema import Analysis, Reason, results_frame
from cxraudit.settings import AuditSettings
from cxraudit.stats.compare import estimate, gap, gap_of_limits, wilson
from cxraudit.stats.delong import newcombe
from cxraudit.stats.estimate import Estimate, Gap
from cxraudit.stats.replicated import Replicated, weighted_sum


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """An item of a plan with what was found; judged later, with its family."""

    item: Item
    """Without its quantities and cells, which are no longer needed; see `without_images`."""
    found: Estimate
    counts: CellCounts
    method: str = ""
    """How the interval came about, with what was resampled."""
    enough: bool = True
    p_value: float = math.nan
    p_adjusted: float = math.nan
    margin: float = math.nan
    detectable_gap: float = math.nan
    verdict: str = ""
    reasons: tuple[str, ...] = ()
    note: str = ""


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
                return weighted_sum([self.value(p) for p in quantity.parts], quantity.weights)
            self.compute([quantity])
        return self._known[quantity]

    def estimate(self, quantity: Quantity) -> Estimate:
        """Estimate a quantity with the level and the interval of the settings."""
        return self.estimate_of(self.value(quantity))

    def estimate_of(self, found: Replicated) -> Estimate:
        """Estimate what was computed elsewhere, with the level and the interval of the settings."""
        summary = estimate(
            found,
            confidence_level=self.settings.confidence_level,
            interval=self.settings.interval,
        )
        return replace(summary, method=self._named(summary.method))

    def _evaluate(self, item: Item) -> Evaluated:
        if isinstance(item, Level):
            return self._level(item)
        if isinstance(item, Comparison):
            return self._comparison(item)
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
        found = self.value(item.quantity)
        if item.parts:
            summary = self.estimate_of(found)
        else:
            summary = self._limits(item.metric, found, counts, self.settings.confidence_level)
        limiting = min(self.count(cell).limiting_patients for cell in item.parts or (item.cell,))
        reason, note = (
            ("", "") if item.one_class else _caution(counts, limiting, self.settings.min_patients)
        )
        return Evaluated(
            item=without_images(item),
            found=summary,
            method=self._named(summary.method),
            counts=counts,
            reasons=_joined(reason, summary.reason, *item.reasons),
            note="; ".join(filter(None, [note, item.note])),
        )

    def _limits(self, metric: str, found: Replicated, counts: CellCounts, level: float) -> Estimate:
        """Estimate a metric of a cell; what degenerates in a bootstrap gets its score interval."""
        summary = estimate(found, confidence_level=level, interval=self.settings.interval)
        degenerate = math.isfinite(summary.value) and not math.isfinite(summary.low)
        if degenerate and self.settings.n_resamples:
            return small_sample(METRICS[metric].small_sample, summary, counts)
        return summary

    def _comparison(self, item: Comparison) -> Evaluated:
        first, second = self.value(item.group), self._other(item)
        scale = item.scale or METRICS[item.metric].scale
        counts = [self.count(cell) for cell in item.cells]
        enough = item.enough
        if enough is None:
            enough = min(c.limiting_patients for c in counts) >= self.settings.min_patients
        found = gap(
            first,
            second,
            confidence_level=self.settings.confidence_level,
            interval=self.settings.interval,
            scale=scale,
        )
        # Two sides at the same end differ by nothing in every resample, which proves nothing.
        at_an_end = any(side.value in (0, 1) for side in (first, second)) and abs(found.value) > 0
        if (
            item.limits
            and scale in ("logit", "arcsine")
            and at_an_end
            and self.settings.n_resamples
        ):
            found = self._gap_of_limits(item, (first, second), (counts[0], counts[-1]))
        paired = item.paired and self.settings.n_resamples and math.isfinite(first.value)
        if paired and _identical(first, second):
            found, enough = _no_difference(found), True
        few = () if enough else (Reason.TOO_FEW_PATIENTS,)
        caution = (
            f"fewer than {self.settings.min_patients} patients with or without the finding on one side"
            if item.enough is None and not enough
            else ""
        )
        return Evaluated(
            item=without_images(item),
            found=found,
            method=self._named(found.method),
            counts=counts[0],
            enough=enough,
            p_value=found.p_value,
            reasons=_joined(*few, found.reason, *item.reasons),
            note="; ".join(filter(None, [caution, item.note])),
        )

    def _other(self, item: Comparison) -> Replicated:
        if isinstance(item.reference, Known):
            return self.value(item.group).constant(item.reference.value)
        return self.value(item.reference)

    def _gap_of_limits(
        self,
        item: Comparison,
        sides: tuple[Replicated, Replicated],
        counts: tuple[CellCounts, CellCounts],
    ) -> Gap:
        level = self.settings.confidence_level
        first, second = (
            tuple(self._limits(item.metric, side, held, at) for at in (level, 2 * level - 1))
            for side, held in zip(sides, counts, strict=True)
        )
        if isinstance(item.reference, Known):  # a number has no interval
            second = tuple(replace(e, low=e.value, high=e.value) for e in second)
        found = gap_of_limits((first[0], first[1]), (second[0], second[1]))
        missing = not math.isfinite(found.low)
        return replace(found, reason=first[0].reason or second[0].reason) if missing else found

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


def _statistics(quantity: Quantity) -> Iterator[Statistic]:
    if isinstance(quantity, Statistic):
        yield quantity
    elif isinstance(quantity, Combination):
        for part in quantity.parts:
            yield from _statistics(part)


def _identical(first: Replicated, second: Replicated) -> bool:
    return bool(np.array_equal(first.replicates, second.replicates, equal_nan=True))


def _no_difference(found: Gap) -> Gap:
    """Return a difference that is 0 in every resample as what it is: shown to be none."""
    return replace(
        found,
        low=0.0,
        high=0.0,
        inner_low=0.0,
        inner_high=0.0,
        p_value=1.0,
        standard_error=0.0,
        method="no difference in any resample",
        reason="",
    )


def _joined(*reasons: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, reasons)))


def _caution(counts: CellCounts, limiting: int, min_patients: int) -> tuple[str, str]:
    """Return why a level says little, as code and in words; empty if it does not."""
    if not counts.n:
        return Reason.NO_IMAGES, "no images"
    if not counts.n_positive:
        return Reason.NO_POSITIVES, "no positives"
    if counts.n_positive == counts.n:
        return Reason.NO_NEGATIVES, "no negatives"
    if limiting < min_patients:
        return (
            Reason.TOO_FEW_PATIENTS,
            f"only {limiting} patients with or without the finding",
        )
    return "", ""


def small_sample(kind: str | None, found: Estimate, counts: CellCounts) -> Estimate:
    """Give a value that does not vary in a bootstrap (AUROC 1, every image flagged) its score interval.

    Parameters
    ----------
    kind : str or None
        As `cxraudit.metrics.Metric.small_sample`; None leaves the estimate as it is.
    found : Estimate
        The value and the level.
    counts : CellCounts
        Patients are the sample size.
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
        n_patients = {
            "wilson positives": counts.n_positive_patients,
            "wilson negatives": counts.n_negative_patients,
            "wilson images": counts.n_patients,
        }[kind]
        low, high = wilson(found.value, n_patients, confidence_level=level)
        method = "Wilson score interval over patients"
    return replace(found, low=low, high=high, method=method, reason="")


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
            "p_value": one.p_value,
            "p_adjusted": one.p_adjusted,
            "margin": one.margin,
            "detectable_gap": one.detectable_gap,
            "verdict": one.verdict,
            "reasons": " ".join(one.reasons),
            "note": one.note,
        }
        for one in sorted(evaluated, key=lambda one: order[one.item.key.analysis])
    ]
    return results_frame(rows)
