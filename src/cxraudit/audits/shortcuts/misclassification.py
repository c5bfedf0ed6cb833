"""What the errors of a detector of the shortcut can do to the gap, and to the separation of images.

Both are differences of mean placements between images with and without the shortcut: among the negatives for
the gap, among the images of the class for the separation (its AUROC less 0.5). Errors mix both kinds, so that
both are corrected and bounded alike, by the error rates of the detector in the class that was labelled.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from cxraudit.audits.cohort import Cell, Cohort, Mask, Sample, Vector
from cxraudit.audits.plan import (
    NOTHING,
    Combination,
    Item,
    Level,
    Tested,
    joined_phrases,
    key,
    ranking,
)
from cxraudit.audits.shortcuts.labels import ShortcutLabels, caveats
from cxraudit.datasets.detector_labels import Rates, rates_among
from cxraudit.schema import (
    BOUNDS,
    CHANCE,
    CORRECTED,
    NEGATIVES,
    POSITIVES,
    WITH,
    WITHOUT,
    Analysis,
)
from cxraudit.stats.delong import placements
from cxraudit.stats.misclassification import (
    DetectorError,
    Rate,
    estimated_weights,
    gap_bounds,
)
from cxraudit.stats.resampling import per_unit, unit_sums
from cxraudit.streams import Stream, generator


@dataclass(frozen=True, slots=True)
class _Ranked:
    """Images of a class, with those that they are compared with, in one sample."""

    sample: Sample
    chosen: Mask
    """The images of the class whose shortcut is known, of this sample."""
    has: Mask
    predicted: Mask
    counted: Cell
    """What the rows count."""
    metric: str
    named: Mapping[str, str]
    """Group and reference of the rows."""

    @property
    def kinds(self) -> tuple[Mask, ...]:
        """Predicted with and without, annotated with and without."""
        sources = (self.predicted, ~self.predicted)
        return tuple(
            self.chosen & source & side for source in sources for side in (self.has, ~self.has)
        )


def if_mislabelled(cohort: Cohort, sample: Sample, labels: ShortcutLabels) -> list[Item]:
    """Plan what was found by a detector's labels, corrected and bounded, where its error rates are known."""
    errors = cohort.dataset.label_errors.get(labels.name)
    if not errors:
        return []
    items: list[Item] = []
    rates = {group: rates_among(errors, sample.finding, group) for group in (POSITIVES, NEGATIVES)}
    items += _rows(cohort, labels, _gap(sample, labels), rates[POSITIVES], sample, POSITIVES)
    if sample.both_classes:
        for group in (POSITIVES, NEGATIVES):
            items += _rows(
                cohort, labels, _separation(sample, labels, group), rates[group], sample, group
            )
    return items


def _gap(sample: Sample, labels: ShortcutLabels) -> _Ranked:
    """Positives against all negatives."""
    positives = sample.y_true & labels.known
    return _Ranked(
        sample,
        positives,
        labels.has,
        labels.predicted,
        sample.cell(~sample.y_true | positives),
        "auroc",
        {"group": WITH, "reference": WITHOUT},
    )


def _separation(sample: Sample, labels: ShortcutLabels, group: str) -> _Ranked:
    """Images of a class against all of them: each is there twice, and ranked above itself by half."""
    chosen = labels.known & (sample.y_true == (group == POSITIVES))
    n = int(chosen.sum())
    once, twice = sample.only(chosen), sample.at(np.tile(np.flatnonzero(chosen), 2))
    first = np.arange(2 * n) < n
    return _Ranked(
        twice.with_(y_true=first),
        first,
        np.tile(labels.has[chosen], 2),
        np.tile(labels.predicted[chosen], 2),
        once.with_(y_true=labels.has[chosen]).everything,
        "shortcut_auroc",
        {"group": group, "reference": CHANCE},
    )


