"""The groups an attribute divides images into, and the comparisons they allow."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxraudit.audits.cohort import Cell, Cohort, Mask, Sample
from cxraudit.datasets.base import NO_GROUP, Dataset, ordered_groups
from cxraudit.datasets.values import bin_names, binned
from cxraudit.datasets.values import groups as groups_of
from cxraudit.errors import ConfigError, UnknownNameError
from cxraudit.notices import Notice
from cxraudit.schema import UNKNOWN, group_names
from cxraudit.settings import AuditSettings, bin_edges

ADJUSTERS = ("age_group", "view_position", "age_group*view_position")
"""Attributes whose mix is made equal, where the data set has them; shortcuts are added for their finding."""


@dataclass(frozen=True, slots=True)
class Group:
    """The images of one group, and those of all other groups."""

    attribute: str
    name: str
    inside: Cell
    outside: Cell

    @property
    def compared(self) -> bool:
        """Whether the group is known, and there are other known groups."""
        return self.name not in NO_GROUP and bool(self.outside.mask.any())


def groups(cohort: Cohort, sample: Sample, attributes: Sequence[str]) -> list[Group]:
    """Return the groups of some attributes in a sample, unknown and conflicting ones included.

    Raises
    ------
    UnknownNameError
        If the images have no such column.
    """
    found = []
    for attribute in attributes:
        masks = group_masks(cohort, attribute, sample.rows)
        for name, mask in masks.items():
            found.append(
                Group(attribute, name, sample.cell(mask), sample.cell(complement(name, masks)))
            )
    return found


def group_masks(cohort: Cohort, attribute: str, rows: NDArray[np.intp]) -> dict[str, Mask]:
    """Return group → images, for the groups of the whole cohort in their usual order.

    Raises
    ------
    UnknownNameError
        If the images have no such column.
    """
    if attribute not in cohort.images:
        raise UnknownNameError("attribute", attribute, cohort.dataset.attributes)
    names, present = cohort.codes(attribute, rows)
    number = {name: code for code, name in enumerate(names)}
    return {name: present == number[name] for name in ordered_groups(attribute, names)}


def complement(group: str, masks: Mapping[str, Mask]) -> Mask:
    """Return the images of all other known groups."""
    others = [mask for name, mask in masks.items() if name not in (group, *NO_GROUP)]
    return np.logical_or.reduce(others) if others else np.zeros_like(masks[group])


def comparisons(cohort: Cohort, sample: Sample, attributes: Sequence[str]) -> Iterator[Group]:
    """Yield the groups that can be compared with all other groups."""
    return (group for group in groups(cohort, sample, attributes) if group.compared)


def is_intersection(attribute: str) -> bool:
    """Tell an intersection such as ``sex*age_group``, whose groups are screened."""
    return "*" in attribute


def parts(attribute: str) -> list[str]:
    """Return the columns an attribute is made of."""
    return attribute.split("*")


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
        columns = parts(attribute)
        for column in columns:
            if column not in images:
                raise UnknownNameError("attribute", column, dataset.attributes)
        named = [_names(column, images[column]) for column in columns]
        joined = named[0]
        for name in named[1:]:
            joined = joined + ", " + name
        unknown = np.logical_or.reduce([name.isin(NO_GROUP) for name in named])
        joined = joined if len(columns) == 1 else joined.mask(unknown, UNKNOWN)
        images = images.assign(**{attribute: joined.astype("str")})
    return replace(dataset, images=images)


def _names(attribute: str, values: pd.Series) -> pd.Series:
    """Return the group of each image as text, each different value named once."""
    if pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype):
        return groups_of(values, f"column '{attribute}'", attribute).series
    return group_names(values)


def with_bins(dataset: Dataset, bins: Mapping[str, str | Sequence[float]]) -> Dataset:
    """Divide numbers into groups of one's own.

    Parameters
    ----------
    dataset : Dataset
        With ages, or numbers among the columns of its images.
    bins : mapping
        Attribute → edges; ``age`` makes the attribute ``age_group``.

    Raises
    ------
    ConfigError
        If edges do not increase, or a column holds no numbers.
    UnknownNameError
        If there is no such column.
    """
    images = dataset.images
    added: list[str] = []
    for name, given in bins.items():
        edges = bin_edges(name, given)
        if name not in images:
            raise UnknownNameError("column with numbers", name, images.columns)
        if set(images[name].astype("str")) <= {*bin_names(edges), UNKNOWN}:
            continue  # divided when the table was read
        if not pd.api.types.is_numeric_dtype(images[name].dtype):
            raise ConfigError(f"bins are given for '{name}', which holds groups, not numbers.")
        at_least = images.get(f"{name}_is_at_least") if name == "age" else None
        column = "age_group" if name == "age" else name
        images = images.assign(**{column: binned(images[name], edges, at_least)})
        added.append(column)
    attributes = tuple(dict.fromkeys([*dataset.attributes, *added]))
    return replace(dataset, images=images, attributes=attributes)


MOST_GROUPS = 50
"""Groups of one attribute without a warning."""

_SECONDS = 6e-8
"""Measured seconds per group, image, resample, finding and model, on one thread."""


def many_groups(
    dataset: Dataset, attributes: Sequence[str], n_scores: int, settings: AuditSettings
) -> list[Notice]:
    """Warn of attributes with very many groups, with the time that their gaps are expected to take.

    Parameters
    ----------
    dataset : Dataset
        With the groups of the attributes.
    attributes : sequence of str
        Those that are audited.
    n_scores : int
        Scores of all images, models and findings.
    settings : AuditSettings
        Of the audit.
    """
    found = []
    for attribute in attributes:
        number = int(dataset.images[attribute].nunique())
        if number > MOST_GROUPS:
            seconds = _SECONDS * number * n_scores * settings.n_resamples / settings.n_threads
            stated = (
                f"'{attribute}' has {number:,} groups, most with few patients; the audit takes about "
                f"{max(seconds, 1):,.0f} s longer. Join groups, or give --bins if it is a number."
            )
            found.append(Notice(about=f"attribute '{attribute}'", count=number, sentence=stated))
    return found


def not_compared(images: pd.DataFrame, attributes: Sequence[str]) -> list[Notice]:
    """Name the attributes that have no two known groups among the audited images.

    Parameters
    ----------
    images : pandas.DataFrame
        The audited images, with the groups of the attributes.
    attributes : sequence of str
        Those that are audited.
    """
    found = []
    for attribute in attributes:
        known = sorted(set(images[attribute]) - set(NO_GROUP))
        if len(known) < 2:
            which = f"One group only ('{known[0]}')" if known else "No known group"
            stated = f"{which} among the audited images, so that nothing is compared by it."
            about = f"attribute '{attribute}'"
            found.append(Notice(about=about, count=len(images), sentence=stated))
    return found
