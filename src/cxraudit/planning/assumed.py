"""The comparisons of a study by assumptions: binormal scores, correlated within patients."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import betaincinv, ndtr, ndtri

from cxraudit.errors import ConfigError
from cxraudit.metrics import METRICS
from cxraudit.planning.settings import OTHERS, StudyAssumptions
from cxraudit.planning.table import Planned, refuse_unplanned, unknown_rates
from cxraudit.settings import OTHERS as OTHER_FINDINGS
from cxraudit.settings import AuditSettings, rules_of
from cxraudit.stats.binormal import (
    Kernel,
    Occurrences,
    auroc_kernel,
    both_have,
    covariance,
    distance,
    placements,
    rate_kernel,
    variance,
)
from cxraudit.stats.power import Expected, Study, expected_degrees_of_freedom
from cxraudit.stats.thresholds import rule_chooses
from cxraudit.streams import Stream, generator

DRAWN = 40_000
"""Patients that are drawn for what has no closed form: degrees of freedom, and how many patients have a
finding. No error depends on them."""

LARGE = 1e6
"""Patients with which the design effect is stated, so many that it no longer depends on them."""


@dataclass(frozen=True, slots=True)
class _Attribute:
    """The groups of an attribute, for one finding."""

    name: str
    shares: Mapping[str, float]
    prevalence: Mapping[str, float]
    varies: bool

    def cells(
        self, group: str, assumed: StudyAssumptions
    ) -> tuple[Occurrences, Occurrences, Occurrences]:
        """Return a group, all other groups, and the pairs of images that they share."""
        others = [name for name in self.shares if name != group]
        return (
            self._occurrences([group], [group], assumed),
            self._occurrences(others, others, assumed),
            self._occurrences([group], others, assumed),
        )

    def _occurrences(
        self, first: Sequence[str], second: Sequence[str], assumed: StudyAssumptions
    ) -> Occurrences:
        mean, spread = assumed.images_per_patient, assumed.images_sd**2
        pairs = max(spread + mean**2 - mean, 0.0)
        counted = np.zeros(5)
        for one in first:
            rate = self.prevalence[one]
            counted[:2] += np.array([rate, 1 - rate]) * self.shares[one] * mean
            for other in second:
                if self.varies:
                    weight = self.shares[one] * self.shares[other]
                else:
                    weight = self.shares[one] * (one == other)
                also = self.prevalence[other]
                both = both_have(rate, also, assumed.label_correlation)
                counted[2:] += (
                    weight
                    * pairs
                    * np.array([both, 1 - rate - also + both, (rate + also) / 2 - both])
                )
        # E m³ / (E m² · E m) of the images m of a patient, by an inverse Gaussian distribution.
        relative = spread / mean**2
        skewed = (1 + 3 * relative + 3 * relative**2) / (1 + relative)
        of_cell = 1.0 if self.varies else sum(self.shares[one] for one in first)
        positive, negative, positives, negatives, mixed = map(float, counted)
        return Occurrences(
            positive,
            negative,
            positives,
            negatives,
            mixed,
            concentration=skewed / of_cell,
        )


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Images of drawn patients."""

    patient: NDArray[np.int64]
    group: NDArray[np.int64]
    positive: NDArray[np.bool_]
    noise: NDArray[np.float64]
    """Scores without the effect of the label."""


NOT_ASSUMED = {
    "weight": "image",
    "sampling_weight": "",
    "resample": "patients",
}
"""Settings of an audit that assumptions cannot plan with another value than this."""


def _refuse_other_settings(settings: AuditSettings) -> None:
    """Refuse settings that change the errors in a way that assumptions do not say.

    Raises
    ------
    ConfigError
        If there is one.
    """
    refuse_unplanned(settings, "a study")
    for name, planned in NOT_ASSUMED.items():
        value = getattr(settings, name)
        if value != planned:
            flag = f"--{name.replace('_', '-')}"
            raise ConfigError(
                f"assumptions do not say what errors are with {flag} {value}. Give a pilot table, or leave "
                f"out {flag}."
            )
    if isinstance(settings.thresholds, str):
        raise ConfigError(
            f"the thresholds of {settings.thresholds} are scores, of which assumptions know nothing. Give a "
            "pilot table, or leave out --threshold."
        )


