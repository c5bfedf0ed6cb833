"""The patients of a synthetic cohort and the content of each image, before images are drawn."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from cxraudit.datasets.base import FINDINGS, age_group
from cxraudit.phantom.spec import PhantomSpec
from cxraudit.schema import records
from cxraudit.streams import Stream, patient_generator

AGE_RANGES = {
    "18-25": (18, 25),
    "25-50": (25, 50),
    "50-65": (50, 65),
    "65-80": (65, 80),
    "80+": (80, 96),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Radiograph:
    """The content of one image: all that `cxraudit.phantom.findings.render` needs."""

    seed: int
    patient: int
    number: int
    """Number of the image of the patient, from 0; seed, patient and number identify the image."""
    age: int
    sex: str
    view_position: str
    findings: tuple[str, ...]
    drain: bool
    contrast: float
    """Visibility of the findings; 1 is the default."""
    pneumothorax_contrast: float = 1.0
    drain_visibility: float = 1.0
    image_size: int = 256


_NORMAL = Radiograph(
    seed=3,
    patient=5,
    number=0,
    age=60,
    sex="male",
    view_position="PA",
    findings=(),
    drain=False,
    contrast=1.0,
    image_size=256,
)


def normal_radiograph(**changed: Any) -> Radiograph:
    """Return the description of a radiograph of a man of 60 without a finding or drain, but for `changed`."""
    return replace(_NORMAL, **changed)


def draw_cohort(spec: PhantomSpec) -> pd.DataFrame:
    """Draw the patients of a cohort and the content of their images.

    A patient depends on the seed and the number of the patient only, so that a larger cohort starts
    with the patients of a smaller one. Findings of one patient are correlated by a random effect per
    patient and finding.

    Returns
    -------
    pandas.DataFrame
        One row per image: ``patient``, ``number``, ``age`` (years at the image), ``sex``, ``race``,
        ``age_group``, ``view_position``, ``days`` since the first image, one column per finding
        (0, 1), ``drain`` (0, 1) and ``contrast``.
    """
    rows = [row for patient in range(spec.n_patients) for row in _draw_patient(spec, patient)]
    return pd.DataFrame(rows)


def _draw_patient(spec: PhantomSpec, patient: int) -> list[dict[str, object]]:
    rng = patient_generator(Stream.PHANTOM_PATIENT, spec.seed, patient)
    low, high = AGE_RANGES[_choice(rng, spec.age_shares)]
    first_age = int(rng.integers(low, high))
    sex, race = _choice(rng, spec.sex_shares), _choice(rng, spec.race_shares)
    n_images = 1 + int(rng.poisson(spec.images_per_patient - 1))
    effects = rng.normal(scale=spec.patient_spread, size=len(FINDINGS))
    portable = rng.random() < 0.5
    days = np.cumsum(np.r_[0, rng.integers(1, 60, size=n_images - 1)])
    rows = []
    for number in range(n_images):
        age = first_age + int(days[number] // 365)
        group = age_group(age)
        odds = spec.factor(spec.prevalence_factor, group, sex, race)
        prevalence = np.array([spec.prevalence.get(finding, 0.0) for finding in FINDINGS])
        with np.errstate(divide="ignore"):
            probability = expit(
                logit(prevalence) + np.log(odds) + effects - spec.patient_spread**2 / 4
            )
        present = rng.random(len(FINDINGS)) < probability
        pneumothorax = bool(present[FINDINGS.index("Pneumothorax")])
        p_drain = spec.drain_given_pneumothorax if pneumothorax else spec.drain_otherwise
        rows.append(
            {
                "patient": patient,
                "number": number,
                "age": age,
                "sex": sex,
                "race": race,
                "age_group": group,
                "view_position": "AP" if rng.random() < (0.85 if portable else 0.15) else "PA",
                "days": int(days[number]),
                **dict(zip(FINDINGS, present.astype(int).tolist(), strict=True)),
                "drain": int(rng.random() < p_drain),
                "contrast": spec.factor(spec.finding_contrast, group, sex, race),
            }
        )
    return rows


def _choice(rng: np.random.Generator, shares: Mapping[str, float]) -> str:
    names = list(shares)
    weights = np.array([shares[name] for name in names], dtype=float)
    return names[int(rng.choice(len(names), p=weights / weights.sum()))]


def radiographs(spec: PhantomSpec, cohort: pd.DataFrame) -> list[Radiograph]:
    """Return the rows of `draw_cohort` as `Radiograph` objects, in the same order."""
    return [
        Radiograph(
            seed=spec.seed,
            patient=row["patient"],
            number=row["number"],
            age=row["age"],
            sex=row["sex"],
            view_position=row["view_position"],
            findings=tuple(finding for finding in FINDINGS if row[finding]),
            drain=bool(row["drain"]),
            contrast=row["contrast"],
            pneumothorax_contrast=spec.pneumothorax_contrast,
            drain_visibility=spec.drain_visibility,
            image_size=spec.image_size,
        )
        for row in records(cohort)
    ]
