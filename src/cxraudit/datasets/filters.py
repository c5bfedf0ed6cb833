"""Filters every data set understands, each a named step of the flow diagram."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from cxraudit.datasets.base import AGE_GROUPS, Dataset
from cxraudit.datasets.detector_labels import fill, read_predicted
from cxraudit.errors import ConfigError, UnknownNameError
from cxraudit.schema import UNKNOWN

ADULT = 18
"""Years, as in the paper."""

OPTIONS = {
    "adults": "true: leave out images of patients under 18, and of unknown age",
    "only.ATTRIBUTE": "GROUP,GROUP: leave out images of other groups, for instance only.race=white,black",
    "present_only": "true: leave out images whose file is not there",
    "predicted": "file of `cxraudit drains apply`: labels for images nobody annotated",
}
"""Option → what it does; the others are the data set's own."""

FLAGS = ("adults", "present_only")

ONLY = "only."

_GROUPS = {
    "age_group": AGE_GROUPS,
    "sex": ("female", "male"),
    "race": ("asian", "black", "white", "hispanic", "american indian", "pacific islander", "other"),
    "view_position": ("AP", "PA", "LATERAL"),
}
"""Groups that may be asked for although a small cohort has none of them."""


def is_common(option: str) -> bool:
    """Tell whether an option is one that every data set understands."""
    return option in OPTIONS or option.startswith(ONLY)


def apply(dataset: Dataset, settings: Mapping[str, Any]) -> Dataset:
    """Apply the common options to a data set, in a fixed order.

    Parameters
    ----------
    dataset : Dataset
        As its module read it.
    settings : mapping
        Options of `OPTIONS`, typed.

    Raises
    ------
    DataError
        If a filter leaves nothing.
    ConfigError
        If an option cannot be applied to this data set.
    """
    if file := settings.get("predicted"):
        dataset = fill(dataset, read_predicted(Path(file)))
    if settings.get("adults"):
        dataset = adults(dataset)
    for option, groups in settings.items():
        if option.startswith(ONLY):
            dataset = only(dataset, option.removeprefix(ONLY), groups)
    if settings.get("present_only"):
        there = dataset.images["path"].map(os.path.isfile)
        dataset = dataset.keep(there, step="file present", reason="the image's file is not there")
    return dataset


def adults(dataset: Dataset) -> Dataset:
    """Keep images of patients known to be 18 or older."""
    if "age" not in dataset.images:
        raise ConfigError(f"data set '{dataset.name}' has no ages, so adults cannot be told apart.")
    known = dataset.images["age"].notna()
    dataset = dataset.keep(known, step="age known", reason="age missing or impossible")
    grown = dataset.images["age"] >= ADULT
    return dataset.keep(grown, step="adults", reason=f"under {ADULT} years")


def only(dataset: Dataset, attribute: str, groups: "str | list[str]") -> Dataset:
    """Keep images of some groups of an attribute."""
    if attribute not in (*dataset.attributes, *dataset.shortcuts):
        raise UnknownNameError("attribute", attribute, [*dataset.attributes, *dataset.shortcuts])
    wanted = [g.strip() for g in groups.split(",")] if isinstance(groups, str) else list(groups)
    present: pd.Series = dataset.images[attribute]
    known = {
        *present,
        *_GROUPS.get(attribute, ()),
        *(("yes", "no") if attribute in dataset.shortcuts else ()),
    }
    for group in wanted:
        if group not in known:
            raise UnknownNameError(f"{attribute} group", group, known)
    others = sorted(set(present) - set(wanted) - {UNKNOWN})
    reason = f"{attribute.replace('_', ' ')} is " + " or ".join([*others, UNKNOWN])
    return dataset.keep(
        present.isin(wanted),
        step=f"{attribute.replace('_', ' ')} {', '.join(wanted)}",
        reason=reason,
    )
