"""Shift of scores between the groups of an attribute, among images with the same label."""

from typing import Any

import pandas as pd

from cxraudit.audits.embeddings.probes import NOT_DECODABLE, UNCLEAR
from cxraudit.audits.embeddings.score_direction import (
    ASSOCIATED,
    ASSOCIATED_UNCLEAR_SIZE,
    NOT_ASSOCIATED,
    ONLY_ASSOCIATED,
    ONLY_ASSOCIATED_UNCLEAR_SIZE,
)
from cxraudit.charts.look import Look
from cxraudit.charts.scale import axis, reach
from cxraudit.charts.spec import Chart, Column, Guide, Mark, Part, Row, Rows
from cxraudit.figures.words import interval_label, missing_because, numbers, of_whom
from cxraudit.formatting import column_name, sentence_case
from cxraudit.metrics import SHIFT_MARGIN
from cxraudit.schema import Analysis, records

LOOKS = {
    ASSOCIATED: Look("red", "diamond"),
    ASSOCIATED_UNCLEAR_SIZE: Look("red", "diamond", hollow=True),
    ONLY_ASSOCIATED: Look("red", "triangle"),
    ONLY_ASSOCIATED_UNCLEAR_SIZE: Look("red", "triangle", hollow=True),
    NOT_ASSOCIATED: Look("blue"),
    NOT_DECODABLE: Look("green", "square"),
    UNCLEAR: Look("grey", hollow=True),
}


def score_shifts(results: pd.DataFrame) -> Chart:
    """Show the shift of every score between the groups of every attribute; marks are verdicts.

    Parameters
    ----------
    results : pandas.DataFrame
        A results table of one model, with rows of `cxraudit.schema.Analysis.ENCODING_USE`.

    Returns
    -------
    cxraudit.charts.Chart
        One part per attribute, one row per finding: the group and label whose shift decides.
    """
    rows = results[results["analysis"] == Analysis.ENCODING_USE]
    ends = rows[["value", "low", "high"]].to_numpy(dtype="float64").ravel()
    far = reach(ends.tolist(), at_least=2.1 * SHIFT_MARGIN)
    column = Column(
        title="Shift of the score, group − all other groups, given the label (SD)",
        axis=axis("shift of the score, group − all other groups (SD)", -far, far, signed=True),
        guides=(Guide(0),),
        margin=SHIFT_MARGIN,
    )
    parts = tuple(
        Part(
            title=column_name(str(attribute)),
            attribute=column_name(str(attribute)),
            rows=tuple(_row(row) for row in records(own)),
        )
        for attribute, own in rows.groupby("attribute", sort=False)
    )
    present = set(rows["verdict"])
    return Chart(
        title="Shift of scores given the label",
        bands=((Rows(columns=(column,), parts=parts, names="finding"),),),
        legend=tuple(
            (look, sentence_case(name)) for name, look in LOOKS.items() if name in present
        ),
        note=f"Bars: {interval_label(rows)}; shaded: margin.",
    )


def _row(row: dict[str, Any]) -> Row:
    return Row(
        name=row["finding"],
        note=row["group"],
        cells=(
            Mark(
                value=row["value"],
                low=row["low"],
                high=row["high"],
                look=LOOKS[row["verdict"]],
                text=numbers(row, signed=True),
                words=str(row["verdict"]),
                why=missing_because(str(row["reasons"])),
                hover=of_whom(row),
            ),
        ),
        finding=row["finding"],
        verdict=str(row["verdict"]),
    )
