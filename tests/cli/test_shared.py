"""What every command takes: one JSON document, steps in words and in a log, and silence."""

import io
import json
import logging
import math
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from command_tree import commands, flags
from cxraudit.audits.result import open_audit
from cxraudit.cli import _progress
from cxraudit.cli._output import Answer, as_json
from cxraudit.cli._shared import SHARED, shared
from cxraudit.progress import shown_by, stage
from cxraudit.report.statements import of_model

ROOT = Path(__file__).parents[2]
GROUPS = {("drains",), ("paper",)}
"""Commands that only hold others."""


@pytest.mark.parametrize("command", [one for one in commands() if one not in GROUPS], ids=" ".join)
def test_every_command_takes_them(command):
    """Under the same names."""
    assert {"--json", "--quiet", "-q", "--verbose", "-v", "--log"} <= set(flags(command))


@pytest.fixture(scope="module")
def audited(tmp_path_factory, run):
    """An audit folder, with small cells hidden."""
    from blank_figures import blank_figures

    from planted import planted_table

    folder = tmp_path_factory.mktemp("audited")
    frame = planted_table(0, n_patients=150)
    frame.loc[:8, "race"] = "few"
    frame.to_csv(folder / "ours.csv", index=False)
    columns = (
        "--image file --patient pid --label Pneumothorax=Pneumothorax --sex sex --attribute race "
        "--score Pneumothorax=score_Pneumothorax --resamples 100"
    )
    with blank_figures():
        assert run("audit", folder / "ours.csv", columns, "--suppress-below 11") == 0
    return folder, columns


def test_the_answer_of_an_audit_is_one_document(audited, run, capsys):
    """Statements, counts of verdicts and paths, as the summary and the tables have them."""
    folder, columns = audited
    capsys.readouterr()

    assert run("audit", folder / "ours.csv", columns, "--suppress-below 11 --json") == 0

    shown = capsys.readouterr()
    found = json.loads(shown.out)
    audit = open_audit(folder / "audit")
    assert found["schema_version"] == 1
    assert found["command"] == "audit"
    assert [one["headline"] for one in found["statements"]] == [
        one.headline for one in of_model(audit, "model")
    ]
    rows = audit.without_hidden().results
    assert sum(found["verdicts"]["model"].values()) == (rows["verdict"] != "").sum()
    assert len(rows) < len(audit.results)
    assert Path(found["paths"]["results"]).is_file()
    assert "Report: " in shown.err


def test_hidden_groups_are_not_in_the_document(audited, run, capsys):
    """Nor in any sentence of it."""
    folder, columns = audited
    run("audit", folder / "ours.csv", columns, "--suppress-below 11 --json")

    statements = json.dumps(json.loads(capsys.readouterr().out)["statements"])

    assert "'few'" not in statements


def document(run, capsys, *line) -> dict:
    """Return the document that a command prints, which is all that it prints on stdout."""
    capsys.readouterr()
    run(*line, "--json")
    return json.loads(capsys.readouterr().out)


def test_the_page_of_documents_names_their_keys(audited, run, capsys, tmp_path, nih_release):
    """Each key of each document, and no other."""
    folder, _ = audited
    policy = tmp_path / "policy.toml"
    lines = {
        "audit": ("audit", folder / "ours.csv", audited[1], "--suppress-below 11"),
        "init": ("init", folder / "ours.csv", "--out", tmp_path / "audit.toml"),
        "report": ("report", folder / "audit", "--out", tmp_path / "r.html"),
        "run": ("run --schema",),
        "gate --init": ("gate --init", policy),
        "gate": ("gate", folder / "audit", "--policy", policy),
        "plan": ("plan --n-patients 500 --prevalence Edema=0.2 --group sex:female=0.4",),
        "datasets": ("datasets",),
        "datasets NAME": ("datasets nih-cxr14",),
        "datasets find": ("datasets find", nih_release),
        "models": ("models",),
        "models NAME": ("models random",),
        "phantom": ("phantom", tmp_path / "ph", "--patients 2 --image-size 64"),
        "paper tables": ("paper tables", tmp_path / "paper"),
        "completion": ("completion bash",),
    }
    page = (ROOT / "docs/reference/json.md").read_text(encoding="utf-8")
    rows = {
        cells[1].strip().strip("`"): cells[2]
        for line in page.splitlines()
        if len(cells := line.split("|")) == 4
    }
    for name, line in lines.items():
        made = document(run, capsys, *line)
        own = set(made) - {"schema_version", "command"}
        for key in own:
            assert f"`{key}`" in rows[name], (name, key)


def test_every_command_is_on_the_page_of_documents():
    """By its name."""
    page = (ROOT / "docs/reference/json.md").read_text(encoding="utf-8")

    assert [
        one for one in commands() if one not in GROUPS and f"| `{' '.join(one)}` |" not in page
    ] == []


def test_a_mistake_is_a_document_too(run, capsys, tmp_path):
    """With the sentence, which is also on stderr."""
    assert run("report", tmp_path / "none", "--json") == 2

    shown = capsys.readouterr()
    found = json.loads(shown.out)
    assert found["exit_code"] == 2
    assert found["error"] in shown.err


