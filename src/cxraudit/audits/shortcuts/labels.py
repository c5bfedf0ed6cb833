"""Which images have a shortcut, which lack it, and where the label comes from."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from cxraudit.audits.cohort import Cohort, Mask, Sample
from cxraudit.datasets.base import EXCLUDED_COLUMNS, NO_GROUP, Dataset
from cxraudit.datasets.detector_labels import PREDICTED, source_column
from cxraudit.errors import ConfigError, UnknownNameError
from cxraudit.schema import UNKNOWN, group_names

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
