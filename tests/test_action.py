"""The GitHub action: its commands exist, and no input becomes code."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from blank_figures import blank_figures

from command_tree import commands, flags
from cxraudit.cli import main
from planted import planted_table

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).parents[1]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS = {step.get("name", step.get("uses")): step for step in ACTION["runs"]["steps"]}
RUN = {name: step for name, step in STEPS.items() if "run" in step}
HOW_TO = (ROOT / "docs/how-to/gate-a-release.md").read_text(encoding="utf-8")

needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")


@needs_bash
@pytest.mark.parametrize("name", RUN)
def test_every_script_is_valid(name):
    """As bash reads it."""
    done = subprocess.run(
        ["bash", "-n"], input=RUN[name]["run"], text=True, capture_output=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert RUN[name]["shell"] == "bash"


@pytest.mark.parametrize("name", RUN)
def test_no_expression_stands_in_a_script(name):
    """Inputs are variables of the environment, and quoted where they are used."""
    script = RUN[name]["run"]

    assert "${{" not in script
    for variable in RUN[name]["env"]:
        before = [
            line[: found.start()]
            for line in script.splitlines()
            for found in re.finditer(rf"\$\{{?{variable}\b", line)
        ]
        assert before
        assert [one for one in before if one.count('"') % 2 == 0] == []


@pytest.mark.parametrize("name", RUN)
def test_every_command_and_flag_exists(name):
    """In the program as it is."""
    for line in RUN[name]["run"].splitlines():
        words = line.split()
        if "cxraudit" in words:
            after = words[words.index("cxraudit") + 1 :]
            assert (after[0],) in commands()
            used = {word for word in after[: after.index("--")] if word.startswith("--")}
            used = {word.partition("=")[0] for word in used}
            assert used <= set(flags((after[0],)))


def test_the_extras_and_inputs_are_those_of_the_project():
    """Every input is used, and every output is set."""
    text = (ROOT / "action.yml").read_text(encoding="utf-8")

    for name in ACTION["inputs"]:
        assert f"inputs.{name} }}}}" in text
    for value in (one["value"] for one in ACTION["outputs"].values()):
        step, output = re.fullmatch(r"\$\{\{ steps\.(\w+)\.outputs\.([\w-]+) \}\}", value).groups()
        script = next(one["run"] for one in STEPS.values() if one.get("id") == step)
        assert re.search(rf"{output}(=|<<)", script)


def test_the_example_of_the_documentation_uses_inputs_that_exist():
    """And outputs."""
    blocks = [yaml.safe_load(one) for one in re.findall(r"```yaml\n(.*?)```", HOW_TO, re.DOTALL)]
    steps = [
        step
        for one in blocks
        if isinstance(one, dict)
        for job in one["jobs"].values()
        for step in job["steps"]
    ]
    (ours,) = [step for step in steps if "cxraudit" in step.get("uses", "")]

    assert set(ours["with"]) <= set(ACTION["inputs"])
    used = re.findall(r"steps\.audit\.outputs\.([\w-]+)", HOW_TO)
    assert set(used) <= set(ACTION["outputs"])


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with an audit, a run file and a policy, and the program on the path."""
    folder = tmp_path_factory.mktemp("build")
    planted_table(0, n_patients=100).to_csv(folder / "ours.csv", index=False)
    assert main(["init", str(folder / "ours.csv"), "--out", str(folder / "audit.toml")]) == 0
    file = folder / "audit.toml"
    file.write_text(file.read_text().replace("[audit]\n", "[audit]\nn_resamples = 0\n"))
    with blank_figures():
        assert main(["run", str(file), "-q"]) == 0
    rule = 'metric = "auroc"\nat_most = 0.0001\n'
    (folder / "failed.toml").write_text(f'[[rules]]\nname = "low"\n{rule}')
    (folder / "bin").mkdir()
    program = folder / "bin" / "cxraudit"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m cxraudit "$@"\n')
    program.chmod(0o755)
    python = folder / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    return folder


def built(place: Path, out: Path, name: str, **variables: str) -> tuple[int, str]:
    """Run the script of a step; return its exit code and what it set."""
    set_ = out / "set"
    set_.touch()
    done = subprocess.run(
        ["bash", "-c", RUN[name]["run"]],
        cwd=place,
        env={
            **os.environ,
            "PATH": f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "RUNNER_TEMP": str(out),
            "GITHUB_OUTPUT": str(set_),
            "GITHUB_STEP_SUMMARY": str(out / "summary.md"),
            **variables,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, set_.read_text(encoding="utf-8")


@needs_bash
def test_an_audit_is_judged(place, tmp_path):
    """The outcome and the exit code are those of the gate; the summary is written."""
    folder = str(place / "audit-ours" / "audit")

    code, text = built(place, tmp_path, "Gate", FOLDER=folder, POLICY="failed.toml")

    assert code in (1, 3)
    assert f"exit-code={code}" in text
    assert f"outcome={'failed' if code == 1 else 'inconclusive'}" in text
    assert "low" in (tmp_path / "summary.md").read_text()
    assert built(place, tmp_path, "Gate", FOLDER=folder, POLICY="")[0] == 0
    code, text = built(place, tmp_path, "Gate", FOLDER=folder, POLICY="none.toml")
    assert code == 2
    assert "outcome=error" in text


HOSTILE = [
    "$(touch pwned)",
    '"; touch pwned #',
    "`touch pwned`",
    "--help",
    "a\nfolder=b",
    "${IFS}x",
]


@needs_bash
@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_inputs_stay_text(place, tmp_path, value):
    """They are names of files that are not there."""
    assert built(place, tmp_path, "Audit", CONFIG=value, AUDIT="")[0] == 2
    assert built(place, tmp_path, "Gate", FOLDER=value, POLICY=value)[0] == 2
    code, text = built(place, tmp_path, "Audit", CONFIG="", AUDIT=value)
    assert code == 0
    assert re.search(rf"folder<<(end-\w+)\n{re.escape(value)}\n\1\n", text)
    assert not (place / "pwned").exists()


@needs_bash
def test_one_source_is_needed(place, tmp_path):
    """A run file or an audit."""
    assert built(place, tmp_path, "Audit", CONFIG="", AUDIT="")[0] == 2
    assert built(place, tmp_path, "Audit", CONFIG="a", AUDIT="b")[0] == 2
