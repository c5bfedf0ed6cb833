"""Prompt sets by name and from files."""

import pytest

from cxraudit import prompts
from cxraudit.errors import ConfigError, UnknownNameError


def test_the_paper_prompts_are_as_published():
    """Chest {finding} against Chest No findings."""
    assert prompts.load("paper").pair("Pneumothorax") == ("Chest Pneumothorax", "Chest No findings")


@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_a_prompt_set_is_read_from_a_file(tmp_path, kind):
    """Templates and wordings of findings; the path may be text."""
    path = tmp_path / "own.toml"
    path.write_text(
        'positive = "{finding}"\nnegative = "no {finding}"\nwords = { Pneumothorax = "air leak" }\n'
    )

    own = prompts.load(kind(path))

    assert own.name == "own"
    assert own.pair("Pneumothorax") == ("air leak", "no air leak")


def test_the_fingerprint_depends_on_the_prompts_and_not_on_the_source(tmp_path):
    """Scores of two sets with the same prompts are the same."""
    texts = 'name = "own"\npositive = "{finding}"\nnegative = "no {finding}"\n'
    for name, text in (
        ("a", texts),
        ("b", texts + 'source = "x"\n'),
        ("c", texts + "[words]\nA='b'"),
    ):
        (tmp_path / f"{name}.toml").write_text(text)

    a, b, c = (prompts.load(tmp_path / f"{name}.toml").fingerprint for name in "abc")

    assert a == b
    assert a != c


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ('positive = "x"\nnegative = "y"\n', "must contain"),
        ('positive = "{finding}"\n', "lacks the template 'negative'"),
        ('positive = "{finding}"\nnegative = "y"\ncolour = 1\n', "unknown keys colour"),
        ("positive = \n", "not valid TOML"),
        ('positive = "{finding} {view}"\nnegative = "y"\n', "no other braces"),
        ('positive = "{finding}"\nnegative = "y"\nwords = "x"\n', "must map findings"),
    ],
)
def test_a_mistake_in_a_prompt_file_is_named(tmp_path, text, match):
    """In one sentence."""
    path = tmp_path / "bad.toml"
    path.write_text(text)

    with pytest.raises(ConfigError, match=match):
        prompts.load(path)


def test_a_misspelled_prompt_set_gets_a_suggestion():
    """The most similar name."""
    with pytest.raises(UnknownNameError, match="Did you mean 'paper'"):
        prompts.load("papre")
