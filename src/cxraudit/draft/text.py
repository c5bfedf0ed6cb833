"""Guesses as the text of a run file: TOML, with what was seen as comments."""

from collections.abc import Iterable, Sequence

from cxraudit.draft.guesses import Guess
from cxraudit.errors import one_line
from cxraudit.files import toml_key, toml_value

WIDTH = 30
"""Characters of a line before its comment."""
LONGEST = 200
"""Characters of a comment that names a user's columns."""

MOST_LINES = 100
"""Lines of a comment; more are counted."""

_KEYS = (
    "image",
    "patient",
    "model",
    "model_column",
    "seed_column",
    "age",
    "sex",
    "sex_values",
    "view",
    "uncertain",
)
"""Keys of ``[scores]`` in the order they are written in."""

_ADVICE = {
    "attributes": "age, sex and view are audited where they are named in [scores]",
    "shortcuts": "something in the image that may stand in for a finding",
}


def line(key: str, value: object, seen: str = "", *, is_open: bool = False) -> str:
    """Return one line, which is a comment if it is open."""
    text = f"{'# ' if is_open else ''}{toml_key(key)} = {toml_value(value)}"
    return f"{text:{WIDTH}} # {one_line(seen, LONGEST)}" if seen else text


def scores_section(file: str, guesses: Sequence[Guess]) -> list[str]:
    """Return ``[scores]`` with the columns of labels and scores."""
    own = [one for one in guesses if one.section == "scores"]
    own.sort(key=lambda one: (_KEYS.index(one.key), one.is_open))
    lines = ["[scores]", line("file", file), *map(_line_of, own)]
    for section, what in (
        ("scores.label", "finding → column of its labels"),
        ("scores.score", "finding, or MODEL:FINDING → column of its scores"),
    ):
        lines += _table(section, what, [one for one in guesses if one.section == section])
    return lines


def audit_section(guesses: Sequence[Guess]) -> list[str]:
    """Return ``[audit]``."""
    lines = ["[audit]"]
    lines += _attributes([one for one in guesses if one.section == "audit.attributes"])
    lines += [_line_of(one) for one in guesses if one.section == "audit"]
    lines.append(
        line("margin", 0.05, "largest difference that would not matter: declare it before you look")
    )
    seen = 'or 0.9 of the positives: "tpr=0.9"; at your threshold: "fixed=0.35"'
    lines.append(line("operating_point", "fpr=0.1", seen))
    lines.append(
        line(
            "suppress_below",
            11,
            "hides counts of fewer patients, where results leave the house",
            is_open=True,
        )
    )
    for section in ("audit.shortcuts", "audit.bins"):
        key = section.partition(".")[2]
        lines += _table(
            section,
            _ADVICE.get(key, "edges of groups"),
            [one for one in guesses if one.section == section],
        )
    return lines


def _attributes(guesses: Sequence[Guess]) -> list[str]:
    """Return the list of attributes, one line each."""
    if all(one.is_open for one in guesses):
        return [line("attributes", [one.value], one.seen, is_open=True) for one in guesses]
    lines = [f"attributes = [{'':{WIDTH - 14}} # {_ADVICE['attributes']}"]
    for one in sorted(guesses, key=lambda one: one.is_open):
        text = f"  {'# ' if one.is_open else ''}{toml_value(one.value)},"
        lines.append(f"{text:{WIDTH}} # {one_line(one.seen, LONGEST)}")
    return [*lines, "]"]


def _table(section: str, what: str, guesses: Sequence[Guess]) -> list[str]:
    if not guesses:
        return []
    head = f"{'# ' if all(one.is_open for one in guesses) else ''}[{section}]"
    return ["", f"{head:{WIDTH}} # {what}", *map(_line_of, guesses)]


def _line_of(guess: Guess) -> str:
    return line(guess.key, guess.value, guess.seen, is_open=guess.is_open)


def comments(heading: str, lines: Iterable[str]) -> list[str]:
    """Return lines that are comments below a heading; nothing without lines."""
    whole = [*lines]
    listed = [f"#   {one_line(one, LONGEST)}" for one in whole[:MOST_LINES]]
    if len(whole) > MOST_LINES:
        listed.append(f"#   and {len(whole) - MOST_LINES:,} others")
    return ["", f"# {heading}", *listed] if listed else []
