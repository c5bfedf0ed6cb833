"""Which images have a shortcut, which lack it, where the label comes from, and what may be judged by it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from cxraudit.audits.cohort import Cohort, Mask, Sample, count
from cxraudit.datasets.base import EXCLUDED_COLUMNS, NO_GROUP, Dataset
from cxraudit.datasets.detector_labels import PREDICTED, source_column
from cxraudit.errors import ConfigError, UnknownNameError
from cxraudit.schema import NEGATIVES, POSITIVES, UNKNOWN, Reason, group_names

N_NAMED = 20
"""Groups that a message names at most."""

DEFAULT_SHORTCUTS = {"drain": "Pneumothorax"}
"""Shortcut column → the finding it may stand in for."""


@dataclass(frozen=True, slots=True)
class ShortcutLabels:
    """Of the images of one finding and model."""

    name: str
    has: Mask
    lacks: Mask
    predicted: Mask
    """Whether the label is a detector's."""

    @property
    def column(self) -> str:
        """The column a shortcut named ``COLUMN:GROUP`` comes from, or its own."""
        return self.name.partition(":")[0]

    @property
    def known(self) -> Mask:
        """Images whose shortcut is known."""
        return self.has | self.lacks


def labels_of(cohort: Cohort, sample: Sample, shortcut: str) -> ShortcutLabels:
    """Take the labels of a shortcut column (yes, no, unknown)."""
    values = cohort.column(shortcut, sample.rows)
    has, lacks = values == "yes", values == "no"
    source = source_column(shortcut)
    predicted = np.zeros(values.size, dtype=bool)
    if source in cohort.images:
        predicted = cohort.column(source, sample.rows) == PREDICTED
    return ShortcutLabels(shortcut, has, lacks, predicted)


class Judged(Enum):
    """By which labels a difference between images with and without a shortcut gets a verdict."""

    ALL = "all labels"
    """All are known, or by annotators."""
    ANNOTATED = "annotated labels"
    """Those by annotators, on enough patients; all labels together give an estimate."""
    NONE = "none"
    """A detector gave labels, and annotators too few for a verdict."""


NO_VERDICT = (
    "no verdict: fewer than {} patients with annotated labels on one side, and a detector's errors that "
    "depend on the score can produce such a difference"
)


def judged_by(cohort: Cohort, sample: Sample, labels: ShortcutLabels, among: Mask) -> Judged:
    """Return by which labels images with and without the shortcut are compared for a verdict.

    Errors of a detector that go with the score make a score that does not depend on the shortcut differ
    between images labelled with and without it. The labels alone do not show whether they do.

    Parameters
    ----------
    cohort, sample, labels
        As in `cxraudit.audits.shortcuts.plan`.
    among : numpy.ndarray of bool
        The images on either side of the difference.
    """
    predicted = among & labels.known & labels.predicted
    if not predicted.any():
        return Judged.ALL
    annotated = among & ~labels.predicted
    fewest = min(
        count(sample.cell(annotated & side)).n_patients for side in (labels.has, labels.lacks)
    )
    return Judged.ANNOTATED if fewest >= cohort.settings.min_patients else Judged.NONE


@dataclass(frozen=True, slots=True)
class Caveats:
    """What has to be stated of every row that uses the labels of a shortcut."""

    reasons: tuple[Reason, ...]
    note: str


NO_CAVEATS = Caveats((), "")


def caveats(
    sample: Sample,
    labels: ShortcutLabels,
    classes: Iterable[str] = (POSITIVES, NEGATIVES),
    *,
    annotated: bool = False,
) -> Caveats:
    """Count the images without a label of the shortcut, and the labels that are a detector's.

    Parameters
    ----------
    sample, labels
        As in `cxraudit.audits.shortcuts.plan`.
    classes : iterable of str
        The classes of the finding whose labels count.
    annotated : bool
        Whether only labels by annotators are used, so that all others are missing.
    """
    masks = {POSITIVES: sample.y_true, NEGATIVES: ~sample.y_true}
    used = labels.known & ~labels.predicted if annotated else labels.known
    reasons: list[Reason] = []
    phrases: list[str] = []
    for name in classes:
        of_class = masks[name]
        known = used & of_class
        if missing := int(of_class.sum() - known.sum()):
            kind = "annotated label" if annotated else "label"
            reasons.append(Reason.SHORTCUT_UNKNOWN)
            phrases.append(f"{missing} of {int(of_class.sum())} {name} have no {kind}")
        if predicted := int((known & labels.predicted).sum()):
            reasons.append(Reason.PREDICTED_LABELS)
            phrases.append(f"{predicted} of {int(known.sum())} labels of {name} are a detector's")
    return Caveats(tuple(dict.fromkeys(reasons)), "; ".join(phrases))


def with_derived(dataset: Dataset, shortcuts: Iterable[str]) -> Dataset:
    """Add the shortcuts named ``COLUMN:GROUP``: yes where the column holds the group.

    ``view_position:AP`` is yes for AP images, no for others, unknown where the view is.

    Raises
    ------
    UnknownNameError
        If there is no such column, or no image of the group.
    """
    images = dataset.images
    added: list[str] = []
    errors = dict(dataset.label_errors)
    for shortcut in shortcuts:
        column, colon, group = shortcut.partition(":")
        if shortcut in images:
            _demand_yes_and_no(dataset, shortcut)
        if not colon or shortcut in images:
            continue
        if column not in images or column in EXCLUDED_COLUMNS or column == "path":
            known = dict.fromkeys([*dataset.attributes, *dataset.shortcuts, "view_position"])
            raise UnknownNameError("column", column, list(known))
        values = group_names(images[column])
        if group not in set(values):
            raise UnknownNameError(f"{column} group", group, sorted(set(values))[:N_NAMED])
        answer = np.where(values == group, "yes", np.where(values.isin(NO_GROUP), UNKNOWN, "no"))
        images = images.assign(**{shortcut: answer})
        added.append(shortcut)
        if source_column(column) in images:  # who gave the labels goes with them
            images = images.assign(**{source_column(shortcut): images[source_column(column)]})
        if column in errors and group == "yes":
            errors[shortcut] = errors[column]
    return replace(
        dataset, images=images, shortcuts=(*dataset.shortcuts, *added), label_errors=errors
    )


def _demand_yes_and_no(dataset: Dataset, shortcut: str) -> None:
    """Refuse a column of groups as a shortcut: one of its groups has to be named."""
    groups = sorted(set(dataset.images[shortcut].astype("str")) - {"yes", "no", UNKNOWN})
    if groups:
        raise ConfigError(
            f"the shortcut '{shortcut}' holds {', '.join(groups[:3])}, not yes and no. Name the group that "
            f"is the shortcut: {shortcut}:{groups[0]}=FINDING."
        )
