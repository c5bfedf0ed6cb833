"""AUROC with a region of each image removed, or kept alone, beside its control."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from cxraudit.charts.look import Look
from cxraudit.charts.scale import axis, limits, reach
from cxraudit.charts.spec import Chart, Column, Guide, Part, Row, Rows
from cxraudit.figures.words import difference_mark, interval_label, level_mark
from cxraudit.formatting import counted
from cxraudit.schema import (
    OVERALL,
    SAME_LABEL_SWAP,
    UNEDITED,
    Analysis,
    control_of,
    is_level,
    records,
)

CHANCE = 0.5
_REGION, _CONTROL, _SWAP = Look("red", "diamond"), Look("grey"), Look("ink", "square")
LEGEND = (
    (_REGION, "the region removed, or kept alone"),
    (_CONTROL, "control: a region of the same size elsewhere"),
    (_SWAP, "another image of the same patient with the same label"),
)


def regions(results: pd.DataFrame) -> Chart:
    """Show the AUROC of every finding under each perturbation of a region, and its change.

    Perturbations apply to different images, so each row is compared with its own images unedited.

    Parameters
    ----------
    results : pandas.DataFrame
        A results table of one data set and model with rows of `Analysis.REGION`.

    Returns
    -------
    cxraudit.charts.Chart
    """
    rows = results[
        (results["analysis"] == Analysis.REGION)
        & (results["attribute"] == OVERALL)
        & (results["metric"] == "auroc")
    ]
    levels = rows[is_level(rows)]
    changes = {
        (row["finding"], row["condition"]): row
        for row in records(rows[rows["reference"] == UNEDITED])
    }
    conditions = list(dict.fromkeys(levels["condition"]))
    controls = {control_of(name) for name in conditions}
    parts = tuple(
        Part(
            title=str(finding),
            finding=str(finding),
            rows=tuple(
                _row(row, changes.get((row["finding"], row["condition"])), controls)
                for row in records(part)
            ),
        )
        for finding, part in levels.groupby("finding", sort=False)
    )
    known = [*_ends(levels), CHANCE]
    far = reach(_ends(pd.DataFrame(list(changes.values()), columns=rows.columns)), at_least=0.1)
    columns = (
        Column(
            title="AUROC",
            axis=axis("AUROC", *limits(known)),
            guides=(Guide(CHANCE, dashed=True, name="chance"),),
        ),
        Column(
            title="Change of the AUROC",
            axis=axis("AUROC − the same images unedited", -far, far, most=4, signed=True),
            guides=(Guide(0),),
            short="change",
        ),
    )
    return Chart(
        title="AUROC with a region removed, or kept alone",
        bands=((Rows(names="perturbation", columns=columns, parts=parts),),),
        legend=tuple(one for one in LEGEND if _used(one[0], conditions, controls)),
        note=(
            f"Bars: {interval_label(levels)}. Dashed line: chance. Rows are about the images that each "
            "perturbation applies to; the change is that against the same images unedited."
        ),
    )


def _row(row: Mapping[str, Any], change: Mapping[str, Any] | None, controls: set[str]) -> Row:
    """Return the row of a perturbation: its AUROC, and the change against its own images unedited."""
    look = _look(str(row["condition"]), controls)
    return Row(
        name=str(row["condition"]),
        finding=str(row["finding"]),
        note="" if pd.isna(row["n"]) else counted(int(row["n"]), "image"),
        cells=(
            level_mark(row, look),
            None if change is None else difference_mark(change, look, words=""),
        ),
    )


def _ends(rows: pd.DataFrame) -> list[float]:
    values = rows[["value", "low", "high"]].to_numpy("float64").ravel()
    return values[np.isfinite(values)].tolist()


def _look(condition: str, controls: set[str]) -> Look:
    if condition == SAME_LABEL_SWAP:
        return _SWAP
    return _CONTROL if condition in controls else _REGION


def _used(look: Look, conditions: list[str], controls: set[str]) -> bool:
    return any(_look(name, controls) == look for name in conditions)
