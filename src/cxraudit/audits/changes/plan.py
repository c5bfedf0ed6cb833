"""Which differences between two audits to estimate: of every level, and of every gap."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cxraudit.audits.plan import (
    Comparison,
    Item,
    Known,
    Level,
    Quantity,
    minus,
)
from cxraudit.audits.training_runs import place_of
from cxraudit.metrics import METRICS
from cxraudit.schema import OVERALL, Analysis, Confirmatory, Reason
from cxraudit.stats.thresholds import as_text

_LEVELS = (Analysis.SUBGROUPS, Analysis.OPERATING_POINT)
"""Analyses whose levels over all images are confirmatory: how well the model does as a whole."""


@dataclass(frozen=True, slots=True)
class Change:
    """An estimate of either audit, and the difference of the two."""

    old: Level | Comparison
    new: Level | Comparison
    change: Comparison


def changes(
    old: Sequence[Item], new: Sequence[Item], same_ranking: bool
) -> tuple[list[Change], Counter[tuple[str, str]]]:
    """Pair the estimates of two plans.

    Parameters
    ----------
    old, new : sequence of Item
        The plans of one finding and model, of either audit.
    same_ranking : bool
        Whether both rank the same images alike, so that equal values are no coincidence.

    Returns
    -------
    list of Change
        Of every level and difference that both plans have, newer − older.
    Counter
        How many of either have none in the other, by side and analysis.
    """
    earlier = {_place(item): item for item in _estimated(old)}
    later = {_place(item): item for item in _estimated(new)}
    found = [
        change
        for place in later
        if place in earlier
        for change in _of(earlier[place], later[place], same_ranking)
    ]
    alone = Counter(
        (side, one.key.analysis.value)
        for side, own, other in (("older", earlier, later), ("newer", later, earlier))
        for place, one in own.items()
        if place not in other
    )
    return found, alone


def _estimated(items: Sequence[Item]) -> list[Level | Comparison]:
    return [item for item in items if isinstance(item, Level | Comparison)]


def _place(item: Level | Comparison) -> object:
    """Return what an estimate is about, whatever the model is called."""
    unnamed = replace(item.key, model="", prompt_set="")
    return type(item), place_of(replace(item, key=unnamed))


def _of(old: Level | Comparison, new: Level | Comparison, same_ranking: bool) -> Iterator[Change]:
    change = None
    if isinstance(old, Level) and isinstance(new, Level):
        change = _of_levels(old, new)
    elif isinstance(old, Comparison) and isinstance(new, Comparison):
        change = _of_gaps(old, new)
    if change is not None:
        n_sides = len(change.cells) // 2
        by_chance = () if same_ranking else change.cells[:n_sides]
        yield Change(old, new, replace(change, by_chance=by_chance))


def _of_levels(old: Level, new: Level) -> Comparison:
    whole = (
        new.key.analysis in _LEVELS
        and new.key.attribute == OVERALL
        and METRICS[new.metric].margin is not None
    )
    cells = [one.parts or ((one.cell,) if one.cell else ()) for one in (new, old)]
    return Comparison(
        **_named(old, new),
        metric=new.metric,
        group=new.quantity,
        reference=old.quantity,
        cells=(*cells[0], *cells[1]),
        family=Confirmatory.MODELS if whole else None,
        enough=True if new.one_class else None,
    )


def _of_gaps(old: Comparison, new: Comparison) -> Comparison:
    group, reference = (_gap(one) for one in (new, old))
    decided = new.enough is not None and old.enough is not None
    return Comparison(
        **_named(old, new),
        metric=new.metric,
        group=group,
        reference=reference,
        cells=(*new.cells, *old.cells),
        family=new.family,
        scale="plain",
        error=new.error,
        enough=bool(new.enough and old.enough) if decided else None,
        caution=new.caution or old.caution,
        paired=new.paired and old.paired,
    )


def _named(old: Level | Comparison, new: Level | Comparison) -> dict[str, Any]:
    """Return key, reasons and note of a change, and whether nothing can differ.

    The key of rates at two thresholds is without a threshold.
    """
    key, note = new.key, new.note
    if key.at != old.key.at and math.isfinite(key.at):
        # What the newer audit notes of its threshold does not hold for the older one.
        note = f"at thresholds of {as_text(old.key.at)} and {as_text(new.key.at)}"
        key = replace(key, at=math.nan)
    both = tuple(reason for reason in new.reasons if reason in old.reasons)
    same = _same(_whole(old), _whole(new))
    reasons = (Reason.IDENTICAL_SCORES, *both) if same else both
    return {"key": key, "note": note, "reasons": reasons, "identical": same}


def _whole(one: Level | Comparison) -> Quantity:
    return one.quantity if isinstance(one, Level) else _gap(one)


def _gap(one: Comparison) -> Quantity:
    if isinstance(one.group, Known) and isinstance(one.reference, Known):
        return Known(one.group.value - one.reference.value)
    return minus(one.group, one.reference)


def _same(first: Quantity, second: Quantity) -> bool:
    """Tell whether both are one quantity, so that nothing can differ."""
    return first == second and not isinstance(first, Known)
