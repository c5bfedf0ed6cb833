"""Slices: how much worse they seemed where they were searched, and are on other patients."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from cxraudit.charts.look import Look
from cxraudit.charts.spec import Chart, Column, Guide, Mark, Part, Row, Rows
from cxraudit.figures.forest import gap_axis, legend_of
from cxraudit.figures.words import (
    difference_mark,
    interval_label,
    kind_of_gap,
    margin_of,
    thin_label,
)
from cxraudit.formatting import decimal

NOT_CONFIRMED = "examined, not confirmed"
"""What a slice is called that is not shown as found."""
_SEARCHED = Look("pale-grey", hollow=True)
_FAINT = Look("grey", hollow=True)


@dataclass(frozen=True, slots=True)
class SliceRow:
    """One slice of a picture."""

    name: str
    """What it consists of; empty where it was not confirmed."""
    gap: dict[str, Any]
    """The row of its difference from all other images."""
    as_searched: float


def slice_gaps(slices: Sequence[SliceRow]) -> Chart | None:
    """Show the difference of each slice from all other images, on the searched patients and on the others.

    Parameters
    ----------
    slices : sequence of SliceRow
        Of one model; those that were not confirmed have no name.

    Returns
    -------
    cxraudit.charts.Chart or None
        None if there are none.
    """
    if not slices:
        return None
    rows = pd.DataFrame([one.gap for one in slices])
    searched = rows.assign(low=[one.as_searched for one in slices])
    axis = gap_axis("AUROC, slice − all other images", searched)
    ends = ("worse for the slice", "better")
    columns = (
        Column(
            title="On the other patients",
            axis=axis,
            guides=(Guide(0, "ink"),),
            margin=margin_of(rows),
            ends=ends,
        ),
        Column(
            title="Where it was searched", axis=axis, guides=(Guide(0, "ink"),), short="searched"
        ),
    )
    findings = dict.fromkeys(str(one.gap["finding"]) for one in slices)
    parts = tuple(
        Part(
            title=finding,
            finding=finding,
            rows=tuple(_row(one) for one in slices if one.gap["finding"] == finding),
        )
        for finding in findings
    )
    return Chart(
        title="Slices that seemed worst, on patients they were not searched on",
        bands=((Rows(columns=columns, parts=parts, names="slice"),),),
        legend=legend_of(kind_of_gap(one.gap) for one in slices if one.name),
        note=f"Bars: {interval_label(rows)}{thin_label(rows)}. Where a slice was searched, its difference is "
        "too far from zero, since it was selected for it. Grey: examined, not confirmed.",
    )


def _row(one: SliceRow) -> Row:
    value = one.as_searched
    text = decimal(value, signed=True) if math.isfinite(value) else ""
    return Row(
        name=one.name or NOT_CONFIRMED,
        cells=(
            difference_mark(one.gap, None if one.name else _FAINT),
            Mark(value=value, look=_SEARCHED, text=text),
        ),
        finding=str(one.gap["finding"]),
        verdict=str(one.gap["verdict"]),
    )
