"""Cohorts in which the truth is known: the unusual designs that statistics of audits are tried in.

Scores are binormal with a share of the variance between patients, so that the AUROC of any two sets of
images of different patients is known. No design but *informative with signal* has a gap, and that has none
between its groups, either.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import ndtri

WITHIN = 0.5
"""Correlation of the scores of images of one patient with the same label."""


@dataclass(frozen=True, slots=True)
class Cohort:
    """One simulated cohort."""

    y_true: NDArray[np.bool_]
    y_score: NDArray[np.float64]
    patients: NDArray[np.int64]
    groups: NDArray[np.int64]
    """Number of the group of each image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """How cohorts are drawn."""

    sizes: Callable[[Generator], NDArray[np.int64]]
    """Images of each patient."""
    shares: tuple[float, ...] = (0.5, 0.5)
    """Of the groups among patients, or among images where `varies` within patients."""
    fixed_groups: Callable[[NDArray[np.int64]], NDArray[np.int64]] | None = None
    """Group of each patient by the number of images, in place of `shares`."""
    varies: bool = False
    """Whether the group is that of an image, not of a patient."""
    prevalence: tuple[float, ...] = (0.2,)
    """In all groups, or in each."""
    patient_share: float = 0.3
    """How far positives come in few patients: 0 independent, near 1 all images of a patient alike."""
    auroc: float = 0.85
    transform: Callable[[NDArray[np.float64]], NDArray[np.float64]] = np.asarray
    """Of the scores, such as rounding."""
    informative: float = 0.0
    """Shift of the scores of both classes per doubling of a patient's number of images."""

    @property
    def is_known(self) -> bool:
        """Whether the AUROC is known, and that of a gap."""
        return not self.informative and self.transform is np.asarray

    def draw(self, rng: Generator, *, gap: float = 0.0) -> Cohort:
        """Draw a cohort; `gap` is what the AUROC of the first group is lower by."""
        sizes = self.sizes(rng)
        n = sizes.size
        patient = np.repeat(np.arange(n), sizes)
        group = self._groups(rng, sizes, patient)
        base = np.asarray(self.prevalence)
        rate = base[np.minimum(group, base.size - 1)]
        positive = _correlated(rng, rate, patient, n, self.patient_share)
        noise = np.sqrt(WITHIN) * rng.normal(size=n)[patient]
        noise = noise + np.sqrt(1 - WITHIN) * rng.normal(size=patient.size)
        shift = np.where(group == 0, _distance(self.auroc - gap), _distance(self.auroc))
        score = noise + positive * shift + self.informative * np.log2(sizes)[patient]
        return Cohort(positive, self.transform(score), patient, group)

    def _groups(
        self, rng: Generator, sizes: NDArray[np.int64], patient: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        if self.fixed_groups is not None:
            return self.fixed_groups(sizes)[patient]
        names = np.arange(len(self.shares))
        if self.varies:
            return rng.choice(names, patient.size, p=self.shares)
        return rng.choice(names, sizes.size, p=self.shares)[patient]


def _distance(auroc: float) -> float:
    """Return the distance of two normal distributions with an AUROC."""
    return float(np.sqrt(2) * ndtri(auroc))


def _correlated(
    rng: Generator,
    rate: NDArray[np.float64],
    patient: NDArray[np.int64],
    n: int,
    share: float,
) -> NDArray[np.bool_]:
    """Draw labels of a rate; their latent numbers share some variance within a patient."""
    latent = np.sqrt(share) * rng.normal(size=n)[patient]
    latent = latent + np.sqrt(1 - share) * rng.normal(size=patient.size)
    return latent < ndtri(rate)


def _few(rng: Generator, n: int, mean: float = 3.0) -> NDArray[np.int64]:
    return 1 + rng.poisson(mean - 1, n)


def _giant(rng: Generator) -> NDArray[np.int64]:
    return np.append(_few(rng, 150, 2.0), 150)


def _heavy_tail(rng: Generator) -> NDArray[np.int64]:
    return np.minimum(np.ceil(rng.pareto(1.3, 250) + 0.5), 200).astype(np.int64)


def _in_and_out(rng: Generator) -> NDArray[np.int64]:
    return np.append(np.full(30, 25), np.full(500, 2))


DESIGNS: Mapping[str, Design] = {
    "one patient with 150 images": Design(sizes=_giant),
    "Pareto images per patient": Design(sizes=_heavy_tail),
    "15 patients in a group": Design(
        sizes=lambda rng: _few(rng, 215),
        fixed_groups=lambda sizes: (np.arange(sizes.size) >= 15).astype(np.int64),
        prevalence=(0.4, 0.2),
    ),
    "prevalence 1 %": Design(sizes=lambda rng: _few(rng, 1500), prevalence=(0.01,)),
    "prevalence 1 % in a group": Design(
        sizes=lambda rng: _few(rng, 1200), shares=(0.5, 0.5), prevalence=(0.01, 0.2)
    ),
    "positives in few patients": Design(
        sizes=lambda rng: _few(rng, 200, 5.0), prevalence=(0.1,), patient_share=0.9
    ),
    "scores rounded to 0.1": Design(
        sizes=lambda rng: _few(rng, 200),
        transform=lambda score: np.round(1 / (1 + np.exp(-score)), 1),
    ),
    "binary scores": Design(
        sizes=lambda rng: _few(rng, 200), transform=lambda score: (score > 1).astype(np.float64)
    ),
    "AUROC 0.99, 100 patients": Design(sizes=lambda rng: _few(rng, 200), auroc=0.99),
    "AUROC 0.99, 24 patients": Design(
        sizes=lambda rng: _few(rng, 48), auroc=0.99, prevalence=(0.4,)
    ),
    "varies within patients": Design(sizes=lambda rng: _few(rng, 200, 4.0), varies=True),
    "six groups": Design(
        sizes=lambda rng: _few(rng, 500), shares=(0.4, 0.25, 0.15, 0.1, 0.06, 0.04)
    ),
    "informative numbers of images": Design(sizes=_heavy_tail, informative=0.4, auroc=0.5),
    "informative, with signal": Design(sizes=_heavy_tail, informative=0.4),
    "in- and out-patients": Design(
        sizes=_in_and_out, fixed_groups=lambda sizes: (sizes == 2).astype(np.int64)
    ),
    "one image each": Design(sizes=lambda rng: np.ones(400, dtype=np.int64)),
    "both groups small": Design(sizes=lambda rng: _few(rng, 60), prevalence=(0.35,)),
}
