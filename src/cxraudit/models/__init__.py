"""Models by name: ours, and those other packages register.

Another package adds a model with the entry point group ``cxraudit.models``:

.. code-block:: toml

    [project.entry-points."cxraudit.models"]
    my-model = "my_package.my_model"

The module holds ``CARD`` (a `ModelCard`) and ``load() -> ImageTextModel``.
`cxraudit.testing.check_model` tells whether it keeps the contract.
"""

import importlib
import importlib.util
from importlib.metadata import entry_points
from types import ModuleType

from cxraudit.errors import MissingExtraError, UnknownNameError
from cxraudit.models.base import ImageTextModel, ModelCard

REGISTRY = {
    "phantom-clip": "cxraudit.models.phantom_clip",
    "random": "cxraudit.models.random",
}
"""Name → module; loading one imports one."""


def available() -> dict[str, str]:
    """Return name → module of every registered model, ours first."""
    installed = {point.name: point.value for point in entry_points(group="cxraudit.models")}
    return {**installed, **REGISTRY}


def _module(name: str) -> ModuleType:
    known = available()
    if name not in known:
        raise UnknownNameError("model", name, known)
    return importlib.import_module(known[name])


def card(name: str) -> ModelCard:
    """Return the card of a model without loading its weights."""
    return _module(name).CARD


def missing_needs(card: ModelCard) -> list[str]:
    """Return the optional packages a model needs that are not installed."""
    return [package for package in card.needs if importlib.util.find_spec(package) is None]


def load(name: str) -> ImageTextModel:
    """Load a model by name.

    Raises
    ------
    UnknownNameError
        If no model has this name.
    MissingExtraError
        If the model needs torch and it is not installed.
    """
    module = _module(name)
    if missing_needs(module.CARD):
        raise MissingExtraError(f"the model '{name}'", "models")
    return module.load()