def _rows(
    cohort: Cohort,
    labels: ShortcutLabels,
    ranked: _Ranked,
    rates: Rates,
    sample: Sample,
    group: str,
) -> Iterator[Item]:
    """Plan both rows; none where the detector labelled images of one kind only.

    Where its rates in this class are not known, the corrected row is there without a value, and says so.
    """
    kinds = ranked.kinds
    if not (kinds[0].any() and kinds[1].any()):
        return
    of = rates.measured
    own = {"attribute": labels.name, **ranked.named}
    caveat = caveats(sample, labels, [group])
    if of is None:
        yield Level(
            key=key(sample, Analysis.SHORTCUT_LABEL_ERRORS, condition=CORRECTED, **own),
            metric=ranked.metric,
            quantity=NOTHING,
            cell=ranked.counted,
            reasons=caveat.reasons,
            note=joined_phrases(rates.stated, caveat.note),
        )
        return
    stated = (
        f"detector: sensitivity {of['sensitivity']:.2f}, specificity {of['specificity']:.2f}",
        rates.stated,
    )
    limited = _has_limits(of)
    held = (
        "interval holds the error of these rates" if limited else "detector's rates taken as known"
    )
    weights, influence = _weights(cohort, ranked, of, limited=limited)
    used = [k for k, kind in enumerate(kinds) if kind.any()]
    yield Level(
        key=key(sample, Analysis.SHORTCUT_LABEL_ERRORS, condition=CORRECTED, **own),
        metric=ranked.metric,
        quantity=Combination(
            tuple(
                ranking(ranked.sample.cell(~ranked.sample.y_true | kinds[k]), ranked.metric)
                for k in used
            ),
            tuple(weights[0, used].tolist()),
            Vector(weights[:, used]),
            Vector(influence[:, used]),
        ),
        cell=ranked.counted,
        parts=(ranked.counted,),
        reasons=caveat.reasons,
        note=joined_phrases(*stated, "errors unrelated to the score", held, caveat.note),
    )
    y_true, own_weights = ranked.sample.y_true, ranked.sample.weights
    level = cohort.settings.confidence_level
    bounds = gap_bounds(
        placements(y_true, ranked.sample.y_score, weights=own_weights)[0][ranked.chosen[y_true]],
        ranked.has[ranked.chosen],
        ranked.predicted[ranked.chosen],
        _possible(of),
        weights=None if own_weights is None else own_weights[ranked.chosen],
        confidence_level=level,
    )
    yield Tested(
        key=key(sample, Analysis.SHORTCUT_LABEL_ERRORS, condition=BOUNDS, **own),
        metric=ranked.metric,
        cell=ranked.counted,
        low=bounds.low,
        high=bounds.high,
        method="worst case over the images that may be mislabelled",
        reasons=caveat.reasons,
        note=joined_phrases(
            *stated,
            "anywhere in their intervals" if limited else "",
            f"with a probability of {level:.0%} at most {bounds.wrong_with} labels 'with' and "
            f"{bounds.wrong_without} 'without' are wrong",
            "sampling error is not in these bounds",
            caveat.note,
        ),
    )


def _weights(
    cohort: Cohort, ranked: _Ranked, rates: Mapping[str, float], *, limited: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the weights of the four kinds in every replicate, and the influence of patients on them."""
    sample = ranked.sample
    own = np.ones(sample.y_true.size) if sample.weights is None else sample.weights
    each = per_unit(
        np.stack([kind * own for kind in ranked.kinds]), sample.units, cohort.counts.shape[1]
    )
    sizes = unit_sums(each, cohort.counts, cohort.settings.n_resamples)
    sensitivity, specificity = (
        Rate(
            value=rates[name],
            low=rates[f"{name}_low"],
            high=rates[f"{name}_high"],
            confidence_level=rates.get("confidence_level", 0.95),
        )
        if limited
        else rates[name]
        for name in ("sensitivity", "specificity")
    )
    rng = generator(Stream.DETECTOR_ERRORS, cohort.settings.seed)
    return estimated_weights(sizes, each, (sensitivity, specificity), rng=rng)


def _has_limits(rates: Mapping[str, float]) -> bool:
    ends = [f"{name}{end}" for name in ("sensitivity", "specificity") for end in ("_low", "_high")]
    return all(math.isfinite(rates.get(end, math.nan)) for end in ends)


def _possible(rates: Mapping[str, float]) -> list[DetectorError]:
    """Return every combination of the limits of sensitivity and specificity."""
    return [
        DetectorError(
            sensitivity=rates[f"sensitivity{one}"], specificity=rates[f"specificity{other}"]
        )
        for one, other in product(("", "_low", "_high"), repeat=2)
        if f"sensitivity{one}" in rates and f"specificity{other}" in rates
    ]
