"""Display words: what attributes, groups and shortcuts are called in figures, tables and sentences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """What is known of an attribute that data sets share."""

    label: str
    """Name on axes and in tables."""
    phrase: str
    """Phrase for the images or patients of a group, with ``{}`` where the group goes."""
    groups: tuple[str, ...]
    """Groups in the order they are shown; valid in filters also where a cohort has none of them."""
    words: Mapping[str, str] = field(default_factory=dict)
    """Group → how it is written in the phrase, where not as it is named."""


ATTRIBUTES = {
    "age_group": Attribute(
        label="age",
        phrase="patients {}",
        groups=("under 18", "18-25", "25-50", "50-65", "65-80", "80+"),
        words={
            "18-25": "aged 18 to 25",
            "25-50": "aged 25 to 50",
            "50-65": "aged 50 to 65",
            "65-80": "aged 65 to 80",
            "80+": "aged 80 and over",
            "unknown": "of unknown age",
        },
    ),
    "sex": Attribute(label="sex", phrase="{} patients", groups=("female", "male")),
    "race": Attribute(
        label="race",
        phrase="{} patients",
        groups=(
            "american indian",
            "asian",
            "black",
            "hispanic",
            "other",
            "pacific islander",
            "white",
        ),
        words={"other": "other-race"},
    ),
    "view_position": Attribute(
        label="view",
        phrase="{} images",
        groups=("AP", "LATERAL", "PA"),
        words={"LATERAL": "lateral"},
    ),
}
"""All that a shared attribute needs besides a column in the images; columns of other names are
attributes, too, and are called as they are named."""

_SHORTCUTS = {"drain": "chest drain"}


def attribute_name(attribute: str) -> str:
    """Return the display name of an attribute; ``*`` joins the attributes of intersections.

    Examples
    --------
    >>> attribute_name("age_group"), attribute_name("scanner_type")
    ('age', 'scanner type')
    >>> attribute_name("sex*age_group")
    'sex × age'
    """
    return " × ".join(
        ATTRIBUTES[part].label if part in ATTRIBUTES else part.replace("_", " ")
        for part in attribute.split("*")
    )


def group_phrase(attribute: str, group: str) -> str:
    """Return the phrase for a group in a sentence.

    Examples
    --------
    >>> group_phrase("age_group", "80+"), group_phrase("sex", "female")
    ('patients aged 80 and over', 'female patients')
    >>> group_phrase("view_position", "AP"), group_phrase("ward", "ICU")
    ('AP images', "patients with ward 'ICU'")
    >>> group_phrase("age_group", "under 18"), group_phrase("sex*age_group", "female × 80+")
    ('patients under 18', 'patients (female × 80+)')
    """
    if "*" in attribute:
        return f"patients ({group})"
    if attribute not in ATTRIBUTES:
        return f"patients with {attribute.replace('_', ' ')} '{group}'"
    known = ATTRIBUTES[attribute]
    return known.phrase.format(known.words.get(group, group))


def slice_phrase(parts: Sequence[Mapping[str, Any]]) -> str:
    """Return the phrase for the images of a slice, by the parts that an audit recorded of it.

    Examples
    --------
    >>> slice_phrase([{"column": "sex", "value": "female"}, {"column": "drain", "value": "yes"}])
    "images with sex 'female' and drain 'yes'"
    >>> slice_phrase([{"text": "a tube", "not": "no tube", "at_least": 0.1}])
    'images most like “a tube”, not “no tube”'
    """
    values = [
        f"{attribute_name(part['column'])} '{part['value']}'" for part in parts if "column" in part
    ]
    near = [f"most like “{part['text']}”, not “{part['not']}”" for part in parts if "text" in part]
    alike = [_alike(part["alike"]) for part in parts if "alike" in part]
    with_values = [f"with {' and '.join(values)}"] if values else []
    return f"images {', '.join([*near, *alike, *with_values])}"


def _alike(values: Sequence[Mapping[str, Any]]) -> str:
    """Return what a cluster of embeddings consists of."""
    mostly = [
        f"{one['name']} ({one['share']:.0%}; of all images {one['everywhere']:.0%})"
        for one in values
    ]
    which = f"mostly {', '.join(mostly)}" if mostly else "in which no value stands out"
    return f"that are alike in the embedding, {which}"


_SPOKEN_AS_VOWEL = "AEFHILMNORSX"
"""Letters whose names begin with a vowel, for abbreviations."""


def with_article(name: str) -> str:
    """Return a name with its indefinite article.

    Examples
    --------
    >>> with_article("chest drain"), with_article("AP view"), with_article("ICU ward")
    ('a chest drain', 'an AP view', 'an ICU ward')
    """
    word = name.split(" ", 1)[0]
    vowels = _SPOKEN_AS_VOWEL if word.isupper() and len(word) > 1 else "AEIOUaeiou"
    return f"{'an' if name[:1] in tuple(vowels) else 'a'} {name}"


def shortcut_name(shortcut: str, label_source: str = "") -> str:
    """Return the display name of a shortcut, with the source of its labels where that is one only.

    Examples
    --------
    >>> shortcut_name("drain"), shortcut_name("drain", "annotated")
    ('chest drain', 'chest drain (annotated only)')
    >>> shortcut_name("view_position:AP"), shortcut_name("ward:2"), shortcut_name("drain:no")
    ('AP view', 'ward 2', 'no chest drain')
    """
    if label_source:
        return f"{shortcut_name(shortcut)} ({label_source} only)"
    column, colon, group = shortcut.partition(":")
    if not colon:
        return _SHORTCUTS.get(shortcut, shortcut.replace("_", " "))
    if group == "yes":
        return shortcut_name(column)
    if group == "no":
        return f"no {shortcut_name(column)}"
    if column == "view_position":
        return f"{group} view"
    return f"{attribute_name(column)} {group}"
