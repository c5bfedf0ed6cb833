"""What a user states of a model in a folder: ``cxraudit-card.toml`` beside its weights.

Cards of models that lie in a folder are made from its configuration, which says nothing of licence and
training data. What the file states is added; results are computed by the folder alone.
"""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from cxraudit.errors import ConfigError
from cxraudit.files import read_toml
from cxraudit.models.base import ModelCard
from cxraudit.privacy import shown_model
from cxraudit.settings import training_data
from cxraudit.validation import Described, Name, Names, validated

FILE = "cxraudit-card.toml"
SEE = "cxraudit models --help"


class Stated(Described):
    """Keys of the file; each takes the place of what the card would say."""

    summary: Name | None = None
    license: Name | None = None
    weights: Name | None = None
    """Address of the weights."""
    trained_on: Names | None = None
    """Data sets; an empty list or ``none``: no radiographs."""
    reference: Name | None = None
    prompts: Name | None = None
    """Form of the prompts its authors use."""


LONGEST = 500
"""Characters of a text of the file: a card is a few lines."""


def card_of_folder(prefix: str, name: str, folder: Path, **known: Any) -> ModelCard:
    """Return the card of a model that is named by a prefix and its folder, with what the user states.

    Results name the folder of a model, and not where it lies on this machine.

    Parameters
    ----------
    prefix : str
        Such as ``hf-clip:``.
    name : str
        As the user gives it, with the prefix.
    folder : pathlib.Path
        Where `FILE` may be.
    **known
        Fields of the card that follow from the configuration.

    Raises
    ------
    ConfigError
        As `completed`.
    """
    shown = shown_model(name).removeprefix(prefix)
    fields: dict[str, Any] = {
        "name": f"{prefix}{shown}",
        "weights": shown,
        "license": "see its model card",
        "trained_on": None,
        "reference": shown,
        "prompts": "see its model card",
    }
    return completed(ModelCard(**{**fields, **known}), folder)


def completed(card: ModelCard, folder: Path) -> ModelCard:
    """Return a card with what the user states beside the weights.

    Raises
    ------
    ConfigError
        If the file is no TOML, a key is not known, or a value is not of its kind.
    """
    path = folder / FILE
    if not os.path.lexists(path):
        return card
    stated = validated(Stated, read_toml(path, what="the card"), path, see=SEE)
    data = stated.trained_on
    if data is None:
        trained_on = card.trained_on
    else:
        names = [_line(path, "trained_on", name) for name in data]
        trained_on = training_data(card.name, names or ["none"])

    def text(key: str) -> str:
        value = getattr(stated, key)
        return getattr(card, key) if value is None else _line(path, key, value)

    return replace(
        card,
        summary=text("summary"),
        license=text("license"),
        weights=text("weights"),
        reference=text("reference"),
        prompts=text("prompts"),
        trained_on=trained_on,
    )


def _line(path: Path, key: str, value: str) -> str:
    """Return a text on one line, as cards are listed; refuse one that is empty or too long."""
    line = " ".join(value.split())
    if not line.isprintable():
        hidden = next(char for char in line if not char.isprintable())
        raise ConfigError(
            f"{path}: {key} contains a character that is not visible (U+{ord(hidden):04X}). Remove it."
        )
    if not 1 <= len(line) <= LONGEST:
        raise ConfigError(f"{path}: {key} must have 1 to {LONGEST} characters. See {SEE}.")
    return line
