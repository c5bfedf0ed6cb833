"""From tables to arrays: the audited images, their resamples, and the samples of single findings."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxraudit.datasets.base import Dataset
from cxraudit.datasets.detector_labels import PREDICTED, source_column
from cxraudit.errors import DataError
from cxraudit.schema import UNKNOWN
from cxraudit.settings import AuditSettings
from cxraudit.stats.resampling import Counts, draw_resamples
from cxraudit.streams import Stream, generator

Mask = NDArray[np.bool_]

Weights = NDArray[np.float64] | None
"""How much each image counts for, above 0; None where all count the same."""


@dataclass(frozen=True, slots=True)
class Cohort:
    """The images that are audited and the resamples of their patients, shared by every audit."""

    dataset: Dataset
    images: pd.DataFrame
    """Images with scores, sorted by image_id, indexed by image_id."""
    patients: NDArray[np.int64]
    """Number of each image's patient."""
    units: NDArray[np.int64]
    """Row of each image in `counts`: its patient's, or its own if images are resampled."""
    counts: Counts
    settings: AuditSettings
    drawn: dict[object, NDArray[np.float64]] = field(default_factory=dict, repr=False)
    """Drawn images of sides by stratum, which all models share; see `cxraudit.stats.standardise`."""
    sampling: Weights = None
    """Sampling weight of each image, where the settings name a column of them."""
    _columns: dict[str, NDArray[np.object_]] = field(default_factory=dict, repr=False)
    _codes: dict[str, tuple[list[str], NDArray[np.intp]]] = field(default_factory=dict, repr=False)
    """Taken from the images once: every audit of every model and finding uses them."""

    def column(self, name: str, rows: NDArray[np.intp]) -> NDArray[np.object_]:
        """Return a column of some images, as Python objects."""
        if name not in self._columns:
            self._columns[name] = self.images[name].to_numpy(dtype=object)
        return self._columns[name][rows]

    def codes(self, name: str, rows: NDArray[np.intp]) -> tuple[list[str], NDArray[np.intp]]:
        """Return the different values of a column, and the number of that of each of some images."""
        if name not in self._codes:
            codes, different = pd.factorize(self.images[name])
            self._codes[name] = [str(value) for value in different], codes
        names, codes = self._codes[name]
        return names, codes[rows]

    def weights(self, rows: NDArray[np.intp]) -> "dict[str, Weights]":
        """Weigh the images of a finding: ``weights`` by the settings, and ``other`` the other way.

        The other way is by patient where each image counts once, and by image where each patient does.
        """
        own = None if self.sampling is None else self.sampling[rows]
        each = np.bincount(self.patients[rows])[self.patients[rows]]
        shared = (1.0 if own is None else own) / each
        by_unit = {"image": _unless_equal(own), "patient": _unless_equal(shared)}
        weights = by_unit.pop(self.settings.weight)
        (other,) = by_unit.values()
        return {"weights": weights, "other": other}

    def tuning(self) -> Mask:
        """Return the images of the patients that thresholds are chosen on: a share, by the seed."""
        return tuning_of(self.patients, self.settings)


def tuning_of(patients: NDArray[np.int64], settings: AuditSettings) -> Mask:
    """Return which images are of tuning patients, from the number of the patient of each image."""
    names, numbers = np.unique(patients, return_inverse=True)
    order = generator(Stream.TUNING_PATIENTS, settings.seed).permutation(names.size)
    return np.isin(numbers, order[: round(settings.tuning_share * names.size)])


def _unless_equal(weights: Weights) -> Weights:
    """Return weights; None where all are the same, so that nothing has to be weighted."""
    return None if weights is None or not weights.size or np.ptp(weights) == 0 else weights


