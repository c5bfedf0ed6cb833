"""Words that are added to both prompts of a finding: for groups of patients, and neutral ones."""

import os
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import combinations
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge, Le, MaxLen, MinLen
from pydantic import AfterValidator, model_validator

from cxraudit.errors import ConfigError, UnknownNameError, short
from cxraudit.files import digest, read_toml
from cxraudit.validation import Described, validated

PLACE = "{prompt}"
DEFAULT = "default"
"""Name of the wordings of the package."""
DEMOGRAPHIC, NEUTRAL = "demographic", "neutral"
"""Kinds of wording: words for a group of patients, and words that say nothing of a patient."""
MOST_TERMS, MOST_TEXTS = 500, 20
LONGEST = 300
"""Characters of a wording; models take some hundreds with the prompt."""
OLDEST = 120
SEE = "cxraudit score --help"


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrase:
    """One wording: words around a prompt."""

    name: str
    """Unique; of a file, the words with a mark where the prompt stands."""
    kind: str
    """`DEMOGRAPHIC` or `NEUTRAL`."""
    attribute: str = ""
    """Attribute of patients, such as ``sex``; of a neutral wording its topic, such as ``day``."""
    group: str = ""
    """Group of the attribute, as the data name it; of a neutral wording the word that changes."""
    years: int = -1
    """Age in years, where the group is that of patients of this age; −1: none."""
    text: str = ""
    """The words, with ``{prompt}``; empty where a prompt was worded elsewhere."""
    source: str = ""

    def around(self, prompt: str) -> str:
        """Return a prompt with the words; its full stop comes last.

        Examples
        --------
        >>> Phrase(name="", kind="neutral", text="{prompt} on a Tuesday").around("There is edema.")
        'There is edema on a Tuesday.'
        """
        bare = prompt.removesuffix(".")
        stop = "." if bare != prompt else ""
        return self.text.replace(PLACE, bare) + stop


@dataclass(frozen=True, slots=True)
class Wordings:
    """Phrases of both kinds."""

    name: str
    phrases: tuple[Phrase, ...]

    @property
    def fingerprint(self) -> str:
        """Hash of all that results depend on."""
        return digest([[p.kind, p.attribute, p.group, p.years, p.text] for p in self.phrases])


def load_wordings(name_or_path: str | os.PathLike[str] = DEFAULT) -> Wordings:
    """Load the wordings of the package, or from a TOML file.

    Parameters
    ----------
    name_or_path : str or os.PathLike
        ``default``, or a path that ends in ``.toml``.

    Returns
    -------
    Wordings
        Of at least two groups of one attribute, and two neutral words of one topic.

    Raises
    ------
    UnknownNameError
        If it is neither.
    ConfigError
        If the file is missing, is not valid TOML, has unknown keys, lacks a kind of wording, holds one twice,
        or holds characters that are not visible.
    """
    file = Path(name_or_path)
    if file.suffix == ".toml":
        data = read_toml(file, what="the file of wordings")
    elif str(name_or_path) == DEFAULT:
        shipped = resources.files("cxraudit.prompts") / "wordings.toml"
        data = tomllib.loads(shipped.read_text(encoding="utf-8"))
    else:
        raise UnknownNameError("set of wordings", str(name_or_path), [DEFAULT])
    given = validated(_File, data, file, see=SEE)
    phrases = tuple(phrase for term in given.terms for phrase in term.phrases())
    _refuse_twice(phrases, file)
    for kind in (DEMOGRAPHIC, NEUTRAL):
        refuse_too_few(phrases, kind, str(file))
    return Wordings(given.name or file.stem, phrases)


