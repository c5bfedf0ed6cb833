"""What words for groups of patients, and neutral words, do to gaps and scores."""

import math
from typing import Any

import pandas as pd

from cxraudit.audits.wordings.outcomes import RATIOS, SDS
from cxraudit.charts.look import Look
from cxraudit.charts.scale import axis, reach
from cxraudit.charts.spec import NONE, Chart, Column, Guide, Mark, Part, Row, Rows
from cxraudit.figures.words import interval_label, missing_because
from cxraudit.formatting import column_name, decimal, with_interval
from cxraudit.prompts.wordings import NEUTRAL
from cxraudit.schema import NEUTRAL_WORDS, WORDS_FOR_GROUPS, Analysis, records

_LONGEST = 3.0
"""Times the largest standard deviation: an interval that ends beyond it stands in the text alone."""
_ABOUT = ["finding", "attribute", "group"]
_CHANGES = {
    "wording_gap": "change of the AUROC gap",
    "wording_score": "change of the mean score (SD)",
    "wording_auroc": "change of AUROC",
    "wording_score_gap": "change of the score gap (SD)",
}


def wording_changes(
    changes: pd.DataFrame, results: pd.DataFrame, metric: str = "wording_gap", *, shown: int = 6
) -> Chart:
    """Show what each word changes, and how far words of both kinds do: where words for groups lead most.

    Parameters
    ----------
    changes : pandas.DataFrame
        Of one model; see `cxraudit.audits.result.Audit.wording_changes`.
    results : pandas.DataFrame
        A results table of the same model.
    metric : str
        What changes: ``wording_gap``, ``wording_score``, ``wording_auroc`` or ``wording_score_gap``.
    shown : int
        How many findings and gaps to show.

    Returns
    -------
    cxraudit.charts.Chart
    """
    rows = results[results["analysis"] == Analysis.WORDING]
    spreads = rows[rows["metric"] == SDS[metric]]
    ratios = rows[rows["metric"] == RATIOS[metric]]
    own = changes[changes["metric"] == metric]
    places = _furthest(spreads, ratios).head(shown)
    longest = _LONGEST * max(0.0, spreads["value"].max())
    parts = [_part(place, own, spreads, ratios, longest) for place in records(places)]
    moved = [mark for part in parts for row in part.rows for mark in row.cells[:1] if mark]
    far = reach([dot for mark in moved for dot in mark.dots], at_least=0.005)
    cells = [row.cells[1] for part in parts for row in part.rows]
    most = max(
        0.002,
        *(end for one in cells if one for end in (one.value, one.high) if math.isfinite(end)),
    )
    what = _CHANGES[metric]
    columns = (
        Column(title=what, axis=axis(what, -far, far, signed=True), guides=(Guide(0),)),
        Column(title="SD between words", axis=axis("SD between words", 0, 1.05 * most)),
    )
    return Chart(
        title="What words in the prompt do",
        bands=((Rows(columns=columns, parts=tuple(parts), names="words"),),),
        note="Left: dots are words, the mark is their mean. Right: standard deviation between the words of "
        f"one attribute or topic, sampling of patients taken off, {interval_label(spreads)}; one that "
        f"ends beyond {_LONGEST:g} times the largest value stands in the text alone.",
    )


def _furthest(spreads: pd.DataFrame, ratios: pd.DataFrame) -> pd.DataFrame:
    """Return findings and gaps by how far beyond neutral words those for groups move them at least."""
    low = ratios.groupby(_ABOUT, sort=False)["low"].max()
    own = spreads[spreads["condition"] != NEUTRAL_WORDS]
    spread = own.groupby(_ABOUT, sort=False)["value"].max().rename("spread")
    both = pd.concat([low, spread], axis=1).reset_index()
    return both.sort_values(["low", "spread"], ascending=False, kind="stable")


def _part(
    place: dict[str, Any],
    own: pd.DataFrame,
    spreads: pd.DataFrame,
    ratios: pd.DataFrame,
    longest: float,
) -> Part:
    def here(table: pd.DataFrame) -> pd.DataFrame:
        for column in _ABOUT:
            table = table[table[column] == place[column]]
        return table

    by_condition = {row["condition"]: row for row in records(here(ratios))}
    rows = [
        _row(row, here(own), by_condition.get(row["condition"]), longest)
        for row in sorted(records(here(spreads)), key=lambda row: row["condition"] == NEUTRAL_WORDS)
    ]
    of = f": {column_name(place['attribute'])} {place['group']}" if place["attribute"] else ""
    return Part(title=f"{place['finding']}{of}", rows=tuple(rows), finding=place["finding"])


def words_name(condition: str) -> str:
    """Return what words are called: those for groups of all attributes, of one, or neutral ones."""
    if condition in (WORDS_FOR_GROUPS, NEUTRAL_WORDS):
        return condition
    return f"words for {column_name(condition)}"


def _row(
    row: dict[str, Any], own: pd.DataFrame, ratio: dict[str, Any] | None, longest: float
) -> Row:
    condition = row["condition"]
    if condition == NEUTRAL_WORDS:
        words = own[own["kind"] == NEUTRAL]
    else:
        words = own[own["kind"] != NEUTRAL]
        words = (
            words if condition == WORDS_FOR_GROUPS else words[words["words_attribute"] == condition]
        )
    look = Look("grey") if condition == NEUTRAL_WORDS else Look("red", "diamond")
    moved = Mark(value=float(words["value"].mean()), dots=tuple(words["value"]), look=look)
    spread = Mark(
        value=row["value"],
        low=row["low"] if row["high"] <= longest else NONE,
        high=row["high"] if row["high"] <= longest else NONE,
        look=look,
        text=with_interval(row["value"], row["low"], row["high"]),
        words=times(ratio) if ratio else "",
        why=missing_because(row["reasons"]),
    )
    return Row(name=words_name(condition), cells=(moved, spread), finding=row["finding"])


def times(ratio: dict[str, Any]) -> str:
    """Return a ratio in words: ``2.1 × neutral (1.2 to 4.4)``; without a limit, from where on."""
    value = f"{decimal(ratio['value'], 1)} × neutral" if math.isfinite(ratio["value"]) else ""
    if math.isfinite(ratio["high"]):
        limits = f"{decimal(ratio['low'], 1)} to {decimal(ratio['high'], 1)}"
    else:
        limits = f"{decimal(ratio['low'], 1)} or more" if ratio["low"] > 0 else ""
    return f"{value} ({limits})" if value and limits else value or limits