def make_cohort(dataset: Dataset, scores: pd.DataFrame, settings: AuditSettings) -> Cohort:
    """Join images and scores and draw the resamples.

    Parameters
    ----------
    dataset : Dataset
        Images with findings and attributes.
    scores : pandas.DataFrame
        Its ``image_id`` says which images are audited.
    settings : AuditSettings
        Resamples, seed and what is resampled.

    Raises
    ------
    DataError
        If no image has a score.
    """
    scored = dataset.images["image_id"].isin(scores["image_id"].unique())
    if not scored.any():
        raise DataError(
            f"none of the {len(dataset.images):,} images of '{dataset.name}' has a score; the first "
            f"scored image is {scores['image_id'].iloc[0]}, the first of the data set "
            f"{dataset.images['image_id'].iloc[0]}. Do both tables name the same images?"
        )
    images = dataset.images.loc[scored].sort_values("image_id").set_index("image_id", drop=False)
    if settings.shortcut_labels == "annotated":
        images = _annotated_only(images, dataset.shortcuts)
    patients, names = pd.factorize(images["patient_id"], sort=True)
    by_patient = settings.resample == "patients"
    units = patients if by_patient else np.arange(len(images))
    counts = draw_resamples(
        len(names) if by_patient else len(images),
        settings.n_resamples,
        settings.seed,
        n_threads=settings.n_threads,
    )
    column = settings.sampling_weight
    return Cohort(
        dataset,
        images,
        patients.astype(np.int64),
        units.astype(np.int64),
        counts,
        settings,
        sampling=images[column].to_numpy(dtype=np.float64) if column else None,
    )


def _annotated_only(images: pd.DataFrame, shortcuts: Sequence[str]) -> pd.DataFrame:
    """Make the labels of shortcuts that a detector gave unknown."""
    for shortcut in shortcuts:
        source = source_column(shortcut)
        if source in images:
            predicted = images[source] == PREDICTED
            images = images.assign(**{shortcut: images[shortcut].mask(predicted, UNKNOWN)})
    return images


@dataclass(frozen=True, slots=True)
class Sample:
    """Images with a label and a score: of one model and finding, or of anything ranked alike."""

    model: str
    prompt_set: str
    finding: str
    rows: NDArray[np.intp] = field(repr=False)
    """Where the images stand in `Cohort.images`."""
    y_true: Mask = field(repr=False)
    y_score: NDArray[np.float64] = field(repr=False)
    patients: NDArray[np.int64] = field(repr=False)
    units: NDArray[np.int64] = field(repr=False)
    """As in `Cohort`."""
    weights: Weights = field(default=None, repr=False)
    """How much each image counts for."""
    other: Weights = field(default=None, repr=False)
    """The same under the other weighting; see `Cohort.weights`."""
    key: bytes = field(init=False, repr=False)
    """Same content, same key: whatever was computed of it holds."""
    labels_key: bytes = field(init=False, repr=False)
    """The same for images, labels and weights, whatever the scores."""

    def __post_init__(self) -> None:
        """Digest the content."""
        content = hashlib.blake2b(digest_size=16)
        for part in (self.rows, self.y_true):
            content.update(np.ascontiguousarray(part).tobytes())
        if self.weights is not None:
            content.update(self.weights.tobytes())
        object.__setattr__(self, "labels_key", content.digest())
        content.update(np.ascontiguousarray(self.y_score).tobytes())
        object.__setattr__(self, "key", content.digest())

    @property
    def both_classes(self) -> bool:
        """Whether there are images with and without the finding, so that they can be ranked."""
        return bool(0 < self.y_true.sum() < self.y_true.size)

    @property
    def everything(self) -> "Cell":
        """The cell of all images."""
        return self.cell(np.ones(self.y_true.size, dtype=bool))

    def cell(self, mask: Mask) -> "Cell":
        """Name a set of its images."""
        return Cell(self, mask, (self.key, _digest(mask)))

    def only(self, kept: Mask) -> "Sample":
        """Return some of the images."""
        return self.at(np.flatnonzero(kept))

    def at(self, places: NDArray[np.intp]) -> "Sample":
        """Return the images at some places, which may be named more than once."""
        return self.with_(
            rows=self.rows[places],
            y_true=self.y_true[places],
            y_score=self.y_score[places],
            patients=self.patients[places],
            units=self.units[places],
            weights=None if self.weights is None else self.weights[places],
            other=None if self.other is None else self.other[places],
        )

    def sharing(self, cohort: Cohort, kept: Mask) -> "Sample":
        """Return the images that are compared with another sample: of these, each patient counts once."""
        return self.only(kept).with_(**cohort.weights(self.rows[kept]))

    @property
    def has_other(self) -> bool:
        """Whether the other weighting is another one."""
        return not (self.weights is None and self.other is None)

    def reweighted(self) -> "Sample":
        """Return the same images under the other weighting."""
        return self.with_(weights=self.other, other=self.weights)

    def total(self, mask: Mask) -> float:
        """Sum the weights of some images; their number where all count the same."""
        return float(mask.sum() if self.weights is None else self.weights[mask].sum())

    def share(self, mask: Mask, among: Mask) -> float:
        """Return the share of some images among others, of which there are some."""
        return self.total(mask & among) / self.total(among)

    def with_(self, **changed: Any) -> "Sample":
        """Return a sample that differs in some fields."""
        names = [one.name for one in fields(self) if one.init]
        return Sample(**{name: changed.get(name, getattr(self, name)) for name in names})


