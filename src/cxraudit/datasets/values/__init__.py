"""The one door for values: identifiers, groups, labels, scores, sexes, ages, dates, views, yes and no.

A value has three outcomes only. It is understood; it is a usual word for *missing* and becomes unknown; or
it is an error that names it and says how often it occurs. What was unknown or converted is returned as
notices. In tables of publishers and in headers, which a user cannot correct, ``strict=False`` makes what is
not understood unknown, and a notice names it.
"""

from cxraudit.datasets.values.ages import Ages, ages
from cxraudit.datasets.values.bins import bin_names, binned
from cxraudit.datasets.values.demographics import dates, sexes, views
from cxraudit.datasets.values.groups import groups
from cxraudit.datasets.values.labels import (
    MEANS,
    POLICIES,
    UNCERTAIN,
    Labels,
    given_labels,
    label_sources,
    labels,
    yes_no,
)
from cxraudit.datasets.values.numbers import numbers, scores
from cxraudit.datasets.values.text import Values, coded, ids, optional_ids, texts

__all__ = [
    "MEANS",
    "POLICIES",
    "UNCERTAIN",
    "Ages",
    "Labels",
    "Values",
    "ages",
    "bin_names",
    "binned",
    "coded",
    "dates",
    "given_labels",
    "groups",
    "ids",
    "label_sources",
    "labels",
    "numbers",
    "optional_ids",
    "scores",
    "sexes",
    "texts",
    "views",
    "yes_no",
]
