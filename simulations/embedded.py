"""Embeddings in which it is known whether an attribute is decodable, and whether the score depends on it.

A finding lies along axis 0, which is the direction of the prompts; the attribute along axis 1, orthogonal to
it, and along axis 0 on request. What the attribute goes together with (the finding, another one, the
severity) is not the attribute: a score that follows these does not depend on it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import ndtri

from cxraudit.audits.embeddings.cohort import ModelEmbeddings, PromptPair
from cxraudit.datasets.base import Dataset

FINDING, OTHER, ATTRIBUTE, SEVERITY = "Pneumonia", "Edema", "attribute", "severity"
MODEL = "simulated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """How cohorts of embedded images are drawn."""

    name: str
    patients: int = 600
    images: int = 2
    """Of each patient."""
    dimensions: int = 32
    shares: tuple[float, ...] = (0.5, 0.5)
    """Of the groups of the attribute, where it follows nothing; the last one has the effects."""
    level: Literal["patient", "image", "pairs"] = "patient"
    """Whether the attribute is that of patients, of images, or one after the other in every patient."""
    encoded: float = 1.5
    """Distance of the groups along axis 1, in standard deviations within groups."""
    along: tuple[float, float] = (0.0, 0.0)
    """Shift of the score of positives and of negatives, in standard deviations of the score without it."""
    prevalence: float = 0.4
    """Of both findings."""
    separation: float = 1.5
    """Distance of true positives and negatives along axis 0, in standard deviations within classes."""
    follows: Literal["", "finding", "other", "severity"] = ""
    """What the attribute goes together with."""
    strength: float = 0.0
    """Correlation of the attribute with a finding that it follows; distance of the groups in standard
    deviations of severity."""
    but_for: int = 0
    """Patients in whom the attribute is not the other finding that it follows; 0: as `strength` says."""
    other_along: float = 0.0
    """Distance of images with and without the other finding along axis 0."""
    label_errors: float = 0.0
    """Share of wrong labels of the finding, independent of everything."""
    severity_known: bool = False
    """Whether an audit is told of severity."""


def draw(design: Design, seed: int) -> tuple[Dataset, ModelEmbeddings]:
    """Draw a cohort: images with labels, attribute and severity, and their embeddings."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(design.patients), design.images)
    n = patient.size
    threshold = -ndtri(design.prevalence)
    severity = rng.normal(size=design.patients)
    finding = severity > threshold
    other = rng.normal(size=design.patients) > threshold
    group = _groups(design, rng, patient, finding, other, severity)
    member = group == len(design.shares) - 1
    severe = severity[patient]
    if design.follows == "severity":
        x_score = design.separation * severe
    else:
        x_score = design.separation * finding[patient]
    x = np.sqrt(0.7) * rng.normal(size=(n, design.dimensions))
    x += np.sqrt(0.3) * rng.normal(size=(design.patients, design.dimensions))[patient]
    x[:, 0] += x_score + design.other_along * other[patient]
    moved = np.where(finding[patient], *design.along)
    x[:, 0] += moved * member * x[:, 0].std()
    x[:, 1] += design.encoded * member
    wrong = rng.random(design.patients) < design.label_errors
    names = ("no", "yes") if len(design.shares) == 2 else tuple("abcdefgh"[: len(design.shares)])
    images = pd.DataFrame(
        {
            "image_id": [f"i{k:06d}" for k in range(n)],
            "patient_id": [f"p{k:05d}" for k in patient],
            "study_id": [f"s{k:06d}" for k in range(n)],
            "path": "",
            "view_position": "PA",
            FINDING: (finding ^ wrong)[patient].astype(float),
            OTHER: other[patient].astype(float),
            ATTRIBUTE: np.array(names, dtype=object)[group],
            SEVERITY: severe,
        }
    )
    dataset = Dataset(
        name=design.name,
        version="",
        license="",
        root=None,
        images=images,
        findings=(FINDING, OTHER),
        attributes=(ATTRIBUTE,),
    )
    direction = np.eye(design.dimensions, dtype=np.float32)[0]
    prompts = (PromptPair("usual", FINDING, "yes", "no", direction),)
    ids = images["image_id"].to_numpy(dtype=np.str_)
    return dataset, ModelEmbeddings(MODEL, ids, x.astype(np.float32), prompts)


