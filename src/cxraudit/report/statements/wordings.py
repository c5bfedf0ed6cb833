"""Whether words for groups of patients in the prompt move scores and gaps further than neutral words."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from cxraudit.audits.result import Audit
from cxraudit.audits.wordings.outcomes import RATIOS, SDS
from cxraudit.figures.wordings import times, words_name
from cxraudit.formatting import (
    bounds,
    column_name,
    counted,
    decimal,
    in_sentence,
    listed,
    signed,
)
from cxraudit.prompts.wordings import DEMOGRAPHIC, NEUTRAL
from cxraudit.report.statements import rows as find
from cxraudit.report.statements.rows import Row
from cxraudit.report.statements.statement import Statement, Tone
from cxraudit.schema import NEUTRAL_WORDS, WORDS_FOR_GROUPS, Analysis, records
from cxraudit.vocabulary import group_phrase

GAP = "wording_gap"
_MOVED = {
    GAP: "the AUROC gap of {group}",
    "wording_auroc": "AUROC",
    "wording_score": "the mean score",
    "wording_score_gap": "the score gap of {group}",
}
"""What words move, in the order it is stated."""
_OF_RATIO = {metric: name for name, metric in RATIOS.items()}
"""Metric of a ratio → what words move."""
_TIMES_CHANCE = 2.0
"""Ratios are not independent of each other: up to so many times as many as expected may be by chance."""
_SD_OF_SCORE = ("wording_score", "wording_score_gap")


def statements(audit: Audit, model: str) -> list[Statement]:
    """State how far words for groups move gaps and scores, beside neutral words."""
    found = [one for one in audit.facts.get("wordings") or () if one["model"] == model]
    return [_statement(audit, model, one) for one in found if one["findings"]]


def _statement(audit: Audit, model: str, fact: Mapping[str, Any]) -> Statement:
    rows = find.of(audit, model, analysis=Analysis.WORDING)
    ratios = rows[rows["metric"].isin(list(_OF_RATIO)) & rows["low"].notna()]
    if not fact["compared"]:
        return _not_compared(fact)
    if ratios.empty:
        return Statement(
            Tone.EXPLORATORY,
            "Words for groups in the prompt: not compared with neutral words",
            "There are too few patients, resamples or words for an interval.",
        )
    beyond = ratios[ratios["low"] > 1]
    expected = (1 - float(ratios["confidence_level"].iloc[0])) / 2 * len(ratios)
    are = "is" if len(beyond) == 1 else "are"
    of_all = (
        f"Of {counted(len(ratios), 'ratio')} to neutral words, {len(beyond)} {are} above 1 with the whole "
        f"interval; {expected:.1f} would be by chance alone."
    )
    gaps = beyond[beyond["metric"] == RATIOS[GAP]]
    which = gaps if len(gaps) else beyond
    chosen = which if len(which) else _of_gaps(ratios)
    row = max(records(chosen), key=lambda one: (one["low"], one["value"]))
    detail = f"{_moved(audit, rows, row)} {of_all}{_own_words(rows)}{_alike(fact)}"
    return Statement(Tone.EXPLORATORY, _headline(len(gaps), len(beyond), expected), detail)


def _of_gaps(ratios: pd.DataFrame) -> pd.DataFrame:
    gaps = ratios[ratios["metric"] == RATIOS[GAP]]
    return gaps if len(gaps) else ratios


def _headline(gaps: int, beyond: int, expected: float) -> str:
    """State what words move; nothing where no more ratios lie above 1 than may by chance."""
    if 0 < beyond <= max(1.0, _TIMES_CHANCE * expected):
        return "Words for groups in the prompt: beyond neutral words about as often as by chance"
    if gaps:
        return "Words for groups in the prompt move AUROC gaps further than neutral words do"
    if beyond:
        return "Words for groups in the prompt move scores, and no AUROC gap, further than neutral words do"
    return (
        "Words for groups in the prompt: not shown to move anything further than neutral words do"
    )


def _moved(audit: Audit, rows: pd.DataFrame, row: Row) -> str:
    """State how far the words of a row move something, and neutral words beside them."""
    metric = _OF_RATIO[row["metric"]]
    places = {name: row[name] for name in ("finding", "attribute", "group")}
    spreads = find.where(rows, metric=SDS[metric], **places)
    own = find.where(spreads, condition=row["condition"])
    neutral = find.where(spreads, condition=NEUTRAL_WORDS)
    if own.empty or neutral.empty:
        return ""
    group = group_phrase(row["attribute"], row["group"]) if row["attribute"] else ""
    what = _MOVED[metric].format(group=group)
    unit = " standard deviations of the score" if metric in _SD_OF_SCORE else ""
    [one], [other] = records(own), records(neutral)
    theirs = f"{decimal(other['value'], 3)} ({bounds(other['low'], other['high'], 3)})"
    return (
        f"For {in_sentence(row['finding'])}, {what} varies between {words_name(row['condition'])} with a "
        f"standard deviation of {decimal(one['value'], 3)} ({bounds(one['low'], one['high'], 3)})"
        f"{_range(audit, row, metric)}, and between neutral words with one of {theirs}{unit}: {times(row)}."
    )


def _own_words(rows: pd.DataFrame) -> str:
    """State the largest shift by the words for a group in the scores of its own patients, if there is one."""
    found = find.where(rows, metric="own_words_shift").dropna(subset=["value", "low"])
    apart = records(found[(found["low"] > 0) | (found["high"] < 0)])
    if not apart:
        return ""
    row = find.largest(apart)
    return (
        f" Words for {group_phrase(row['attribute'], row['group'])} move the scores of these by "
        f"{find.difference(row)} standard deviations beside those of others ({in_sentence(row['finding'])})."
    )


def _range(audit: Audit, row: Row, metric: str) -> str:
    """Return the words that lie furthest apart, with what they change."""
    changes = audit.wording_changes
    if changes.empty:
        return ""
    own = find.where(
        changes[changes["model"] == row["model"]],
        finding=row["finding"],
        metric=metric,
        attribute=row["attribute"],
        group=row["group"],
        kind=DEMOGRAPHIC,
    )
    if row["condition"] != WORDS_FOR_GROUPS:
        own = find.where(own, words_attribute=row["condition"])
    known = own.dropna(subset=["value"]).sort_values("value", kind="stable")
    if len(known) < 2:
        return ""
    ends = [
        f"{signed(one['value'], 3)} (“{one['words_group']}”)"
        for one in records(known.iloc[[0, -1]])
    ]
    return f", from {ends[0]} to {ends[1]}"


def _not_compared(fact: Mapping[str, Any]) -> Statement:
    """State why nothing follows where words of a kind are not distinguished."""
    alike = fact["alike"]
    kinds = [kind for kind in (DEMOGRAPHIC, NEUTRAL) if alike[kind]]
    if not kinds:
        return Statement(
            Tone.EXPLORATORY,
            "Words for groups in the prompt: not compared with neutral words",
            "Words of one kind are missing, or nothing changes with any of them.",
        )
    which = {DEMOGRAPHIC: "words for groups", NEUTRAL: "neutral words"}
    names = listed([f"{which[kind]} ({_topics(alike[kind])})" for kind in kinds])
    return Statement(
        Tone.EXPLORATORY,
        "Words for groups in the prompt: the scores do not distinguish them",
        f"Its scores are the same whichever of the {names} stand in the prompt, as where a text side has "
        "none of the words. Nothing follows about how the model would treat words that it has.",
    )


def _topics(names: list[str]) -> str:
    return listed([column_name(name) if name else "without an attribute" for name in names])


def _alike(fact: Mapping[str, Any]) -> str:
    """Name words that are not distinguished where others are."""
    left = [name for kind in (DEMOGRAPHIC, NEUTRAL) for name in fact["alike"][kind]]
    if not left:
        return ""
    return f" Words for {_topics(left)} are left out: the scores do not distinguish them."
