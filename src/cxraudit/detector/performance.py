"""Performance of a detector on images of other patients."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxraudit.datasets.detector_labels import BY_FINDING
from cxraudit.detector.examples import Examples
from cxraudit.detector.settings import TrainSettings
from cxraudit.notices import SHOWN
from cxraudit.schema import NEGATIVES, POSITIVES
from cxraudit.stats.compare import estimate
from cxraudit.stats.delong import newcombe
from cxraudit.stats.limits import wilson
from cxraudit.stats.ranking import ranking_replicates
from cxraudit.stats.replicated import Replicated
from cxraudit.stats.resampling import Counts, draw_resamples
from cxraudit.stats.thresholds import decisions

MIN_PATIENTS = 10
"""Least number of patients with the shortcut, and without, for the error rates of a class."""


def performance(
    test: Examples, probability: NDArray[np.float64], settings: TrainSettings
) -> dict[str, float]:
    """Return AUROC, sensitivity, specificity and Brier score, with intervals over patients."""
    measured = _Measured.of(test, settings)
    ranked = ranking_replicates(
        test.labels,
        probability,
        measured.units,
        measured.everything,
        measured.counts,
        n_resamples=settings.n_resamples,
    )[0]
    n_with, n_without = measured.n_patients
    low, high = measured.interval(
        ranked.auroc,
        "logit",
        newcombe(ranked.auroc.value, n_with, n_without, confidence_level=settings.confidence_level),
    )
    return {
        "auroc": ranked.auroc.value,
        "auroc_low": low,
        "auroc_high": high,
        **_rates(measured, probability),
        "brier": float(np.mean((probability - test.labels) ** 2)),
    }


def rates_by_finding(
    test: Examples,
    probability: NDArray[np.float64],
    findings: pd.DataFrame,
    settings: TrainSettings,
) -> dict[str, dict[str, dict[str, float]]]:
    """Return sensitivity and specificity among the images with, and without, each finding.

    A detector makes other errors in images without the finding than in those with it, and an audit corrects
    each class by its own.

    Parameters
    ----------
    test : Examples
        The held-out images.
    probability : numpy.ndarray, shape (n_images,)
        Of the shortcut.
    findings : pandas.DataFrame
        One column per finding (1, 0, NaN), one row per image of `test`.
    settings : TrainSettings
        Level and resamples of the intervals.

    Returns
    -------
    dict
        Finding → class (``positives``, ``negatives``) → rates with the ends of their intervals. A class in
        which fewer than `MIN_PATIENTS` patients have the shortcut, or lack it, is not there.
    """
    found: dict[str, dict[str, dict[str, float]]] = {}
    for finding in findings:
        of_image = findings[finding].to_numpy(dtype=np.float64)
        by_class = {}
        for group, value in ((POSITIVES, 1.0), (NEGATIVES, 0.0)):
            part = test.where(of_image == value)
            if part.labels.size == 0:
                continue
            measured = _Measured.of(part, settings)
            if min(measured.n_patients) >= MIN_PATIENTS:
                by_class[group] = _rates(measured, probability[of_image == value])
        found[str(finding)] = by_class
    return found


@dataclass(frozen=True, slots=True)
class _Measured:
    """Images whose labels are compared with predictions, and resamples of their patients."""

    test: Examples
    settings: TrainSettings
    units: NDArray[np.int64]
    counts: Counts

    @classmethod
    def of(cls, test: Examples, settings: TrainSettings) -> Self:
        """Draw the resamples."""
        units = pd.factorize(test.patients)[0].astype(np.int64)
        counts = draw_resamples(int(units.max()) + 1, settings.n_resamples, settings.seed)
        return cls(test, settings, units, counts)

    @property
    def everything(self) -> NDArray[np.bool_]:
        """All images, as the one cell there is."""
        return np.ones((1, self.test.labels.size), dtype=bool)

    @property
    def n_patients(self) -> tuple[int, int]:
        """Patients with the shortcut, and without."""
        with_, without = (np.unique(self.units[self.test.labels == label]).size for label in (1, 0))
        return with_, without

    def interval(
        self, found: Replicated, scale: str, fallback: tuple[float, float]
    ) -> tuple[float, float]:
        """Return the bootstrap interval, or a score interval where there is none (at 0 or 1)."""
        bootstrap = estimate(
            found,
            confidence_level=self.settings.confidence_level,
            interval=self.settings.interval,
            scale=scale,
        )
        return (bootstrap.low, bootstrap.high) if np.isfinite(bootstrap.low) else fallback


def _rates(measured: _Measured, probability: NDArray[np.float64]) -> dict[str, float]:
    """Return sensitivity and specificity at a probability of 0.5, with the ends of their intervals."""
    settings, test = measured.settings, measured.test
    level = settings.confidence_level
    decided = decisions(
        test.labels,
        probability,
        0.5,
        measured.units,
        measured.everything,
        measured.counts,
        n_resamples=settings.n_resamples,
    )[0]
    (tpr_low, tpr_high), (fpr_low, fpr_high) = (
        measured.interval(rate, "arcsine", wilson(rate.value, n, confidence_level=level))
        for rate, n in zip((decided.tpr, decided.fpr), measured.n_patients, strict=True)
    )
    return {
        "sensitivity": decided.tpr.value,
        "sensitivity_low": tpr_low,
        "sensitivity_high": tpr_high,
        "specificity": 1 - decided.fpr.value,
        "specificity_low": 1 - fpr_high,
        "specificity_high": 1 - fpr_low,
        "confidence_level": level,
    }


def verdict(record: dict[str, Any]) -> str:
    """Return one sentence on the performance of a detector, given its record."""
    errors = record["errors"]
    area = f"AUROC {errors['auroc']:.3f} ({errors['auroc_low']:.3f} to {errors['auroc_high']:.3f})"
    images = f"on {record['images']['test']:,} held-out images of {record['patients']['test']:,} patients"
    if not record["above_chance"]:
        return f"The detector of '{record['shortcut']}' is not above chance level: {area} {images}."
    return (
        f"The detector of '{record['shortcut']}' has {area} {images}; sensitivity "
        f"{errors['sensitivity']:.2f} ({errors['sensitivity_low']:.2f} to "
        f"{errors['sensitivity_high']:.2f}), specificity {errors['specificity']:.2f} "
        f"({errors['specificity_low']:.2f} to {errors['specificity_high']:.2f})."
        f"{_not_measured(errors)}"
    )


def _not_measured(errors: Mapping[str, Any]) -> str:
    """Say of which classes the error rates could not be measured; empty if of none."""
    lacking = [
        f"{group} of {finding}"
        for finding, by_class in errors.get(BY_FINDING, {}).items()
        for group in (POSITIVES, NEGATIVES)
        if group not in by_class
    ]
    if not lacking:
        return ""
    more = f" and {len(lacking) - SHOWN} more classes" if len(lacking) > SHOWN else ""
    return (
        f" Error rates are not measured among {', '.join(lacking[:SHOWN])}{more}: fewer than {MIN_PATIENTS} "
        "held-out patients of these have the shortcut, or lack it."
    )
