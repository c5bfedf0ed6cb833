"""Prompts as data: each set is a TOML file with its source."""

import tomllib
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path

from cxraudit.errors import ConfigError, UnknownNameError
from cxraudit.files import digest

_FIELDS = {"name", "source", "positive", "negative", "words"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptSet:
    """Two templates per finding: one that affirms it and one that denies it.

    ``{finding}`` is replaced by the finding, or by its entry in ``words``.
    """

    name: str
    source: str
    positive: str
    negative: str
    words: dict[str, str]

    def pair(self, finding: str) -> tuple[str, str]:
        """Return the affirming and the denying prompt of a finding."""
        word = self.words.get(finding, finding)
        return self.positive.format(finding=word), self.negative.format(finding=word)

    @property
    def fingerprint(self) -> str:
        """Hash of everything a score depends on."""
        return digest({key: value for key, value in asdict(self).items() if key != "source"})


def available() -> list[str]:
    """Return the names of the prompt sets in the package."""
    files = resources.files("cxraudit.prompts").iterdir()
    return sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml"))


def load(name_or_path: str) -> PromptSet:
    """Load a prompt set by its name, or from a TOML file of the same form.

    Raises
    ------
    UnknownNameError
        If there is no such set and no such file.
    ConfigError
        If the file is no valid TOML, has unknown keys or lacks a template.
    """
    path = Path(name_or_path)
    if path.suffix == ".toml":
        if not path.is_file():
            raise ConfigError(f"the prompt file {path} is missing. Check the path.")
        text = path.read_text(encoding="utf-8")
    elif name_or_path in available():
        file = resources.files("cxraudit.prompts") / f"{name_or_path}.toml"
        text = file.read_text(encoding="utf-8")
    else:
        raise UnknownNameError("prompt set", name_or_path, available())
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name_or_path} is not valid TOML: {error}.") from None
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
    return PromptSet(
        name=str(data.get("name", path.stem)), source=str(data.get("source", "")),
        positive=data["positive"], negative=data["negative"], words=dict(data.get("words", {})),
    )  # fmt: skip
