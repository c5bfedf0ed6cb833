"""A bank of prompt pairs for the analysis of prompt sensitivity, and a check of prompt pairs."""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

_NEGATION = re.compile(r"\b(no|not|without|absence of|negative for)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Wording:
    """One prompt pair for one finding."""

    name: str
    """Names of template and negative, and the synonym, for instance ``chest | no X | Pneumonia``."""
    finding: str
    positive: str
    negative: str


def lint(positive: str, negative: str) -> str:
    """Return the fault of a prompt pair in one sentence; empty if there is none.

    A zero-shot score needs a positive prompt that affirms the finding and a negative one that denies
    it: scores of a faulty pair may be inverted or meaningless.

    Examples
    --------
    >>> lint("No Finding", "no No Finding")
    'the negative prompt has two negations: “no No Finding”'
    >>> lint("Chest Pneumonia", "Chest No findings")
    ''
    """
    if len(_NEGATION.findall(negative)) > 1:
        return f"the negative prompt has two negations: “{negative}”"
    if _plain(positive) == _plain(negative):
        return f"both prompts have the same meaning: “{positive}”"
    if _NEGATION.search(positive) and not _NEGATION.search(negative):
        return f"the positive prompt has a negation and the negative one has none: “{positive}”"
    if _NEGATION.search(positive):
        return f"both prompts have a negation: “{positive}” and “{negative}”"
    return ""


def _plain(text: str) -> str:
    return re.sub(r"\W+", " ", text).strip().lower().removesuffix("s")


@cache
def _bank() -> dict[str, Any]:
    file = resources.files("cxraudit.prompts") / "bank.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))


def wordings(finding: str) -> list[Wording]:
    """Return the prompt pairs of the bank for a finding: templates × negatives × synonyms without a fault."""
    bank = _bank()
    pairs = [
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
    return [pair for pair in pairs if not lint(pair.positive, pair.negative)]
