"""The specification of a synthetic cohort: every known effect is a field of `PhantomSpec`."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

from annotated_types import Ge, Le

from cxraudit.datasets.base import ADULT_AGE_GROUPS, FINDINGS
from cxraudit.errors import ConfigError
from cxraudit.settings import Count, Flag, Seed, check

SEXES = ("female", "male")
RACES = ("asian", "black", "white")

PREVALENCE = {
    "Atelectasis": 0.16,
    "Cardiomegaly": 0.16,
    "Consolidation": 0.12,
    "Pleural Effusion": 0.18,
    "Pneumonia": 0.13,
    "Pneumothorax": 0.18,
}
"""Share of images with each finding; findings are drawn independently given the patient."""

AGE_SHARES = {"18-25": 0.12, "25-50": 0.24, "50-65": 0.24, "65-80": 0.22, "80+": 0.18}
RACE_SHARES = {"asian": 0.20, "black": 0.30, "white": 0.50}

PLANTED_AGE_CONTRAST = {"80+": 0.35}
"""Default age effect: findings of patients aged 80 and over have 35 % of the default contrast."""

Probability = Annotated[float, Ge(0), Le(1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhantomSpec:
    """A synthetic cohort and its known effects.

    Fields by group are mappings from group to factor; the factor of other groups is 1, so that an
    empty mapping means *no effect*. Groups are those of age (``18-25``, ``25-50``, ``50-65``,
    ``65-80``, ``80+``), sex (``female``, ``male``) and race (``asian``, ``black``, ``white``).

    Raises
    ------
    ConfigError
        If a value is out of range, or a mapping names an unknown group or finding.
    """

    n_patients: Annotated[Count, Flag("patients")] = 600
    """Number of patients."""
    images_per_patient: Annotated[float, Ge(1), Le(1000)] = 3.0
    """Mean number of images per patient."""
    seed: Seed = 2025
    """The same specification and seed give the same bytes."""
    image_size: Annotated[int, Ge(64), Le(3072)] = 256
    """Side of the square images in pixels."""

    prevalence: Mapping[str, float] = field(default_factory=lambda: dict(PREVALENCE))
    """FINDING=SHARE: share of images with a finding."""
    prevalence_factor: Mapping[str, float] = field(default_factory=dict)
    """GROUP=FACTOR: factor on the odds of every finding in a group."""
    patient_spread: Annotated[float, Ge(0)] = 0.8
    """Standard deviation of the random effect of patients on the log odds of a finding."""

    age_shares: Mapping[str, float] = field(default_factory=lambda: dict(AGE_SHARES))
    """GROUP=SHARE: relative sizes of the age groups."""
    sex_shares: Mapping[str, float] = field(default_factory=lambda: {"female": 0.5, "male": 0.5})
    """GROUP=SHARE: relative sizes of the sexes."""
    race_shares: Mapping[str, float] = field(default_factory=lambda: dict(RACE_SHARES))
    """GROUP=SHARE: relative sizes of the race groups."""

    finding_contrast: Annotated[Mapping[str, float], Flag("contrast")] = field(
        default_factory=lambda: dict(PLANTED_AGE_CONTRAST)
    )
    """GROUP=FACTOR: visibility of all findings in a group."""
    drain_given_pneumothorax: Probability = 0.55
    """P(chest drain | pneumothorax): the strength of the shortcut."""
    drain_otherwise: Probability = 0.03
    """P(chest drain | no pneumothorax)."""
    drain_visibility: Annotated[float, Ge(0)] = 1.0
    """Visibility of drains; 0 keeps drains in the tables and leaves them out of the images."""
    record_noise: Probability = 0.0
    """Share of records that are affected by noise as in real releases (MIMIC layout only): missing,
    contradictory and unknown races, missing and lateral views, uncertain and blank labels, reports
    without FINDINGS, images of other splits."""
    pneumothorax_contrast: Annotated[float, Ge(0)] = 0.6
    """Visibility of the pneumothorax; the lower, the more a model trained on the images relies on the
    drain."""

    def __post_init__(self) -> None:
        check(self)
        groups = {*ADULT_AGE_GROUPS, *SEXES, *RACES}
        for name, known in (
            ("prevalence", set(FINDINGS)),
            ("prevalence_factor", groups),
            ("age_shares", set(ADULT_AGE_GROUPS)),
            ("sex_shares", set(SEXES)),
            ("race_shares", set(RACES)),
            ("finding_contrast", groups),
        ):
            mapping: Mapping[str, float] = getattr(self, name)
            if unknown := set(mapping) - known:
                raise ConfigError(
                    f"phantom {name} names {', '.join(sorted(unknown))}; "
                    f"known: {', '.join(sorted(known))}."
                )
            if any(not 0 <= value < math.inf for value in mapping.values()):
                raise ConfigError(
                    f"phantom {name} must hold finite numbers of 0 or more, got {mapping}."
                )
        for finding, share in self.prevalence.items():
            if share > 1:
                raise ConfigError(
                    f"phantom prevalence of {finding} must be at most 1, got {share}."
                )

    def truth(self) -> dict[str, Any]:
        """Return the specification as plain data, as written to ``phantom_truth.json``."""
        return asdict(self)

    def factor(self, mapping: Mapping[str, float], *groups: str) -> float:
        """Return the product of the factors of the groups of a patient."""
        product = 1.0
        for group in groups:
            product *= mapping.get(group, 1.0)
        return product

    @property
    def planted(self) -> dict[str, bool]:
        """Attribute or shortcut → whether the cohort has an effect that a valid audit should detect."""
        groups_of = {"age_group": ADULT_AGE_GROUPS, "sex": SEXES, "race": RACES}
        planted = {
            attribute: len({self.finding_contrast.get(group, 1.0) for group in groups}) > 1
            for attribute, groups in groups_of.items()
        }
        planted["drain"] = (
            self.drain_visibility > 0 and self.drain_given_pneumothorax != self.drain_otherwise
        )
        return planted
