"""AUROC with a region of each image removed, or kept alone, beside its control."""

import numpy as np
import pandas as pd

from cxraudit.charts.look import Look
from cxraudit.charts.scale import axis, limits
from cxraudit.charts.spec import Chart, Column, Guide, Part, Row, Rows
from cxraudit.figures.words import interval_label, level_mark
from cxraudit.formatting import decimal
from cxraudit.schema import OVERALL, SAME_LABEL_SWAP, Analysis, control_of, is_level, records

CHANCE = 0.5
_REGION, _CONTROL, _SWAP = Look("red", "diamond"), Look("grey"), Look("ink", "square")
LEGEND = (
    (_REGION, "the region removed, or kept alone"),
    (_CONTROL, "control: a region of the same size elsewhere"),
    (_SWAP, "another image of the same patient with the same label"),
)


def regions(results: pd.DataFrame) -> Chart:
    """Show the AUROC of every finding under each perturbation of a region, with lines at chance and unedited.

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
    levels, changes = rows[is_level(rows)], rows[~is_level(rows)]
    conditions = list(dict.fromkeys(levels["condition"]))
    controls = {control_of(name) for name in conditions}
    unedited = _unedited(levels, changes)
    parts = tuple(
        Part(
            title=str(finding),
            finding=str(finding),
            rows=tuple(
                Row(
                    name=str(row["condition"]),
                    finding=str(finding),
                    cells=(level_mark(row, _look(str(row["condition"]), controls)),),
                )
                for row in records(part)
            ),
            guides=(_guide(unedited.get(str(finding), np.nan)),),
        )
        for finding, part in levels.groupby("finding", sort=False)
    )
    ends = levels[["value", "low", "high"]].to_numpy("float64").ravel()
    known = [*ends[np.isfinite(ends)], CHANCE, *unedited.values()]
    shared = axis("AUROC", *limits(known))
    column = Column(title="AUROC", axis=shared, guides=(Guide(CHANCE, dashed=True, name="chance"),))
    return Chart(
        title="AUROC with a region removed, or kept alone",
        bands=((Rows(names="perturbation", columns=(column,), parts=parts),),),
        legend=tuple(one for one in LEGEND if _used(one[0], conditions, controls)),
        note=f"Bars: {interval_label(levels)}. Dashed line: chance; line: unedited images.",
    )


def _look(condition: str, controls: set[str]) -> Look:
    if condition == SAME_LABEL_SWAP:
        return _SWAP
    return _CONTROL if condition in controls else _REGION


def _used(look: Look, conditions: list[str], controls: set[str]) -> bool:
    return any(_look(name, controls) == look for name in conditions)


def _guide(value: float) -> Guide | None:
    return Guide(value, name=f"unedited ({decimal(value)})") if np.isfinite(value) else None


def _unedited(levels: pd.DataFrame, changes: pd.DataFrame) -> dict[str, float]:
    """Return the AUROC of the unedited images of each finding, from its first perturbation."""
    found: dict[str, float] = {}
    change = {
        (row["finding"], row["condition"]): row["value"]
        for row in records(changes[changes["reference"] == "unedited"])
    }
    for row in records(levels):
        value = row["value"] - change.get((row["finding"], row["condition"]), np.nan)
        if np.isfinite(value):
            found.setdefault(str(row["finding"]), float(value))
    return found
