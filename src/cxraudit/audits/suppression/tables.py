"""Small counts in what stands beside the results: filters, exclusions, notices and notes."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from cxraudit.audits.suppression.counted import Counted
from cxraudit.audits.suppression.small import is_small
from cxraudit.notices import PERTURBED_IMAGES
from cxraudit.schema import EXCLUSION_COLUMNS, FLOW_COLUMNS, records, typed_frame

COUNTED_IN_FLOW = ("images", "studies", "patients")

_WORD = re.compile(r"[^\s'‘’“”\"(),;:]+(?<![.])")
LONG_NUMBER = 5
_LIST = re.compile(r"\s*\([^()]*\)")
_NUMBER = re.compile(
    r"(?<!fewer than )(?<![\w.,'’:/×-])(\d{1,3}(?:,\d{3})+|\d+)(?![\w'’%×]|\s%|[.,:/-]\d)"
)


def shown_steps(remaining: Sequence[int], below: int) -> list[bool]:
    """Tell after which steps the number that remains is shown.

    The last is; of the others those that differ from the next shown one by nothing, or by enough.

    Examples
    --------
    >>> shown_steps([500, 480, 477, 470, 470], 11)
    [True, False, False, True, True]
    >>> shown_steps([500, 497], 11)
    [False, True]
    """
    shown = [False] * len(remaining)
    after: int | None = None
    for number in reversed(range(len(remaining))):
        if after is None or not is_small((remaining[number] - after,), below):
            shown[number], after = True, remaining[number]
    return shown


def suppressed_flow(flow: pd.DataFrame, below: int) -> pd.DataFrame:
    """Hide small numbers of what a filter left out, and of what remained, where the difference is small."""
    result = flow.astype({name: "Int64" for name, kind in FLOW_COLUMNS.items() if kind == "int64"})
    for name in COUNTED_IN_FLOW:
        shown = shown_steps([int(n) for n in flow[name]], below)
        both = [now and (k == 0 or shown[k - 1]) for k, now in enumerate(shown)]
        result[name] = result[name].where(pd.Series(shown, index=flow.index))
        out = f"{name}_out"
        result[out] = result[out].where(pd.Series(both, index=flow.index))
    return typed_frame(records(result), FLOW_COLUMNS)


def suppressed_exclusions(
    exclusions: pd.DataFrame, flow: pd.DataFrame, counted: Counted, below: int
) -> pd.DataFrame:
    """Hide what the flow hides, small counts, and those that the counts of results would give.

    Parameters
    ----------
    exclusions : pandas.DataFrame
        As of an audit.
    flow : pandas.DataFrame
        Already suppressed.
    counted : Counted
        Whose counts are shown in the results.
    below : int
        Smaller counts are small.
    """
    of_step = {str(row["step"]): row for row in records(flow)}
    countable = {f"labelled: {finding}" for finding in counted.labelled}
    countable |= {
        f"scored: {model}, {finding}"
        for model, finding in counted.overall
        if finding in counted.labelled
    }

    def is_hidden(step: str, name: str, count: int) -> bool:
        if step in of_step:
            return bool(pd.isna(of_step[step][f"{name}_out"]))
        of_one = step.startswith(("labelled: ", "scored: ")) and step not in countable
        return of_one or is_small((count,), below)

    rows = [
        {
            **row,
            **{
                name: None if is_hidden(str(row["step"]), name, int(row[name])) else row[name]
                for name in ("images", "patients")
            },
        }
        for row in records(exclusions)
    ]
    return typed_frame(rows, EXCLUSION_COLUMNS)


_FIRST = re.compile(r"\s*\bFirst: .*$", re.DOTALL)
"""List of names at the end of a sentence."""
_FIRST_WITHIN = re.compile(r",\s+first\b(?! of all)[^;]*?(?=;|\.(?:\s|$)|$)")
"""The first of those that are counted, within a sentence."""
_OF_ALL = re.compile(r"\b(some) of (?:all |the )*(?:[\d,]+|some) (?=\w)", re.IGNORECASE)
"""Total beside a number that is hidden: what is left of it may be shown elsewhere."""
_ONE = re.compile(
    r"\bsome ((?:[a-z]+ ){0,2}?)"
    r"(cell|column|embedding|file|finding|image|label|mask|original|pair|patient|prompt|report|row|score|"
    r"shard|study|value|weight)\b(?: (has|is|was)\b)?",
    re.IGNORECASE,
)
"""What was one before its number was hidden."""
_OF_SEVERAL = {"has": "have", "is": "are", "was": "were"}


def suppressed_text(
    text: str,
    below: int,
    identifiers: Collection[str] = (),
    *,
    totals: Collection[int] = (),
    hidden_number: int | None = None,
) -> str:
    """Return a sentence without lists in parentheses, without small numbers, and without identifiers.

    Parameters
    ----------
    text : str
        One or more sentences.
    below : int
        Smaller numbers are small.
    identifiers : collection of str
        Names that are replaced.
    totals : collection of int
        Known numbers of images and patients: what is left of one of them is not small, either.
    hidden_number : int, optional
        One more number that is hidden.

    Examples
    --------
    >>> suppressed_text("13 values of sex are unknown: 'u' (9), '1*' (4).", 11)
    "13 values of sex are unknown: 'u', '1*'."
    >>> suppressed_text("3 images have an impossible age; it counts as unknown.", 11)
    'Some images have an impossible age; it counts as unknown.'
    >>> suppressed_text("drain was not applied to 202 images.", 11, totals=[203])
    'drain was not applied to some images.'
    >>> suppressed_text("3 of 200 embeddings are of other images. First: a.png, b.png.", 11)
    'Some embeddings are of other images.'
    >>> suppressed_text("1 row repeated, first row 7; it counts once.", 11)
    'Some rows repeated; it counts once.'
    """
    # As many dots as names would count them, whatever these are.
    text = _FIRST.sub("", text)
    for one in identifiers:
        if not _WORD.fullmatch(one):  # with blanks or marks in it
            text = text.replace(one, "…")
    plain = _WORD.sub(lambda found: _unnamed(found[0], identifiers), text)
    while (inner := _LIST.sub("", plain)) != plain:  # lists within lists
        plain = inner
    plain = _FIRST_WITHIN.sub("", plain)

    def word(found: re.Match[str]) -> str:
        number = int(found[0].replace(",", ""))
        gone = number == hidden_number or tells_small(number, totals, below)
        return "some" if gone else found[0]

    hidden = _OF_ALL.sub(r"\1 ", _NUMBER.sub(word, plain)).replace("all some ", "all ")
    hidden = _ONE.sub(_several, hidden)
    return hidden[:1].upper() + hidden[1:] if plain[:1].isdigit() else hidden


def _several(found: re.Match[str]) -> str:
    """Return one thing, whose number is hidden, as several."""
    between, noun, verb = found[1], found[2], found[3]
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{found[0][:4]} {between}{plural}{f' {_OF_SEVERAL[verb.lower()]}' if verb else ''}"


def tells_small(number: int, totals: Collection[int], below: int) -> bool:
    """Tell whether a number is small, or leaves a small one of a known total."""
    return is_small((number, *(total - number for total in totals)), below)


def _unnamed(word: str, identifiers: Collection[str]) -> str:
    """Return a word, or dots for an identifier; a short number is a number."""
    return word if (word.isdigit() and len(word) < LONG_NUMBER) or word not in identifiers else "…"


def suppressed_facts(
    facts: Mapping[str, Any], below: int, identifiers: Collection[str] = ()
) -> dict[str, Any]:
    """Hide small counts among the facts, and in notices and notes, which then name no image, either."""
    tuning = facts["tuning"]
    parts = tuning["patients"], tuning["evaluated"]
    totals = [facts[name] for name in COUNTED_IN_FLOW if facts.get(name)]
    perturbed = facts.get("perturbed")
    if perturbed and tells_small(perturbed["images"], totals, below):
        perturbed = {**perturbed, "images": None}
    totals += [perturbed["images"]] if perturbed and perturbed["images"] else []
    few = facts.get("largest_patients")
    if few and is_small((few["patients"],), below):
        few = None
    return {
        **facts,
        "largest_patients": few,
        "tuning": {**tuning, "patients": None, "evaluated": None}
        if is_small(parts, below)
        else tuning,
        "thresholds": [{**one, "patients": None} for one in facts.get("thresholds", ())],
        "perturbed": perturbed,
        "notes": [suppressed_text(str(note), below, identifiers) for note in facts["notes"]],
        "notices": _each_once(
            _suppressed_notice(one, totals, below, identifiers) for one in facts["notices"]
        ),
    }


def _each_once(notices: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return notices once each: the number of those that differ in what is hidden would count it."""
    return [dict(items) for items in dict.fromkeys(tuple(one.items()) for one in notices)]


def _suppressed_notice(
    notice: Mapping[str, Any], totals: Collection[int], below: int, identifiers: Collection[str]
) -> dict[str, Any]:
    count = notice["count"]
    # Perturbations apply to nested sets of images, some of them several times: the differences of their
    # counts can be small where none of them is.
    hidden = notice["about"] == PERTURBED_IMAGES or tells_small(count, totals, below)
    text = notice.get("hidden") or suppressed_text(
        notice["sentence"],
        below,
        identifiers,
        totals=totals,
        hidden_number=count if hidden else None,
    )
    return {"about": notice["about"], "count": None if hidden else count, "sentence": text}
