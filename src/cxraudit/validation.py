"""Descriptions in TOML checked against a model of their keys: every mistake at once, in one sentence."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

from annotated_types import MinLen
from pydantic import AfterValidator, BaseModel, ConfigDict, Strict, ValidationError
from pydantic_core import ErrorDetails

from cxraudit.errors import ConfigError, short, shown

MOST_MISTAKES = 20
"""Mistakes that a message names."""


_KIND = re.compile(r"(constrained-)?(str|int|float)|(list|dict|tuple)\[.*\]")


class Described(BaseModel):
    """Keys of a TOML file: unknown ones are refused, and text is no number."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True
    )


def _a_path(path: Path) -> Path:
    """Refuse what no file can be named, which the system would refuse with less to go by."""
    if not str(path).isprintable():
        raise ValueError("a path must not hold characters that are not visible")
    return path


File = Annotated[Path, Strict(False), AfterValidator(_a_path)]
Name = Annotated[str, MinLen(1)]
Names = Annotated[tuple[Annotated[Name, Strict()], ...], Strict(False)]
"""TOML has lists, which a strict tuple refuses."""
Kind = TypeVar("Kind", bound=Described)


def validated(model: type[Kind], data: Mapping[str, Any], file: Path, *, see: str) -> Kind:
    """Return what a TOML file describes.

    Parameters
    ----------
    model : type
        The keys, with types and ranges.
    data : mapping
        As read from the file.
    file : pathlib.Path
        The file, for the message.
    see : str
        The page of the documentation that lists the keys.

    Raises
    ------
    ConfigError
        Naming every key that is missing, unknown, or has a wrong value.
    """
    try:
        return model.model_validate(dict(data))
    except ValidationError as error:
        raise ConfigError(f"{file}: {_mistakes(error)}. See {see}.") from None


def _mistakes(error: ValidationError) -> str:
    """Return every mistake with its key, and of very many the number."""
    found: dict[str, list[str]] = {}
    for item in error.errors(include_url=False):
        # Where a key takes text or a list, pydantic names the types it tried as parts of the key.
        parts = [_key(part) for part in item["loc"] if not _KIND.fullmatch(str(part))]
        found.setdefault(".".join(parts) or "file", []).append(_message(item))
    listed = [f"{key}: {_joined(reasons)}" for key, reasons in found.items()]
    more = f"; and {len(found) - MOST_MISTAKES} more" if len(found) > MOST_MISTAKES else ""
    return "; ".join(listed[:MOST_MISTAKES]) + more


def _joined(reasons: Sequence[str]) -> str:
    """Return what is wrong with one value; of several types that it could have, the value once."""
    different = list(dict.fromkeys(reasons))
    value = different[-1].rpartition(", not ")[2]
    kept = [reason.removesuffix(f", not {value}") for reason in different[:-1]]
    return " or ".join([*kept, different[-1]]).replace(" or must be ", " or ")


def _key(part: str | int) -> str:
    """Return a part of a key; tables of a list are counted from 1, as people do."""
    return str(part + 1) if isinstance(part, int) else short(part)


_WANTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a table of keys",
    "model_type": "a table of keys",
    "greater_than_equal": "at least {ge}",
    "greater_than": "above {gt}",
    "less_than_equal": "at most {le}",
    "less_than": "below {lt}",
    "literal_error": "{expected}",
}
"""Type of an error of pydantic → what the value has to be, in the words of who wrote the file."""


def _message(item: ErrorDetails) -> str:
    """Return what is wrong with the value of one key, and the value."""
    kind, numbers = item["type"], item.get("ctx", {})
    if kind == "extra_forbidden":
        return "unknown key"
    if kind == "missing":
        return "is missing"
    if kind in ("too_long", "too_short"):
        bound = "at most" if kind == "too_long" else "at least"
        entries = numbers.get("max_length", numbers.get("min_length"))
        noun = "entry" if entries == 1 else "entries"
        return f"must have {bound} {entries} {noun}, not {numbers['actual_length']}"
    if kind == "string_too_short":
        return "must not be empty"
    if kind in _WANTED:
        return f"must be {_WANTED[kind].format(**numbers)}, not {shown(item['input'])}"
    return item["msg"].removeprefix("Value error, ")