def _digest(array: NDArray[Any]) -> bytes:
    packed = np.packbits(array) if array.dtype == bool else np.ascontiguousarray(array)
    return hashlib.blake2b(packed.tobytes(), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Vector:
    """Numbers per image of a sample, compared by their content."""

    values: NDArray[Any] = field(compare=False, repr=False)
    key: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Digest the content."""
        object.__setattr__(self, "key", _digest(self.values))


@dataclass(frozen=True, slots=True)
class Cell:
    """A set of images of a sample; two cells with the same images are the same."""

    sample: Sample = field(compare=False, repr=False)
    mask: Mask = field(compare=False, repr=False)
    key: tuple[bytes, bytes]

    def __and__(self, part: Mask) -> "Cell":
        """Return the images that are also in `part`."""
        return self.sample.cell(self.mask & part)

    def of(self, sample: Sample) -> "Cell":
        """Return the same images of another sample of them."""
        return Cell(sample, self.mask, (sample.key, self.key[1]))


@dataclass(frozen=True, slots=True)
class CellCounts:
    """How many images and patients a cell holds."""

    n: int
    n_positive: int
    n_patients: int
    n_positive_patients: int
    n_negative_patients: int

    @property
    def limiting_patients(self) -> int:
        """Patients with, or without, the finding: whichever are fewer."""
        return min(self.n_positive_patients, self.n_negative_patients)


def count(cell: Cell) -> CellCounts:
    """Count the images and patients of a cell."""
    sample, mask = cell.sample, cell.mask
    y_true = sample.y_true[mask]
    patients = sample.patients[mask]
    positive, negative = patients[y_true], patients[~y_true]
    return CellCounts(
        n=int(y_true.size),
        n_positive=int(y_true.sum()),
        n_patients=_distinct(patients),
        n_positive_patients=_distinct(positive),
        n_negative_patients=_distinct(negative),
    )


def _distinct(patients: NDArray[np.int64]) -> int:
    return int(np.count_nonzero(np.bincount(patients))) if patients.size else 0


def samples(cohort: Cohort, scores: pd.DataFrame, finding: str) -> Iterator[Sample]:
    """Yield the images with a label of a finding and a score of it, per model and prompt set."""
    labels = cohort.images[finding].to_numpy(dtype=np.float64, na_value=np.nan)
    where = pd.Index(cohort.images.index)
    of_finding = scores[scores["finding"] == finding]
    for (model, prompt_set), part in of_finding.groupby(
        ["model", "prompt_set"], sort=True, observed=True
    ):
        by_image = np.full(len(where), np.nan)
        at = where.get_indexer(pd.Index(part["image_id"]))
        by_image[at[at >= 0]] = part["score"].to_numpy(dtype=np.float64)[at >= 0]
        yield sample_of(cohort, labels, by_image, str(model), str(prompt_set), finding)


def sample_of(
    cohort: Cohort,
    labels: NDArray[np.float64],
    scores: NDArray[np.float64],
    model: str,
    prompt_set: str,
    finding: str,
) -> Sample:
    """Take the audited images that have both a label (1 or 0) and a score; NaN is neither."""
    rows = np.flatnonzero(np.isfinite(labels) & np.isfinite(scores))
    return Sample(
        model,
        prompt_set,
        finding,
        rows,
        labels[rows] == 1,
        scores[rows],
        cohort.patients[rows],
        cohort.units[rows],
        **cohort.weights(rows),
    )


def scored_findings(cohort: Cohort, scores: pd.DataFrame) -> list[str]:
    """Return the findings of a scores table that the data set has, sorted."""
    return sorted(set(scores["finding"].unique()) & set(cohort.dataset.findings))
