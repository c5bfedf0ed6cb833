"""What a phantom cohort is made of: every planted effect is a field of `PhantomSpec`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from cxraudit.datasets.base import ADULT_AGE_GROUPS, FINDINGS
from cxraudit.errors import ConfigError

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
"""Images of patients of 80 and over show their findings at 35 % of the usual contrast."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhantomSpec:
    """A made-up cohort and the truth planted in it.

    Group-dependent fields are mappings from group name to a factor; a group that is not named
    has the factor 1, so an empty mapping means *no effect*. Groups are those of age (``18-25``,
    ``25-50``, ``50-65``, ``65-80``, ``80+``), sex (``female``, ``male``) and race (``asian``,
    ``black``, ``white``); group names are unique over the attributes.
    """

    n_patients: int = 600
    images_per_patient: float = 3.0
    """Mean number of images a patient has; at least one."""
    seed: int = 2025
    image_size: int = 256
    """Side of the square image in pixels."""

    prevalence: Mapping[str, float] = field(default_factory=lambda: dict(PREVALENCE))
    prevalence_factor: Mapping[str, float] = field(default_factory=dict)
    """Factor on the odds of every finding, by group."""
    patient_spread: float = 0.8
    """Standard deviation of a patient's own tendency (log odds): why images of one patient agree."""

    age_shares: Mapping[str, float] = field(default_factory=lambda: dict(AGE_SHARES))
    sex_shares: Mapping[str, float] = field(default_factory=lambda: {"female": 0.5, "male": 0.5})
    race_shares: Mapping[str, float] = field(default_factory=lambda: dict(RACE_SHARES))

    finding_contrast: Mapping[str, float] = field(
        default_factory=lambda: dict(PLANTED_AGE_CONTRAST)
    )
    """Factor on the visibility of every finding, by group: the planted age effect."""
    drain_given_pneumothorax: float = 0.55
    """P(chest drain | pneumothorax): how strong the shortcut is."""
    drain_otherwise: float = 0.03
    """P(chest drain | no pneumothorax)."""
    drain_visibility: float = 1.0
    """0 keeps the drain in the tables and leaves it out of the image: the shortcut switched off."""
    untidy: float = 0.0
    """Share of records that are as untidy as real ones, in the MIMIC layout: missing, contradicting
    and unknown races, missing and lateral views, uncertain and blank labels, reports without
    FINDINGS, images of other splits. 0 is a clean release."""
    pneumothorax_contrast: float = 0.6
    """Visibility of the pneumothorax itself; lower makes a model lean more on the drain."""

    def __post_init__(self) -> None:
        if self.n_patients < 1:
            raise ConfigError(f"a phantom needs at least 1 patient, got {self.n_patients}.")
        if self.images_per_patient < 1:
            raise ConfigError(
                f"images_per_patient must be at least 1, got {self.images_per_patient}."
            )
        if not 64 <= self.image_size <= 3072:
            raise ConfigError(f"image_size must lie in 64..3072, got {self.image_size}.")
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
            if any(not value >= 0 for value in mapping.values()):
                raise ConfigError(f"phantom {name} must hold numbers of 0 or more, got {mapping}.")
        shares = {
            "untidy": self.untidy,
            "drain_given_pneumothorax": self.drain_given_pneumothorax,
            "drain_otherwise": self.drain_otherwise,
            **self.prevalence,
        }
        for name, share in shares.items():
            if not 0 <= share <= 1:
                raise ConfigError(f"phantom {name} is a probability, got {share}.")

    def truth(self) -> dict[str, Any]:
        """Return the specification as plain data, as written to ``truth.json``."""
        return asdict(self)

    def factor(self, mapping: Mapping[str, float], *groups: str) -> float:
        """Multiply the factors of the groups one patient belongs to."""
        product = 1.0
        for group in groups:
            product *= mapping.get(group, 1.0)
        return product

    @property
    def planted(self) -> dict[str, bool]:
        """Which effects a sound audit should find, by attribute."""
        differs = {
            "age_group": ADULT_AGE_GROUPS,
            "sex": SEXES,
            "race": RACES,
        }
        found = {
            attribute: len({self.finding_contrast.get(group, 1.0) for group in groups}) > 1
            for attribute, groups in differs.items()
        }
        found["drain"] = (
            self.drain_visibility > 0 and self.drain_given_pneumothorax != self.drain_otherwise
        )
        return found
