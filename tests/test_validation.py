"""Mistakes in a described file: each with its key, what it has to be, and the value that was found."""

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import FiniteFloat, Strict

from cxraudit.errors import ConfigError
from cxraudit.validation import Described, Name, Names, validated

Pair = Annotated[tuple[int, ...], Strict(False), MinLen(2), MaxLen(3)]


class Inner(Described):
    """A table in a table."""

    kind: Literal["a", "b"] = "a"


class Whole(Described):
    """Every kind of value."""

    number: int = 1
    share: Annotated[float, Gt(0), Lt(1)] = 0.5
    size: Annotated[int, Ge(1), Le(9)] = 1
    real: FiniteFloat = 0.0
    text: Name = "x"
    yes: bool = True
    inner: Inner = Inner()
    names: Names = ()
    either: Annotated[int, Ge(0)] | Pair = 0
    needed: int


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("number", "1", "number: must be a whole number, not '1'"),
        ("number", 1.5, "number: must be a whole number, not 1.5"),
        ("share", 1, "share: must be below 1.0, not 1"),
        ("share", 0.0, "share: must be above 0.0, not 0.0"),
        ("size", 0, "size: must be at least 1, not 0"),
        ("size", 10, "size: must be at most 9, not 10"),
        ("real", float("nan"), "real: must be a finite number, not nan"),
        ("text", "", "text: must not be empty"),
        ("text", ["x"], r"text: must be text, not \['x'\]"),
        ("yes", 1, "yes: must be true or false, not 1"),
        ("inner", 3, "inner: must be a table of keys, not 3"),
        ("inner", {"kind": "c"}, "inner.kind: must be 'a' or 'b', not 'c'"),
        ("inner", {"other": 1}, "inner.other: unknown key"),
        ("names", ["a", 2], "names.2: must be text, not 2"),
        ("either", "x", "either: must be a whole number or a list, not 'x'"),
        (
            "either",
            [1, 2, 3, 4],
            "either: must be a whole number.*or must have at most 3 entries, not 4",
        ),
        ("unknown", 1, "unknown: unknown key"),
        ("needed", None, "needed: must be a whole number, not None"),
    ],
)
def test_a_mistake_is_told_in_the_words_of_who_wrote_the_file(key, value, message):
    """No word of the library that checks."""
    given: dict[str, Any] = {"needed": 1, key: value}

    with pytest.raises(ConfigError, match=message) as found:
        validated(Whole, given, Path("f.toml"), see="the help")

    assert not any(word in str(found.value) for word in ("Input", "constrained", "tuple", "dict"))
    assert str(found.value).startswith("f.toml: ")
    assert str(found.value).endswith(". See the help.")


def test_what_is_missing_is_named():
    """With the others, at once."""
    with pytest.raises(ConfigError, match="size: must be at least 1, not 0; needed: is missing"):
        validated(Whole, {"size": 0}, Path("f.toml"), see="the help")
