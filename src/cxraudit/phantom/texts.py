"""The FINDINGS section of a synthetic report, and the findings that each sentence affirms or denies."""

from dataclasses import dataclass

import numpy as np

from cxraudit.datasets.base import FINDINGS
from cxraudit.phantom.cohort import Radiograph
from cxraudit.phantom.findings import side_of
from cxraudit.streams import Stream, patient_generator

SIDES = ("right", "left")

PRESENT = {
    "Atelectasis": (
        "There is {side} basilar atelectasis.",
        "Linear opacities at the {side} base are consistent with atelectasis.",
        "Plate-like atelectasis in the {side} lower lung.",
    ),
    "Cardiomegaly": (
        "The heart is enlarged.",
        "There is cardiomegaly.",
        "Moderate cardiomegaly is seen.",
        "The cardiac silhouette is enlarged, consistent with cardiomegaly.",
    ),
    "Consolidation": (
        "There is consolidation in the {side} lung.",
        "Focal consolidation with air bronchograms on the {side}.",
        "Dense {side} lobar consolidation.",
    ),
    "Pleural Effusion": (
        "There is a {side} pleural effusion.",
        "Blunting of the {side} costophrenic angle reflects a pleural effusion.",
        "Small to moderate {side} pleural effusion.",
    ),
    "Pneumonia": (
        "Patchy opacities are concerning for pneumonia.",
        "Multifocal airspace opacities, consistent with pneumonia.",
        "Findings suggest {side} pneumonia.",
    ),
    "Pneumothorax": (
        "There is a {side} pneumothorax.",
        "Small {side} apical pneumothorax.",
        "A pleural line is seen on the {side}, consistent with pneumothorax.",
    ),
}
WITH_DRAIN = (
    "{Side} pneumothorax with a chest tube in place.",
    "There is a {side} pneumothorax; a chest tube projects over the {side} lung.",
)
ABSENT = {
    "Atelectasis": ("Lung volumes are normal, without atelectasis.", "No atelectasis."),
    "Cardiomegaly": ("Heart size is normal.", "The cardiac silhouette is normal."),
    "Consolidation": ("No focal consolidation.", "There is no consolidation."),
    "Pleural Effusion": ("No pleural effusion.", "There is no pleural effusion."),
    "Pneumonia": ("No evidence of pneumonia.", "No pneumonia."),
    "Pneumothorax": ("No pneumothorax.", "There is no pneumothorax."),
}
NORMAL = (
    "No findings.",
    "No acute findings.",
    "The chest is normal, no findings.",
    "No acute cardiopulmonary findings.",
)


@dataclass(frozen=True, slots=True)
class Statement:
    """A text with the findings that it affirms and those that it denies."""

    text: str
    present: frozenset[str]
    absent: frozenset[str]

    def agrees_with(self, findings: frozenset[str]) -> bool:
        """Tell whether the text is true of an image with these findings."""
        return self.present <= findings and not self.absent & findings


def statements(image: Radiograph, rng: np.random.Generator) -> list[Statement]:
    """Return the sentences of one report, in their order in the report."""
    sentences: list[Statement] = []
    for finding in FINDINGS:
        side = SIDES[side_of(image, finding)]
        if finding in image.findings:
            tube = finding == "Pneumothorax" and image.drain and rng.random() < 0.7
            template = _pick(rng, WITH_DRAIN if tube else PRESENT[finding])
            text = template.format(side=side, Side=side.capitalize())
            sentences.append(Statement(text, frozenset({finding}), frozenset()))
        elif rng.random() < 0.6:
            sentences.append(
                Statement(_pick(rng, ABSENT[finding]), frozenset(), frozenset({finding}))
            )
    order = rng.permutation(len(sentences))
    sentences = [sentences[i] for i in order]
    if not image.findings:
        sentences.append(Statement(_pick(rng, NORMAL), frozenset(), frozenset(FINDINGS)))
    return sentences


def findings_text(image: Radiograph) -> str:
    """Return the FINDINGS section of the report of one image; it depends on the image only."""
    rng = patient_generator(Stream.PHANTOM_REPORT, image.seed, image.patient, image.number)
    return " ".join(statement.text for statement in statements(image, rng))


def _pick(rng: np.random.Generator, options: tuple[str, ...]) -> str:
    return options[int(rng.integers(len(options)))]
