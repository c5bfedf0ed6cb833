"""Descriptions in TOML checked against a model of their keys: every mistake at once, in one sentence."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

from annotated_types import MinLen
from pydantic import AfterValidator, BaseModel, ConfigDict, Strict, ValidationError

from cxraudit.errors import ConfigError, short

MOST_MISTAKES = 20
"""Mistakes that a message names."""


_KIND = re.compile(r"(constrained-)?str|(list|dict)\[.*\]")


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
    for item in error.errors(include_url=False, include_input=False):
        # Where a key takes text or a list, pydantic names the types it tried as parts of the key.
        parts = [_key(part) for part in item["loc"] if not _KIND.fullmatch(str(part))]
        found.setdefault(".".join(parts) or "file", []).append(_message(item["msg"]))
    listed = [f"{key}: {' or '.join(dict.fromkeys(reasons))}" for key, reasons in found.items()]
    more = f"; and {len(found) - MOST_MISTAKES} more" if len(found) > MOST_MISTAKES else ""
    return "; ".join(listed[:MOST_MISTAKES]) + more


def _key(part: str | int) -> str:
    """Return a part of a key; tables of a list are counted from 1, as people do."""
    return str(part + 1) if isinstance(part, int) else short(part)


def _message(text: str) -> str:
    return {"Extra inputs are not permitted": "unknown key", "Field required": "is missing"}.get(
        text, text.removeprefix("Value error, ")
    )