def refuse_too_few(phrases: Sequence[Phrase], kind: str, where: str) -> None:
    """Refuse wordings without two of a kind that can be compared within one attribute or topic.

    Raises
    ------
    ConfigError
        Naming the kind, and what is there.
    """
    terms = {(p.attribute, p.group or p.name) for p in phrases if p.kind == kind}
    if any(first[0] == second[0] for first, second in combinations(terms, 2)):
        return
    wanted, why = _NEEDED[kind]
    names = short(", ".join(sorted({name for _, name in terms})))
    found = f"{kind} wordings for {names} alone" if terms else f"no {kind} wordings"
    raise ConfigError(
        f"{where} has {found}, and no two for {wanted}, so that {why}. Add "
        f"{kind} wordings for two {wanted} or more."
    )


_NEEDED = {
    DEMOGRAPHIC: ("groups of one attribute", "there is nothing to compare"),
    NEUTRAL: ("words of one topic", "nothing says how far words move a score that do not matter"),
}
"""Kind of wording → what at least two are needed of, and why."""


def _refuse_twice(phrases: Sequence[Phrase], file: Path) -> None:
    """Refuse a text that is there twice, but for case and blanks."""
    seen: dict[str, Phrase] = {}
    for phrase in phrases:
        plain = re.sub(r"\s+", " ", phrase.text).strip().casefold()
        if plain in seen:
            raise ConfigError(f"{file} has the wording “{short(phrase.text)}” twice. Keep one.")
        seen[plain] = phrase


def _visible(value: str) -> str:
    """Refuse characters that are not visible, since a tokenizer takes them as text, too."""
    if not value.strip():
        raise ValueError("must not be blank")
    if not value.isprintable():
        hidden = next(char for char in value if not char.isprintable())
        raise ValueError(f"holds a character that is not visible (U+{ord(hidden):04X}); remove it")
    return value


def _with_place(value: str) -> str:
    """Demand one place for the prompt, words beside it, and no other braces."""
    around = value.replace(PLACE, "", 1)
    if value.count(PLACE) != 1 or any(brace in around for brace in "{}"):
        raise ValueError("must hold {prompt} once, and no other braces")
    if not any(char.isalnum() for char in around):
        raise ValueError("adds no words to {prompt}")
    return value


def _one_line(value: str) -> str:
    return " ".join(value.split())


Text = Annotated[str, MaxLen(LONGEST), AfterValidator(_visible)]
Cited = Annotated[str, MaxLen(2000), AfterValidator(_one_line), AfterValidator(_visible)]


class _Term(Described):
    """Words for one group, or one neutral word, in one or more texts."""

    kind: Literal["demographic", "neutral"]
    """Whether the words are about patients."""
    attribute: Text
    """Attribute of the data, such as sex; of neutral words their topic."""
    group: Text | None = None
    """Group of the attribute, or the neutral word."""
    years: Annotated[int, Ge(0), Le(OLDEST)] | None = None
    """Age in place of a group: that of the patients of this age."""
    texts: Annotated[
        list[Annotated[Text, AfterValidator(_with_place)]], MinLen(1), MaxLen(MOST_TEXTS)
    ]
    """Each with {prompt}."""
    source: Cited
    """Where the words come from, or why they are there."""

    @model_validator(mode="after")
    def _of_one_group(self) -> "_Term":
        if (self.group is None) == (self.years is None):
            raise ValueError("give either group or years")
        if self.years is not None and self.kind == NEUTRAL:
            raise ValueError("years are of demographic wordings; give group")
        return self

    def phrases(self) -> Iterator[Phrase]:
        """Yield one phrase per text."""
        for text in self.texts:
            yield Phrase(
                name=text.replace(PLACE, "…"),
                kind=self.kind,
                attribute=self.attribute,
                group=f"{self.years} years" if self.group is None else self.group,
                years=-1 if self.years is None else self.years,
                text=text,
                source=self.source,
            )


class _File(Described):
    """A file of wordings."""

    name: Text | None = None
    """Name of the set."""
    terms: Annotated[list[_Term], MinLen(1), MaxLen(MOST_TERMS)]
    """Groups and neutral words."""
