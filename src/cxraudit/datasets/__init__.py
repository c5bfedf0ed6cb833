"""Data sets by name: ours, and those other packages register under ``cxraudit.datasets``.

The module of a data set holds ``SUMMARY`` (one sentence), ``FILES`` (what is looked for and where
to get it) and ``load(root, *, …) -> Dataset`` whose keyword options are the data set's own.
"""

import importlib
import inspect
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from cxraudit.datasets.base import Dataset
from cxraudit.errors import ConfigError, DataError, UnknownNameError

REGISTRY = {
    "mimic-cxr": "cxraudit.datasets.mimic_cxr",
    "nih-cxr14": "cxraudit.datasets.nih_cxr14",
    "table": "cxraudit.datasets.table",
}


def available() -> dict[str, str]:
    """Return name → module of every registered data set."""
    installed = {point.name: point.value for point in entry_points(group="cxraudit.datasets")}
    return {**installed, **REGISTRY}


def module(name: str) -> ModuleType:
    """Import the module of a data set."""
    known = available()
    if name not in known:
        raise UnknownNameError("dataset", name, known)
    return importlib.import_module(known[name])


def options(name: str) -> dict[str, inspect.Parameter]:
    """Return the keyword options of a data set's ``load``."""
    parameters = inspect.signature(module(name).load).parameters
    return {key: value for key, value in parameters.items() if key != "root"}


def load(name: str, root: Path, settings: Mapping[str, Any] | None = None) -> Dataset:
    """Load a data set by name.

    Parameters
    ----------
    name : str
        One of `available`.
    root : pathlib.Path
        Where the release was unpacked.
    settings : mapping, optional
        Keyword options of the data set's ``load``.

    Raises
    ------
    UnknownNameError
        If the data set or an option does not exist.
    DataError
        If files are missing or not what they should be.
    """
    source = module(name)
    known = options(name)
    for key in settings or {}:
        if key not in known:
            raise UnknownNameError(f"option of dataset {name}", key, known)
    typed = {key: _typed(key, value, known[key]) for key, value in (settings or {}).items()}
    if not root.exists():
        raise DataError(f"{root} is missing. Give the folder {name} was unpacked in with --root.")
    return source.load(root, **typed)


def _typed(name: str, value: Any, parameter: inspect.Parameter) -> Any:
    """Read an option given as text, on the command line or in a file, as ``load`` wants it."""
    wanted = str(parameter.annotation)
    if "bool" in wanted and not isinstance(value, bool):
        if str(value).lower() not in ("true", "false", "yes", "no"):
            raise ConfigError(f"the option {name} is true or false, got '{value}'.")
        return str(value).lower() in ("true", "yes")
    return Path(str(value)) if "Path" in wanted else value
