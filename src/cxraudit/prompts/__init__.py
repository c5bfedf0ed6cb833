"""Prompt sets: TOML files with two templates and their source."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from cxraudit.errors import ConfigError, UnknownNameError, short, shown
from cxraudit.files import digest, read_toml

_FIELDS = {"name", "source", "positive", "negative", "words"}

_PLACE = "{finding}"

LONGEST = 2000
"""Characters of a template, a wording or a name; models take some hundreds."""
MOST_WORDS = 10_000
"""Findings that a prompt set words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptSet:
    """A template that affirms a finding and one that denies it.

    ``{finding}`` in a template is replaced by the finding, or by its entry in ``words``.
    """

    name: str
    source: str
    """Publication of the prompts."""
    positive: str
    negative: str
    words: dict[str, str]
    """Finding → its wording in the prompts."""

    def pair(self, finding: str) -> tuple[str, str]:
        """Return the positive and the negative prompt of a finding."""
        word = self.words.get(finding, finding)
        return self.positive.replace(_PLACE, word), self.negative.replace(_PLACE, word)

    @property
    def fingerprint(self) -> str:
        """Hash of all that a score depends on."""
        return digest({key: value for key, value in asdict(self).items() if key != "source"})


def available() -> list[str]:
    """Return the names of the shipped prompt sets."""
    files = resources.files("cxraudit.prompts").iterdir()
    names = {file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml")}
    return sorted(names - {"bank", "wordings"})


def load(name_or_path: str | os.PathLike[str]) -> PromptSet:
    """Load a prompt set by name, or from a TOML file.

    Parameters
    ----------
    name_or_path : str or os.PathLike
        One of `available`, or a path that ends in ``.toml``, of a file with the keys ``positive`` and
        ``negative``, and optionally ``name``, ``source`` and ``words``.

    Raises
    ------
    UnknownNameError
        If there is no such prompt set.
    ConfigError
        If the file is missing, is not valid TOML, has unknown keys, lacks a template, or holds
        characters that are not visible.
    """
    path = Path(name_or_path)
    if path.suffix == ".toml":
        data = read_toml(path, what="the prompt file")
    elif str(name_or_path) in available():
        file = resources.files("cxraudit.prompts") / f"{name_or_path}.toml"
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    else:
        raise UnknownNameError("prompt set", str(name_or_path), available())
    return _checked(data, path)


def _checked(data: Mapping[str, Any], path: Path) -> PromptSet:
    """Return the prompt set of a file's content."""
    if unknown := set(data) - _FIELDS:
        raise ConfigError(
            f"{path} has unknown keys {', '.join(sorted(map(short, unknown)))}; "
            f"known: {', '.join(sorted(_FIELDS))}."
        )
    positive, negative = (_template(data.get(key), key, path) for key in ("positive", "negative"))
    if _PLACE not in positive:
        raise ConfigError(f"{path}: the template 'positive' must contain {{finding}}.")
    words = data.get("words", {})
    if not isinstance(words, dict) or len(words) > MOST_WORDS:
        raise ConfigError(
            f"{path}: 'words' must map findings to strings, at most {MOST_WORDS:,} of them."
        )
    return PromptSet(
        name=_text(data.get("name", path.stem), "name", path),
        source=_text(_joined(data["source"]), "source", path) if "source" in data else "",
        positive=positive,
        negative=negative,
        words={
            finding: _text(word, f"words.{short(finding)}", path) for finding, word in words.items()
        },
    )


def _joined(value: object) -> object:
    """Return a citation of several lines as one line."""
    return " ".join(value.split()) if isinstance(value, str) else value


def _text(value: object, key: str, path: Path) -> str:
    """Return the text of a key: visible characters alone, since a tokenizer takes others as text, too."""
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f"{path}: '{key}' must be text in quotation marks, got {shown(value)}.")
    if len(value) > LONGEST:
        raise ConfigError(
            f"{path}: '{key}' has {len(value):,} characters; at most {LONGEST:,} are a prompt."
        )
    if not value.isprintable():
        hidden = next(char for char in value if not char.isprintable())
        raise ConfigError(
            f"{path}: '{key}' contains a character that is not visible (U+{ord(hidden):04X}), which models "
            "take for text. Remove it."
        )
    return value


def _template(value: object, key: str, path: Path) -> str:
    if value is None:
        raise ConfigError(f"{path} lacks the template '{key}'. Add it as a string.")
    text = _text(value, key, path)
    # Doubled braces would stay in the prompt as single ones, which models take for text.
    if any(brace in text.replace(_PLACE, "") for brace in "{}"):
        raise ConfigError(f"{path}: the template '{key}' may hold {{finding}} and no other braces.")
    return text
