"""Which rows of the results are hidden, and what is left of those that are shown."""

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd

from cxraudit.audits.suppression.counted import Counted
from cxraudit.audits.suppression.groups import Hidden
from cxraudit.audits.suppression.small import completed, is_small
from cxraudit.metrics import METRICS, Family
from cxraudit.schema import (
    MEAN_FINDING,
    OBSERVED,
    OTHER_COLUMNS,
    OVERALL,
    REWEIGHTED,
    UNEDITED,
    Analysis,
    Reason,
    has_reason,
    is_level,
)

RATES = ("tpr", "fpr", "selection_rate")
"""Metrics that are a count over a count of the same row."""
DECIMALS = 3
DECIMALS_OF_RATES = 2
"""With more, a rate alone would give the count it is a share of."""

_BY_GROUP = (Analysis.SUBGROUPS, Analysis.REFERENCE_GROUP, Analysis.GROUP_PAIRS)
"""Analyses of the very groups that `cxraudit.audits.suppression.groups` decides on."""
_OF_SHORTCUTS = tuple(one for one in Analysis if one.value.startswith("shortcut"))
OF_EMBEDDINGS = tuple(list(Analysis)[list(Analysis).index(Analysis.PROBE) :])
_OF_SMALL_CELLS = (Analysis.SHRUNKEN, Analysis.LABEL_ERRORS, Analysis.REFERENCE_LABELS)
"""Analyses that are hidden as a whole: a shrunken value depends on all cells, small ones included, and errors
of labels are few images of a subset."""
_NOTES = (Analysis.OPERATING_POINT, Analysis.CALIBRATION, Analysis.HETEROGENEITY, *OF_EMBEDDINGS)
"""Analyses whose notes do not count images of a group."""
_COUNTED = re.compile(r"\b(\d[\d,]*)(?= (?:other )?(?:patients|images|positives|labels))")

_TABLE = ["model", "analysis", "finding", "condition", "at", "label_source", "is_rate"]
"""Rows alike in these are about one set of images; `attribute` and `group` divide it."""
_COUNTS = ("n", "n_positive", "n_patients", "n_positive_patients")
_ESTIMATES = ("value", "low", "high", "low_simultaneous", "high_simultaneous", *OTHER_COLUMNS)
_NUMBERS = (*_ESTIMATES, "p_value", "p_adjusted", "detectable_gap", "effective_patients")


def hidden_rows(results: pd.DataFrame, hidden: Hidden, below: int) -> "pd.Series[bool]":
    """Tell which rows are hidden: those of small cells, and others that would give them away.

    Parameters
    ----------
    results : pandas.DataFrame
        The results table of an audit.
    hidden : Hidden
        From `cxraudit.audits.suppression.groups.hidden_groups`.
    below : int
        Smaller counts are small.
    """
    rows = _with_counts(results)
    hide = has_reason(results, Reason.SUPPRESSED) | _of_hidden_groups(rows, hidden)
    hide |= _of_small_cells(rows, hide, below)
    hide |= _of_hidden_rates(rows, hide)
    hide |= _of_hidden_shortcuts(rows, hide)
    hide |= _of_hidden_embeddings(rows, hide)
    hide |= _of_hidden_means(rows, hide)
    return hide | rows["analysis"].isin(_OF_SMALL_CELLS)


def _with_counts(results: pd.DataFrame) -> pd.DataFrame:
    """Add what can be worked out of the counts and rates of a row."""
    n, positive, patients, positive_patients = (
        results[name].astype("float64").fillna(0) for name in _COUNTS
    )
    level = is_level(results)
    of = {"tpr": positive, "fpr": n - positive, "selection_rate": n}
    rows = results.assign(
        images=n,
        negative=n - positive,
        patients=patients,
        without=patients - positive_patients,
        is_rate=[METRICS[name].family == Family.DECISION for name in results["metric"]],
    )
    for name in RATES:
        flagged = (results["value"] * of[name]).where(level & (results["metric"] == name))
        rows[f"{name} yes"] = flagged.round()
        rows[f"{name} no"] = (of[name] - flagged).round()
    before = _unedited(rows) * of["fpr"].where(results["metric"] == "fpr", of["tpr"])
    return rows.assign(**{"unedited yes": before.round()})


