"""A bank of prompt pairs, and a linter for pairs that do not say what they mean."""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

_NEGATION = re.compile(r"\b(no|not|without|absence of|negative for)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Wording:
    """One way to ask for one finding."""

    name: str
    """Template, negative and synonym, for instance ``chest | no X | Pneumonia``."""
    finding: str
    positive: str
    negative: str


def lint(positive: str, negative: str) -> str:
    """Return what is wrong with a pair of prompts, or nothing.

    Examples
    --------
    >>> lint("No Finding", "no No Finding")
    'the negative prompt denies twice: “no No Finding”'
    >>> lint("Chest Pneumonia", "Chest No findings")
    ''
    """
    if len(_NEGATION.findall(negative)) > 1:
        return f"the negative prompt denies twice: “{negative}”"
    if _plain(positive) == _plain(negative):
        return f"both prompts say the same: “{positive}”"
    if _NEGATION.search(positive) and not _NEGATION.search(negative):
        return f"the positive prompt denies and the negative one does not: “{positive}”"
    if _NEGATION.search(positive):
        return f"both prompts deny: “{positive}” and “{negative}”"
    return ""


def _plain(text: str) -> str:
    return re.sub(r"\W+", " ", text).strip().lower().removesuffix("s")


@cache
def _bank() -> dict[str, Any]:
    file = resources.files("cxraudit.prompts") / "bank.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))


def wordings(finding: str) -> list[Wording]:
    """Return every sound way of the bank to ask for a finding: templates × negatives × synonyms."""
    bank = _bank()
    found = [
        Wording(
            f"{template['name']} | {negative['name']} | {word}",
            finding,
            template["text"].format(finding=word),
            negative["text"].format(finding=word),
        )
        for word in bank["synonyms"].get(finding, [finding])
        for template in bank["templates"]
        for negative in bank["negatives"]
    ]
    return [one for one in found if not lint(one.positive, one.negative)]
