"""AUROC of heads by the number of patients that they were fitted on."""

import math

import numpy as np
import pandas as pd

from cxraudit.charts.look import palette
from cxraudit.charts.scale import axis, limits
from cxraudit.charts.spec import Axis, Chart, Guide, Line, Plane
from cxraudit.datasets.base import NO_GROUP, ordered_groups
from cxraudit.schema import OVERALL, Analysis, is_level, records
from cxraudit.vocabulary import attribute_name

CHANCE = 0.5


def n_shot_curves(results: pd.DataFrame, attribute: str) -> Chart:
    """Show the AUROC of every group of an attribute against the number of training patients, by finding.

    Parameters
    ----------
    results : pandas.DataFrame
        A results table of one data set and model with rows of `Analysis.N_SHOT`.
    attribute : str
        Which attribute's groups to show; `OVERALL` for all images.

    Returns
    -------
    cxraudit.charts.Chart
    """
    rows = results[
        (results["analysis"] == Analysis.N_SHOT)
        & is_level(results)
        & (results["attribute"] == attribute)
    ]
    groups = [group for group in ordered_groups(attribute, rows["group"]) if group not in NO_GROUP]
    x = _patients(rows["at"])
    y = axis("AUROC", *limits([*rows["low"].dropna(), *rows["high"].dropna(), CHANCE]))
    planes = tuple(
        Plane(
            title=str(finding),
            finding=str(finding),
            x=x,
            y=y,
            lines=tuple(
                _line(part[part["group"] == group], group, palette(k))
                for k, group in enumerate(groups)
            ),
            across=(Guide(CHANCE, dashed=True, name="chance"),),
        )
        for finding, part in rows.groupby("finding", sort=False)
    )
    legend = tuple((_line(rows[:0], group, palette(k)), group) for k, group in enumerate(groups))
    named = attribute_name(attribute) if attribute != OVERALL else ""
    return Chart(
        title=f"AUROC by number of training patients{f', by {named}' if named else ''}",
        bands=(planes,),
        legend=legend if attribute != OVERALL else (),
        note="Bands: intervals over test patients and over the training patients that were drawn.",
        attribute=named,
    )


def _patients(numbers: "pd.Series[float]") -> Axis:
    """Return an axis on which numbers of patients that double are equally far apart."""
    known = sorted({float(n) for n in numbers})
    places = [math.log2(n) for n in known]
    room = 0.05 * (places[-1] - places[0]) + 0.1
    ticks = tuple((place, f"{n:,.0f}") for place, n in zip(places, known, strict=True))
    return Axis("training patients", places[0] - room, places[-1] + room, ticks)


def _line(rows: pd.DataFrame, group: str, colour: str) -> Line:
    own = records(rows.sort_values("at"))
    return Line(
        name=group or "all patients",
        x=tuple(float(np.log2(row["at"])) for row in own),
        y=tuple(row["value"] for row in own),
        low=tuple(row["low"] for row in own),
        high=tuple(row["high"] for row in own),
        colour=colour,
        dots=True,
        # The table of numbers of patients has them.
        counted=False,
    )
