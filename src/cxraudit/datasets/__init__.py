"""Data sets by name: those of cxraudit, and those that other packages register as ``cxraudit.datasets``.

The module of a data set holds ``SUMMARY`` (one sentence), ``FILES`` (a `ReleaseFile` per file: its name
and its source) and ``load(root, *, …) -> Dataset``, whose keyword parameters are the options of the data
set. It may hold ``COHORTS`` (name of a published cohort → options) and ``release_counts(root)``.
"""

import importlib
import inspect
import os
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from cxraudit.datasets import filters
from cxraudit.datasets.base import Dataset
from cxraudit.datasets.release import Count
from cxraudit.errors import ConfigError, DataError, UnknownNameError

REGISTRY = {
    "brax": "cxraudit.datasets.releases.brax",
    "chexpert": "cxraudit.datasets.releases.chexpert",
    "dicom": "cxraudit.datasets.releases.dicom",
    "mimic-cxr": "cxraudit.datasets.releases.mimic_cxr",
    "nih-cxr14": "cxraudit.datasets.releases.nih_cxr14",
    "prepared": "cxraudit.datasets.saved",
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
    """Return the options of a data set: the keyword parameters of its ``load``."""
    return _parameters(module(name))


def _parameters(source: ModuleType) -> dict[str, inspect.Parameter]:
    parameters = inspect.signature(source.load).parameters
    return {key: value for key, value in parameters.items() if key != "root"}


def anchored(name: str, options: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return options with relative paths resolved against a folder; other values are unchanged.

    Which options are paths is declared by the parameters of the data set's ``load``; where a
    parameter takes a name or a path, a value with a file extension is a path.
    """
    parameters = _parameters(module(name))

    def is_path(key: str, value: Any) -> bool:
        if key in filters.PATHS:
            return True
        kind = str(parameters[key].annotation) if key in parameters else ""
        return "Path" in kind and ("str" not in kind or Path(str(value)).suffix != "")

    return {
        key: str(folder / str(value)) if is_path(key, value) else value
        for key, value in options.items()
    }


def load(
    name: str, root: str | os.PathLike[str], options: Mapping[str, Any] | None = None
) -> Dataset:
    """Load a data set by name and apply filters.

    Parameters
    ----------
    name : str
        One of `available`.
    root : str or os.PathLike
        Folder of the unpacked release.
    options : mapping, optional
        Keyword parameters of the data set's ``load``; filters of `cxraudit.datasets.filters.OPTIONS`;
        and ``cohort``, the name of a published cohort, whose options apply unless given here. Values
        may be text, as in a run file.

    Returns
    -------
    Dataset
        One row per image that no filter excluded.

    Raises
    ------
    UnknownNameError
        If there is no such data set, cohort or option.
    DataError
        If a file is missing or invalid.
    """
    root = Path(root)
    source = module(name)
    known = _parameters(source)
    given = _with_cohort(name, source, options or {})
    for key in given:
        if key not in known and not filters.is_common(key):
            raise UnknownNameError(
                f"option of dataset {name}", key, [*known, *filters.OPTIONS, "cohort"]
            )
    if not root.exists():
        raise DataError(f"{root} is missing. Give the folder of the unpacked {name} release.")
    own = {key: _typed(key, value, known[key]) for key, value in given.items() if key in known}
    common = {
        key: _flag(key, value) if key in filters.FLAGS else value
        for key, value in given.items()
        if key not in known
    }
    return filters.apply(source.load(root, **own), common)


def _with_cohort(name: str, source: ModuleType, options: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in the options of a published cohort; options that are given take precedence."""
    given = dict(options)
    if given.get("cohort") is None:
        return {key: value for key, value in given.items() if key != "cohort"}
    chosen = str(given.pop("cohort"))
    cohorts: Mapping[str, Mapping[str, Any]] = getattr(source, "COHORTS", {})
    if chosen not in cohorts:
        raise UnknownNameError(f"cohort of dataset {name}", chosen, cohorts)
    return {**cohorts[chosen], **given}


def tables(name: str, root: str | os.PathLike[str]) -> dict[str, Path]:
    """Return display name → path of the tables of a release that lie in `root` itself."""
    paths = {file.name: Path(root) / file.name for file in module(name).FILES}
    return {name: path for name, path in paths.items() if path.is_file()}


def release_counts(name: str, root: str | os.PathLike[str]) -> list[Count]:
    """Count the images, patients and labels of a release, beside the published counts.

    Raises
    ------
    ConfigError
        If no counts are published for this data set.
    DataError
        If the folder or a file of the release is missing or invalid.
    """
    root = Path(root)
    counts = getattr(module(name), "release_counts", None)
    if counts is None:
        raise ConfigError(f"there are no published counts of '{name}' to compare with.")
    if not root.is_dir():
        raise DataError(f"{root} is missing. Give the folder of the unpacked {name} release.")
    return counts(root)


def _flag(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).lower() not in ("true", "false", "yes", "no"):
        raise ConfigError(f"the option {name} is true or false, got '{value}'.")
    return str(value).lower() in ("true", "yes")


def _typed(name: str, value: Any, parameter: inspect.Parameter) -> Any:
    """Convert an option given as text to the type of the parameter of ``load``."""
    if "bool" in str(parameter.annotation):
        return _flag(name, value)
    kind = str(parameter.annotation)
    return Path(str(value)) if "Path" in kind and "str" not in kind else value
