"""From tables to arrays: the images of one finding, and the groups they fall into."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxraudit.datasets.base import NO_GROUP, Dataset, ordered_groups
from cxraudit.datasets.detector_labels import PREDICTED, source_column
from cxraudit.errors import ConfigError, DataError, UnknownNameError
from cxraudit.schema import UNKNOWN, group_name
from cxraudit.stats.compare import INTERVALS
from cxraudit.stats.resampling import Counts, draw_resamples
from cxraudit.stats.standardise import TARGETS
from cxraudit.stats.thresholds import rule_named

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSettings:
    """How an audit is computed; recorded with its results."""

    n_resamples: int = 2000
    seed: int = 0
    confidence_level: float = 0.95
    margin: float = 0.05
    """The largest gap in AUROC, TPR or FPR that would not matter, declared before looking."""
    interval: str = "percentile"
    """How intervals come about: ``percentile`` (expanded) or ``bca``."""
    resample: str = "patients"
    """What is drawn: ``patients``, or ``images`` as published work does (too narrow)."""
    standardise: str = "both"
    """Mix that gaps at equal age, view or drain are weighted to; see `cxraudit.stats.standardise`."""
    operating_point: str = "fpr=0.1"
    """Rule that chooses each threshold on tuning patients: fpr=X, tpr=X, youden, prevalence, fixed=X,
    or ``none``."""
    calibration: str = "platt"
    """``platt``: a map to probabilities is fitted on tuning patients; ``as is``: the scores are
    probabilities; ``none``."""
    tuning_share: float = 0.2
    """Share of patients that thresholds and maps are chosen on; rates and calibration are of the rest."""
    references: Mapping[str, str] = field(default_factory=dict)
    """Attribute → group that each other group is also compared with."""
    all_pairs: bool = False
    """Whether every group is also compared with every other."""
    shortcut_labels: str = "all"
    """``all``, or ``annotated``: only the labels of a shortcut that people gave."""
    n_threads: int = 2

    def __post_init__(self) -> None:
        for wrong, rule in (
            (self.n_resamples < 0, f"n_resamples must be 0 or more, got {self.n_resamples}"),
            (not 0 <= self.seed < 2**63, f"seed must lie between 0 and 2⁶³ − 1, got {self.seed}"),
            (
                not 0.5 < self.confidence_level < 1,
                f"confidence_level must lie between 0.5 and 1, got {self.confidence_level}",
            ),
            (not 0 < self.margin < 1, f"margin must lie between 0 and 1, got {self.margin}"),
            (
                not 0 < self.tuning_share < 1,
                f"tuning_share must lie between 0 and 1, got {self.tuning_share}",
            ),
            *(
                (value not in known, f"{name} must be one of {', '.join(known)}, got {value!r}")
                for name, value, known in (
                    ("interval", self.interval, INTERVALS),
                    ("resample", self.resample, ("patients", "images")),
                    ("standardise", self.standardise, TARGETS),
                    ("calibration", self.calibration, ("platt", "as is", "none")),
                    ("shortcut_labels", self.shortcut_labels, ("all", "annotated")),
                )
            ),
        ):
            if wrong:
                raise ConfigError(f"{rule}.")
        if self.operating_point != "none":
            try:
                rule_named(self.operating_point)
            except ValueError as error:
                raise ConfigError(f"operating_point: {error}, none.") from None

    def margin_of(self, metric: str) -> float:
        """Return the margin of a metric; NaN if none is declared for it."""
        if metric in SHIFTS:
            return SHIFT_MARGIN
        return self.margin if metric in MARGINED else float("nan")


MARGINED = ("auroc", "tpr", "fpr", "underdiagnosis", "overdiagnosis", "detectability")
"""Metrics the margin is declared for: their gaps can be called large or small."""

SHIFT_MARGIN = 0.25
"""Standard deviations of a score: a smaller shift of it does not count."""
SHIFTS = ("score_change",)
"""Metrics in standard deviations of the score, judged by `SHIFT_MARGIN`."""


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

    def tuning(self) -> Mask:
        """Return the images of the patients that thresholds are chosen on: a share, by the seed."""
        n_patients = int(self.patients.max()) + 1
        order = np.random.default_rng([self.settings.seed, 23]).permutation(n_patients)
        chosen = order[: round(self.settings.tuning_share * n_patients)]
        return np.isin(self.patients, chosen)


def make_cohort(dataset: Dataset, scores: pd.DataFrame, settings: AuditSettings) -> Cohort:
    """Join images and scores and draw the resamples.

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
        images = _by_people(images, dataset.shortcuts)
    patients, names = pd.factorize(images["patient_id"], sort=True)
    by_patient = settings.resample == "patients"
    units = patients if by_patient else np.arange(len(images))
    counts = draw_resamples(
        len(names) if by_patient else len(images),
        settings.n_resamples,
        settings.seed,
        n_threads=settings.n_threads,
    )
    return Cohort(
        dataset, images, patients.astype(np.int64), units.astype(np.int64), counts, settings
    )


