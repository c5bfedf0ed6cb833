"""AUROC of a finding with and without a shortcut in the image, and the gap, model by model."""

from typing import Any

import numpy as np
import pandas as pd

from cxraudit.charts.look import KINDS, WORSE, Look, kind_of
from cxraudit.charts.scale import axis
from cxraudit.charts.spec import Chart, Column, Guide, Part, Row, Rows
from cxraudit.figures.forest import gap_axis, legend_of
from cxraudit.figures.words import (
    difference_mark,
    interval_label,
    level_mark,
    margin_of,
    thin_label,
)
from cxraudit.formatting import in_sentence
from cxraudit.schema import WITH, WITHOUT, Analysis, is_level, records
from cxraudit.stats.estimate import Verdict
from cxraudit.vocabulary import shortcut_name, with_article

_ARMS = {WITH: Look("ink"), WITHOUT: Look("red", "square")}


def shortcut_arms(results: pd.DataFrame, shortcut: str) -> Chart:
    """Show, per model, the AUROC of positives with and without the shortcut, and the gap.

    Parameters
    ----------
    results : pandas.DataFrame
        A results table of one data set; all models in it are shown, one below the other.
    shortcut : str
        Which shortcut; all its labels count, whatever their source.

    Returns
    -------
    cxraudit.charts.Chart
    """
    rows = results[
        (results["analysis"] == Analysis.SHORTCUT)
        & (results["attribute"] == shortcut)
        & (results["metric"] == "auroc")
        & (results["label_source"] == "")
    ]
    levels, gaps = rows[is_level(rows)], rows[rows["reference"] == WITHOUT]
    gap_of = {row["model"]: row for row in records(gaps)}
    finding, name = str(levels["finding"].iloc[0]), shortcut_name(shortcut)
    parts = []
    for model in dict.fromkeys(levels["model"]):
        arms = {row["group"]: row for row in records(levels[levels["model"] == model])}
        both = all(np.isfinite(arms[arm]["value"]) for arm in _ARMS)
        parts.append(_model(model, arms, gap_of.get(model) if both else None, name))
    low = levels["low"].min()
    lowest = min(0.48, low - 0.03 if np.isfinite(low) else 0.48)
    columns = (
        Column(
            title="AUROC",
            axis=axis(
                f"AUROC: how often {in_sentence(finding)} is ranked above none", lowest, 1.005
            ),
            guides=(Guide(0.5, dashed=True, name="chance level"),),
        ),
        Column(
            title="Gap",
            axis=gap_axis(f"AUROC, {WITH} − {WITHOUT}", gaps),
            guides=(Guide(0, "ink"),),
            margin=margin_of(gaps),
        ),
    )
    return Chart(
        title=f"{finding} with and without {with_article(name)} in the image",
        bands=((Rows(columns=columns, parts=tuple(parts), names="model"),),),
        legend=legend_of(_kind(row) for row in gap_of.values()),
        note=f"AUROC is how often an image with {in_sentence(finding)} is ranked above one without; dashed: "
        f"chance level. Bars: {interval_label(rows)}{thin_label(gaps)}.",
        attribute=name,
    )


def _kind(gap: dict[str, Any]) -> str:
    """A gap of a shortcut has no better direction."""
    return WORSE if gap["verdict"] == Verdict.DISPARITY else kind_of(gap["verdict"], gap["value"])


def _model(
    model: str, arms: dict[str, dict[str, Any]], gap: dict[str, Any] | None, name: str
) -> Part:
    rows = []
    for arm, look in _ARMS.items():
        row = arms[arm]
        mark = level_mark(row, look)
        rows.append(
            Row(
                name=f"{arm} {name}",
                cells=(mark, None),
                finding=row["finding"],
                verdict=str(gap["verdict"]) if gap else "",
            )
        )
    if gap:
        rows.append(
            Row(
                name=f"{WITH} − {WITHOUT}",
                cells=(None, difference_mark(gap, KINDS[_kind(gap)])),
                finding=gap["finding"],
                verdict=str(gap["verdict"]),
            )
        )
    return Part(title=model, rows=tuple(rows))
