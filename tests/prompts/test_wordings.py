"""Words for groups and neutral words: those of the package, and files of users."""

import numpy as np
import pytest

from cxraudit.errors import ConfigError, UnknownNameError
from cxraudit.prompts.wordings import DEMOGRAPHIC, NEUTRAL, PLACE, Phrase, load_wordings

TERM = """
[[terms]]
kind = "{kind}"
attribute = "{attribute}"
group = "{group}"
texts = ["{text}"]
source = "a test"
"""


def of(kind: str, attribute: str, group: str, text: str = "") -> str:
    """One term of a file."""
    text = text or f"{{prompt}} {group}"
    return TERM.format(kind=kind, attribute=attribute, group=group, text=text)


WHOLE = (
    of("demographic", "sex", "female")
    + of("demographic", "sex", "male")
    + of("neutral", "day", "Monday")
    + of("neutral", "day", "Friday")
)


def read(tmp_path, text):
    """Load a file with this content."""
    path = tmp_path / "own.toml"
    path.write_text(text, encoding="utf-8")
    return load_wordings(path)


def test_words_for_groups_and_neutral_words_are_alike_in_length():
    """Mean and spread of the characters that are added; so many neutral words that one contrast can be rare."""
    phrases = load_wordings().phrases
    lengths = {
        kind: np.array(
            [len(p.text.replace(PLACE, "").strip(" ,")) for p in phrases if p.kind == kind]
        )
        for kind in (DEMOGRAPHIC, NEUTRAL)
    }
    terms = {(p.attribute, p.group) for p in phrases if p.kind == NEUTRAL}

    assert abs(np.log(lengths[DEMOGRAPHIC].mean() / lengths[NEUTRAL].mean())) < 0.15
    assert len(terms) - len({topic for topic, _ in terms}) >= 39
    assert all(p.source for p in phrases)
    assert len({p.name for p in phrases}) == len(phrases)


def test_texts_of_an_attribute_differ_in_the_word_alone():
    """So that nothing but the word is compared: the same texts but for one word."""
    by_topic: dict[tuple[str, str], list[list[str]]] = {}
    for phrase in load_wordings().phrases:
        by_topic.setdefault((phrase.attribute, phrase.group), []).append(phrase.text.split())
    for (attribute, _), texts in by_topic.items():
        others = [t for (topic, _), t in by_topic.items() if topic == attribute]
        for other in others:
            for one, two in zip(texts, other, strict=True):
                assert len(one) == len(two)
                assert sum(a != b for a, b in zip(one, two, strict=True)) <= 1


def test_the_full_stop_of_a_prompt_comes_last():
    """And a prompt without one gets none."""
    phrase = Phrase(name="", kind=NEUTRAL, text="{prompt} on a Friday")

    assert phrase.around("There is edema.") == "There is edema on a Friday."
    assert phrase.around("Chest edema") == "Chest edema on a Friday"


def test_a_file_of_ones_own_is_read(tmp_path):
    """With the name of the file, and ages in place of groups."""
    aged = of("demographic", "age_group", "x").replace('group = "x"', "years = 80")
    found = read(tmp_path, WHOLE + aged)

    assert found.name == "own"
    assert [p.years for p in found.phrases] == [-1, -1, -1, -1, 80]
    assert found.phrases[-1].group == "80 years"
    assert found.fingerprint == read(tmp_path, WHOLE + aged).fingerprint


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "terms: "),
        ("terms = 3", "terms: "),
        (WHOLE + 'colour = "red"', "colour"),
        (WHOLE.replace("neutral", "other"), "kind"),
        (WHOLE.replace("{prompt} female", "female"), r"must hold \{prompt\} once"),
        (WHOLE.replace("{prompt} female", "{prompt} {finding}"), "no other braces"),
        (WHOLE.replace("{prompt} female", "{prompt} ,"), "adds no words"),
        (WHOLE.replace("{prompt} female", "{prompt} fe\u202emale"), r"U\+202E"),
        (WHOLE.replace("{prompt} female", "{prompt} " + "a" * 400), "300 characters"),
        (WHOLE.replace("{prompt} male", "{prompt}  FEMALE"), "twice"),
        (WHOLE.replace('group = "male"', 'group = "male"\nyears = 30'), "either group or years"),
        (WHOLE.replace('group = "Friday"', "years = 30"), "years are of demographic"),
        (
            of("demographic", "sex", "female") + of("neutral", "day", "Monday"),
            "demographic wordings for female alone, and no two",
        ),
        (WHOLE.replace("neutral", "demographic"), "no neutral wordings"),
        (WHOLE.replace("demographic", "neutral"), "no demographic wordings"),
        (WHOLE.replace('source = "a test"', 'source = " "', 1), "blank"),
        ("[[terms]\n", "not valid TOML"),
    ],
)
def test_a_file_with_a_fault_is_refused_in_one_sentence(tmp_path, text, match):
    """Missing kinds, unknown keys, characters that are not visible, texts without a place for the prompt."""
    with pytest.raises(ConfigError, match=match) as found:
        read(tmp_path, text)
    assert "\n" not in str(found.value)


def test_an_unknown_set_is_refused(tmp_path):
    """By name, and as a file."""
    with pytest.raises(UnknownNameError, match="default"):
        load_wordings("defualt")
    with pytest.raises(ConfigError, match="is missing"):
        load_wordings(tmp_path / "none.toml")
