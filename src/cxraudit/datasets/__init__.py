"""Data sets by name: ours, and those other packages register under ``cxraudit.datasets``.

The module of a data set holds ``SUMMARY`` (one sentence), ``FILES`` (`ReleaseFile`: what is looked
for and where to get it) and ``load(root, *, …) -> Dataset`` whose keyword options are the data set's
own. It may hold ``COHORTS`` (name → options, of a published cohort) and ``release_counts(root)``.
"""

import importlib
import inspect
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
    """Return the keyword options of a data set's ``load``."""
    parameters = inspect.signature(module(name).load).parameters
    return {key: value for key, value in parameters.items() if key != "root"}


def load(name: str, root: Path, settings: Mapping[str, Any] | None = None) -> Dataset:
    """Load a data set by name, and apply the filters that were asked for.

    Parameters
    ----------
    name : str
        One of `available`.
    root : pathlib.Path
        Where the release was unpacked.
    settings : mapping, optional
        Keyword options of the data set's ``load``; those of `cxraudit.datasets.filters.OPTIONS`; and
        ``cohort``, the name of a published cohort, whose options hold unless given here.

    Raises
    ------
    UnknownNameError
        If the data set, the cohort or an option does not exist.
    DataError
        If files are missing or not what they should be.
    """
    source = module(name)
    known = options(name)
    wanted = _with_cohort(name, source, settings or {})
    for key in wanted:
        if key not in known and not filters.is_common(key):
            raise UnknownNameError(
                f"option of dataset {name}", key, [*known, *filters.OPTIONS, "cohort"]
            )
    if not root.exists():
        raise DataError(f"{root} is missing. Give the folder {name} was unpacked in.")
    own = {key: _typed(key, value, known[key]) for key, value in wanted.items() if key in known}
    common = {
        key: _flag(key, value) if key in filters.FLAGS else value
        for key, value in wanted.items()
        if key not in known
    }
    return filters.apply(source.load(root, **own), common)


def _with_cohort(name: str, source: ModuleType, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in the options of the published cohort that was named; what is given wins."""
    given = dict(settings)
    chosen = given.pop("cohort", None)
    if chosen is None:
        return given
    cohorts: Mapping[str, Mapping[str, Any]] = getattr(source, "COHORTS", {})
    if chosen not in cohorts:
        raise UnknownNameError(f"cohort of dataset {name}", chosen, cohorts)
    return {**cohorts[chosen], **given}


def release_counts(name: str, root: Path) -> list[Count]:
    """Count what a release holds, beside the published numbers.

    Raises
    ------
    ConfigError
        If nothing is published of this kind of data set.
    """
    counts = getattr(module(name), "release_counts", None)
    if counts is None:
        raise ConfigError(f"there are no published counts of '{name}' to compare with.")
    if not root.is_dir():
        raise DataError(f"{root} is missing. Give the folder {name} was unpacked in.")
    return counts(root)


def _flag(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).lower() not in ("true", "false", "yes", "no"):
        raise ConfigError(f"the option {name} is true or false, got '{value}'.")
    return str(value).lower() in ("true", "yes")


def _typed(name: str, value: Any, parameter: inspect.Parameter) -> Any:
    """Read an option given as text, on the command line or in a file, as ``load`` wants it."""
    wanted = str(parameter.annotation)
    if "bool" in wanted:
        return _flag(name, value)
    return Path(str(value)) if "Path" in wanted else value
