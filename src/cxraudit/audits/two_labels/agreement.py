"""Whether both sources of labels agree at all, and on how many patients."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from cxraudit.notices import Notice, counted
from cxraudit.schema import OVERALL, Analysis, is_level, records
from cxraudit.stats.two_labels import Limits, attenuation

Place = tuple[str, str, str]
"""Model, finding and attribute."""


def contradicting(results: pd.DataFrame) -> set[Place]:
    """Return where working labels agree with reference labels less often than by chance.

    Parameters
    ----------
    results : pandas.DataFrame
        Of an audit.

    Returns
    -------
    set of tuple of str
        Model, finding and attribute (`OVERALL` for all images) where PPV + NPV − 1 is shown to be below 0, of
        all images or of a group: one of both sources may be coded the other way round.
    """
    found = set()
    for place, part in _levels(results).groupby(
        ["model", "finding", "attribute", "group"], sort=False
    ):
        by_metric = {row["metric"]: row for row in records(part)}
        if {"ppv", "npv"} <= set(by_metric):
            kept = attenuation(_limits(by_metric["ppv"]), _limits(by_metric["npv"]))
            if kept[2] < 0:
                found.add((str(place[0]), str(place[1]), str(place[2])))
    return found


def few(results: pd.DataFrame, min_patients: int) -> dict[tuple[str, str], int]:
    """Return model and finding → patients with reference labels, where these are few."""
    levels = _levels(results)
    overall = levels[(levels["attribute"] == OVERALL) & (levels["n_patients"] < min_patients)]
    return {
        (row["model"], row["finding"]): int(row["n_patients"])
        for row in records(overall)
        if row["metric"] == "ppv"
    }


def agreement_notices(name: str, results: pd.DataFrame, min_patients: int) -> Iterator[Notice]:
    """Say of which findings both sources contradict each other, or share too few patients.

    Parameters
    ----------
    name : str
        Of the source of the reference labels.
    results : pandas.DataFrame
        Of the audit.
    min_patients : int
        From the settings.
    """
    about = f"reference labels {name}"
    contrary = sorted({finding for _, finding, _ in contradicting(results)})
    if contrary:
        yield Notice(
            about=about,
            count=len(contrary),
            sentence=f"Working and reference labels contradict each other for {_named(contrary)}, of all "
            "images or of a group: they agree less often than by chance. Is one of them coded the other way "
            "round? Nothing is concluded from them.",
        )
    same = sorted(_the_same(results))
    if same:
        yield Notice(
            about=about,
            count=len(same),
            sentence=f"Working and reference labels are the same in all images that have both, for "
            f"{_named(same)}: where they are from one source, nothing follows from them.",
        )
    scarce = few(results, min_patients)
    for finding in sorted({finding for _, finding in scarce}):
        n = min(count for (_, one), count in scarce.items() if one == finding)
        have, stand = ("has", "it stands") if n == 1 else ("have", "they stand")
        yield Notice(
            about=about,
            count=1,
            sentence=f"Only {counted(n, 'patient')} {have} reference labels of {finding}: whether {stand} "
            "for all images was not tested, and nothing is concluded.",
        )


def _the_same(results: pd.DataFrame) -> set[str]:
    """Return the findings of which no label is wrong by the other source."""
    levels = _levels(results)
    overall = levels[(levels["attribute"] == OVERALL) & levels["metric"].isin(["ppv", "npv"])]
    least = overall.groupby("finding")["value"].agg(["min", "count"])
    return {str(name) for name in least.index[(least["min"] == 1) & (least["count"] >= 2)]}


def _named(findings: list[str]) -> str:
    return f"{counted(len(findings), 'finding')} ({', '.join(findings)})"


def _levels(results: pd.DataFrame) -> pd.DataFrame:
    return results[(results["analysis"] == Analysis.LABEL_ERRORS) & is_level(results)]


def _limits(row: Mapping[str, Any]) -> Limits:
    return row["value"], row["low"], row["high"]
