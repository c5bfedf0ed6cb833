"""What can be computed of cells: rankings, decisions, calibration and means, in batches."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cxraudit.audits.cohort import Cell, Cohort, Vector
from cxraudit.metrics import METRICS
from cxraudit.stats.calibration import calibration_replicates, equal_mass_edges
from cxraudit.stats.ranking import RankingReplicates, ranking_replicates
from cxraudit.stats.replicated import Replicated, mean_replicates
from cxraudit.stats.standardise import drawn_images, standardised_replicates
from cxraudit.stats.thresholds import decisions


class Measure(Protocol):
    """Something computed of cells, from which one or more metrics are read. Hashable."""

    @property
    def batch(self) -> object:
        """What measures computed in one call have in common."""

    def compute(self, cohort: Cohort, measures: Sequence[Any]) -> list[Any]:
        """Compute measures of one batch, in their order."""

    def read(self, found: Any, metric: str) -> Replicated:
        """Return a metric of what was computed."""

    def images(self, metric: str) -> Cell | None:
        """Return the images that an area ranks or that a rate is a share of; None if it is neither."""

    def moved(self, to: Callable[[Cell], Cell]) -> "Measure":
        """Return the same of other cells, such as those of the same images with other weights."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """How the scores of a cell rank its images."""

    cell: Cell

    @property
    def batch(self) -> object:
        """The sample."""
        return Ranking, self.cell.sample.key

    def compute(self, cohort: Cohort, measures: "Sequence[Ranking]") -> list[RankingReplicates]:
        """Compute all cells of a sample; the reference prevalence is that of its images."""
        sample = self.cell.sample
        return ranking_replicates(
            sample.y_true,
            sample.y_score,
            sample.units,
            np.stack([measure.cell.mask for measure in measures]),
            cohort.counts,
            n_resamples=cohort.settings.n_resamples,
            n_threads=cohort.settings.n_threads,
            weights=sample.weights,
            fixed=cohort.settings.fixed_rate,
        )

    def read(self, found: RankingReplicates, metric: str) -> Replicated:
        """Return a metric of the family `cxraudit.metrics.Family.RANKING`."""
        return METRICS[metric].of(found)

    def images(self, metric: str) -> Cell | None:
        """Return the cell; its positives or negatives for a share of them."""
        y_true = self.cell.sample.y_true
        part = {
            "sensitivity_at_specificity": y_true,
            "specificity_at_sensitivity": ~y_true,
        }.get(metric)
        return self.cell if part is None else self.cell & part

    def moved(self, to: Callable[[Cell], Cell]) -> "Ranking":
        """Return the same of other cells."""
        return Ranking(to(self.cell))


@dataclass(frozen=True, slots=True)
class StandardisedRanking:
    """How the scores rank the images of one of two sides, weighted to one mix of strata."""

    sides: frozenset[Cell]
    strata: Vector
    side: Cell

    @property
    def batch(self) -> object:
        """Sides and strata: both sides are computed together."""
        return StandardisedRanking, self.side.sample.key, self.strata

    def compute(
        self, cohort: Cohort, measures: "Sequence[StandardisedRanking]"
    ) -> list[RankingReplicates]:
        """Compute both sides of each pair."""
        sample, settings = self.side.sample, cohort.settings
        pairs = list(dict.fromkeys(measure.sides for measure in measures))
        ordered = [tuple(pair) for pair in pairs]

        def drawn(side: Cell) -> NDArray[np.float64]:
            name = (sample.labels_key, side.key[1], self.strata.key)
            if name not in cohort.drawn:
                cohort.drawn[name] = drawn_images(
                    sample.y_true,
                    sample.units,
                    side.mask,
                    self.strata.values,
                    cohort.counts,
                    n_resamples=settings.n_resamples,
                    weights=sample.weights,
                )
            return cohort.drawn[name]

        def both(cells: tuple[Cell, ...]) -> list[RankingReplicates]:
            return standardised_replicates(
                sample.y_true,
                sample.y_score,
                sample.units,
                np.stack([cell.mask for cell in cells]),
                self.strata.values,
                cohort.counts,
                n_resamples=settings.n_resamples,
                target=settings.standardise,
                weights=sample.weights,
                drawn=np.stack([drawn(cell) for cell in cells]),
                fixed=settings.fixed_rate,
            )

        with ThreadPoolExecutor(settings.n_threads) as pool:
            found = list(pool.map(both, ordered))
        of = {
            (pair, cell): one
            for pair, cells, both in zip(pairs, ordered, found, strict=True)
            for cell, one in zip(cells, both, strict=True)
        }
        return [of[measure.sides, measure.side] for measure in measures]

    def read(self, found: RankingReplicates, metric: str) -> Replicated:
        """Return a metric of the family `cxraudit.metrics.Family.RANKING`."""
        return METRICS[metric].of(found)

    def images(self, metric: str) -> Cell | None:
        """Return None: weighted images count for more or less than one."""
        return None

    def moved(self, to: Callable[[Cell], Cell]) -> "StandardisedRanking":
        """Return the same of other cells."""
        changed = {side: to(side) for side in self.sides}
        return StandardisedRanking(frozenset(changed.values()), self.strata, changed[self.side])


@dataclass(frozen=True, slots=True)
class Flagged:
    """What happens to the images of a cell at a threshold."""

    cell: Cell
    threshold: float
    probability: float
    """What the threshold stands for, for the net benefit; NaN if unknown."""
    rechosen: Vector | None = None
    """The threshold of every replicate, where its error is to be in the replicates."""

    @property
    def batch(self) -> object:
        """Sample and threshold."""
        return Flagged, self.cell.sample.key, self.threshold, self.rechosen

    def compute(self, cohort: Cohort, measures: "Sequence[Flagged]") -> list[Any]:
        """Count decisions in all cells."""
        sample = self.cell.sample
        return decisions(
            sample.y_true,
            sample.y_score,
            self.threshold,
            sample.units,
            np.stack([measure.cell.mask for measure in measures]),
            cohort.counts,
            n_resamples=cohort.settings.n_resamples,
            weights=sample.weights,
            thresholds=None if self.rechosen is None else self.rechosen.values,
        )

    def read(self, found: Any, metric: str) -> Replicated:
        """Return a metric of the family `cxraudit.metrics.Family.DECISION`."""
        if metric == "net_benefit":
            return found.net_benefit(self.probability)
        return METRICS[metric].of(found)

    def images(self, metric: str) -> Cell | None:
        """Return the images of the denominator of a rate."""
        sample = self.cell.sample
        flagged = sample.y_score >= self.threshold
        part = {
            "selection_rate": np.ones_like(flagged),
            "tpr": sample.y_true,
            "fpr": ~sample.y_true,
            "ppv": flagged,
            "npv": ~flagged,
            "underdiagnosis": ~sample.y_true,
            "overdiagnosis": sample.y_true,
        }.get(metric)
        return None if part is None else self.cell & part

    def moved(self, to: Callable[[Cell], Cell]) -> "Flagged":
        """Return the same of other cells, at the same threshold."""
        return Flagged(to(self.cell), self.threshold, self.probability, self.rechosen)


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What probabilities are worth in a cell."""

    cell: Cell
    probability: Vector

    @property
    def batch(self) -> object:
        """Sample and probabilities."""
        return Calibrated, self.cell.sample.key, self.probability

    def compute(self, cohort: Cohort, measures: "Sequence[Calibrated]") -> list[Any]:
        """Compute calibration in all cells, with bins of equal mass over the sample."""
        sample = self.cell.sample
        return calibration_replicates(
            sample.y_true,
            self.probability.values,
            sample.units,
            np.stack([measure.cell.mask for measure in measures]),
            cohort.counts,
            n_resamples=cohort.settings.n_resamples,
            weights=sample.weights,
            edges=equal_mass_edges(self.probability.values, weights=sample.weights),
            n_threads=cohort.settings.n_threads,
        )

    def read(self, found: Any, metric: str) -> Replicated:
        """Return a metric of the family `cxraudit.metrics.Family.CALIBRATION`."""
        return METRICS[metric].of(found)

    def images(self, metric: str) -> Cell | None:
        """Return None: calibration is no share."""
        return None

    def moved(self, to: Callable[[Cell], Cell]) -> "Calibrated":
        """Return the same of other cells, with the same probabilities."""
        return Calibrated(to(self.cell), self.probability)


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of numbers per image over a cell."""

    cell: Cell
    values: Vector

    @property
    def batch(self) -> object:
        """Sample and numbers."""
        return Mean, self.cell.sample.key, self.values

    def compute(self, cohort: Cohort, measures: "Sequence[Mean]") -> list[Replicated]:
        """Compute the means of all cells."""
        return [
            mean_replicates(
                self.values.values,
                measure.cell.mask,
                measure.cell.sample.units,
                cohort.counts,
                n_resamples=cohort.settings.n_resamples,
                weights=measure.cell.sample.weights,
            )
            for measure in measures
        ]

    def read(self, found: Replicated, metric: str) -> Replicated:
        """Return the mean, whatever it is a mean of."""
        return found

    def images(self, metric: str) -> Cell | None:
        """Return the cell: the mean of yes and no is a share of it."""
        return self.cell

    def moved(self, to: Callable[[Cell], Cell]) -> "Mean":
        """Return the same of other cells."""
        return Mean(to(self.cell), self.values)
