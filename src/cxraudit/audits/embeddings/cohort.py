"""The images with embeddings, and their parts by patient."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxraudit.audits.cohort import Cell, Cohort, Mask, Sample
from cxraudit.audits.groups import is_intersection
from cxraudit.audits.plan import Key
from cxraudit.datasets.base import NO_GROUP, ordered_groups
from cxraudit.prompts.wordings import Phrase
from cxraudit.schema import Analysis
from cxraudit.streams import Stream, generator

Vectors = NDArray[np.float32]
MIN_PATIENTS = 10
"""Of a group in each part; smaller groups are not probed."""
FEWEST_PATIENTS = 50
"""Of a model: with fewer, nothing is fitted and measured."""

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
class WordedPair:
    """The prompts of a finding with further words around both."""

    phrase: Phrase
    pair: PromptPair


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
    wordings: tuple[WordedPair, ...] = ()
    """The prompts with words for groups of patients, and with neutral words; see
    `cxraudit.audits.wordings`."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Patients to learn from, to choose on, and to measure on."""

    train: Mask
    validation: Mask
    test: Mask

    def only(self, kept: Mask) -> "Parts":
        """Return the parts among some images."""
        return Parts(self.train & kept, self.validation & kept, self.test & kept)

    @property
    def named(self) -> dict[str, Mask]:
        """The parts by what they are called."""
        return {"training": self.train, "validation": self.validation, "test": self.test}


class GroupSize(NamedTuple):
    """The part in which a group has fewest patients."""

    group: str
    part: str
    n_patients: int


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

    def groups(
        self, attribute: str, kept: Mask | None = None
    ) -> tuple[list[str], NDArray[np.int64]]:
        """Return the groups that can be compared and the number of each image's; −1 is none.

        Groups with fewer than `MIN_PATIENTS` patients in a part are left out, like unknown and
        conflicting ones. `kept` are the images that count; default: all.
        """
        values = self.column(attribute)
        sizes = self._sizes(attribute, kept)
        names = [size.group for size in sizes if size.n_patients >= MIN_PATIENTS]
        codes = np.full(values.size, -1, dtype=np.int64)
        for number, name in enumerate(names):
            codes[(values == name) & (True if kept is None else kept)] = number
        return names, codes

    def small_groups(self, attribute: str, kept: Mask | None = None) -> list[GroupSize]:
        """Return the known groups that `groups` leaves out."""
        return [one for one in self._sizes(attribute, kept) if one.n_patients < MIN_PATIENTS]

    def _sizes(self, attribute: str, kept: Mask | None) -> list[GroupSize]:
        """Count the patients of each known group in the part where they are fewest."""
        values = self.column(attribute)
        everything = np.ones(values.size, dtype=bool) if kept is None else kept
        found = []
        for name in ordered_groups(attribute, pd.Series(values[everything])):
            if name not in NO_GROUP:
                mask = everything & (values == name)
                sizes = {
                    part: int(np.unique(self.patients[mask & images]).size)
                    for part, images in self.parts.named.items()
                }
                fewest = min(sizes, key=lambda part: sizes[part])
                found.append(GroupSize(name, fewest, sizes[fewest]))
        return found

    def comparisons(self, attribute: str) -> Iterator[tuple[str, Mask, Mask]]:
        """Yield group, its images and those of all other groups; of two groups only one (``yes``)."""
        names, codes = self.groups(attribute)
        if len(names) < 2:
            return
        one = "yes" if "yes" in names else names[0]
        for number, name in enumerate(names):
            if len(names) > 2 or name == one:
                yield name, codes == number, (codes >= 0) & (codes != number)

    def one_per_patient(self, among: Mask) -> Mask:
        """Return one of some images of every patient, at random.

        The first image would be of the same group for all patients where the group varies within patients,
        such as the view.
        """
        rng = generator(Stream.ONE_IMAGE_PER_PATIENT, self.cohort.settings.seed)
        order = rng.permutation(self.rows.size)
        order = order[among[order]]
        chosen = np.zeros(self.rows.size, dtype=bool)
        chosen[order[np.unique(self.patients[order], return_index=True)[1]]] = True
        return chosen

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


def with_embedding(cohort: Cohort, embedded: ModelEmbeddings) -> NDArray[np.intp]:
    """Return where the audited images with an embedding stand in `Cohort.images`."""
    return np.flatnonzero(cohort.images.index.isin(embedded.image_ids))


def embedded_cohort(cohort: Cohort, embedded: ModelEmbeddings) -> EmbeddedCohort | None:
    """Line embeddings up with the audited images, and split the patients 50 : 20 : 30.

    Returns None where fewer than `FEWEST_PATIENTS` have an embedding.
    """
    rows = with_embedding(cohort, embedded)
    if np.unique(cohort.patients[rows]).size < FEWEST_PATIENTS:
        return None
    where = pd.Series(np.arange(len(embedded.image_ids)), index=embedded.image_ids)
    at = where.reindex(cohort.images.index[rows]).to_numpy(dtype=np.int64)
    texts = None if embedded.texts is None else embedded.texts[at]
    return EmbeddedCohort(
        cohort, embedded, rows, embedded.vectors[at], texts, split_patients(cohort, rows)
    )


PATTERN = np.array([0, 2, 0, 1, 0, 2, 0, 1, 0, 2])
"""Part of ten patients in a row: five to learn from, two to choose on, three to measure on."""


def split_patients(cohort: Cohort, rows: NDArray[np.intp]) -> Parts:
    """Split patients 50 : 20 : 30 so that each part has its share of rare groups.

    Patients are put in order of the rarest group that they have of any attribute, at random among those of
    one group, and go to the parts in turn. It depends on all attributes of the data set, not on those that
    are audited.
    """
    dataset, patients = cohort.dataset, cohort.patients[rows]
    different, number = np.unique(patients, return_inverse=True)
    named = [n for n in (*dataset.attributes, *dataset.shortcuts) if not is_intersection(n)]
    columns = [cohort.images[name].to_numpy(dtype=object)[rows] for name in named]
    stratum = _rarest_group(columns, number, different.size)
    rng = generator(Stream.PROBE_PARTS, cohort.settings.seed)
    order = np.lexsort((rng.permutation(different.size), stratum))
    part = np.empty(different.size, dtype=np.int64)
    part[order] = np.resize(PATTERN, different.size)
    return Parts(*(part[number] == which for which in range(3)))


def _rarest_group(
    columns: Sequence[NDArray[np.object_]], number: NDArray[np.intp], n_patients: int
) -> NDArray[np.int64]:
    """Return a number for the group of fewest patients among those that each patient has."""
    sizes, members = [n_patients], [np.arange(n_patients)]
    for column in columns:
        for group in sorted(set(map(str, column)) - set(NO_GROUP)):
            of_group = np.unique(number[column == group])
            sizes.append(of_group.size)
            members.append(of_group)
    stratum = np.zeros(n_patients, dtype=np.int64)
    for which in np.argsort(sizes, kind="stable")[::-1]:  # the rarest last, which stays
        stratum[members[which]] = which
    return stratum
