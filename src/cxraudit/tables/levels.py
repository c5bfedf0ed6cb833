"""Metrics by group: ranking, and rates at the threshold with calibration."""

from collections.abc import Sequence

import pandas as pd

from cxraudit.formatting import decimal, with_interval
from cxraudit.metrics import METRICS, Family, of_family
from cxraudit.schema import ALL_PATIENTS, FLAG_ALL, OVERALL, Analysis, is_level, records
from cxraudit.tables.render import verdict_shown


def levels_table(results: pd.DataFrame, attribute: str) -> pd.DataFrame:
    """One row per finding and group: counts, and each ranking metric with its interval.

    Parameters
    ----------
    results : pandas.DataFrame
        A results table of one data set, model and prompt set.
    attribute : str
        Whose groups; all patients come first.

    Returns
    -------
    pandas.DataFrame
        Text; one column per metric of `cxraudit.metrics.Family.RANKING` that is shown.
    """
    return _by_group(results, attribute, [Analysis.SUBGROUPS], [Family.RANKING], notes=True)


def operating_table(results: pd.DataFrame, attribute: str) -> pd.DataFrame:
    """One row per finding and group: rates at the threshold and calibration, with intervals.

    Parameters
    ----------
    results : pandas.DataFrame
        A results table of one data set, model and prompt set.
    attribute : str
        Whose groups; all patients come first.

    Returns
    -------
    pandas.DataFrame
        Text; one column per metric of `cxraudit.metrics.Family.DECISION` and ``CALIBRATION`` that is
        shown and that there are rows of; empty where it does not apply to a finding.
    """
    return _by_group(
        results,
        attribute,
        [Analysis.OPERATING_POINT, Analysis.CALIBRATION],
        [Family.DECISION, Family.CALIBRATION],
        notes=False,
    )


def decision_table(results: pd.DataFrame, attribute: str) -> pd.DataFrame:
    """One row per finding, group and threshold probability: net benefit, and that of flagging every image.

    Parameters
    ----------
    results : pandas.DataFrame
        A results table of one data set, model and prompt set.
    attribute : str
        Whose groups; all patients come first.

    Returns
    -------
    pandas.DataFrame
        Text; empty without decision curves.
    """
    rows = results[
        (results["analysis"] == Analysis.DECISION_CURVE)
        & results["attribute"].isin([OVERALL, attribute])
    ]
    place = ["finding", "group", "at"]
    flag_all = rows[rows["condition"] == FLAG_ALL].set_index(place)
    kept = records(rows[rows["condition"] == ""])
    others = [flag_all.loc[tuple(row[name] for name in place)] for row in kept]
    return pd.DataFrame(
        {
            "finding": [row["finding"] for row in kept],
            "group": [row["group"] or ALL_PATIENTS for row in kept],
            "threshold probability": [f"{row['at']:g}" for row in kept],
            METRICS["net_benefit"].label: [
                with_interval(row["value"], row["low"], row["high"]) for row in kept
            ],
            FLAG_ALL: [with_interval(row["value"], row["low"], row["high"]) for row in others],
        }
    )


def _by_group(
    results: pd.DataFrame,
    attribute: str,
    analyses: Sequence[Analysis],
    families: Sequence[Family],
    *,
    notes: bool,
) -> pd.DataFrame:
    wanted = [name for family in families for name in of_family(family) if METRICS[name].shown]
    chosen = results[
        results["analysis"].isin(analyses)
        & results["attribute"].isin([OVERALL, attribute])
        & results["metric"].isin(wanted)
        & is_level(results)
    ]
    columns = [name for name in wanted if name in set(chosen["metric"])]
    rows = []
    for (finding, group), part in chosen.groupby(["finding", "group"], sort=False):
        by_metric = {row["metric"]: row for row in records(part)}
        first = part.iloc[0]
        rows.append(
            {
                "finding": finding,
                "group": _shown_group(group),
                "patients": first["n_patients"],
                "images": first["n"],
                "with finding": first["n_positive"],
                **{
                    METRICS[name].label: _shown(by_metric[name]) if name in by_metric else ""
                    for name in columns
                },
                **(
                    {
                        "effective patients": decimal(first["effective_patients"], 0),
                        "note": first["note"] or verdict_shown(first),
                    }
                    if notes
                    else {}
                ),
            }
        )
    table = pd.DataFrame(rows)
    return table.sort_values("finding", kind="stable", ignore_index=True) if rows else table


def _shown_group(group: str) -> str:
    """Return the group; a group of the user's called like all of them is marked as a group."""
    if group == OVERALL:
        return ALL_PATIENTS
    return f"{group} (group)" if group == ALL_PATIENTS else group


def _shown(row: dict[str, float]) -> str:
    return with_interval(row["value"], row["low"], row["high"])
