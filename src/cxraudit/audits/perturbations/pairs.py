"""The same images unedited and perturbed."""

from dataclasses import dataclass

from cxraudit.audits.cohort import Sample


@dataclass(frozen=True, slots=True)
class Pair:
    """Images of one model and finding, unedited and perturbed: the same images, in the same order."""

    condition: str
    """Name of the perturbation."""
    severity: int
    """1 to 5; 0 for counterfactuals."""
    before: Sample
    after: Sample
