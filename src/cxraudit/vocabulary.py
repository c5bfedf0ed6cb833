"""What columns are called in figures, tables and sentences."""

_ATTRIBUTES = {"age_group": "age", "view_position": "view"}
_SHORTCUTS = {"drain": "chest drain"}


def attribute_name(attribute: str) -> str:
    """Return what people call an attribute.

    Examples
    --------
    >>> attribute_name("age_group"), attribute_name("scanner_type")
    ('age', 'scanner type')
    >>> attribute_name("sex*age_group")
    'sex × age'
    """
    parts = attribute.split("*")
    return " × ".join(_ATTRIBUTES.get(part, part.replace("_", " ")) for part in parts)


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


def shortcut_name(shortcut: str) -> str:
    """Return what people call a shortcut.

    Examples
    --------
    >>> shortcut_name("drain"), shortcut_name("drain (annotated only)")
    ('chest drain', 'chest drain (annotated only)')
    >>> shortcut_name("view_position:AP"), shortcut_name("ward:2")
    ('AP view', 'ward 2')
    """
    name, bracket, rest = shortcut.partition(" (")
    column, colon, group = name.partition(":")
    if colon:
        if group in ("yes", "no"):
            own = shortcut_name(column)
            return (own if group == "yes" else f"no {own}") + bracket + rest
        shown = (
            f"{group} view" if column == "view_position" else f"{attribute_name(column)} {group}"
        )
        return f"{shown}{bracket}{rest}"
    return _SHORTCUTS.get(name, name.replace("_", " ")) + bracket + rest
