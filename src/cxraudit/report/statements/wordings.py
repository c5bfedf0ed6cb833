"""Whether words for groups of patients in the prompt move scores and gaps further than neutral words."""

import math
from collections.abc import Mapping, Sequence
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
from cxraudit.schema import (
    NEUTRAL_WORDS,
    WORDS_FOR_GROUPS,
    Analysis,
    Reason,
    has_reason,
    records,
)
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
_KINDS = {
    GAP: "AUROC gaps",
    "wording_auroc": "AUROC",
    "wording_score": "the mean score",
    "wording_score_gap": "score gaps",
}
"""What words move, together."""
_ROUNDING = 1e-9
_SD_OF_SCORE = ("wording_score", "wording_score_gap")


def statements(audit: Audit, model: str) -> list[Statement]:
    """State how far words for groups move gaps and scores, beside neutral words."""
    found = [one for one in audit.facts.get("wordings") or () if one["model"] == model]
    return [_statement(audit, model, one) for one in found if one["findings"]]


def _statement(audit: Audit, model: str, fact: Mapping[str, Any]) -> Statement:
    rows = find.of(audit, model, analysis=Analysis.WORDING)
    if not fact["compared"]:
        return _not_compared(fact)
    ratios = rows[rows["metric"].isin(list(_OF_RATIO))]
    known = ratios[ratios["low"].notna()]
    about = f"{_own_words(rows, ratios)}{_too_few(fact)}{_alike(fact)}"
    if known.empty:
        return _not_judged(audit, rows, ratios, about)
    shown = known[is_shown(known)]
    chosen = shown if len(shown) else known[known["low"] > 1]
    row = _furthest(rows, chosen if len(chosen) else ratios)
    detail = f"{_moved(audit, rows, row)} {_counted(known, len(shown))}{about}"
    return Statement(Tone.EXPLORATORY, _headline(shown, known, fact), detail)


def is_shown(ratios: pd.DataFrame) -> "pd.Series[bool]":
    """Tell which ratios lie above 1 beyond chance: by exchange, and by their size among all of the model."""
    return (ratios["low"] > 1) & (
        ratios["p_adjusted"] <= 1 - ratios["confidence_level"] + _ROUNDING
    )


def _headline(shown: pd.DataFrame, known: pd.DataFrame, fact: Mapping[str, Any]) -> str:
    """Name the kinds of quantity that words move beyond chance; those alone."""
    moved = set(shown["metric"])
    kinds = [name for metric, name in _KINDS.items() if RATIOS[metric] in moved]
    if kinds:
        return f"Words for groups in the prompt move {listed(kinds)} further than neutral words do"
    if (known["low"] > 1).any():
        return "Words for groups in the prompt: not shown to be beyond neutral words by more than chance"
    left = [one["words"] for one in _few(fact)]
    but = f"; {listed([words_name(one) for one in left])} cannot be judged" if left else ""
    return (
        "Words for groups in the prompt: not shown to move anything further than neutral words "
        f"do{but}"
    )


def _counted(known: pd.DataFrame, shown: int) -> str:
    """Count the ratios of each kind that lie above 1, beside how many would by chance."""
    level = float(known["confidence_level"].iloc[0])
    parts = []
    for metric, name in _KINDS.items():
        own = known[known["metric"] == RATIOS[metric]]
        if len(own):
            above, expected = int((own["low"] > 1).sum()), (1 - level) / 2 * len(own)
            parts.append(f"{name} {above} of {len(own)} ({expected:.1f} by chance alone)")
    return (
        f"Ratios to neutral words above 1 with the whole interval: {', '.join(parts)}. Beyond chance by "
        f"their size, too, adjusted over all of them: {shown or 'none'}."
    )


def _furthest(rows: pd.DataFrame, chosen: pd.DataFrame) -> Row:
    """Return the ratio with the highest lower limit; without one, that of the largest change."""
    spreads = {
        (row["metric"], *_place(row), row["condition"]): row
        for row in records(rows[rows["metric"].isin(list(SDS.values()))])
    }

    def beside(row: Row) -> float:
        """Return how large a change is beside the largest that neutral words may make."""
        here = SDS[_OF_RATIO[row["metric"]]], *_place(row)
        own, other = (spreads.get((*here, one)) for one in (row["condition"], NEUTRAL_WORDS))
        if own is None or other is None or not own["value"] > 0:
            return 0.0
        most = max((one for one in (other["value"], other["high"]) if one > 0), default=0.0)
        return own["value"] / most if most else math.inf

    return max(
        records(chosen),
        key=lambda row: (row["low"] if row["low"] > 1 else 0.0, beside(row)),
    )


