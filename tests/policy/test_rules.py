"""Policies are read, and every mistake is named."""

import pytest

from cxraudit.errors import ConfigError
from cxraudit.policy import read_policy
from cxraudit.policy.rules import KINDS, Policy

RULE = '[[rules]]\nname = "a"\n'


def policy(tmp_path, text):
    """Read a policy from text."""
    file = tmp_path / "policy.toml"
    file.write_text(text)
    return read_policy(file)


def test_one_name_is_a_list_of_one(tmp_path):
    """For every column that rows are chosen by."""
    read = policy(tmp_path, RULE + 'attribute = "sex"\nwithin = 0.05')

    (rule,) = read.rules
    assert rule.attribute == ["sex"]
    assert rule.judged == [("subgroups", "auroc")]
    assert rule.kind == "within"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "rules: is missing"),
        ("rules = []", "at least 1 entry"),
        (RULE, "none is given"),
        (RULE + "within = 0.1\nat_least = 0.8", "within and at_least are given"),
        (RULE + "within = -0.1", "above 0"),
        (RULE + "within = inf", "finite"),
        (RULE + "at_least = 80", "auroc lies between 0 and 1"),
        (RULE + "within = 5", "decides nothing"),
        (RULE + "widens_at_most = 0.02", "add change = true"),
        (RULE + "change = true\nat_least = 0.8", "is about a difference"),
        (RULE + "change = true\nverdicts = ['disparity']", "no verdict to require"),
        (RULE + "verdicts = ['changed']", "no verdict to require"),
        (RULE + "within = '0.1'", "number"),
        (RULE + "within = 0.1\nmargni = 0.1", "margni: unknown key"),
        (RULE + "within = 0.1\nmetric = 'aurco'", "Did you mean 'auroc'"),
        (RULE + "within = 0.1\nanalysis = 'subgroup'", "Did you mean 'subgroups'"),
        (RULE + "within = 0.1\nattribute = []", "at least 1 entry"),
        (RULE + "no_disparity = false", "True"),
        (RULE + "no_disparity = true\ninterval = 'simultaneous'", "no interval of their own"),
        (RULE + "verdicts = ['equivelent']", "Did you mean 'equivalent'"),
        (RULE + "verdicts = ['']", "no verdict to require"),
        (RULE + "verdicts = ['inconclusive']", "no verdict to require"),
        (RULE + "verdicts = ['unclear']", "no verdict to require"),
        (RULE + "within = 1\n" + RULE + "within = 1", "two rules are called 'a'"),
        (RULE + "within = 1\n[[rules.allow]]\nreason = 'x'", "until: is missing"),
        (RULE + "within = 1\n[[rules.allow]]\nreason = ''\nuntil = 2027-01-01", "reason"),
        (RULE + "within = 1\n[[rules.allow]]\nreason = 'x'\nuntil = 'soon'", "date"),
    ],
)
def test_mistakes_are_named(tmp_path, text, words):
    """In one sentence, with the file and where to look."""
    with pytest.raises(ConfigError, match=r"policy\.toml: .*See cxraudit gate --schema") as found:
        policy(tmp_path, text)

    assert words in str(found.value)


def test_a_missing_file_is_one_sentence(tmp_path):
    """With its name."""
    with pytest.raises(ConfigError, match=r"nowhere\.toml"):
        read_policy(tmp_path / "nowhere.toml")


def test_the_schema_names_every_kind():
    """Editors complete the keys of a rule."""
    properties = Policy.model_json_schema()["$defs"]["Rule"]["properties"]

    assert {*KINDS, "attribute", "allow", "because"} <= set(properties)
