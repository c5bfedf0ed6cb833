"""The same images unedited and perturbed."""

from dataclasses import dataclass

from cxraudit.audits.cohort import Sample
from cxraudit.schema import Reason


@dataclass(frozen=True, slots=True)
class Pair:
    """Images of one model and finding, unedited and perturbed: the same images, in the same order."""

    condition: str
    """Name of the perturbation."""
    severity: int
    """1 to 5; 0 for counterfactuals."""
    before: Sample
    after: Sample
    n_not_applied: int = 0
    """Images that the perturbation does not apply to, which are in neither sample."""

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """What a reader must know about every row of the pair."""
        return (Reason.NOT_APPLIED,) if self.n_not_applied else ()

    def note(self, *, hidden: bool) -> str:
        """Say how many images the perturbation was not applied to; without numbers if these are hidden."""
        if not self.n_not_applied:
            return ""
        total = self.n_not_applied + self.before.rows.size
        some = "some images" if hidden else f"{self.n_not_applied:,} of {total:,} images"
        return f"not applied to {some}, which are left out"
