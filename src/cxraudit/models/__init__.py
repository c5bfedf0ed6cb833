"""Models by name: those of this package, and those that other packages register.

Another package adds a model with the entry point group ``cxraudit.models``:

.. code-block:: toml

    [project.entry-points."cxraudit.models"]
    my-model = "my_package.my_model"

The module defines ``CARD`` (a `ModelCard`) and ``load() -> ImageTextModel``; ``module:NAME`` names an
`Entry` in a module that defines several. `cxraudit.testing.check_model` checks the contract.

A model is specified by its name and suffixes: ``biovil@paper`` is BioViL as the published wrapper ran
it, ``biovil+bf16`` computes in bfloat16. A model in a folder is ``hf-clip:PATH`` (CLIP or SigLIP in
transformers' format), ``open-clip:PATH`` (open_clip's) or ``hf-image:PATH`` (DINOv2, of images alone).
"""

import importlib
import importlib.util
import inspect
import re
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import cast

from cxraudit.errors import ConfigError, DataError, MissingExtraError, UnknownNameError
from cxraudit.models.base import LOCATION, Entry, ImageModel, ImageTextModel, ModelCard
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
    "medsiglip-448": "cxraudit.models.medsiglip",
    "phantom-clip": "cxraudit.models.phantom_clip",
    "phantom-clip-clean": "cxraudit.models.phantom_clip:CLEAN",
    "rad-dino": "cxraudit.models.rad_dino",
    "random": "cxraudit.models.random",
    "xrayclip-b16": "cxraudit.models.xrayclip:CLIP_B16",
    "xrayclip-l14": "cxraudit.models.xrayclip:CLIP_L14",
    "xrayclip-siglip-b16-512": "cxraudit.models.xrayclip:CLIP_SIGLIP_B16",
    "xrayclip-siglip-l16-384": "cxraudit.models.xrayclip:CLIP_SIGLIP_L16",
    "xraysiglip-b16": "cxraudit.models.xrayclip:SIGLIP_B16",
    "xraysiglip-l14": "cxraudit.models.xrayclip:SIGLIP_L14",
    "xraysiglip-siglip-b16-512": "cxraudit.models.xrayclip:SIGLIP_SIGLIP_B16",
    "xraysiglip-siglip-l16-384": "cxraudit.models.xrayclip:SIGLIP_SIGLIP_L16",
}
"""Name → module, or module:entry; loading one imports one."""

IN_FOLDERS = {
    "hf-clip:": "cxraudit.models.hf_clip",
    "hf-image:": "cxraudit.models.hf_image",
    "open-clip:": "cxraudit.models.open_clip",
}
"""What the name of a model in a folder begins with → module."""
SPEC = re.compile(
    r"(?P<name>.+?)(?:@(?P<protocol>native|paper|tf-resize))?(?:\+(?P<precision>fp32|bf16))?"
)


def available() -> dict[str, str]:
    """Return name → module of every registered model, those of this package first."""
    points = entry_points(group="cxraudit.models")
    installed = {one.name: one.value.partition("[")[0].strip() for one in points}  # without extras
    return {**installed, **REGISTRY}


def _entry(name: str) -> ModuleType | Entry:
    for prefix, module in IN_FOLDERS.items():
        if name.startswith(prefix):
            return importlib.import_module(module).entry(name)
    known = available()
    if name not in known:
        raise UnknownNameError("model", name, [*known, *(prefix + "PATH" for prefix in IN_FOLDERS)])
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
    """Split ``name@protocol+precision`` into the name and the options.

    The path of a folder that is there is taken as it is, whatever it ends with.
    """
    if any(spec.startswith(one) and Path(spec.removeprefix(one)).is_dir() for one in IN_FOLDERS):
        return spec, {}
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
    return [package for package in card.needs if not is_installed(package)]


def is_installed(package: str) -> bool:
    """Return whether a package can be imported."""
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
        if card.name in REGISTRY or card.name.startswith(tuple(IN_FOLDERS)):
            raise MissingExtraError(f"the model '{card.name}'", "models")
        raise DataError(
            f"the model '{card.name}' needs {', '.join(missing)}: pip install {' '.join(missing)}."
        )


def load_image_model(spec: str, *, device: str = "auto") -> ImageModel:
    """Load a model by name, with texts or of images alone; see `load_model`.

    Parameters
    ----------
    spec, device
        As of `load_model`.

    Raises
    ------
    UnknownNameError, MissingExtraError, DataError
        As `load_model`.
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


def require_text_side(card: ModelCard) -> None:
    """Refuse a model of images alone where texts are needed.

    Raises
    ------
    ConfigError
        With what can be done with it.
    """
    if not card.text_side:
        raise ConfigError(
            f"the model '{card.name}' has no text side, so nothing can be scored by prompts. Encode images "
            "with it, and fit heads for the findings of a table: cxraudit audit TABLE --embeddings FOLDER."
        )


def load(spec: str, *, device: str = "auto") -> ImageTextModel:
    """Load a model of images and texts by name.

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
    ConfigError
        If it has no text side.
    """
    require_text_side(card(spec))
    return cast("ImageTextModel", load_image_model(spec, device=device))
