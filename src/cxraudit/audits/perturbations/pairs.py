"""The same images unedited and perturbed."""

from dataclasses import dataclass, replace

import numpy as np

from cxraudit.audits.cohort import Cohort, Mask, Sample
from cxraudit.edits import Edit
from cxraudit.schema import Reason


@dataclass(frozen=True, slots=True)
class Pair:
    """Images of one model and finding, unedited and perturbed: the same images, in the same order."""

    edit: Edit
    severity: int
    """1 to 5; 0 for all but corruptions."""
    before: Sample
    after: Sample
    n_not_applied: int = 0
    """Images that the perturbation does not apply to, which were not edited."""
    some: Mask | None = None
    """Images of both samples that were edited; None: all."""
    kind: str = ""
    """As in `cxraudit.schema.KIND`."""
    all_before: Sample | None = None
    """All unedited images, also those that it does not apply to; None: the same as `before`."""

    @property
    def condition(self) -> str:
        """Name of the perturbation."""
        return self.edit.name

    @property
    def edited(self) -> Mask:
        """Images of both samples that were edited."""
        return np.ones(self.before.rows.size, dtype=bool) if self.some is None else self.some

    @property
    def n_edited(self) -> int:
        """Images that are compared."""
        return int(self.edited.sum())

    @property
    def unedited(self) -> Sample:
        """All unedited images of the finding and model."""
        return self.before if self.all_before is None else self.all_before

    def on(self, cohort: Cohort, other: "Pair") -> "Pair":
        """Return the pair on the images that another pair has, too."""
        n_other = self.before.rows.size - np.isin(self.before.rows, other.before.rows).sum()
        return replace(
            self,
            before=shared(cohort, self.before, other.before),
            after=shared(cohort, self.after, other.after),
            n_not_applied=self.n_not_applied + int(n_other),
        )

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """What a reader must know about every row of the pair."""
        return (Reason.NOT_APPLIED,) if self.n_not_applied else ()

    def note(self, *, hidden: bool) -> str:
        """Say how many images the perturbation was not applied to; without numbers if these are hidden."""
        if not self.n_not_applied:
            return ""
        total = self.n_not_applied + self.n_edited
        some = "some images" if hidden else f"{self.n_not_applied:,} of {total:,} images"
        return f"not applied to {some}, which are left out"


def shared(cohort: Cohort, sample: Sample, other: Sample) -> Sample:
    """Return a sample on the images that another has, too; itself, where these are all."""
    kept = np.isin(sample.rows, other.rows)
    return sample if kept.all() else sample.sharing(cohort, kept)


def within(edit: Edit, before: Sample, after: Sample, n_not_applied: int = 0) -> Pair:
    """Return a pair of all unedited images, of which some were edited.

    Standard deviations and thresholds are then those of all images with a score, also where a generator
    edits images without the finding only.
    """
    edited = np.isin(before.rows, after.rows)
    scores = before.y_score.copy()
    scores[edited] = after.y_score[
        np.isin(after.rows, before.rows)
    ]  # both are in the order of rows
    return Pair(edit, 0, before, before.with_(y_score=scores), n_not_applied, edited)
