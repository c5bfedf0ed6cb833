"""Prompt sets: TOML files with two templates and their source."""

import os
import tomllib
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path

from cxraudit.errors import ConfigError, UnknownNameError
from cxraudit.files import digest, read_toml

_FIELDS = {"name", "source", "positive", "negative", "words"}


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
        return self.positive.format(finding=word), self.negative.format(finding=word)

    @property
    def fingerprint(self) -> str:
        """Hash of all that a score depends on."""
        return digest({key: value for key, value in asdict(self).items() if key != "source"})


def available() -> list[str]:
    """Return the names of the shipped prompt sets."""
    files = resources.files("cxraudit.prompts").iterdir()
    names = {file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml")}
    return sorted(names - {"bank"})


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
        If the file is missing, is not valid TOML, has unknown keys or lacks a template.
    """
    path = Path(name_or_path)
    if path.suffix == ".toml":
        data = read_toml(path, what="the prompt file")
    elif str(name_or_path) in available():
        file = resources.files("cxraudit.prompts") / f"{name_or_path}.toml"
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    else:
        raise UnknownNameError("prompt set", str(name_or_path), available())
    if unknown := set(data) - _FIELDS:
        raise ConfigError(
            f"{name_or_path} has unknown keys {', '.join(sorted(unknown))}; "
            f"known: {', '.join(sorted(_FIELDS))}."
        )
    for key in ("positive", "negative"):
        if not isinstance(data.get(key), str):
            raise ConfigError(f"{name_or_path} lacks the template '{key}'. Add it as a string.")
    if "{finding}" not in data["positive"]:
        raise ConfigError(f"{name_or_path}: the template 'positive' must contain {{finding}}.")
    words = data.get("words", {})
    if not isinstance(words, dict) or not all(isinstance(word, str) for word in words.values()):
        raise ConfigError(f"{name_or_path}: 'words' must map findings to strings.")
    for key in ("positive", "negative"):
        try:
            data[key].format(finding="x")
        except (KeyError, IndexError, ValueError):
            raise ConfigError(
                f"{name_or_path}: the template '{key}' may hold {{finding}} and no other braces."
            ) from None
    return PromptSet(
        name=str(data.get("name", path.stem)),
        source=str(data.get("source", "")),
        positive=data["positive"],
        negative=data["negative"],
        words=words,
    )
