"""The mark of a synthetic release: ``phantom_truth.json`` in its root records the known effects."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cxraudit.errors import DataError

NAME = "phantom_truth.json"


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value.isprintable() and value != ""


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _is_effects(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(effect, bool) for effect in value.values())


_KEYS: dict[str, tuple[Callable[[object], bool], str]] = {
    "name": (_is_text, "text"),
    "origin": (_is_text, "text"),
    "planted": (_is_effects, "true or false by attribute"),
    "spec": (_is_object, "the settings it was drawn with"),
}
"""Key that every mark has → how its value is checked, and what it is."""


def read_truth(root: Path) -> dict[str, Any] | None:
    """Return the known effects of the synthetic release under `root`; None for a real release.

    Raises
    ------
    DataError
        If the mark is damaged: a synthetic release is never taken for a real one.
    """
    file = root / NAME
    if not os.path.lexists(file):
        return None
    try:
        truth = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise _damaged(file, f"it cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise _damaged(file, str(error).rstrip(".")) from None
    if not isinstance(truth, dict):
        raise _damaged(file, "it holds no names and values")
    for key, (holds, what) in _KEYS.items():
        if key not in truth:
            raise _damaged(file, f"it lacks '{key}'")
        if not holds(truth[key]):
            raise _damaged(file, f"'{key}' must be {what}")
    return truth


def _damaged(file: Path, reason: str) -> DataError:
    return DataError(
        f"{file} marks a synthetic release and is damaged: {reason}. Draw the release again with cxraudit "
        "phantom, or remove the file if the images are real."
    )