def test_what_is_no_number_is_null_and_what_is_not_drawn_is_escaped():
    """Whatever kind it is of."""
    value = {
        "nan": math.nan,
        "inf": np.float64("inf"),
        "n": np.int64(3),
        "no": np.bool_(False),
        "path": Path("a/b"),
        "name": "\u202e<b>\x1b[2J\n",
        "several": {"b", "a"},
    }

    text = as_json("x", value)

    assert json.loads(text) == {
        "schema_version": 1,
        "command": "x",
        **{"nan": None, "inf": None, "n": 3, "no": False, "path": "a/b"},
        "name": "\u202e<b>\x1b[2J\n",
        "several": ["a", "b"],
    }
    assert text.replace("\n", "").isprintable()


def test_the_exit_code_of_a_command_stays(audited, run, capsys, tmp_path):
    """That of a gate, with and without a document."""
    folder, _ = audited
    policy = tmp_path / "policy.toml"
    run("gate --init", policy)
    plain = run("gate", folder / "audit", "--policy", policy)
    capsys.readouterr()

    code = run("gate", folder / "audit", "--policy", policy, "--json")

    assert code == plain == json.loads(capsys.readouterr().out)["exit_code"]


def test_steps_and_durations_are_told_if_asked_for(audited, run, capsys, tmp_path):
    """On stderr and, with times, at the end of a file."""
    folder, columns = audited
    log = tmp_path / "run.log"
    line = ("audit", folder / "ours.csv", columns, "--suppress-below 11")

    run(*line)
    quiet = capsys.readouterr().err
    run(*line, "-v --log", log)
    told = capsys.readouterr().err
    once = log.read_text(encoding="utf-8")
    run(*line, "--log", log)

    assert "audit scores: done in" not in quiet
    for text in (told, once):
        assert "audit scores: done in" in text
        assert "write the report: done in" in text
        assert "numpy " in text
        assert "audit: done in" in text
    assert len(log.read_text(encoding="utf-8").splitlines()) == 2 * len(once.splitlines())
    assert logging.getLogger("cxraudit").handlers == []
    assert oct(log.stat().st_mode & 0o777) == "0o600"


def test_a_file_that_is_no_log_is_not_appended_to(run, capsys, tmp_path):
    """Nor a folder, nor one in a folder that is not there."""
    table = tmp_path / "scores.csv"
    table.write_text("a,b\n1,2\n")

    for place, said in (
        (table, "is no log of cxraudit"),
        (tmp_path, "is a folder"),
        (tmp_path / "none" / "a.log", "is not there"),
    ):
        assert run("datasets --log", place) == 2
        assert said in capsys.readouterr().err
    assert table.read_text() == "a,b\n1,2\n"


def test_a_failure_is_in_the_log(run, tmp_path, capsys):
    """As one line, whatever the names in it."""
    log = tmp_path / "a.log"

    assert run("report", tmp_path / "x", "--log", log) == 2

    last = log.read_text(encoding="utf-8").splitlines()[-1]
    assert "ERROR report: stopped after" in last


def test_quiet_keeps_other_libraries_quiet(capsys, monkeypatch):
    """Their bars and warnings; afterwards all is as before."""
    import os

    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    seen = {}

    @shared("loud")
    def loud() -> Answer:
        seen["disabled"] = os.environ.get("TQDM_DISABLE")
        warnings.warn("of another library", UserWarning, stacklevel=1)
        with stage("long", 3) as advance:
            advance(1)
        return Answer()

    assert loud(quiet=True) == 0
    assert capsys.readouterr().err == ""
    assert seen == {"disabled": "1"}
    assert "TQDM_DISABLE" not in os.environ
    with pytest.warns(UserWarning, match="another library"):
        loud()


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        """The time."""
        return self.now


def test_without_a_terminal_long_work_is_told_in_lines_and_short_work_is_not(monkeypatch, capsys):
    """With what is done, and how long the rest will take."""
    clock = Clock()
    monkeypatch.setattr(_progress, "time", clock)
    with _progress.show_stage("audit scores", 10) as advance:
        advance(1)
        assert capsys.readouterr().err == ""
        clock.now = 40.0
        advance(1)
        assert (
            capsys.readouterr().err == "cxraudit: audit scores: 2 of 10 parts, about 160 s left\n"
        )
        clock.now = 50.0
        advance(1)
        assert capsys.readouterr().err == ""


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        """Whether it is one."""
        return True


@pytest.mark.parametrize("name", ["[red]x", "[/]", "a\nb", "\u202ex"])
def test_a_name_in_a_bar_stays_text(monkeypatch, name):
    """Markup of the terminal included."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    with _progress.progress_bar(False, f"encode {name}", 2) as advance:
        advance(2)

    assert "encode " in stream.getvalue()
    assert "\u202e" not in stream.getvalue()


def test_a_stage_is_shown_to_who_asked_and_nested_ones_are_not():
    """And to nobody else."""
    from contextlib import contextmanager

    shown = []

    @contextmanager
    def show(what, total):
        shown.append((what, total))
        yield shown.append

    with stage("before", 1):
        pass
    with shown_by(show), stage("outer", 2) as advance, stage("inner", 5) as inner:
        advance(1)
        inner(1)
    with stage("after", 1):
        pass

    assert shown == [("outer", 2), 1]


def test_the_names_of_shared_flags_are_no_parameters_of_a_plan():
    """They belong to the command, not to the pilot table."""
    assert set(SHARED) == {"json", "quiet", "verbose", "log"}
