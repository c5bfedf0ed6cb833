"""Models by name: specifications, cards, and messages for those that cannot be loaded."""

import re
import sys
import types
from dataclasses import replace
from importlib.metadata import EntryPoint

import pytest

from cxraudit import models
from cxraudit.errors import ConfigError, DataError, MissingExtraError, UnknownNameError
from cxraudit.models import weights
from cxraudit.models.random import CARD, RandomModel


def test_an_unknown_model_gets_a_suggestion():
    """The message names the closest model."""
    with pytest.raises(UnknownNameError, match="Did you mean 'phantom-clip'"):
        models.load("phantomclip")


def test_a_model_without_its_packages_names_the_extra(monkeypatch):
    """Without torch, the message gives the extra to install."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(MissingExtraError, match=r"pip install 'cxraudit\[models\]'"):
        models.load("phantom-clip")


def test_a_specification_has_protocol_and_precision(monkeypatch, tmp_path):
    """Unknown protocols, protocols a model does not have, and missing weights raise."""
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path))

    with pytest.raises(UnknownNameError, match="biovil@papers"):
        models.load("biovil@papers")
    with pytest.raises(ConfigError, match="'random' has no protocol paper"):
        models.load("random@paper")
    pytest.importorskip("torch")
    with pytest.raises(DataError, match="is missing"):
        models.load("biovil-t@paper+bf16")
    assert weights.missing(models.card("biovil")) == [f.name for f in models.card("biovil").files]


@pytest.mark.parametrize("name", sorted(models.available()))
def test_cards_are_complete(name):
    """Reference, licence, files with an address or instructions, and a source for each quirk."""
    card = models.card(name)

    assert card.name == name
    assert card.reference
    assert card.license
    assert card.weights
    assert all(file.url.startswith("https://") or not file.url for file in card.files)
    assert all(quirk.what and quirk.source for quirk in card.quirks)
    assert card.embedding_dim > 0
    assert card.image_size > 0


@pytest.fixture
def plugin(monkeypatch):
    """Register a module of another package, with what is given in it, as the model `theirs`."""

    def registered(value="their_package", **content):
        module = types.ModuleType("their_package")
        module.__dict__.update(content)
        monkeypatch.setitem(sys.modules, "their_package", module)
        points = [EntryPoint("theirs", value, "cxraudit.models")]
        monkeypatch.setattr(models, "entry_points", lambda group: points)

    return registered


THEIRS = replace(CARD, name="theirs", trained_on=None)


@pytest.mark.parametrize("value", ["their_package", "their_package [gpu]"])
def test_a_model_of_another_package_is_loaded_by_its_name(plugin, value):
    """Also if its entry point names an extra; what it was trained on is not known."""
    plugin(value, CARD=THEIRS, load=RandomModel)

    assert "theirs" in models.available()
    assert models.card("theirs").trained_on is None
    assert models.load("theirs").logit_scale == 1


@pytest.mark.parametrize(
    ("value", "content", "match"),
    [
        ("no_such_package", {}, "cannot be imported .*No module named 'no_such_package'"),
        ("their_package:NOTHING", {}, "cannot be imported .*no attribute 'NOTHING'"),
        ("their_package", {}, "cannot be imported .*no attribute 'CARD'"),
        ("their_package", {"CARD": {"name": "theirs"}}, "its CARD is no ModelCard"),
        ("their package", {}, "cannot be imported"),
        (":", {}, "cannot be imported"),
    ],
)
def test_a_model_of_another_package_that_is_broken_does_not_hide_the_others(
    plugin, capsys, value, content, match
):
    """One sentence when it is loaded; the list of models shows it beside the others."""
    from cxraudit.cli import main

    plugin(value, **content)

    with pytest.raises(DataError, match=match):
        models.load("theirs")
    assert main(["models"]) == 0
    listed = capsys.readouterr().out
    assert re.search(r"^theirs +\[the model 'theirs'", listed, re.MULTILINE)
    assert re.search(r"^random +null model", listed, re.MULTILINE)


def test_what_a_model_of_another_package_needs_is_named(plugin, capsys):
    """Its packages, and not an extra of this one."""
    from cxraudit.cli import main

    plugin(CARD=replace(THEIRS, needs=("no_such.package", "neither")), load=RandomModel)

    with pytest.raises(DataError, match=r"needs no_such\.package, neither: pip install"):
        models.load("theirs")
    assert main(["models"]) == 0
    assert "[the model 'theirs' needs no_such.package" in capsys.readouterr().out


def test_the_card_shows_that_training_data_are_not_known(plugin, capsys):
    """And that there are none for a model without training."""
    from cxraudit.cli import main

    plugin(CARD=THEIRS, load=RandomModel)

    main(["models", "theirs"])
    assert "trained_on     not known" in capsys.readouterr().out
    main(["models", "random"])
    assert "trained_on     none" in capsys.readouterr().out
