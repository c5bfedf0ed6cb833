"""Metrics by group: ranking, and rates at the threshold with calibration."""

from collections.abc import Sequence
from typing import Any

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
        shown and that there are rows of; empty where it does not apply to a finding. Where what needs
        probabilities is of other images than the rates, it stands behind counts of its own.
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
    groups = [
        (finding, group, {row["metric"]: row for row in records(part)})
        for (finding, group), part in chosen.groupby(["finding", "group"], sort=False)
    ]
    fewer = _of_other_images([by_metric for *_, by_metric in groups], columns)
    rows = []
    for finding, group, by_metric in groups:
        first = next(iter(by_metric.values()))
        rows.append(
            {
                "finding": finding,
                "group": _shown_group(group),
                **{shown: first[count] for shown, count in _COUNTS.items()},
                **_shown(by_metric, [name for name in columns if name not in fewer]),
                **_counts_of_other_images(by_metric, fewer),
                **_shown(by_metric, fewer),
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


_COUNTS = {"patients": "n_patients", "images": "n", "with finding": "n_positive"}
"""Column of a table → that of the results."""
_Row = dict[str, Any]


def _of_other_images(groups: Sequence[dict[str, _Row]], metrics: Sequence[str]) -> list[str]:
    """Return the metrics that, in any group, are of other images than the first metric there.

    At a threshold that was given, rates are those of all patients, and what needs probabilities is of those
    that their map was not fitted on.
    """

    def counts(row: _Row) -> list[str]:
        return [str(row[count]) for count in _COUNTS.values()]

    return [
        name
        for name in metrics
        if any(
            name in by_metric and counts(by_metric[name]) != counts(next(iter(by_metric.values())))
            for by_metric in groups
        )
    ]


def _counts_of_other_images(by_metric: dict[str, _Row], fewer: Sequence[str]) -> _Row:
    """Return the counts of metrics that are of other images, which are those with probabilities."""
    if not fewer:
        return {}
    row = next((by_metric[name] for name in fewer if name in by_metric), {})
    return {f"{shown} (probabilities)": row.get(count, "") for shown, count in _COUNTS.items()}


def _shown(by_metric: dict[str, _Row], metrics: Sequence[str]) -> dict[str, str]:
    found = {name: by_metric.get(name) for name in metrics}
    return {
        METRICS[name].label: with_interval(row["value"], row["low"], row["high"]) if row else ""
        for name, row in found.items()
    }