def _unedited(rows: pd.DataFrame) -> "pd.Series[float]":
    """Return the rate of the unedited images in rows of its change; NaN in others."""
    key = ["model", "finding", "attribute", "group", "condition", "metric"]
    of_images = rows[rows["analysis"] == Analysis.COUNTERFACTUAL]
    after = of_images[is_level(of_images)].drop_duplicates(key).set_index(key)["value"]
    changes = of_images[(of_images["reference"] == UNEDITED) & of_images["metric"].isin(RATES)]
    changed = after.reindex(pd.MultiIndex.from_frame(changes[key])).to_numpy()
    return pd.Series(changed - changes["value"].to_numpy(), index=changes.index).reindex(rows.index)


_PARTS = (
    "patients",
    "n_positive_patients",
    "without",
    "images",
    "n_positive",
    "negative",
    *(f"{name} {answer}" for name in RATES for answer in ("yes", "no")),
    "unedited yes",
)


def _of_hidden_groups(rows: pd.DataFrame, hidden: Hidden) -> "pd.Series[bool]":
    """Rows of a hidden finding or group, on either side of a difference."""
    finding = rows["finding"].isin(hidden.findings)
    of_groups = {(f, a, g) for f, a, g in hidden.groups}
    sides = [
        np.array(
            [key in of_groups for key in zip(*(rows[c] for c in columns), strict=True)], dtype=bool
        )
        for columns in (("finding", "attribute", "group"), ("finding", "attribute", "reference"))
    ]
    return finding | sides[0] | (sides[1] & rows["analysis"].isin(_BY_GROUP))


def _of_small_cells(rows: pd.DataFrame, hide: "pd.Series[bool]", below: int) -> "pd.Series[bool]":
    """Rows whose own counts are small, or would give away those of another."""
    counts = rows[list(_PARTS)].astype("float64").fillna(0).to_numpy()
    small = ((counts > 0) & (counts < below)).any(axis=1) & (rows["images"] > 0).to_numpy()
    chosen = ~rows["analysis"].isin(_BY_GROUP)
    found = pd.Series(small, index=rows.index) & chosen
    started = found | (hide & chosen)
    for _, table in rows[chosen].groupby(_TABLE, sort=False, dropna=False):
        if not started[table.index].any():
            continue
        overall = table[(table["attribute"] == OVERALL) & (table["group"] == OVERALL)]
        if started[overall.index].any():
            found[table.index] = True
            continue
        for _, part in table.groupby("attribute", sort=False):
            names = _completed(part, started[part.index], below)
            found[part.index] |= part["group"].isin(names)
    return found


def _completed(part: pd.DataFrame, started: "pd.Series[bool]", below: int) -> set[str]:
    """Return the groups of one attribute to hide in one table."""
    if not started.any():
        return set()
    counted = part[(part["images"] > 0) & (part["metric"] != "xauc")]
    of_group = counted.groupby("group")[list(_PARTS)].min().astype("float64").fillna(0)

    def together(names: Iterable[str]) -> tuple[int, ...]:
        known = [name for name in names if name in of_group.index]
        return tuple(int(count) for count in of_group.loc[known].sum())

    return completed(
        list(dict.fromkeys(part["group"])), set(part.loc[started, "group"]), together, below
    )


def _of_hidden_rates(rows: pd.DataFrame, hide: "pd.Series[bool]") -> "pd.Series[bool]":
    """Net benefits of a model with a hidden rate, and its rates minus others', which would give it."""
    places = ["finding", "attribute", "group"]
    hidden = rows[hide & (rows["analysis"] == Analysis.OPERATING_POINT)]
    wanted = pd.MultiIndex.from_frame(hidden[["model", *places]])
    either = [
        pd.MultiIndex.from_frame(rows[[side, *places]]).isin(wanted)
        for side in ("model", "reference")
    ]
    compared = (rows["analysis"] == Analysis.MODELS) & rows["is_rate"]
    curves = rows["analysis"] == Analysis.DECISION_CURVE
    return (compared | curves) & (either[0] | either[1])