def _rule(settings: AuditSettings, finding: str) -> str:
    """Return the rule of the threshold of a finding, as ``fixed=…`` where it was given."""
    assert not isinstance(settings.thresholds, str)
    for name, value in settings.thresholds.items():
        if name == finding or name.endswith(f":{finding}"):
            return f"{FIXED}{value:g}"
    rules = rules_of(settings.operating_point)
    return rules.get(finding, rules[OTHER_FINDINGS])


FIXED = "fixed="
"""Beginning of the rule of a threshold that is a score."""


def planned(assumed: StudyAssumptions, settings: AuditSettings) -> Iterator[Planned]:
    """Yield the comparisons of each group with all others, by finding, attribute and metric.

    Parameters
    ----------
    assumed : StudyAssumptions
        The study.
    settings : AuditSettings
        Of the audit: the rule of the threshold, and the share of patients it is chosen on.
    """
    _refuse_other_settings(settings)
    for finding, prevalence in assumed.prevalence.items():
        rule = _rule(settings, finding)
        rates = rates_at(rule, assumed.auroc, float(prevalence))
        for name in assumed.attributes:
            attribute = _Attribute(
                name,
                assumed.shares_of(name),
                assumed.prevalences_of(name, finding),
                name in assumed.varies_within,
            )
            drawn = _draw(attribute, assumed, settings.seed)
            for number, group in enumerate(attribute.shares):
                if group == OTHERS or len(attribute.shares) < 2:
                    continue
                inside = drawn.group == number
                for metric, value in {"auroc": assumed.auroc, **rates}.items():
                    yield _planned(
                        finding, attribute, group, metric, value, assumed, settings, drawn, inside
                    )
                if rule.startswith(FIXED):
                    yield from unknown_rates(
                        finding=finding,
                        attribute=name,
                        group=group,
                        n_groups=len(attribute.shares),
                        why=f"the threshold is a score ({rule.removeprefix(FIXED)}), and assumptions do not "
                        "say how many images have it; a pilot does",
                    )


def rates_at(rule: str, auroc: float, prevalence: float) -> dict[str, float]:
    """Return TPR and FPR at the threshold of a rule; none where the rule names a score, or no threshold.

    Examples
    --------
    >>> {name: round(rate, 3) for name, rate in rates_at("fpr=0.1", 0.85, 0.1).items()}
    {'tpr': 0.573, 'fpr': 0.1}
    """
    apart = distance(auroc)
    kind, _, number = rule.partition("=")
    if kind == "fpr":
        threshold = -float(ndtri(float(number)))
    elif kind == "tpr":
        threshold = apart - float(ndtri(float(number)))
    elif kind == "youden":
        threshold = apart / 2
    elif kind == "prevalence":

        def surplus(place: float) -> float:
            flagged = prevalence * ndtr(apart - place) + (1 - prevalence) * ndtr(-place)
            return float(flagged) - prevalence

        threshold = float(brentq(surplus, -40.0, 40.0))
    else:
        return {}
    rates = {"tpr": float(ndtr(apart - threshold)), "fpr": float(ndtr(-threshold))}
    return {name: rate for name, rate in rates.items() if 0 < rate < 1}


def _planned(
    finding: str,
    attribute: _Attribute,
    group: str,
    metric: str,
    value: float,
    assumed: StudyAssumptions,
    settings: AuditSettings,
    drawn: _Drawn,
    inside: NDArray[np.bool_],
) -> Planned:
    cells = attribute.cells(group, assumed)
    if metric == "auroc":
        kernel = auroc_kernel(value, assumed.score_correlation)
    else:
        kernel = rate_kernel(value, assumed.score_correlation, of_positives=metric == "tpr")
    chooses = rule_chooses(_rule(settings, finding)) or settings.calibration == "platt"
    held_out = metric != "auroc" and chooses
    evaluated = 1 - settings.tuning_share if held_out else 1.0
    influences = _influences(drawn, inside, metric, value)
    alone = Kernel(kernel.positive, kernel.negative, 0.0, 0.0, 0.0)
    study, independent = (
        _study(
            one,
            cells,
            value,
            evaluated,
            influences,
            METRICS[metric].scale,
            correlation=assumed.score_correlation,
            is_area=metric == "auroc",
        )
        for one in (kernel, alone)
    )
    return Planned(
        model="",
        finding=finding,
        metric=metric,
        attribute=attribute.name,
        group=group,
        study=study,
        fewest=_fewest(drawn, inside) * evaluated,
        design_effect=(study(LARGE).standard_error / independent(LARGE).standard_error) ** 2,
        n_groups=len(attribute.shares),
    )


