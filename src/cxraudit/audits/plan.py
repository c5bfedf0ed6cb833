"""The plan of an audit: what to estimate and compare, named and not yet computed.

An audit is a function that returns `Level`, `Comparison`, `Equality` and `Tested` objects. Each names the key
of its row and the quantities it is about: a quantity is a statistic of a cell (a set of images), a
combination of such, or a known number. `cxraudit.audits.engine` computes them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from cxraudit.audits.cohort import Cell, CellCounts, Sample, Vector
from cxraudit.audits.measures import Mean, Measure, Ranking
from cxraudit.metrics import METRICS
from cxraudit.schema import OVERALL, Analysis, Confirmatory, Reason
from cxraudit.stats.replicated import Replicated


@dataclass(frozen=True, slots=True)
class Statistic:
    """A metric read from a measure."""

    measure: Measure
    metric: str


@dataclass(frozen=True, slots=True)
class Runs:
    """The training runs of a model; see `cxraudit.audits.training_runs`."""

    model: str
    names: tuple[str, ...]
    key: int
    """Of their scores: what is drawn for the runs does not depend on their names."""


@dataclass(frozen=True, slots=True)
class Combination:
    """A weighted sum of quantities, within each replicate."""

    parts: "tuple[Quantity, ...]"
    weights: tuple[float, ...]
    drawn: Vector | None = None
    """Weights of every replicate, shape (n_resamples + 1, n_parts), where these are estimates themselves."""
    influence: Vector | None = None
    """Influence of each patient on the weights, shape (n_units, n_parts), where patients determine them."""
    runs: Runs | None = None
    """Of a mean over training runs: those that the parts are of, in their order."""


@dataclass(frozen=True, slots=True)
class Known:
    """A number, not an estimate."""

    value: float


Quantity = Statistic | Combination | Known


NOTHING = Known(math.nan)


def ranking(cell: Cell, metric: str = "auroc") -> Statistic:
    """Name a ranking metric of a cell."""
    return Statistic(Ranking(cell), metric)


def mean(cell: Cell, values: Vector) -> Statistic:
    """Name the mean of numbers over a cell."""
    return Statistic(Mean(cell, values), "mean")


def minus(first: Quantity, second: Quantity) -> Combination:
    """Name a difference."""
    return Combination((first, second), (1.0, -1.0))


def weighted(parts: Sequence[Quantity], weights: Sequence[Replicated]) -> Combination:
    """Name a sum with weights that are estimated of the same patients."""
    return Combination(
        tuple(parts),
        tuple(weight.value for weight in weights),
        Vector(np.stack([weight.replicates for weight in weights], axis=1)),
        Vector(np.stack([weight.influence for weight in weights], axis=1)),
    )


def over(runs: Runs | None, parts: Sequence[Quantity]) -> Quantity:
    """Name the mean over training runs; the quantity itself, where there are none or it is known."""
    if runs is None or all(isinstance(part, Known) for part in parts):
        return parts[0]
    return replace(average(parts), runs=runs)


def average(parts: Sequence[Quantity]) -> Combination:
    """Name the mean of quantities."""
    return Combination(tuple(parts), (1 / len(parts),) * len(parts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """Which row of the results table; the columns of `cxraudit.schema.KEY_COLUMNS` but the metric."""

    model: str
    prompt_set: str
    analysis: Analysis
    finding: str = ""
    attribute: str = OVERALL
    group: str = OVERALL
    reference: str = ""
    condition: str = ""
    at: float = math.nan
    label_source: str = ""


KEY_FIELDS = tuple(one.name for one in fields(Key))


def key(sample: Sample, analysis: Analysis, **columns: Any) -> Key:
    """Begin the key of a row about a sample."""
    return Key(
        model=sample.model,
        prompt_set=sample.prompt_set,
        finding=sample.finding,
        analysis=analysis,
        **columns,
    )


def unless_finite(value: float) -> tuple[Reason, ...]:
    """Return the reason of a value that does not exist; none if it does."""
    return () if math.isfinite(value) else (Reason.UNDEFINED_VALUE,)


def joined_phrases(*phrases: str) -> str:
    """Return a note of some phrases, without those that are empty or repeated."""
    return "; ".join(dict.fromkeys(filter(None, phrases)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A metric of a cell, with its interval."""

    key: Key
    metric: str
    quantity: Quantity
    cell: Cell | None
    """The images that are counted."""
    parts: tuple[Cell, ...] = ()
    """Cells a value was put together from, where it was: the smallest of them says whether there are too
    few patients, and no small-sample interval of the whole replaces theirs."""
    one_class: bool = False
    """Whether the cell holds one class on purpose, so that it is no reason for caution."""
    reasons: tuple[Reason, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A difference of two quantities on the same resamples: group − reference."""

    key: Key
    metric: str
    group: Quantity
    reference: Quantity
    cells: tuple[Cell, ...]
    """The cells either side rests on: the group's first (its images are counted), the reference's last."""
    family: Confirmatory | None
    """The question it answers; None: exploratory, an estimate without a verdict. So is a comparison by a
    metric without a margin; see `cxraudit.audits.families`."""
    scale: str | None = None
    """Where the difference is tested, if not where the error of its metric is best known."""
    error: str = "larger"
    """Which standard error is used; see `cxraudit.stats.compare.gap`."""
    limits: bool = True
    """Whether sides at the end of the range are compared by their small-sample limits (MOVER)."""
    enough: bool | None = None
    """Whether there are enough patients for a verdict, where the plan determines it; None: at least
    ``min_patients`` of the settings with and without the finding in each cell."""
    caution: str = ""
    """Noted where the plan determines that there are too few patients, and these matter."""
    paired: bool = False
    """Whether sides that agree in every resample are equal for certain, as when only pixels changed."""
    identical: bool = False
    """Whether both sides are the same quantity, so that there is nothing to test."""
    unchanged: bool = False
    """Whether the scores that are compared are the same numbers in all images, as where the edit of a pair
    changed no pixel: nothing is shown of other images, and there is no interval and no verdict."""
    by_chance: tuple[Cell, ...] = ()
    """Cells in which sides that agree in every resample may only happen to agree in these patients, as
    decisions of two models do; of a difference of gaps the cells of both groups."""
    reasons: tuple[Reason, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """A value with a test of its own, such as by exchanging patients."""

    key: Key
    metric: str
    cell: Cell | CellCounts | None
    """The images that are counted, or their counts."""
    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p_value: float = math.nan
    p_adjusted: float = math.nan
    """Where it was adjusted elsewhere."""
    method: str = ""
    family: str = ""
    """Tests of one model and family are adjusted together; empty: not adjusted. Those of a `Confirmatory`
    family are adjusted with the comparisons."""
    adjust: str = "holm"
    """``holm``, or ``dependent`` for Benjamini–Yekutieli."""
    verdict: str = ""
    reasons: tuple[Reason, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Equality:
    """Whether a metric is the same in several cells, tested at once; the engine makes a `Tested` of it."""

    key: Key
    metric: str
    cells: tuple[Cell, ...]
    """Those with too few patients are left out."""
    quantities: tuple[Quantity, ...]
    """The metric of each."""
    cell: Cell
    """The images that are counted."""
    family: Confirmatory


Item = Level | Comparison | Tested | Equality


def is_difference(quantity: Quantity) -> bool:
    """Tell whether a quantity is a difference, which does not lie where its metric does."""
    return isinstance(quantity, Combination) and (
        min(quantity.weights) < 0 or any(is_difference(part) for part in quantity.parts)
    )


def largest_difference(item: Comparison) -> float:
    """Return how large a comparison can be at most, by the values that its metric can take."""
    metric = METRICS[item.metric]
    sides = 2 if is_difference(item.group) or is_difference(item.reference) else 1
    return sides * (metric.high - metric.low)


def without_images(item: Level | Comparison | Tested) -> Level | Comparison | Tested:
    """Return an item without quantities and cells: what is kept of it until all is judged."""
    if isinstance(item, Comparison):
        return replace(item, group=NOTHING, reference=NOTHING, cells=(), by_chance=())
    if isinstance(item, Level):
        return replace(item, quantity=NOTHING, cell=None, parts=())
    return replace(item, cell=None)