def _of_hidden_shortcuts(rows: pd.DataFrame, hide: "pd.Series[bool]") -> "pd.Series[bool]":
    """Every row of a shortcut that has a hidden one: the AUROCs of its parts make up that of all."""
    chosen = rows["analysis"].isin(_OF_SHORTCUTS)
    key = ["finding", "attribute", "label_source"]
    return _joined(rows, key, hide & chosen) & chosen


def _of_hidden_embeddings(rows: pd.DataFrame, hide: "pd.Series[bool]") -> "pd.Series[bool]":
    """Every row on embeddings of a group that is hidden in one that is about no finding."""
    chosen = rows["analysis"].isin(OF_EMBEDDINGS)
    about_group = chosen & (rows["finding"] == "") & (rows["group"] != OVERALL)
    return _joined(rows, ["attribute", "group"], hide & about_group) & chosen


def _of_hidden_means(rows: pd.DataFrame, hide: "pd.Series[bool]") -> "pd.Series[bool]":
    """Means over findings one of which is hidden: the others would give it."""
    key = ["model", "analysis", "attribute", "group", "reference", "condition", "at", "metric"]
    return _joined(rows, key, hide) & (rows["finding"] == MEAN_FINDING)


def _joined(rows: pd.DataFrame, key: list[str], hide: "pd.Series[bool]") -> "pd.Series[bool]":
    """Tell which rows have the key of a hidden one."""
    wanted = pd.MultiIndex.from_frame(rows.loc[hide, key].fillna({"at": -1.0}))
    found = pd.MultiIndex.from_frame(rows[key].fillna({"at": -1.0})).isin(wanted)
    return pd.Series(found, index=rows.index)


def suppressed_results(
    results: pd.DataFrame, hide: "pd.Series[bool]", counted: Counted, below: int
) -> pd.DataFrame:
    """Blank the hidden rows, and leave of the others only what gives no small count away.

    Counts are left in the rows of `Analysis.SUBGROUPS` alone: those of other analyses are about parts
    of the same images, and the difference could be small. Estimates are rounded, since a rate with all
    its digits gives the count it is a share of.
    """
    shown = results.copy()
    rates = np.array([METRICS[name].family == Family.DECISION for name in results["metric"]])
    for name in _ESTIMATES:
        rounded = results[name].round(DECIMALS)
        shown[name] = rounded.mask(rates, results[name].round(DECIMALS_OF_RATES))
    shares = results["condition"].isin([OBSERVED, *REWEIGHTED])
    shown["at"] = results["at"].mask(shares, results["at"].round(2))
    places = list(zip(results["model"], results["finding"], strict=True))
    overall = (results["attribute"] == OVERALL).to_numpy()
    of_group = results["analysis"].isin(_BY_GROUP) & (results["metric"] != "xauc")
    kept = of_group & np.where(
        overall,
        [place in counted.overall for place in places],
        [place in counted.groups for place in places],
    )
    shown["note"] = _notes(results, below)
    for name in _COUNTS:
        shown[name] = results[name].astype("Int64").mask(~kept | hide)
    for name in _NUMBERS:
        shown[name] = shown[name].mask(hide)
    # Of heads, the largest number is that of all patients with a label of the finding.
    shown["at"] = shown["at"].mask(hide & (shares | (results["analysis"] == Analysis.N_SHOT)))
    for name in ("method", "verdict", "note"):
        shown[name] = shown[name].mask(hide, "")
    shown["reasons"] = shown["reasons"].mask(hide, Reason.SUPPRESSED.value)
    return shown


def _notes(results: pd.DataFrame, below: int) -> list[str]:
    return [
        note
        if analysis in _NOTES
        and not is_small((int(n.replace(",", "")) for n in _COUNTED.findall(note)), below)
        else ""
        for analysis, note in zip(results["analysis"], results["note"], strict=True)
    ]
