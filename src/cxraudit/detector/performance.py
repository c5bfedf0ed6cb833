"""Performance of a detector on images of other patients."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxraudit.detector.examples import Examples
from cxraudit.detector.settings import TrainSettings
from cxraudit.stats.compare import estimate
from cxraudit.stats.delong import newcombe
from cxraudit.stats.limits import wilson
from cxraudit.stats.ranking import ranking_replicates
from cxraudit.stats.replicated import Replicated
from cxraudit.stats.resampling import draw_resamples
from cxraudit.stats.thresholds import decisions


def performance(
    test: Examples, probability: NDArray[np.float64], settings: TrainSettings
) -> dict[str, float]:
    """Return AUROC, sensitivity, specificity and Brier score, with intervals over patients."""
    level = settings.confidence_level
    units = pd.factorize(test.patients)[0].astype(np.int64)
    counts = draw_resamples(int(units.max()) + 1, settings.n_resamples, settings.seed)
    all_images = np.ones((1, test.labels.size), dtype=bool)
    given = (test.labels, probability)
    n_resamples = settings.n_resamples
    ranked = ranking_replicates(*given, units, all_images, counts, n_resamples=n_resamples)[0]
    decided = decisions(*given, 0.5, units, all_images, counts, n_resamples=n_resamples)[0]
    n_with, n_without = (int(np.unique(units[test.labels == label]).size) for label in (1, 0))

    def interval(
        found: Replicated, scale: str, fallback: tuple[float, float]
    ) -> tuple[float, float]:
        """Return the bootstrap interval, or a score interval where there is none (at 0 or 1)."""
        bootstrap = estimate(found, confidence_level=level, interval=settings.interval, scale=scale)
        return (bootstrap.low, bootstrap.high) if np.isfinite(bootstrap.low) else fallback

    area, tpr, fpr = ranked.auroc, decided.tpr, decided.fpr
    auroc_low, auroc_high = interval(
        area, "logit", newcombe(area.value, n_with, n_without, confidence_level=level)
    )
    tpr_low, tpr_high = interval(tpr, "arcsine", wilson(tpr.value, n_with, confidence_level=level))
    fpr_low, fpr_high = interval(
        fpr, "arcsine", wilson(fpr.value, n_without, confidence_level=level)
    )
    return {
        "auroc": area.value,
        "auroc_low": auroc_low,
        "auroc_high": auroc_high,
        "sensitivity": tpr.value,
        "sensitivity_low": tpr_low,
        "sensitivity_high": tpr_high,
        "specificity": 1 - fpr.value,
        "specificity_low": 1 - fpr_high,
        "specificity_high": 1 - fpr_low,
        "confidence_level": level,
        "brier": float(np.mean((probability - test.labels) ** 2)),
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
    )
