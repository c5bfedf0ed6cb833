"""The groups an attribute divides images into, and the comparisons they allow."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxraudit.audits.cohort import Cell, Cohort, Mask, Sample
from cxraudit.datasets.base import NO_GROUP, Dataset, ordered_groups
from cxraudit.errors import UnknownNameError
from cxraudit.schema import UNKNOWN, group_name


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
        named = [_names(images[column]) for column in columns]
        joined = named[0]
        for name in named[1:]:
            joined = joined + ", " + name
        unknown = np.logical_or.reduce([name.isin(NO_GROUP) for name in named])
        joined = joined if len(columns) == 1 else joined.mask(unknown, UNKNOWN)
        images = images.assign(**{attribute: joined.astype("str")})
    return replace(dataset, images=images)


def _names(values: pd.Series) -> pd.Series:
    """Return the group of each image as text, each different value named once."""
    codes, different = pd.factorize(values)
    names = np.array([*(group_name(value) for value in different), UNKNOWN], dtype=object)
    return pd.Series(names[codes], index=values.index)  # code −1 (missing) is the last
