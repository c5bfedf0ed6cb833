"""Text, JSON, JUnit XML and Markdown say the same, and names stay text."""

import datetime
import json
from xml.etree import ElementTree

import pytest
from example_audit import example, judged

from cxraudit.cli._output import as_json
from cxraudit.policy import Policy, gate
from cxraudit.policy.formats import as_junit, as_markdown, as_text, document_of
from cxraudit.schema import Analysis

HOSTILE = '<script>alert("1")</script>|`x`\x00\u202e' + "y" * 300


@pytest.fixture
def result():
    """A row of each outcome, one with a hostile name."""
    rows = [
        judged(Analysis.SUBGROUPS, 0.1, verdict, attribute="sex", group=group)
        for verdict, group in (
            ("disparity", HOSTILE),
            ("inconclusive", "a"),
            ("inconclusive", "b"),
            ("equivalent", "c"),
        )
    ]
    allow = {"group": "b", "reason": "small", "until": datetime.date(2030, 1, 1)}
    rule = {"name": "No | disparity", "no_disparity": True, "allow": [allow]}
    policy = Policy.model_validate({"name": "P", "rules": [rule]})
    return gate(example(*rows), policy, today=datetime.date(2027, 1, 1))


def test_text_lists_what_did_not_pass_failures_first(result):
    """One line per rule; rows that passed are counted."""
    first, rule, *rows = as_text(result).splitlines()

    assert first == "P: failed"
    assert rule == "✗ No | disparity: failed (1 of 4 rows passed: auroc)"
    assert [line.split()[0] for line in rows] == ["✗", "?", "~"]
    assert "\x00" not in as_text(result)


def test_json_has_every_row(result):
    """With its version, and null for what is no number."""
    found = json.loads(as_json("gate", document_of(result)))

    assert (found["schema_version"], found["outcome"], found["exit_code"]) == (1, "failed", 1)
    (rule,) = found["rules"]
    assert [row["outcome"] for row in rule["rows"]] == [
        "failed",
        "inconclusive",
        "allowed",
        "passed",
    ]
    assert rule["rows"][0]["group"] == HOSTILE
    assert rule["rows"][0]["at"] is None


def test_junit_is_read_by_a_parser(result):
    """Failures, and errors where it is inconclusive."""
    suite = ElementTree.fromstring(as_junit(result))

    assert suite.attrib == {"name": "P", "tests": "4", "failures": "1", "errors": "1"}
    assert [[child.tag for child in case] for case in suite] == [
        ["failure"],
        ["error"],
        ["system-out"],
        [],
    ]


def test_markdown_tables_keep_their_columns(result):
    """Marks of names are escaped."""
    lines = as_markdown(result).splitlines()
    tables = [line for line in lines if line.startswith("|")]

    cells = [line.replace("\\|", "").count("|") for line in tables]
    assert cells == [5] * 3 + [6] * 5
    assert "<script" not in as_markdown(result)