def _study(
    kernel: Kernel,
    cells: tuple[Occurrences, Occurrences, Occurrences],
    value: float,
    evaluated: float,
    influences: NDArray[np.float64],
    scale: str,
    *,
    correlation: float,
    is_area: bool,
) -> Study:
    """Return the study; `correlation` is that of the scores, and `is_area` whether the value is an AUROC."""
    group, others, shared = cells

    def study(patients: float) -> Expected:
        n = patients * evaluated

        def error_at(other: float) -> float:
            moved = variance(auroc_kernel(other, correlation), group, n)
            return math.sqrt(moved / variance(kernel, group, n))

        return Expected(
            error_at=error_at if is_area else None,
            group=value,
            reference=value,
            group_variance=variance(kernel, group, n),
            reference_variance=variance(kernel, others, n),
            covariance=covariance(kernel, shared, (group, others), n),
            degrees_of_freedom=expected_degrees_of_freedom(influences, n),
            scale=scale,
        )

    return study


def _draw(attribute: _Attribute, assumed: StudyAssumptions, seed: int) -> _Drawn:
    """Draw the images of patients."""
    rng = generator(Stream.PLANNED_PATIENTS, seed)
    sizes = _sizes(rng, assumed.images_per_patient, assumed.images_sd)
    patient = np.repeat(np.arange(DRAWN), sizes)
    shares = np.array(list(attribute.shares.values()))
    of = rng.choice(
        shares.size, patient.size if attribute.varies else DRAWN, p=shares / shares.sum()
    )
    group = of if attribute.varies else of[patient]
    rates = np.array(list(attribute.prevalence.values()))
    tendency = _tendencies(rng.random(DRAWN), rates, assumed.label_correlation)
    positive = rng.random(patient.size) < tendency[group, patient]
    own = rng.normal(size=DRAWN)[patient]
    share = assumed.score_correlation
    noise = math.sqrt(share) * own + math.sqrt(1 - share) * rng.normal(size=patient.size)
    return _Drawn(patient, group, positive, noise)


def _sizes(rng: np.random.Generator, mean: float, sd: float) -> NDArray[np.int64]:
    """Draw numbers of images: 1 + Poisson of an inverse Gaussian; nearest numbers if it varies less."""
    further = mean - 1
    if further > 0 and sd**2 > further:
        return 1 + rng.poisson(rng.wald(further, further**3 / (sd**2 - further), DRAWN))
    return np.floor(mean + rng.random(DRAWN)).astype(np.int64)


def _tendencies(
    place: NDArray[np.float64], rates: NDArray[np.float64], correlation: float
) -> NDArray[np.float64]:
    """Return the rate of each group in each patient, beta-distributed, by the place of the patient in it."""
    if correlation == 0:
        return np.repeat(rates[:, None], place.size, axis=1)
    if correlation == 1:
        return (place > 1 - rates[:, None]).astype(np.float64)
    size = (1 - correlation) / correlation
    return np.stack([betaincinv(rate * size, (1 - rate) * size, place) for rate in rates])


def _influences(
    drawn: _Drawn, inside: NDArray[np.bool_], metric: str, value: float
) -> NDArray[np.float64]:
    """Return the influence of each drawn patient on the gap, up to a factor."""
    if metric == "auroc":
        each, counted = placements(drawn.positive, drawn.noise, value), np.ones_like(inside)
    else:
        counted = drawn.positive if metric == "tpr" else ~drawn.positive
        each = (drawn.noise > -float(ndtri(value))) - value
    found = np.zeros(DRAWN)
    for cell, sign in ((inside, 1), (~inside, -1)):
        for kind in (drawn.positive, ~drawn.positive):
            of = cell & kind & counted
            if of.any():
                found += sign / of.sum() * np.bincount(drawn.patient[of], each[of], DRAWN)
    return found


def _fewest(drawn: _Drawn, inside: NDArray[np.bool_]) -> float:
    """Return the share of the patients that have, or do not have, the finding on the smaller side."""
    return min(
        np.unique(drawn.patient[cell & kind]).size / DRAWN
        for cell in (inside, ~inside)
        for kind in (drawn.positive, ~drawn.positive)
    )
