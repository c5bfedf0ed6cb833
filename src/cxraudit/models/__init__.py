"""Models by name: those of this package, and those that other packages register.

Another package adds a model with the entry point group ``cxraudit.models``:

.. code-block:: toml

    [project.entry-points."cxraudit.models"]
    my-model = "my_package.my_model"

The module defines ``CARD`` (a `ModelCard`) and ``load() -> ImageTextModel``; ``module:NAME`` names an
`Entry` in a module that defines several. `cxraudit.testing.check_model` checks the contract.

A model is specified by its name and suffixes: ``biovil@paper`` is BioViL as the published wrapper ran
it, ``biovil+bf16`` computes in bfloat16, ``hf-clip:PATH`` is any CLIP or SigLIP in transformers' format.
"""

import importlib
import importlib.util
import inspect
import re
from importlib.metadata import entry_points
from types import ModuleType

from cxraudit.errors import ConfigError, MissingExtraError, UnknownNameError
from cxraudit.models.base import Entry, ImageTextModel, ModelCard

REGISTRY = {
    "biomedclip": "cxraudit.models.biomedclip",
    "biovil": "cxraudit.models.biovil:BIOVIL",
    "biovil-t": "cxraudit.models.biovil:BIOVIL_T",
    "chexzero": "cxraudit.models.chexzero",
    "cxrclip-r50": "cxraudit.models.cxrclip:R50",
    "cxrclip-swint": "cxraudit.models.cxrclip:SWINT",
    "grey-levels": "cxraudit.models.grey_levels",
    "medclip-resnet": "cxraudit.models.medclip:RESNET",
    "medclip-vit": "cxraudit.models.medclip:VIT",
    "medimageinsight": "cxraudit.models.medimageinsight",
    "phantom-clip": "cxraudit.models.phantom_clip",
    "phantom-clip-clean": "cxraudit.models.phantom_clip:CLEAN",
    "random": "cxraudit.models.random",
}
"""Name → module, or module:entry; loading one imports one."""

HF_CLIP = "hf-clip:"
SPEC = re.compile(r"(?P<name>.+?)(?:@(?P<protocol>native|paper))?(?:\+(?P<precision>fp32|bf16))?")


def available() -> dict[str, str]:
    """Return name → module of every registered model, those of this package first."""
    installed = {point.name: point.value for point in entry_points(group="cxraudit.models")}
    return {**installed, **REGISTRY}


def _entry(name: str) -> ModuleType | Entry:
    if name.startswith(HF_CLIP):
        return importlib.import_module("cxraudit.models.hf_clip").entry(name)
    known = available()
    if name not in known:
        raise UnknownNameError("model", name, [*known, HF_CLIP + "PATH"])
    module, _, attribute = known[name].partition(":")
    imported = importlib.import_module(module)
    return getattr(imported, attribute) if attribute else imported


def _parts(spec: str) -> tuple[str, dict[str, str]]:
    """Split ``name@protocol+precision`` into the name and the options."""
    match = SPEC.fullmatch(spec)
    if match is None:
        raise UnknownNameError("model", spec, available())
    options = match.groupdict()
    return options.pop("name"), {key: value for key, value in options.items() if value}


def card(spec: str) -> ModelCard:
    """Return the card of a model without loading its weights."""
    return _entry(_parts(spec)[0]).CARD


def missing_needs(card: ModelCard) -> list[str]:
    """Return the optional packages a model needs that are not installed."""
    return [package for package in card.needs if importlib.util.find_spec(package) is None]


def load(spec: str, *, device: str = "auto") -> ImageTextModel:
    """Load a model by name.

    Parameters
    ----------
    spec : str
        ``name``, ``name@paper`` (as the published wrapper ran it), ``name+bf16``, or both.
    device : str
        ``auto`` (a GPU if torch finds one), ``cpu``, ``cuda``, ``cuda:1`` …

    Raises
    ------
    UnknownNameError
        If no model has this name.
    MissingExtraError
        If the model needs packages that are not installed.
    DataError
        If weights are missing, damaged or not those of the model.
    """
    name, options = _parts(spec)
    entry = _entry(name)
    if missing_needs(entry.CARD):
        raise MissingExtraError(f"the model '{name}'", "models")
    parameters = inspect.signature(entry.load).parameters
    refused = [f"{key} {value}" for key, value in options.items() if key not in parameters]
    if refused:
        raise ConfigError(f"the model '{name}' has no {', '.join(refused)}. Use '{name}'.")
    return entry.load(**options, **({"device": device} if "device" in parameters else {}))