def _groups(
    design: Design,
    rng: Generator,
    patient: NDArray[np.int64],
    finding: NDArray[np.bool_],
    other: NDArray[np.bool_],
    severity: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Draw the number of the group of each image."""
    n = patient.size
    if design.level == "pairs":
        return np.arange(n) % design.images % 2
    if design.follows in ("finding", "other"):
        cause = finding if design.follows == "finding" else other
        if design.but_for:
            first = rng.permutation(design.patients) >= design.but_for
            return np.where(first, cause, ~cause).astype(np.int64)[patient]
        same = rng.random(design.patients) < (1 + design.strength) / 2
        return np.where(same, cause, ~cause).astype(np.int64)[patient]
    if design.follows == "severity":
        # A slope of a probit for which groups of equal size lie so far apart in severity.
        slope = design.strength / np.sqrt(8 / np.pi - design.strength**2)
        return (slope * severity + rng.normal(size=design.patients) > 0).astype(np.int64)[patient]
    groups = np.arange(len(design.shares))
    if design.level == "image":
        return rng.choice(groups, n, p=design.shares)
    return rng.choice(groups, design.patients, p=design.shares)[patient]


_SKEWED = (0.8, 0.15, 0.05)
_FIVE = (0.2,) * 5
_ALONG = (0.5, 0.5)

DESIGNS: Mapping[str, Design] = {
    design.name: design
    for design in (
        Design(name="not encoded", encoded=0),
        Design(name="not encoded, 100 patients", encoded=0, patients=100),
        Design(name="not encoded, 150 patients", encoded=0, patients=150),
        Design(name="not encoded, 4,000 patients", encoded=0, patients=4000),
        Design(name="not encoded, per image", encoded=0, level="image"),
        Design(name="not encoded, two views", encoded=0, level="pairs"),
        Design(name="not encoded, 512 dimensions", encoded=0, patients=150, dimensions=512),
        Design(name="not encoded, 80/15/5 %", encoded=0, patients=1500, shares=_SKEWED),
        Design(name="not encoded, five groups", encoded=0, shares=_FIVE),
        Design(name="weak, 512 dimensions", encoded=0.75, dimensions=512),
        Design(name="orthogonal"),
        Design(name="orthogonal, 60 patients", patients=60),
        Design(name="orthogonal, 100 patients", patients=100),
        Design(name="orthogonal, 150 patients", patients=150),
        Design(name="orthogonal, 4,000 patients", patients=4000),
        Design(name="orthogonal, per image", level="image"),
        Design(name="orthogonal, two views", level="pairs"),
        Design(name="orthogonal, 512 dimensions", patients=150, dimensions=512),
        Design(name="orthogonal, 80/15/5 %", patients=1500, shares=_SKEWED),
        Design(name="orthogonal, five groups", shares=_FIVE),
        Design(name="orthogonal, perfectly separated", encoded=12),
        Design(name="along the direction, 0.15 SD", along=(0.15, 0.15)),
        Design(name="along the direction, 0.2 SD", along=(0.2, 0.2)),
        Design(name="along the direction, 0.5 SD", along=_ALONG),
        Design(name="along the direction, 100 patients", along=_ALONG, patients=100),
        Design(name="along the direction, 4,000 patients", along=_ALONG, patients=4000),
        Design(name="along the direction, per image", along=_ALONG, level="image"),
        Design(name="along the direction, two views", along=_ALONG, level="pairs"),
        Design(name="along the direction, 80/15/5 %", along=_ALONG, patients=1500, shares=_SKEWED),
        Design(name="along the direction, five groups", along=_ALONG, shares=_FIVE),
        Design(name="opposite signs", along=(0.5, -0.5)),
        Design(name="opposite signs, nothing else", along=(0.8, -0.8), encoded=0, prevalence=0.5),
        Design(name="positives only", along=(0.5, 0.0)),
        Design(name="another finding, 0.4", follows="other", strength=0.4, other_along=1.5),
        Design(name="another finding, 0.8", follows="other", strength=0.8, other_along=1.5),
        Design(name="another finding, but for 4 patients", follows="other", but_for=4),
        Design(name="another finding, but for 16 patients", follows="other", but_for=16),
        Design(name="another finding, but for 60 patients", follows="other", but_for=60),
        Design(name="label errors, 0.4", follows="finding", strength=0.4, label_errors=0.15),
        Design(name="label errors, 0.8", follows="finding", strength=0.8, label_errors=0.15),
        Design(name="severity, 0.6 SD", follows="severity", strength=0.6),
        Design(
            name="severity, 0.6 SD, known", follows="severity", strength=0.6, severity_known=True
        ),
        Design(name="with the label only", follows="finding", strength=0.8),
    )
}
"""Name → design."""