def _by_people(images: pd.DataFrame, shortcuts: Sequence[str]) -> pd.DataFrame:
    """Make the labels of shortcuts that a detector gave unknown."""
    for shortcut in shortcuts:
        source = source_column(shortcut)
        if source in images:
            guessed = images[source] == PREDICTED
            images = images.assign(**{shortcut: images[shortcut].mask(guessed, UNKNOWN)})
    return images


@dataclass(frozen=True, slots=True)
class Labelled:
    """The images that have a label and a score for one finding and model."""

    rows: NDArray[np.intp]
    """Where they stand in `Cohort.images`."""
    y_true: Mask
    y_score: NDArray[np.float64]
    patients: NDArray[np.int64]
    units: NDArray[np.int64]
    """As in `Cohort`."""

    def _distinct(self, part: Mask) -> int:
        """Count the patients of some images."""
        return int(np.count_nonzero(np.bincount(self.patients[part])))

    def counted(self, cell: Mask) -> dict[str, int]:
        """Count the images and patients of a cell, as every results row carries them."""
        positive = cell & self.y_true
        return {
            "n": int(cell.sum()),
            "n_positive": int(positive.sum()),
            "n_patients": self._distinct(cell),
            "n_positive_patients": self._distinct(positive),
        }

    @property
    def both_classes(self) -> bool:
        """Whether there are images with and without the finding, so that they can be ranked."""
        return bool(0 < self.y_true.sum() < self.y_true.size)

    def limiting_patients(self, *cells: Mask) -> int:
        """Return the fewest patients with, or without, the finding in any of the cells."""
        parts = [part for cell in cells for part in (cell & self.y_true, cell & ~self.y_true)]
        return min(self._distinct(part) for part in parts)

    def only(self, kept: Mask) -> "Labelled":
        """Return some of the images."""
        return Labelled(
            self.rows[kept],
            self.y_true[kept],
            self.y_score[kept],
            self.patients[kept],
            self.units[kept],
        )


def labelled_images(cohort: Cohort, scores: pd.DataFrame, finding: str) -> Labelled:
    """Take the images with a label from `scores`, which holds one model, prompt set and finding."""
    labels = cohort.images[finding].to_numpy(dtype=np.float64, na_value=np.nan)
    by_image = scores.set_index("image_id")["score"].reindex(cohort.images.index).to_numpy()
    rows = np.flatnonzero(np.isfinite(labels) & np.isfinite(by_image))
    return Labelled(
        rows, labels[rows] == 1, by_image[rows], cohort.patients[rows], cohort.units[rows]
    )


def group_masks(cohort: Cohort, attribute: str, rows: NDArray[np.intp]) -> dict[str, Mask]:
    """Return group → images, for the groups of the whole cohort in the order people expect.

    Raises
    ------
    UnknownNameError
        If the images have no such column.
    """
    if attribute not in cohort.images:
        raise UnknownNameError("attribute", attribute, cohort.dataset.attributes)
    values = cohort.images[attribute]
    groups = ordered_groups(attribute, values)
    present = values.to_numpy(dtype=object)[rows]
    return {group: present == group for group in groups}


def comparisons(
    cohort: Cohort, attribute: str, rows: NDArray[np.intp]
) -> Iterator[tuple[str, Mask, Mask]]:
    """Yield group, its images and the rest's, for the groups of people that have a rest."""
    masks = group_masks(cohort, attribute, rows)
    for group, mask in masks.items():
        rest = rest_of(group, masks)
        if group not in NO_GROUP and rest.any():
            yield group, mask, rest


def cross(dataset: Dataset, attributes: Sequence[str]) -> Dataset:
    """Name the groups of the attributes, and add intersections such as ``sex*age_group``.

    An image whose group is unknown or conflicting in one part is unknown in the intersection.

    Raises
    ------
    UnknownNameError
        If a part is no column of the images.
    """
    images = dataset.images
    for attribute in attributes:
        parts = attribute.split("*")
        for part in parts:
            if part not in images:
                raise UnknownNameError("attribute", part, dataset.attributes)
        named = [_names(images[part]) for part in parts]
        joined = named[0]
        for name in named[1:]:
            joined = joined + ", " + name
        nobody = np.logical_or.reduce([name.isin(NO_GROUP) for name in named])
        joined = joined if len(parts) == 1 else joined.mask(nobody, UNKNOWN)
        images = images.assign(**{attribute: joined.astype("str")})
    return replace(dataset, images=images)


def _names(values: pd.Series) -> pd.Series:
    """Return the group of each image as text, each different value named once."""
    codes, different = pd.factorize(values)
    names = np.array([*(group_name(value) for value in different), UNKNOWN], dtype=object)
    return pd.Series(names[codes], index=values.index)  # code −1 (missing) is the last


def rest_of(group: str, masks: Mapping[str, Mask]) -> Mask:
    """Return the images of all other groups of people: not of unknown or conflicting ones."""
    others = [mask for name, mask in masks.items() if name not in (group, *NO_GROUP)]
    return np.logical_or.reduce(others) if others else np.zeros_like(masks[group])
