"""The images with embeddings, and their parts by patient."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxraudit.audits.cohort import Cell, Cohort, Mask, Sample
from cxraudit.audits.plan import Key
from cxraudit.datasets.base import NO_GROUP, ordered_groups
from cxraudit.schema import Analysis
from cxraudit.streams import Stream, generator

Vectors = NDArray[np.float32]
MIN_PATIENTS = 10
"""Of a group in each part; smaller groups are not probed."""

SPACES_2D = ("PCA (2 axes)", "t-SNE (2 axes)")


@dataclass(frozen=True, slots=True)
class PromptPair:
    """One way to ask for a finding, and the direction of embedding space it stands for."""

    name: str
    finding: str
    positive: str
    negative: str
    direction: Vectors
    """t₊ − t₋, shape (d,): an image's score grows with ⟨embedding, direction⟩."""


@dataclass(frozen=True, slots=True)
class ModelEmbeddings:
    """The embeddings of one model, and its prompts."""

    model: str
    image_ids: NDArray[np.str_]
    vectors: Vectors
    """Shape (n, d), unit rows."""
    prompts: tuple[PromptPair, ...]
    """The pairs the scores were made with: one per finding."""
    bank: tuple[PromptPair, ...] = ()
    """Other ways to ask; see `cxraudit.prompts.bank`."""
    texts: Vectors | None = None
    """Embeddings of the images' reports, shape (n, d); rows of images without one are NaN."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Patients to learn from, to choose on, and to measure on."""

    train: Mask
    validation: Mask
    test: Mask

    def only(self, kept: Mask) -> "Parts":
        """Return the parts among some images."""
        return Parts(self.train & kept, self.validation & kept, self.test & kept)


@dataclass(frozen=True, slots=True)
class EmbeddedCohort:
    """The images of an audit that have an embedding, with all an analysis needs."""

    cohort: Cohort
    embedded: ModelEmbeddings
    rows: NDArray[np.intp]
    """Where the images stand in `Cohort.images`."""
    vectors: Vectors
    texts: Vectors | None
    parts: Parts

    @property
    def patients(self) -> NDArray[np.int64]:
        """Number of each image's patient."""
        return self.cohort.patients[self.rows]

    @property
    def units(self) -> NDArray[np.int64]:
        """Row of each image in the resamples."""
        return self.cohort.units[self.rows]

    def column(self, name: str) -> NDArray[np.object_]:
        """Return a column of the images, image by image."""
        return self.cohort.images[name].to_numpy(dtype=object)[self.rows]

    def labels(self, finding: str) -> NDArray[np.float64]:
        """Return a finding: 1, 0, NaN."""
        values = self.cohort.images[finding].to_numpy(dtype=np.float64, na_value=np.nan)
        return values[self.rows]

    def groups(self, attribute: str) -> tuple[list[str], NDArray[np.int64]]:
        """Return the groups that can be compared and the number of each image's; −1 is none.

        Groups with fewer than `MIN_PATIENTS` patients in a part are left out, like unknown and
        conflicting ones.
        """
        values = self.column(attribute)
        names = []
        for name in ordered_groups(attribute, pd.Series(values)):
            mask = values == name
            enough = min(
                np.unique(self.patients[mask & part]).size
                for part in (self.parts.train, self.parts.validation, self.parts.test)
            )
            if name not in NO_GROUP and enough >= MIN_PATIENTS:
                names.append(name)
        codes = np.full(values.size, -1, dtype=np.int64)
        for number, name in enumerate(names):
            codes[values == name] = number
        return names, codes

    def comparisons(self, attribute: str) -> Iterator[tuple[str, Mask, Mask]]:
        """Yield group, its images and those of all other groups; of two groups only one (``yes``)."""
        names, codes = self.groups(attribute)
        if len(names) < 2:
            return
        one = "yes" if "yes" in names else names[0]
        for number, name in enumerate(names):
            if len(names) > 2 or name == one:
                yield name, codes == number, (codes >= 0) & (codes != number)

    def one_per_patient(self) -> Mask:
        """Return the first image of every patient."""
        first = np.zeros(self.rows.size, dtype=bool)
        first[np.unique(self.patients, return_index=True)[1]] = True
        return first

    def key(self, analysis: Analysis, **columns: Any) -> Key:
        """Begin the key of a row about this model."""
        return Key(model=self.embedded.model, prompt_set="", analysis=analysis, **columns)

    def sample(
        self, y_true: NDArray[np.bool_], scores: NDArray[np.float64], kept: Mask | None = None
    ) -> Sample:
        """Rank some of the images: `y_true` and `scores` are of those kept, in their order."""
        part = slice(None) if kept is None else kept
        return Sample(
            self.embedded.model,
            "",
            "",
            self.rows[part],
            np.asarray(y_true, dtype=bool),
            np.asarray(scores, dtype=np.float64),
            self.patients[part],
            self.units[part],
        )

    def cell(self, mask: Mask) -> Cell:
        """Name some of the images, to count them."""
        everything = np.zeros(self.rows.size, dtype=bool)
        return self.sample(everything, np.zeros(self.rows.size)).cell(mask)


def embedded_cohort(cohort: Cohort, embedded: ModelEmbeddings) -> EmbeddedCohort | None:
    """Line embeddings up with the audited images, and split the patients 50 : 20 : 30.

    Returns None where fewer than 50 patients have an embedding: nothing can be learned and measured.
    """
    where = pd.Series(np.arange(len(embedded.image_ids)), index=embedded.image_ids)
    found = where.reindex(cohort.images.index).to_numpy(dtype=np.float64)
    rows = np.flatnonzero(np.isfinite(found))
    at = found[rows].astype(np.int64)
    patients = cohort.patients[rows]
    different = np.unique(patients)
    if different.size < 50:
        return None
    order = generator(Stream.PROBE_PARTS, cohort.settings.seed).permutation(different)
    first, second = round(0.5 * order.size), round(0.7 * order.size)
    parts = Parts(
        np.isin(patients, order[:first]),
        np.isin(patients, order[first:second]),
        np.isin(patients, order[second:]),
    )
    texts = None if embedded.texts is None else embedded.texts[at]
    return EmbeddedCohort(cohort, embedded, rows, embedded.vectors[at], texts, parts)
