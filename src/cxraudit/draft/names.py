"""What the name of a column says; see ``names.toml``."""

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from typing import Any

from cxraudit.datasets.findings import ALIASES, plain

_DECLARED: Mapping[str, Any] = tomllib.loads(
    (resources.files("cxraudit.draft") / "names.toml").read_text(encoding="utf-8")
)
ROLES: Mapping[str, Sequence[str]] = {
    role: _DECLARED[role]
    for role in (
        "image",
        "patient",
        "model",
        "seed",
        "age",
        "sex",
        "view",
        "sampling_weight",
        "severity",
    )
}
"""Role → names of its column, the usual one first."""
ATTRIBUTES, SHORTCUTS = (
    frozenset(_DECLARED["attribute_words"]),
    frozenset(_DECLARED["shortcut_words"]),
)
SCORES, LABELS = frozenset(_DECLARED["score_words"]), frozenset(_DECLARED["label_words"])
OTHERS = frozenset(_DECLARED["other_words"])
SHORTCUT_FINDINGS: Mapping[str, Sequence[str]] = _DECLARED["shortcut_findings"]
_FINDINGS = {plain(name): name for name in _DECLARED["findings"]}

Words = tuple[str, ...]


def words_of(name: str) -> Words:
    """Divide a name into words.

    Examples
    --------
    >>> words_of("PatientID"), words_of("prob_Pleural-Effusion")
    (('patient', 'id'), ('prob', 'pleural', 'effusion'))
    """
    divided = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", unicodedata.normalize("NFC", name))
    return tuple(re.sub(r"[\W_]+", " ", divided).casefold().split())


def has_role(name: str, role: str) -> int | None:
    """Return the place of a name among those of a role, 0 for the usual one; None if it is none."""
    text, names = " ".join(words_of(name)), ROLES[role]
    return names.index(text) if text in names else None


def finding_named(words: Words) -> str | None:
    """Return the finding that some words are a usual name of.

    Examples
    --------
    >>> finding_named(("ptx",)), finding_named(("effusion",)), finding_named(("drain",))
    ('Pneumothorax', 'Pleural Effusion', None)
    """
    text = " ".join(words)
    return ALIASES.get(text) or _FINDINGS.get(text)


def same_finding(words: Words, other: Words) -> bool:
    """Tell whether two names mean one finding."""
    return words == other or (
        (found := finding_named(words)) is not None and found == finding_named(other)
    )


def parts(words: Words) -> Iterator[tuple[Words, Words]]:
    """Yield every run of neighbouring words with the words around it, the longest first."""
    for length in range(len(words), 0, -1):
        for start in range(len(words) - length + 1):
            yield words[start : start + length], words[:start] + words[start + length :]
