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
        ('positive = "{{finding}}"\nnegative = "y"\n', "no other braces"),
        ('positive = "{finding}"\nnegative = "{{finding}}"\n', "no other braces"),
        ('positive = "{finding} {{x}}"\nnegative = "y"\n', "no other braces"),
        ('positive = "{finding.__class__}"\nnegative = "y"\n', "no other braces"),
        ('positive = "{finding[0]}"\nnegative = "y"\n', "no other braces"),
        ('positive = "{finding!r}"\nnegative = "y"\n', "no other braces"),
        ('positive = "{finding:>999999999999}"\nnegative = "y"\n', "no other braces"),
        ('positive = "{finding} {0}"\nnegative = "y"\n', "no other braces"),
        ('positive = "{finding} {}"\nnegative = "y"\n', "no other braces"),
        ('positive = "{finding"\nnegative = "y"\n', "no other braces"),
        ('positive = "{finding}}"\nnegative = "y"\n', "no other braces"),
        ('positive = ["{finding}"]\nnegative = "y"\n', "'positive' must be text"),
        ('positive = "{finding}"\nnegative = 2020-01-01\n', "'negative' must be text"),
        ('positive = "{finding}"\nnegative = nan\n', "'negative' must be text"),
        ('positive = "{finding}"\nnegative = " "\n', "'negative' must be text"),
        ('positive = "{finding}\\u0000"\nnegative = "y"\n', "not visible .U.0000."),
        ('positive = "{finding}"\nnegative = "no\\u202e {finding}"\n', "not visible .U.202E."),
        ('positive = "{finding}"\nnegative = "no\\u200b {finding}"\n', "not visible .U.200B."),
        ('positive = "{finding}"\nnegative = """no\n{finding}"""\n', "not visible .U.000A."),
        ('name = 3\npositive = "{finding}"\nnegative = "y"\n', "'name' must be text"),
        ('source = []\npositive = "{finding}"\nnegative = "y"\n', "'source' must be text"),
        ('positive = "{finding}"\nnegative = "y"\nwords = { A = 1 }\n', "'words.A' must be text"),
        ('positive = "{finding}"\nnegative = "y"\nwords = { A = "" }\n', "'words.A' must be text"),
        (f'positive = "{{finding}}"\nnegative = "{"y" * 2001}"\n', "2,001 characters"),
        (
            'positive = "{finding}"\nnegative = "y"\n[words]\n'
            + "".join(f'f{i} = "x"\n' for i in range(10_001)),
            "at most 10,000",
        ),
    ],
)
def test_a_mistake_in_a_prompt_file_is_named(tmp_path, text, match):
    """In one sentence."""
    path = tmp_path / "bad.toml"
    path.write_text(text)

    with pytest.raises(ConfigError, match=match):
        prompts.load(path)


def test_words_in_braces_are_words(tmp_path):
    """Only templates have a place for the finding; a source may have several lines."""
    (tmp_path / "own.toml").write_text(
        'positive = "(x) {finding}"\nnegative = "keine {finding}: Ödem, 肺炎"\nsource = """a\nb"""\n'
        "words = { Pneumothorax = 'air {leak' }\n"
    )

    own = prompts.load(tmp_path / "own.toml")

    assert own.pair("Pneumothorax") == ("(x) air {leak", "keine air {leak: Ödem, 肺炎")
    assert own.source == "a b"


def test_a_misspelled_prompt_set_gets_a_suggestion():
    """The most similar name."""
    with pytest.raises(UnknownNameError, match="Did you mean 'paper'"):
        prompts.load("papre")


@pytest.mark.parametrize(
    "line", ["name = 0x" + "f" * 5000, f"name.{'.'.join('a' * 3000)} = 1"], ids=["number", "nested"]
)
def test_a_value_that_cannot_be_written_is_refused_in_one_sentence(tmp_path, line):
    """A number of more digits than Python writes, and tables in tables."""
    path = tmp_path / "own.toml"
    path.write_text(f"{line}\n", encoding="utf-8")

    with pytest.raises(ConfigError, match=r"own\.toml") as caught:
        prompts.load(path)

    assert len(str(caught.value)) < 500
    assert "\n" not in str(caught.value)
