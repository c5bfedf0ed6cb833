"""The same results under the other weighting: by patient where each image counts once, and the reverse.

Whoever has many images weighs as much as many patients if each image counts once. A gap that is there under
one weighting and not under the other says so; only comparisons with a declared margin, and levels of their
metrics, are evaluated a second time.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeGuard

from cxraudit.audits.cohort import Cell, Sample
from cxraudit.audits.engine import Engine, Evaluated
from cxraudit.audits.families import SCREENED, family_of
from cxraudit.audits.plan import Combination, Comparison, Item, Level, Quantity, Statistic
from cxraudit.metrics import METRICS
from cxraudit.schema import Analysis

FIXED_SHARES = (Analysis.SHORTCUT_PREVALENCE, Analysis.SHORTCUT_LABEL_ERRORS)
"""Analyses that put areas together by shares of images, which are those of the weighting of the audit."""


def with_other_weight(
    engine: Engine, plan: Sequence[Item], evaluated: Sequence[Evaluated]
) -> list[Evaluated]:
    """Add the values under the other weighting, and the intervals of comparisons.

    Thresholds and maps to probabilities stay those of the weighting of the audit. Nothing is computed where
    all images weigh the same either way, as if no patient has several. Comparisons of which many are
    screened for a few are left out.

    Parameters
    ----------
    engine : Engine
        That evaluated the plan.
    plan, evaluated : sequence
        Its items, with what was found.

    Returns
    -------
    list of Evaluated
        In the same order.
    """
    reweighted = _Reweighted()
    others = [reweighted.item(item) if _is_wanted(item) else None for item in plan]
    engine.compute(quantity for item in others if item for quantity in _sides(item))
    return [
        one if item is None else replace(one, other=_other(engine, item))
        for one, item in zip(evaluated, others, strict=True)
    ]


def _is_wanted(item: Item) -> TypeGuard[Level | Comparison]:
    """Tell whether a comparison has a declared margin, or a level is of such a metric."""
    if not isinstance(item, (Level, Comparison)) or item.key.analysis in FIXED_SHARES:
        return False
    # Differences between models of the gaps of groups follow from the gaps.
    if item.key.analysis == Analysis.MODELS and item.key.attribute:
        return False
    if isinstance(item, Comparison) and family_of(item) in (None, *SCREENED):
        return False
    cells = item.cells if isinstance(item, Comparison) else (item.cell,)
    weighed = any(cell is not None and cell.sample.has_other for cell in cells)
    return weighed and METRICS[item.metric].margin is not None


def _sides(item: Level | Comparison) -> tuple[Quantity, ...]:
    return (item.quantity,) if isinstance(item, Level) else (item.group, item.reference)


def _other(engine: Engine, item: Level | Comparison) -> tuple[float, float, float]:
    """Return value and interval; a level is given without an interval."""
    if isinstance(item, Level):
        return engine.value(item.quantity).value, math.nan, math.nan
    found, _ = engine.gap(item)
    return found.value, found.low, found.high


@dataclass(slots=True)
class _Reweighted:
    """Puts quantities on the same images under the other weighting; every sample is weighted once."""

    _samples: dict[bytes, Sample] = field(default_factory=dict)

    def item(self, item: Level | Comparison) -> Level | Comparison:
        """Return an item about the same images."""
        if isinstance(item, Level):
            return replace(item, quantity=self.quantity(item.quantity))
        return replace(
            item,
            group=self.quantity(item.group),
            reference=self.quantity(item.reference),
            cells=tuple(map(self.cell, item.cells)),
        )

    def quantity(self, quantity: Quantity) -> Quantity:
        """Return a quantity of the same images."""
        if isinstance(quantity, Statistic):
            return replace(quantity, measure=quantity.measure.moved(self.cell))
        if isinstance(quantity, Combination):
            return replace(quantity, parts=tuple(map(self.quantity, quantity.parts)))
        return quantity

    def cell(self, cell: Cell) -> Cell:
        """Return the same images."""
        sample = cell.sample
        if sample.key not in self._samples:
            self._samples[sample.key] = sample.reweighted()
        return cell.of(self._samples[sample.key])