def _place(row: Row) -> tuple[str, str, str]:
    return row["finding"], row["attribute"], row["group"]


def _not_judged(audit: Audit, rows: pd.DataFrame, ratios: pd.DataFrame, about: str) -> Statement:
    """State why no ratio has an interval, with the largest change."""
    if not has_reason(ratios, Reason.TOO_FEW_WORDS).any():
        return Statement(
            Tone.EXPLORATORY,
            "Words for groups in the prompt: not compared with neutral words",
            "There are too few patients or resamples for an interval.",
        )
    return Statement(
        Tone.EXPLORATORY,
        "Words for groups in the prompt: too few neutral words to judge what they move",
        f"{_moved(audit, rows, _furthest(rows, ratios))}{about}",
    )


def _few(fact: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return fact.get("too_few") or ()


def _too_few(fact: Mapping[str, Any]) -> str:
    """Say which words cannot be judged, and how many neutral ones that needs."""
    return "".join(
        f" {words_name(one['words']).capitalize()} cannot be judged: neutral words give "
        f"{counted(one['neutral'], 'contrast')} (one fewer than words, per topic), and {one['needed']} or "
        "more are needed."
        for one in _few(fact)
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
        f"{_range(audit, row, metric)}, and between neutral words with one of {theirs}{unit}{_beside(row)}."
    )


def _beside(row: Row) -> str:
    """Return the ratio in words, or why there is none."""
    if stated := times(row):
        return f": {stated}"
    return ": no ratio, since neutral words move it no further than sampling patients does"


def _own_words(rows: pd.DataFrame, ratios: pd.DataFrame) -> str:
    """State the largest shift by the words for a group in the scores of its own patients.

    Any words move them somewhere: only where words move scores of groups apart further than neutral ones do.
    """
    further = records(ratios[is_shown(ratios) & (ratios["metric"] == RATIOS["wording_score_gap"])])
    places = {_place(row) for row in further}
    found = find.where(rows, metric="own_words_shift").dropna(subset=["value", "low"])
    apart = (found["low"] > 0) | (found["high"] < 0)
    beyond = found["p_adjusted"] <= 1 - found["confidence_level"] + _ROUNDING
    stated = [row for row in records(found[apart & beyond]) if _place(row) in places]
    if not stated:
        return ""
    row = find.largest(stated)
    of = f", the largest of {len(found):,} comparisons, adjusted over all" if len(found) > 1 else ""
    return (
        f" Words for {group_phrase(row['attribute'], row['group'])} move the scores of these by "
        f"{find.difference(row)} standard deviations beside those of others ({in_sentence(row['finding'])}"
        f"{of})."
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
    change, word = fact.get("furthest", (0.0, ""))
    if change and alike[NEUTRAL]:
        return Statement(
            Tone.EXPLORATORY,
            "Words for groups in the prompt: they change the scores, and neutral words do not",
            f"With “{word}” the score of an image changes by {decimal(change, 3)} standard deviations on "
            f"average. Its scores are the same whichever of the neutral words ({_topics(alike[NEUTRAL])}) "
            "stand in the prompt, as where a text side has none of these, so that they are no control and "
            "there is no ratio. Compare with neutral words that the model has.",
        )
    kinds = [kind for kind in (DEMOGRAPHIC, NEUTRAL) if alike[kind]]
    if not kinds:
        return Statement(
            Tone.EXPLORATORY,
            "Words for groups in the prompt: not compared with neutral words",
            f"Words of one kind are missing, or nothing changes with any of them.{_single(fact)}",
        )
    which = {DEMOGRAPHIC: "words for groups", NEUTRAL: "neutral words"}
    names = listed([f"{which[kind]} ({_topics(alike[kind])})" for kind in kinds])
    return Statement(
        Tone.EXPLORATORY,
        "Words for groups in the prompt: the scores do not distinguish them",
        f"Its scores are the same whichever of the {names} stand in the prompt, as where a text side has "
        "none of the words. Nothing follows about how the model would treat words that it has.",
    )


def _single(fact: Mapping[str, Any]) -> str:
    """Name words that stand alone, so that there is nothing to compare them with."""
    left = fact.get("single") or ()
    if not left:
        return ""
    return f" Words for {_topics(list(left))} are of one group or kind alone, and are left out."


def _topics(names: list[str]) -> str:
    return listed([column_name(name) if name else "without an attribute" for name in names])


def _alike(fact: Mapping[str, Any]) -> str:
    """Name words that are not distinguished where others are."""
    left = [name for kind in (DEMOGRAPHIC, NEUTRAL) for name in fact["alike"][kind]]
    if not left:
        return _single(fact)
    return f"{_single(fact)} Words for {_topics(left)} are left out: the scores do not distinguish them."
