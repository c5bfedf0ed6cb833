"""``cxraudit gate``: exit codes and files."""

import json
from pathlib import Path

import pytest
from example_audit import planted_audit

from cxraudit.audits.result import open_audit
from cxraudit.policy import gate, read_policy


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """A planted age effect, in a folder."""
    return planted_audit().save(tmp_path_factory.mktemp("gate") / "audit")


def written(tmp_path, text):
    """Write a policy."""
    file = tmp_path / "policy.toml"
    file.write_text(text)
    return file


AGE = '[[rules]]\nname = "age"\nattribute = "age_group"\nno_disparity = true\n'
LOW = '[[rules]]\nname = "low"\nat_least = 0.1\ngroup = ""\nattribute = ""\n'


def test_a_planted_disparity_fails(audited, tmp_path, run, capsys):
    """Exit code 1; the row is named."""
    assert run("gate", audited, "--policy", written(tmp_path, AGE)) == 1

    assert "✗ age: failed" in capsys.readouterr().out


def test_what_is_shown_passes(audited, tmp_path, run):
    """Exit code 0."""
    assert run("gate", audited, "--policy", written(tmp_path, LOW)) == 0


def test_a_model_that_is_not_there_is_inconclusive(audited, tmp_path, run):
    """Exit code 3."""
    assert run("gate", audited, "--policy", written(tmp_path, LOW + 'model = "other"\n')) == 3


def test_python_and_the_command_agree_row_by_row(audited, tmp_path, run, capsys):
    """The JSON of the command is the table of the function."""
    file = written(tmp_path, AGE + LOW)

    code = run("gate", audited, "--policy", file, "--json")

    found = json.loads(capsys.readouterr().out)
    result = gate(open_audit(audited), read_policy(file))
    rows = [row["outcome"] for rule in found["rules"] for row in rule["rows"]]
    assert rows == list(result.rows["outcome"])
    assert code == result.exit_code == found["exit_code"]


def test_files_for_other_programs(audited, tmp_path, run):
    """JUnit replaces, Markdown is appended to."""
    summary, junit = tmp_path / "summary.md", tmp_path / "gate.xml"
    summary.write_text("before\n")

    run(
        "gate", audited, "--policy", written(tmp_path, AGE), "--markdown", summary, "--junit", junit
    )

    assert summary.read_text().startswith("before\n\n## ")
    assert "<failure" in junit.read_text()


def test_no_other_file_is_spoiled(audited, tmp_path, run):
    """The policy, a file of something else, and the same file twice; its own is replaced."""
    policy, other, own = written(tmp_path, AGE), tmp_path / "notes.txt", tmp_path / "gate.xml"
    other.write_text("mine")
    words = ("gate", audited, "--policy", policy)

    assert run(*words, "--junit", policy) == 2
    assert run(*words, "--markdown", policy) == 2
    assert run(*words, "--junit", other) == 2
    assert run(*words, "--junit", own, "--markdown", own) == 2
    assert run(*words, "--markdown", audited / "results.csv") == 2
    assert run(*words, "--markdown", audited / "new.md") == 2
    assert run(*words, "--markdown", "''") == run(*words, "--junit", "''") == 2
    assert run(*words, "--junit", tmp_path / "nowhere" / "gate.xml") == 2
    assert run(*words, "--markdown", "/dev/null") == 1
    assert Path("/dev/null").is_char_device()
    assert open_audit(audited)
    assert run(*words, "--junit", own) == run(*words, "--junit", own) == 1
    assert other.read_text() == "mine"
    assert read_policy(policy).rules[0].name == "age"


def test_the_policy_to_begin_with_is_one(audited, tmp_path, run, capsys):
    """It is read, and judges the rows that an audit has; it is not written twice."""
    first = tmp_path / "first.toml"

    assert run("gate --init", first) == 0
    assert len(read_policy(first).rules) == 3
    assert run("gate", audited, "--policy", first) in (1, 3)
    assert run("gate --init", first) == 2
    assert run("gate", audited, "--policy", first, "--schema") == 2
    assert "is there already" in capsys.readouterr().err


@pytest.mark.parametrize("words", ["gate", "gate --policy x.toml", "gate nowhere --policy x.toml"])
def test_a_wrong_use_is_exit_code_2(words, run, capsys):
    """In one sentence."""
    assert run(words) == 2

    assert capsys.readouterr().err.count("\n") == 1


def test_the_schema_is_printed(run, capsys):
    """As JSON."""
    assert run("gate --schema") == 0

    assert json.loads(capsys.readouterr().out)["title"] == "Policy"


@pytest.mark.parametrize("json_", [(), ("--json",)])
def test_a_reader_who_leaves_does_not_change_the_exit_code(audited, tmp_path, json_):
    """As ``grep -q`` and ``head`` do."""
    import os
    import subprocess
    import sys

    command = [sys.executable, "-m", "cxraudit", "gate", str(audited), "--policy"]
    command += [str(written(tmp_path, AGE)), *json_]
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, check=False)
    finally:
        os.close(write)

    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
