"""What the errors of a detector of the shortcut can do to the gap between with and without."""

import math
from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from cxraudit.audits.cohort import Cohort, Sample, Vector
from cxraudit.audits.plan import Combination, Item, Level, Tested, key, ranking
from cxraudit.audits.shortcuts.labels import ShortcutLabels
from cxraudit.schema import BOUNDS, CORRECTED, WITH, WITHOUT, Analysis
from cxraudit.stats.delong import placements
from cxraudit.stats.misclassification import (
    DetectorError,
    Rate,
    corrected_weights,
    drawn_weights,
    gap_bounds,
)
from cxraudit.streams import Stream, generator


def if_mislabelled(cohort: Cohort, sample: Sample, labels: ShortcutLabels) -> list[Item]:
    """Plan the gap corrected for the detector's errors, and bounds over all errors, if they are known."""
    rates = cohort.dataset.label_errors.get(labels.name)
    positives = sample.y_true & labels.known
    predicted = positives & labels.predicted
    sides = (
        predicted & labels.has,
        predicted & labels.lacks,
        positives & ~predicted & labels.has,
        positives & ~predicted & labels.lacks,
    )
    if not rates or not (sides[0].any() and sides[1].any()):
        return []
    n = [sample.total(side) for side in sides]
    errors = DetectorError(sensitivity=rates["sensitivity"], specificity=rates["specificity"])
    weights = corrected_weights((n[0], n[1]), errors, n_annotated=(n[2], n[3]))
    used = [k for k, w in enumerate(weights) if w != 0]
    drawn = _drawn(cohort, rates, n)
    named = {"attribute": labels.name, "group": WITH, "reference": WITHOUT}
    rate_note = (
        f"detector: sensitivity {rates['sensitivity']:.2f}, specificity {rates['specificity']:.2f}"
    )
    everything = sample.cell(~sample.y_true | positives)
    corrected = Level(
        key=key(sample, Analysis.SHORTCUT_LABEL_ERRORS, condition=CORRECTED, **named),
        metric="auroc",
        quantity=Combination(
            tuple(ranking(sample.cell(~sample.y_true | sides[k])) for k in used),
            tuple(weights[k] for k in used),
            None if drawn is None else Vector(drawn[:, used]),
        ),
        cell=everything,
        parts=(everything,),
        note=f"{rate_note}; errors unrelated to the score; "
        + (
            "detector's rates taken as known"
            if drawn is None
            else "interval holds the error of these rates"
        ),
    )
    low, high = gap_bounds(
        placements(sample.y_true, sample.y_score, weights=sample.weights)[0][
            labels.known[sample.y_true]
        ],
        labels.has[positives],
        predicted[positives],
        _possible(rates),
        weights=None if sample.weights is None else sample.weights[positives],
    )
    bounds = Tested(
        key=key(sample, Analysis.SHORTCUT_LABEL_ERRORS, condition=BOUNDS, **named),
        metric="auroc",
        cell=everything,
        low=low,
        high=high,
        method="worst case over the images that may be mislabelled",
        note=f"{rate_note} anywhere in their intervals; sampling error is not in these bounds",
    )
    return [corrected, bounds]


def _drawn(
    cohort: Cohort, rates: Mapping[str, float], n: Sequence[float]
) -> NDArray[np.float64] | None:
    """Draw the weights of the areas with rates that the detector may have; None without their intervals."""
    ends = [f"{name}{end}" for name in ("sensitivity", "specificity") for end in ("_low", "_high")]
    if not all(math.isfinite(rates.get(end, math.nan)) for end in ends):
        return None
    sensitivity, specificity = (
        Rate(
            value=rates[name],
            low=rates[f"{name}_low"],
            high=rates[f"{name}_high"],
            confidence_level=rates.get("confidence_level", 0.95),
        )
        for name in ("sensitivity", "specificity")
    )
    return drawn_weights(
        (n[0], n[1]),
        sensitivity,
        specificity,
        n_annotated=(n[2], n[3]),
        n_resamples=cohort.settings.n_resamples,
        rng=generator(Stream.DETECTOR_ERRORS, cohort.settings.seed),
    )


def _possible(rates: Mapping[str, float]) -> list[DetectorError]:
    """Return every combination of the limits of sensitivity and specificity."""
    return [
        DetectorError(
            sensitivity=rates[f"sensitivity{one}"], specificity=rates[f"specificity{other}"]
        )
        for one, other in product(("", "_low", "_high"), repeat=2)
        if f"sensitivity{one}" in rates and f"specificity{other}" in rates
    ]
