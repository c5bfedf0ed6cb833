"""What slices are made of: each value of a column is a part, and a slice has all of its parts."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxraudit.audits.cohort import Cohort, Mask
from cxraudit.datasets.base import NO_GROUP, REPORT
from cxraudit.datasets.detector_labels import source_column
from cxraudit.schema import CONTENT, IMAGE_COLUMNS, group_names

MOST_VALUES = 50
"""Of a column; one with more, such as an identifier, makes no slice that is worth a name."""
MOST_NUMBERS = 12
"""Different numbers of a column that are taken as groups."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A property that an image has, has not, or of which neither is known."""

    column: str
    """Empty for a neighbourhood of embeddings. A slice has one part of a column at most."""
    name: str
    """What it is called in the results."""
    record: Mapping[str, Any]
    """What it consists of, as plain data."""
    yes: Mask = field(repr=False)
    """Shape (n_images,), as `Cohort.images`."""
    no: Mask = field(repr=False)
    finding: str = ""
    """Of a text about a finding: this one."""
    likeness: NDArray[np.float64] | None = field(default=None, repr=False)
    """How alike each image is to the text; NaN without an embedding."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A column that no slice is made of, and why."""

    column: str
    why: str


def parts_of(cohort: Cohort, columns: Collection[str]) -> tuple[list[Part], list[LeftOut]]:
    """Return the values of the columns of a data set that slices may be made of.

    Attributes, numbers in their bins, shortcuts, view position and other columns with groups; not findings,
    identifiers, texts, weights and what the audit derived. Images whose value is unknown or conflicting
    neither have a value nor lack it.

    Parameters
    ----------
    cohort : Cohort
        The audited images.
    columns : collection of str
        Those of the data set as it was given.
    """
    parts: list[Part] = []
    left_out: list[LeftOut] = []
    for column in sorted(_eligible(cohort, columns)):
        values = cohort.images[column]
        why, named = _named(values, column in cohort.dataset.attributes)
        known = sorted(set(named) - set(NO_GROUP)) if not why else []
        if not why and len(known) > MOST_VALUES:
            why = f"more than {MOST_VALUES} different values"
        if not why and len(known) < 2:
            why = "it has one value only" if known else "it has no known value"
        if why:
            # Every data set has a column of views, whether they were given or not.
            if known or column != "view_position" or column in cohort.dataset.attributes:
                left_out.append(LeftOut(column, why))
            continue
        parts += _of_column(column, named, known)
    return parts, left_out


def _eligible(cohort: Cohort, columns: Collection[str]) -> Iterator[str]:
    """Yield the columns that may hold groups."""
    data, settings = cohort.dataset, cohort.settings
    given = {*columns, *settings.bins, "age_group"}
    never = {
        *(set(IMAGE_COLUMNS) - {"view_position"}),
        *data.findings,
        *data.aliases,
        *map(source_column, data.shortcuts),
        *(f"{name}_confidence" for name in data.shortcuts),
        REPORT,
        CONTENT,
        settings.sampling_weight,
        settings.severity,
        "age_is_at_least",
        *(["age"] if "age_group" in cohort.images else []),
    }
    yield from (str(name) for name in cohort.images if name in given and name not in never)


def _named(values: pd.Series, is_attribute: bool) -> tuple[str, "pd.Series[str]"]:
    """Return why values are no groups, or their names."""
    number = pd.api.types.is_numeric_dtype(values.dtype)
    number = number and not pd.api.types.is_bool_dtype(values.dtype)
    if number and not is_attribute and values.nunique() > MOST_NUMBERS:
        return "it holds numbers; --bins divides them into groups", values
    try:
        return "", group_names(values)
    except TypeError:
        return "its cells hold several values", values


def _of_column(column: str, named: "pd.Series[str]", known: list[str]) -> Iterator[Part]:
    values = named.to_numpy(dtype=object)
    has_value = ~np.isin(values, NO_GROUP)
    for value in known:
        yes = values == value
        yield Part(
            column=column,
            name=f"{quoted(column)} = {quoted(value)}",
            record={"column": column, "value": value},
            yes=yes,
            no=has_value & ~yes,
        )


def quoted(text: str) -> str:
    """Return a text as part of the name of a slice: in quotation marks where it holds what joins parts.

    Examples
    --------
    >>> quoted("AP"), quoted("a & b")
    ('AP', '"a & b"')
    """
    return json.dumps(text, ensure_ascii=False) if any(sign in text for sign in '&="') else text
