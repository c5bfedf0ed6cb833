"""Without the extras, everything that needs no model runs, and the rest names the extra."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from planted import planted_table

EXTRAS = {
    extra: {re.split(r"[><=\[;]", line)[0].replace("-", "_") for line in lines}
    for extra, lines in tomllib.loads(Path("pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ].items()
}
"""Extra → modules of its packages, from pyproject.toml."""

BLOCKED = """
import sys
from importlib.abc import MetaPathFinder

class Absent(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
from cxraudit.cli import main
codes = []
for line in {lines!r}:
    codes.append(main(line))
    print("=== next ===", flush=True)
    print("=== next ===", file=sys.stderr, flush=True)
sys.exit(0 if codes == {expected!r} else f"exit codes {{codes}}")
"""


def run_without(names: set[str], lines: list[list[str]], code: int) -> tuple[list[str], list[str]]:
    """Run commands in a process that has none of the packages; return what each printed on both streams."""
    program = BLOCKED.format(names=names, lines=lines, expected=[code] * len(lines))
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    printed, messages = (text.split("=== next ===\n")[:-1] for text in (done.stdout, done.stderr))
    return printed, messages


@pytest.fixture(scope="module")
def absent() -> set[str]:
    """All packages of the extras that need a model, except those that others need, too."""
    return EXTRAS["models"]


def test_what_needs_no_model_runs_without_the_extra(absent, tmp_path):
    """Help, models and their cards, data sets, an audit of a table, and its report."""
    table, audit = tmp_path / "ours.csv", tmp_path / "audit"
    planted_table(0, n_patients=60).to_csv(table, index=False)
    columns = "--image file --patient pid --label Pneumothorax=Pneumothorax --sex sex"
    scores = "--score Pneumothorax=score_Pneumothorax --resamples 50"
    lines = [
        ["--help"],
        ["models"],
        ["models", "biovil"],
        ["models", "random"],
        ["datasets"],
        ["datasets", "nih-cxr14"],
        ["audit", str(table), *columns.split(), *scores.split(), "--out", str(audit)],
        ["report", str(audit), "--out", str(tmp_path / "again.html")],
    ]

    printed, _ = run_without(absent, lines, 0)

    assert "random                    null model" in printed[1]
    assert "needs the extra: pip install 'cxraudit[models]'" in printed[1]
    assert "trained_on     mimic-cxr" in printed[2]
    assert "Report:" in printed[6]
    assert (tmp_path / "again.html").is_file()


def test_the_models_that_need_no_torch_run_without_the_extra(absent, nih_release, tmp_path):
    """From images to scores."""
    work, root = str(tmp_path / "work"), str(nih_release)
    lines = [
        [*f"encode nih-cxr14 --model random --model grey-levels --out {work} --root".split(), root],
        ["score", work],
        ["models", "check", "grey-levels"],
    ]

    run_without(absent, lines, 0)


def test_what_needs_a_model_names_the_extra(absent, nih_release, tmp_path):
    """One sentence each, before any work."""
    root, new = str(nih_release), str(tmp_path / "new")
    config = tmp_path / "clip"
    config.mkdir()
    (config / "config.json").write_text('{"model_type": "clip"}')
    encode = ["encode", "nih-cxr14", "--root", root, "--out", new, "--model"]
    lines = [
        [*encode, "phantom-clip"],
        [*encode, "biovil"],
        [*encode, "biovil@paper+bf16"],
        [*encode, f"hf-clip:{config}"],
        [*encode, "hf-clip:owner/model"],
        ["demo", new],
        ["models", "check", "phantom-clip"],
        ["models", "fetch", "biovil"],
        ["models", "bench", "phantom-clip"],
        ["drains", "train", "nih-cxr14", "--root", root, "--out", new],
        ["drains", "apply", new, "nih-cxr14", "--root", root, "--out", new],
    ]

    _, messages = run_without(absent, lines, 2)

    for line, message in zip(lines, messages, strict=True):
        assert message.count("\n") == 1, (line, message)
        assert "cxraudit[models]" in message, (line, message)
    assert not Path(new).exists()
