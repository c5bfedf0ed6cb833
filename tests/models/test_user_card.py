"""What a user states of a model in a folder is checked, shown, and compared with the audited data."""

import pandas as pd
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from hf_folders import write_dinov2, write_folder

from cxraudit import models
from cxraudit.errors import ConfigError

HOSTILE = '<script>alert(1)</script> | $\\\\frac{$ \\"q\\"'


@pytest.fixture
def clip(tmp_path):
    """A small CLIP, with a card of some text."""
    folder = write_folder("clip", tmp_path / "clip")

    def with_card(text):
        (folder / "cxraudit-card.toml").write_text(text, encoding="utf-8")
        return f"hf-clip:{folder}"

    return with_card


def test_what_is_stated_takes_the_place_of_what_is_not_known(clip):
    """The rest stays; the embeddings do not depend on it."""
    spec = clip('license = "MIT"\ntrained_on = ["mimic-cxr", "ours"]\nsummary = "Our\\nmodel"')
    card, model = models.card(spec), models.load(spec)

    assert (card.license, card.summary) == ("MIT", "Our model")
    assert card.trained_on == {"mimic-cxr", "ours"}
    assert card.reference == "clip"
    assert model.card == card
    assert models.load(clip("")).fingerprint == model.fingerprint


@pytest.mark.parametrize("text", ["trained_on = []", 'trained_on = ["none"]'])
def test_no_radiographs_can_be_stated(clip, text):
    """Which is not the same as unknown."""
    assert models.card(clip(text)).trained_on == frozenset()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('licence = "MIT"', "licence: unknown key"),
        ("license = 1", "license"),
        ('trained_on = "mimic-cxr"', "trained_on"),
        ("trained_on = [1]", "trained_on"),
        ('trained_on = [""]', "trained_on"),
        ('trained_on = ["none", "mimic-cxr"]', "or none"),
        ('trained_on = [" "]', "trained_on must have 1 to 500 characters"),
        ('summary = ""', "summary"),
        (f'summary = "{"x" * 501}"', "1 to 500 characters"),
        ('fingerprint = "x"', "fingerprint: unknown key"),
        ('summary = "a \\u202e b"', "not visible (U+202E)"),
        ('license = "\\u001b[31mMIT"', "not visible (U+001B)"),
        ("license = ", "not valid TOML"),
        ("\ufeff[card]\nlicense = 1", "card: unknown key"),
    ],
)
def test_a_card_that_is_not_understood_is_refused(clip, text, said):
    """With the key, in one sentence."""
    with pytest.raises(ConfigError) as raised:
        models.card(clip(text))

    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_folder_in_place_of_a_card_is_refused(tmp_path):
    """It is no file."""
    folder = write_dinov2(tmp_path / "dino")
    (folder / "cxraudit-card.toml").mkdir()

    with pytest.raises(ConfigError, match="is not a file"):
        models.card(f"hf-image:{folder}")


def test_a_card_that_is_a_broken_link_is_refused(tmp_path):
    """What it stated would be lost."""
    folder = write_dinov2(tmp_path / "dino")
    (folder / "cxraudit-card.toml").symlink_to(tmp_path / "elsewhere.toml")

    with pytest.raises(ConfigError, match="is a link to a file that is missing"):
        models.card(f"hf-image:{folder}")


def test_hostile_text_stays_text(clip, nih_release, tmp_path, capsys):
    """On the terminal, and in the report, where an overlap with the audited data is stated."""
    from cxraudit.cli import main

    spec = clip(f'license = "{HOSTILE}"\ntrained_on = ["nih-cxr14"]\nsummary = "{HOSTILE}"')
    assert main(["models", spec]) == 0
    assert "<script>alert(1)</script>" in capsys.readouterr().out
    work = tmp_path / "work"
    assert (
        main(
            ["encode", "nih-cxr14", "--root", str(nih_release), "--model", spec, "--out", str(work)]
        )
        == 0
    )
    assert main(["score", str(work)]) == 0
    assert main(["audit", str(work / "scores.parquet"), "--resamples", "50"]) == 0

    page = (work / "audit" / "report.html").read_text()
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "hf-clip:clip" in set(pd.read_parquet(work / "scores.parquet")["model"])
    assert "trained on the audited data" in page or "CXA004" in page


def test_a_corrected_card_is_the_one_of_the_report(clip, nih_release, tmp_path, capsys):
    """Encoding and scoring again take the card as it is now, and say what differs."""
    from cxraudit.cli import main

    work = tmp_path / "work"
    spec = clip('trained_on = ["mimic-cxr"]')
    encode = ["encode", "nih-cxr14", "--root", str(nih_release), "--model", spec, "-q"]
    assert main([*encode, "--out", str(work)]) == 0
    assert main(["score", str(work)]) == 0

    clip('trained_on = ["mimic-cxr", "ChestX-ray14"]')
    capsys.readouterr()
    assert main(["score", str(work)]) == 0
    assert "another trained_on than before" in capsys.readouterr().err
    assert main(["audit", str(work / "scores.parquet"), "--resamples", "50"]) == 0
    assert "Trained on: ChestX-ray14 and mimic-cxr" in (work / "audit" / "report.html").read_text()

    clip('trained_on = ["mimic-cxr"]\nlicense = "MIT"')
    assert main([*encode, "--out", str(work)]) == 0
    assert "another license, trained_on than before" in capsys.readouterr().err
