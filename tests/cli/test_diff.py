"""``cxraudit diff``, and rules of a gate about what changed."""

import json

import numpy as np
import pandas as pd
import pytest

from cxraudit import AuditSettings, audit, diff, open_audit
from cxraudit.formats.changes import change_table
from planted import planted_dataset, planted_scores, planted_table


@pytest.fixture(scope="module")
def releases(tmp_path_factory):
    """Audit two releases on the same patients; the newer one is worse in old patients."""
    folder = tmp_path_factory.mktemp("diff")
    frame = planted_table(0)
    worse = planted_table(0, age_gap=1.5)
    settings = AuditSettings(n_resamples=200)
    return [
        audit(planted_dataset(frame), planted_scores(table), settings=settings).save(folder / name)
        for name, table in (("old", frame), ("new", worse))
    ]


WIDENS = '[[rules]]\nname = "w"\nattribute = "age_group"\nchange = true\nwidens_at_most = 0.02\n'


def test_the_command_prints_what_changed(releases, run, capsys):
    """The planted loss first; nothing on stderr."""
    assert run("diff", *releases) == 0

    shown = capsys.readouterr().out
    assert "the same images, compared as pairs" in shown
    changed = shown.split("Changed")[1].split("Not settled")[0]
    assert "age_group 80+" in changed
    assert "the gap widened" in changed


def test_python_and_the_command_agree_row_by_row(releases, run, capsys):
    """The JSON of the command is the table of the function."""
    assert run("diff", *releases, "--json") == 0

    printed = json.loads(capsys.readouterr().out)["changes"]
    table = change_table(diff(*map(open_audit, releases)))
    assert len(printed) == len(table)
    for name in table.columns:
        column = [np.nan if one[name] is None else one[name] for one in printed]
        if table[name].dtype.kind == "f":
            np.testing.assert_array_equal(np.array(column, dtype=float), table[name])
        else:
            assert column == table[name].tolist()


def test_all_changes_go_to_a_csv_file_and_a_summary_to_markdown(releases, tmp_path, run):
    """The first is replaced when repeated, the second appended to."""
    table, summary = tmp_path / "changes.csv", tmp_path / "summary.md"
    for _ in range(2):
        assert run("diff", *releases, "--csv", table, "--markdown", summary) == 0

    assert len(pd.read_csv(table)) == len(diff(*map(open_audit, releases)).results)
    assert summary.read_text(encoding="utf-8").count("## Changes:") == 2


def test_a_csv_file_of_the_user_is_kept(releases, tmp_path, run, capsys):
    """Exit code 2, and the file is as it was."""
    table = tmp_path / "mine.csv"
    table.write_text("a,b\n1,2\n")

    assert run("diff", *releases, "--csv", table) == 2

    assert table.read_text() == "a,b\n1,2\n"
    assert "holds no changes" in capsys.readouterr().err


@pytest.mark.parametrize(("order", "code"), [((0, 1), 1), ((0, 0), 0), ((1, 0), 3)])
def test_a_gate_stops_what_widened(releases, tmp_path, run, order, code):
    """A planted widening fails, no change passes; of what narrowed in some groups, others are unsettled."""
    policy = tmp_path / "policy.toml"
    policy.write_text(WIDENS)
    since, now = (releases[k] for k in order)

    assert run("gate", now, "--policy", policy, "--since", since) == code


def test_a_rule_about_a_change_needs_an_earlier_audit(releases, tmp_path, run, capsys):
    """One sentence, exit code 2."""
    policy = tmp_path / "policy.toml"
    policy.write_text(WIDENS)

    assert run("gate", releases[1], "--policy", policy) == 2
    assert run("gate", releases[1], "--policy", policy, "--patients", "same") == 2

    first, second = capsys.readouterr().err.splitlines()
    assert "--since FOLDER" in first
    assert "add --since" in second


def test_a_folder_without_an_audit_is_one_sentence(releases, tmp_path, run, capsys):
    """Which of both it is, is in its path."""
    assert run("diff", releases[0], tmp_path) == 2

    assert "holds no audit" in capsys.readouterr().err


def test_a_gate_prints_what_differs_before_its_outcome(releases, tmp_path, run, capsys):
    """Which patients, whose labels, and settings; in the JSON, too."""
    policy = tmp_path / "policy.toml"
    policy.write_text(WIDENS)
    command = ("gate", releases[1], "--policy", policy, "--since", releases[0])

    assert run(*command) == 1
    shown = capsys.readouterr().out
    assert shown.index("compared as pairs") < shown.index("Policy: failed")
    assert run(*command, "--json", "--junit", tmp_path / "gate.xml") == 1
    document = json.loads(capsys.readouterr().out)
    assert document["since"]["pairing"] == "same images"
    assert "compared as pairs" in (tmp_path / "gate.xml").read_text(encoding="utf-8")


def test_a_model_without_a_predecessor_is_inconclusive(releases, tmp_path, run):
    """It is not passed by the others."""
    frame = planted_table(0)
    scores = planted_scores(frame)
    both = pd.concat([scores, scores.assign(model="new")])
    now = audit(planted_dataset(frame), both, settings=AuditSettings(n_resamples=200))
    policy = tmp_path / "policy.toml"
    policy.write_text(WIDENS)

    code = run("gate", now.save(tmp_path / "now"), "--policy", policy, "--since", releases[0])

    assert code == 3


@pytest.mark.parametrize("flag", ["--csv", "--markdown"])
def test_no_file_of_an_audit_is_written_to(releases, tmp_path, run, capsys, flag):
    """Nor a folder made."""
    results = releases[1] / "results.parquet"
    before = results.read_bytes()

    assert run("diff", *releases, flag, results) == 2
    assert run("diff", *releases, flag, tmp_path / "none" / "x.csv") == 2
    same = tmp_path / "x"
    assert run("diff", *releases, "--csv", same, "--markdown", same) == 2

    assert results.read_bytes() == before
    assert not (tmp_path / "none").exists()
    assert "different files" in capsys.readouterr().err
