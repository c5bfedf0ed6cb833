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

from cxraudit.errors import ConfigError, DataError, MissingExtraError, UnknownNameError
from cxraudit.models.base import LOCATION, Entry, ImageTextModel, ModelCard
from cxraudit.models.untrusted import one_sentence
from cxraudit.privacy import shown_model

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
    points = entry_points(group="cxraudit.models")
    installed = {one.name: one.value.partition("[")[0].strip() for one in points}  # without extras
    return {**installed, **REGISTRY}


def _entry(name: str) -> ModuleType | Entry:
    if name.startswith(HF_CLIP):
        return importlib.import_module("cxraudit.models.hf_clip").entry(name)
    known = available()
    if name not in known:
        raise UnknownNameError("model", name, [*known, HF_CLIP + "PATH"])
    module, _, attribute = known[name].partition(":")
    if name in REGISTRY:
        imported = importlib.import_module(module)
        return getattr(imported, attribute) if attribute else imported
    with one_sentence(
        f"the model '{name}' of {module} cannot be imported", "Install what it needs, or remove it."
    ):
        imported = importlib.import_module(module)
        found = getattr(imported, attribute) if attribute else imported
        if not isinstance(found.CARD, ModelCard):
            raise TypeError("its CARD is no ModelCard")
        return found


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
    return [package for package in card.needs if not _is_installed(package)]


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):  # its parent is missing, or it is blocked
        return False


def require_needs(card: ModelCard) -> None:
    """Refuse a model whose packages are not installed.

    Raises
    ------
    MissingExtraError
        With what to install.
    """
    if missing := missing_needs(card):
        if card.name in REGISTRY or card.name.startswith(HF_CLIP):
            raise MissingExtraError(f"the model '{card.name}'", "models")
        raise DataError(
            f"the model '{card.name}' needs {', '.join(missing)}: pip install {' '.join(missing)}."
        )


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
    require_needs(entry.CARD)
    parameters = inspect.signature(entry.load).parameters
    refused = [f"{key} {value}" for key, value in options.items() if key not in parameters]
    if refused:
        raise ConfigError(f"the model '{name}' has no {', '.join(refused)}. Use '{name}'.")
    model = entry.load(**options, **({"device": device} if "device" in parameters else {}))
    if shown_model(spec) != spec:
        setattr(model, LOCATION, spec)
    return model
