"""What happens at a threshold, and what a probability is worth, group by group.

Thresholds and maps to probabilities are chosen on tuning patients and frozen; every rate is of
images of other patients.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from cxraudit.audits.cells import NO_GROUP, Cohort, Labelled, Mask, group_masks, rest_of
from cxraudit.audits.rows import Row, Statistics, add_note, gap_rows, judge_family, level_rows
from cxraudit.audits.subgroups import scored_findings
from cxraudit.errors import ConfigError
from cxraudit.schema import ALL, NO_FINDING, REST, results_frame
from cxraudit.stats.calibration import (
    CALIBRATION_METRICS,
    calibration_replicates,
    equal_mass_edges,
    platt,
)
from cxraudit.stats.replicated import Replicated
from cxraudit.stats.thresholds import DECISION_METRICS, choose_threshold, decisions, rule_named


@dataclass(frozen=True, slots=True)
class _Tuned:
    """A finding's images that are evaluated, and what was chosen on the others."""

    images: Labelled
    threshold: float
    probability: NDArray[np.float64] | None
    """Of each evaluated image."""
    at_threshold: float
    """Probability at the threshold; NaN without probabilities."""
    note: str


def at_operating_point(
    cohort: Cohort, scores: pd.DataFrame, attributes: Sequence[str]
) -> pd.DataFrame:
    """Evaluate decisions and calibration overall and by group, with the gap of each group to the rest.

    Parameters
    ----------
    cohort, scores, attributes
        As in `cxraudit.audits.subgroups.by_subgroup`.

    Returns
    -------
    pandas.DataFrame
        A results table; ``note`` gives the threshold and what it was chosen on. Rates: ``tpr``,
        ``fpr``, ``ppv``, ``npv``, ``balanced_accuracy``, ``selection_rate`` (alerts per image),
        ``net_benefit`` (at the probability that the threshold stands for); for a finding named
        "No Finding" also ``underdiagnosis`` (its FPR: ill and called healthy) and
        ``overdiagnosis`` (its FNR), as Seyyed-Kalantari et al. (2021) define them. Calibration:
        the metrics of `cxraudit.stats.calibration`. Gaps of rates and of calibration are families
        of their own, metric by metric.
    """
    levels: list[Row] = []
    gaps: list[Row] = []
    settings = cohort.settings
    tuning = cohort.tuning()
    for base, all_images in scored_findings(cohort, scores):
        tuned = _tune(cohort, all_images, tuning)
        if isinstance(tuned, str):
            levels.append(
                {
                    **base,
                    **all_images.counted(np.zeros(all_images.y_true.size, dtype=bool)),
                    "attribute": ALL,
                    "group": ALL,
                    "metric": "tpr",
                    "value": np.nan,
                    "confidence_level": settings.confidence_level,
                    "method": "undefined",
                    "note": tuned,
                }
            )
            continue
        images = tuned.images
        everyone = np.ones(images.y_true.size, dtype=bool)
        plan: list[tuple[str, str, Mask, Mask]] = [(ALL, ALL, everyone, np.zeros_like(everyone))]
        for attribute in attributes:
            masks = group_masks(cohort, attribute, images.rows)
            plan += [
                (attribute, group, mask, rest_of(group, masks)) for group, mask in masks.items()
            ]
        cells = np.stack([cell for _, _, mask, rest in plan for cell in (mask, rest)])
        found = _statistics(cohort, tuned, cells, base["finding"])
        for k, (attribute, group, mask, rest) in enumerate(plan):
            row = {**base, "attribute": attribute, "group": group}
            inside, outside = found[2 * k], found[2 * k + 1]
            levels += add_note(level_rows(row, images, mask, inside, settings), tuned.note)
            if rest.any() and group not in NO_GROUP and images.both_classes:
                gaps += gap_rows(
                    {**row, "reference": REST}, images, [mask, rest], inside, outside, settings
                )
    return results_frame([*levels, *judge_family(gaps, settings)])


def _tune(cohort: Cohort, images: Labelled, tuning: Mask) -> _Tuned | str:
    """Choose threshold and map on the images of tuning patients; or say why they cannot choose."""
    settings = cohort.settings
    rule = settings.operating_point
    chooses = rule != "none" and not rule.startswith("fixed=")
    maps = settings.calibration == "platt"
    mine = tuning[images.rows]
    chosen, rest = images.only(mine), images.only(~mine)
    if not (chooses or maps):
        rest = images
    elif not chosen.both_classes:
        return "nothing to choose on: the images of the tuning patients hold one class"
    if not rest.y_true.size:
        return "nothing to evaluate: all images are of tuning patients"
    on = f"on {chosen.counted(mine[mine])['n_patients']} other patients"
    threshold = float("nan")
    parts = []
    if rule != "none":
        choose = rule_named(rule)
        threshold = (
            choose_threshold(chosen.y_true, chosen.y_score, choose)
            if chooses
            else choose(images.y_true, images.y_score)
        )
        parts.append(
            f"called at or above {threshold:.6g} ({rule}{f', chosen {on}' if chooses else ''})"
        )
    probability, at_threshold = None, float("nan")
    if settings.calibration == "as is":
        if not (rest.y_score.min() >= 0 and rest.y_score.max() <= 1):
            raise ConfigError(
                "calibration 'as is' needs probabilities, but scores run from "
                f"{rest.y_score.min():.3g} to {rest.y_score.max():.3g}. Use platt."
            )
        probability, at_threshold = rest.y_score, threshold
    elif maps:
        intercept, slope = platt(chosen.y_true, chosen.y_score)
        if np.isfinite(slope):
            probability = expit(intercept + slope * rest.y_score)
            at_threshold = float(expit(intercept + slope * threshold))
            parts.append(f"probability by Platt's map, slope {slope:.4g}, fitted {on}")
    return _Tuned(rest, threshold, probability, at_threshold, "; ".join(parts))


def _statistics(
    cohort: Cohort, tuned: _Tuned, cells: NDArray[np.bool_], finding: str
) -> Sequence[Statistics]:
    images, n_resamples = tuned.images, cohort.settings.n_resamples
    found: list[dict[str, Replicated]] = [{} for _ in cells]
    if np.isfinite(tuned.threshold):
        rates = decisions(
            images.y_true,
            images.y_score,
            tuned.threshold,
            images.units,
            cells,
            cohort.counts,
            n_resamples=n_resamples,
        )
        for statistics, rate in zip(found, rates, strict=True):
            statistics |= {metric: getattr(rate, metric) for metric in DECISION_METRICS}
            if 0 < tuned.at_threshold < 1:
                statistics["net_benefit"] = rate.net_benefit(tuned.at_threshold)
            if finding == NO_FINDING:
                statistics |= {"underdiagnosis": rate.fpr, "overdiagnosis": rate.fnr}
    if tuned.probability is not None:
        calibrations = calibration_replicates(
            images.y_true,
            tuned.probability,
            images.units,
            cells,
            cohort.counts,
            n_resamples=n_resamples,
            edges=equal_mass_edges(tuned.probability),
        )
        for statistics, calibration in zip(found, calibrations, strict=True):
            statistics |= {metric: getattr(calibration, metric) for metric in CALIBRATION_METRICS}
    return found
