"""Errors of the working labels by group, and AUROC and gaps by reference labels."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from cxraudit.audits.cohort import Cohort
from cxraudit.audits.engine import Engine
from cxraudit.audits.groups import Group, groups
from cxraudit.audits.plan import (
    Combination,
    Comparison,
    Item,
    Known,
    Level,
    Tested,
    joined_phrases,
    key,
    minus,
    ranking,
)
from cxraudit.audits.two_labels.sides import METRIC, RATES, Side, TwoLabels, side_of
from cxraudit.schema import (
    BOTH_LABELS,
    BOUNDS,
    BOUNDS_AS_ESTIMATED,
    BY_WORKING_LABELS,
    CHANCE,
    COMPLEMENT,
    CORRECTED,
    NEGATIVES,
    ON_SUBSET,
    OVERALL,
    POSITIVES,
    WORKING_ON_SUBSET,
    Analysis,
    Reason,
)
from cxraudit.stats.two_labels import NONE, Limits, change_by_correction, difference

RANDOM = "holds if the subset is a random sample of the images, or weighted to be one"
INDEPENDENT = "holds if errors do not depend on the score within a class and a side of the gap"
ANY = (
    "holds whatever images the errors fall on, if predictive values on the subset are those of all"
)
NOT_COMPATIBLE = "the value does not exist for these images: too few, or errors depend on the score"
AT_LIMIT = "a corrected AUROC would lie beyond what an AUROC can be, and is set to the limit"
MOVER = "limits of both sides (MOVER)"


def plan(engine: Engine, labels: TwoLabels, attributes: Sequence[str]) -> list[Item]:
    """Plan errors of the working labels, and what reference labels make of AUROC and gaps.

    Parameters
    ----------
    engine : Engine
        Of the cohort.
    labels : TwoLabels
        Both labels of a finding that a model scored.
    attributes : sequence of str
        Attributes to compare groups by.

    Returns
    -------
    list of Item
        Of `Analysis.LABEL_ERRORS` and `Analysis.REFERENCE_LABELS`; all exploratory.
    """
    cohort, sample = engine.cohort, labels.sample
    found = groups(cohort, sample, attributes)
    everything = side_of(engine, labels, sample.everything)
    items = [*_rates(labels, everything), *_levels(labels, everything, {})]
    items += _dependence(cohort, labels, OVERALL)
    for attribute in dict.fromkeys(group.attribute for group in found):
        items += _dependence(cohort, labels, attribute)
    for group in found:
        named = {"attribute": group.attribute, "group": group.name}
        inside = side_of(engine, labels, group.inside)
        items += _rates(labels, inside, group)
        items += _levels(labels, inside, named)
        if group.compared:
            items += _gaps(labels, inside, side_of(engine, labels, group.outside), named)
    return items


def _rates(labels: TwoLabels, side: Side, group: Group | None = None) -> Iterator[Item]:
    """Plan the errors of the working labels, and their gaps."""
    named: dict[str, str] = (
        {} if group is None else {"attribute": group.attribute, "group": group.name}
    )
    for metric in RATES:
        yield Level(
            key=key(labels.sample, Analysis.LABEL_ERRORS, **named),
            metric=metric,
            quantity=labels.rate(side.cell, metric),
            cell=side.subset,
        )
        if group is not None and group.compared:
            yield Comparison(
                key=key(labels.sample, Analysis.LABEL_ERRORS, reference=COMPLEMENT, **named),
                metric=metric,
                group=labels.rate(group.inside, metric),
                reference=labels.rate(group.outside, metric),
                cells=(side.subset, labels.subset(group.outside)),
                family=None,
            )


def _dependence(cohort: Cohort, labels: TwoLabels, attribute: str) -> Iterator[Item]:
    """Plan how scores separate right from wrong labels among images of a class, within groups."""
    subset = labels.by_reference[0]
    parts = [subset.everything]
    if attribute != OVERALL:
        parts = [group.inside for group in groups(cohort, subset, [attribute])]
    for name, of_class in ((POSITIVES, subset.y_true), (NEGATIVES, ~subset.y_true)):
        among = labels.by_working[0].only(of_class)
        cells = [among.cell(part.mask[of_class]) for part in parts]
        cells = [cell for cell in cells if 0 < among.y_true[cell.mask].sum() < cell.mask.sum()]
        if not cells:
            continue
        pairs = np.array(
            [_pairs(among.total(c.mask & among.y_true), among.total(c.mask)) for c in cells]
        )
        shares = pairs / pairs.sum()
        quantity = Combination(
            tuple(ranking(one, METRIC) for one in cells), tuple(map(float, shares))
        )
        everything = among.cell(np.logical_or.reduce([one.mask for one in cells]))
        yield Comparison(
            key=key(
                labels.sample,
                Analysis.LABEL_ERRORS,
                attribute=attribute,
                group=name,
                reference=CHANCE,
            ),
            metric=METRIC,
            group=quantity,
            reference=Known(0.5),
            cells=(everything,),
            family=None,
            note="images with the working label above those without it, by score, within the class",
        )


def _pairs(positive: float, total: float) -> float:
    return positive * (total - positive) / total


def _levels(labels: TwoLabels, side: Side, named: dict[str, str]) -> Iterator[Item]:
    for condition, quantity, note in (
        (ON_SUBSET, side.on_reference, RANDOM),
        (WORKING_ON_SUBSET, side.on_working, ""),
        (BOTH_LABELS, side.both, RANDOM),
    ):
        yield Level(
            key=key(labels.sample, Analysis.REFERENCE_LABELS, condition=condition, **named),
            metric=METRIC,
            quantity=quantity,
            cell=side.subset,
            note=note,
        )
    note = joined_phrases(INDEPENDENT, AT_LIMIT if side.beyond_limit else "")
    yield _tested(labels, side, CORRECTED, side.corrected, note, named)
    yield from _bounded(labels, side, (side.lower, side.upper), named)


def _gaps(labels: TwoLabels, inside: Side, outside: Side, named: dict[str, str]) -> Iterator[Item]:
    own = {**named, "reference": COMPLEMENT}
    cells = (inside.subset, outside.subset)
    for condition, group, reference, note in (
        (ON_SUBSET, inside.on_reference, outside.on_reference, RANDOM),
        (WORKING_ON_SUBSET, inside.on_working, outside.on_working, ""),
        (BOTH_LABELS, inside.both, outside.both, RANDOM),
    ):
        yield Comparison(
            key=key(labels.sample, Analysis.REFERENCE_LABELS, condition=condition, **own),
            metric=METRIC,
            group=group,
            reference=reference,
            cells=cells,
            family=None,
            scale="plain" if condition == BOTH_LABELS else None,
            note=note,
        )
    yield _change_by_both(labels, inside, outside, named)
    corrected = difference(inside.corrected, outside.corrected)
    limited = AT_LIMIT if inside.beyond_limit or outside.beyond_limit else ""
    note = joined_phrases(INDEPENDENT, limited)
    yield _tested(labels, inside, CORRECTED, corrected, note, own)
    moved = difference(*(_moved(one) for one in (inside, outside)))
    yield _tested(
        labels,
        inside,
        CORRECTED,
        moved,
        note,
        {**named, "reference": BY_WORKING_LABELS},
    )
    lower = difference(inside.lower, outside.upper)
    upper = difference(inside.upper, outside.lower)
    yield from _bounded(labels, inside, (lower, upper), own)


def _moved(side: Side) -> Limits:
    """Return what correction changes on a side; NaN where nothing can be, or it goes beyond a limit."""
    if not math.isfinite(side.corrected[0]) or side.beyond_limit:
        return NONE
    return change_by_correction(side.observed, side.kept)


def _change_by_both(
    labels: TwoLabels, inside: Side, outside: Side, named: dict[str, str]
) -> Comparison:
    """Plan by how much the gap by both labels differs from that by working labels."""
    return Comparison(
        key=key(
            labels.sample,
            Analysis.REFERENCE_LABELS,
            condition=BOTH_LABELS,
            reference=BY_WORKING_LABELS,
            **named,
        ),
        metric=METRIC,
        group=minus(inside.both, outside.both),
        reference=minus(labels.all_images(inside.cell), labels.all_images(outside.cell)),
        cells=(inside.subset, outside.subset),
        family=None,
        scale="plain",
        note=RANDOM,
    )


def _tested(
    labels: TwoLabels,
    side: Side,
    condition: str,
    found: Limits,
    note: str,
    named: dict[str, str],
) -> Tested:
    value, low, high = found
    missing = condition == CORRECTED and not math.isfinite(value)
    return Tested(
        key=key(labels.sample, Analysis.REFERENCE_LABELS, condition=condition, **named),
        metric=METRIC,
        cell=side.subset,
        value=value,
        low=low,
        high=high,
        method=MOVER if math.isfinite(low) else "",
        reasons=(Reason.UNDEFINED_VALUE,) if missing else (),
        note=joined_phrases(note, NOT_COMPATIBLE if missing else ""),
    )


def _bounded(
    labels: TwoLabels, side: Side, bounds: tuple[Limits, Limits], named: dict[str, str]
) -> Iterator[Tested]:
    """Plan bounds, with and without the error of what they are computed from; none where there are none."""
    lower, upper = bounds
    if NONE in bounds or not math.isfinite(lower[0]) or not math.isfinite(upper[0]):
        return
    within = (-1.0, 1.0) if named.get("reference") else (0.0, 1.0)
    ends = (max(lower[1], within[0]), min(upper[2], within[1]))
    yield _tested(labels, side, BOUNDS, (math.nan, *ends), ANY, named)
    estimated = (math.nan, lower[0], upper[0])
    yield _tested(labels, side, BOUNDS_AS_ESTIMATED, estimated, ANY, named)
