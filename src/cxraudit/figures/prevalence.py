"""AUROC by prevalence of a shortcut among positives."""

import numpy as np
import pandas as pd

from cxraudit.charts.look import Look
from cxraudit.charts.scale import axis, limits
from cxraudit.charts.spec import Guide, Line, Plane, Point
from cxraudit.figures.words import numbers
from cxraudit.formatting import decimal
from cxraudit.schema import INDEPENDENT, OBSERVED, REWEIGHTED, Analysis, is_level, records
from cxraudit.vocabulary import with_article


def prevalence_plane(results: pd.DataFrame, name: str) -> Plane:
    """Show AUROC against the share of positives with the shortcut.

    The line is the AUROC at shares that were set, the dot the one as observed, the dashed line the
    AUROC with the shortcut as frequent among positives as among negatives.

    Parameters
    ----------
    results : pandas.DataFrame
        Results of one data set, model and shortcut.
    name : str
        What the shortcut is called.

    Returns
    -------
    cxraudit.charts.spec.Plane
    """
    rows = results[
        (results["analysis"] == Analysis.SHORTCUT_PREVALENCE)
        & (results["metric"] == "auroc")
        & is_level(results)
    ]
    line = rows[~rows["condition"].isin(REWEIGHTED)].sort_values("at")
    observed = records(rows[rows["condition"] == OBSERVED])
    independent = [
        row for row in records(rows[rows["condition"] == INDEPENDENT]) if np.isfinite(row["value"])
    ]
    return Plane(
        title="AUROC by prevalence of the shortcut",
        x=axis(f"share of positives with {with_article(name)}", 0, 1, percent=True),
        y=axis("AUROC", *limits(rows[["value", "low", "high"]].to_numpy("float64").ravel())),
        lines=(
            Line(
                name="at this share",
                x=tuple(line["at"]),
                y=tuple(line["value"]),
                low=tuple(line["low"]),
                high=tuple(line["high"]),
                colour="blue",
                width=1.8,
            ),
        ),
        points=tuple(
            Point(
                name=OBSERVED,
                x=row["at"],
                y=row["value"],
                low_y=row["low"],
                high_y=row["high"],
                text=numbers(row, signed=False),
            )
            for row in observed
            if np.isfinite(row["value"])
        ),
        across=tuple(
            Guide(row["value"], "red", dashed=True, name=INDEPENDENT) for row in independent
        ),
        names=(
            *((Look(), OBSERVED) for _ in observed),
            *(
                (
                    Line(name=INDEPENDENT, x=(), y=(), colour="red", dashed=True),
                    f"{INDEPENDENT}: {decimal(row['value'])}",
                )
                for row in independent
            ),
        ),
    )
