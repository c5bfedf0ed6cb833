"""Models by name: specifications, cards, and messages for those that cannot be loaded."""

import pytest

from cxraudit import models
from cxraudit.errors import ConfigError, DataError, MissingExtraError, UnknownNameError
from cxraudit.models import weights


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
