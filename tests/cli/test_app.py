"""The program as a whole: help, exit codes, and one clear sentence for each mistake."""

import subprocess
import sys

import pytest

from command_tree import commands, flags
from cxraudit.cli import app, main

HEAVY = ("numpy", "pandas", "scipy", "sklearn", "numba", "matplotlib", "torch", "pyarrow", "PIL")


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_explains_itself(command, capsys):
    """With a sentence of its own, and one for every flag."""
    assert main([*command, "--help"]) == 0

    assert capsys.readouterr().out.splitlines()[2].strip()
    assert [flag for flag, text in flags(command).items() if not text] == []


def test_help_imports_nothing_heavy():
    """Not for the program and not for any command."""
    lines = [["--help"], *[[*command, "--help"] for command in commands()]]
    code = (
        f"import sys; from cxraudit.cli import main\nfor line in {lines!r}:\n    main(line)\n"
        f"heavy = set({HEAVY!r}) & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "Usage: cxraudit COMMAND" in done.stdout


def test_the_module_is_a_program():
    """``python -m cxraudit.cli`` is the same as ``cxraudit``."""
    done = subprocess.run(
        [sys.executable, "-m", "cxraudit.cli", "audit"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert done.stderr == "cxraudit: audit needs SCORES. See cxraudit audit --help.\n"


def test_the_recorded_command_is_what_a_reader_would_type(monkeypatch):
    """However the program was started."""
    from cxraudit.files import command_line

    for program in ("/usr/bin/cxraudit", "/lib/cxraudit/cli/__main__.py"):
        monkeypatch.setattr("sys.argv", [program, "audit", "my scores.csv"])
        assert command_line() == "cxraudit audit 'my scores.csv'"


def test_stress_is_an_alias_of_perturb(capsys):
    """It takes the same flags, and the list of commands does not show it."""
    assert app["stress"].default_command is app["perturb"].default_command
    main(["--help"])
    assert "stress" not in capsys.readouterr().out


def test_ctrl_c_ends_with_130_and_a_sentence(monkeypatch, capsys):
    """Which says that the same command continues."""

    def stopped(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("cxraudit.datasets.module", stopped)

    assert main(["datasets", "table"]) == 130
    assert "continues from here" in capsys.readouterr().err


def test_an_error_of_the_system_is_one_sentence(monkeypatch, capsys):
    """A full disk is no fault of the program."""

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device", "/data/out.parquet")

    monkeypatch.setattr("cxraudit.datasets.module", full)

    assert main(["datasets", "table"]) == 2
    assert capsys.readouterr().err.startswith("cxraudit: /data/out.parquet: No space left")


MISTAKES = [
    ("no model named 'medclipp'", "encode nih-cxr14 --root NIH --model medclipp --out NEW"),
    ("Did you mean 'nih-cxr14'", "encode nih-cxr --root NIH --model random --out NEW"),
    ("is missing. Give the folder", "encode nih-cxr14 --root NEW --model random --out NEW"),
    (
        "option of dataset nih-cxr14 named 'splitt'",
        "encode nih-cxr14 --root NIH --model random --out NEW --option splitt=x",
    ),
    (
        "--option takes NAME=VALUE",
        "encode nih-cxr14 --root NIH --model random --out NEW --option subset",
    ),
    ("encode needs --model", "encode nih-cxr14 --root NIH --out NEW"),
    ("--model needs a value", "encode nih-cxr14 --root NIH --out NEW --model"),
    ("--fixed-rate needs a value", "audit TABLE COLUMNS --fixed-rate"),
    ("holds no embeddings", "score NEW"),
    ("scores table", "audit NEW --dataset nih-cxr14 --root NIH"),
    ("nothing says what the images", "audit TABLE"),
    (
        "lacks the column pidd",
        "audit TABLE --image file --patient pidd --label a=Pneumothorax --score a=age",
    ),
    (
        "no rows",
        "audit EMPTY --image file --patient pid --label a=file --score a=pid",
    ),
    (
        "no finding named 'Pneumotorax'. Did you mean",
        "audit TABLE --image file --patient pid --label Pneumothorax=drain --score Pneumotorax=age",
    ),
    ("also name the columns of the image and the patient", "audit TABLE --label a=b"),
    (
        "no column begins with",
        "audit TABLE --dataset nih-cxr14 --root NIH --image file --score-prefix prob_",
    ),
    ("needs --root", "audit TABLE --dataset nih-cxr14"),
    ("add --label", "audit TABLE --sex sex"),
    ("either --dataset or --label", "audit TABLE COLUMNS --dataset nih-cxr14 --root NIH"),
    ("names 'Pneumothorax' twice", "audit TABLE COLUMNS --score Pneumothorax=age"),
    ('Invalid value "2.0" for --margin', "audit TABLE COLUMNS --margin 2"),
    ("Must be > 0.5", "audit TABLE COLUMNS --confidence-level 0.4"),
    ("Must be >= 0", "audit TABLE COLUMNS --seed=-1"),
    ("--reference takes NAME=VALUE", "audit TABLE COLUMNS --reference sex"),
    ("operating_point", "audit TABLE COLUMNS --operating-point best"),
    ("unknown command", "audti"),
    ("unknown option: --films", "perturb NEW --films 3"),
    ("new is missing", "run NEW"),
    ("needs its own file", "report NEW NEW"),
    ("is a folder", "report NIH --out NIH"),
    ("no phantom layout named 'nhi'. Did you mean 'nih'", "phantom NEW --layout nhi"),
    ("--contrast takes NAME=NUMBER", "phantom NEW --contrast female=much"),
    ("give --mimic, --nih, or both", "paper run --model random"),
    ("no data set of the study named 'nih'", "paper compare NEW --as-dataset nih"),
]


@pytest.mark.parametrize(("expected", "line"), MISTAKES, ids=[line for _, line in MISTAKES])
def test_every_mistake_gets_one_clear_sentence_and_exit_code_2(
    expected, line, tmp_path, own_table, nih_release, columns, run, capsys
):
    """No traceback, the informative part, and nothing half-written."""
    empty = tmp_path / "empty.csv"
    empty.write_text("file,pid\n")
    places = {
        "TABLE": own_table,
        "EMPTY": empty,
        "NIH": nih_release,
        "NEW": tmp_path / "new",
        "COLUMNS": columns,
    }
    before = set(tmp_path.rglob("*"))

    code = run(*(places.get(word, word) for word in line.split()))

    message = capsys.readouterr().err
    assert code == 2, message
    assert expected.lower() in message.lower()
    assert message.startswith("cxraudit: ")
    assert message.count("\n") == 1
    left = {path for path in tmp_path.rglob("*") if path.suffix in (".parquet", ".html")}
    assert left <= before


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("audit --bogus x", ""),
        ("audit --bogus=3 x", ""),
        ("audit x.csv --resampels 3", " Did you mean --resamples?"),
        ("gate --polcy=x", " Did you mean --policy?"),
    ],
)
def test_an_option_is_suggested_if_its_name_is_alike(words, hint, run, capsys):
    """Dashes alone make no name alike."""
    assert run(words) == 2

    sentence = capsys.readouterr().err
    assert sentence.startswith("cxraudit: Unknown option: --")
    assert f".{hint} See cxraudit" in sentence


@pytest.mark.parametrize(
    ("flags_of_table", "hint"),
    [
        ("--score Pneumothorax=score_pneumothrax", "Did you mean 'score_Pneumothorax'?"),
        ("--score Pneumothorax=SCORE_PNEUMOTHORAX", "Did you mean 'score_Pneumothorax'?"),
        ("--score Pneumothorax=score_Pneumothorax --attribute racce", "Did you mean 'race'?"),
        ("--score Pneumothorax=score_Pneumothorax --age years_old", "it has file"),
    ],
)
def test_a_column_is_suggested_if_its_name_is_alike(flags_of_table, hint, own_table, run, capsys):
    """In any case; otherwise the columns are listed."""
    columns = "--image file --patient pid --label Pneumothorax=Pneumothorax"

    assert run("audit", own_table, columns, flags_of_table) == 2

    sentence = capsys.readouterr().err
    assert hint in sentence
    assert ("Did you mean" in sentence) == hint.startswith("Did")


def test_a_sentence_on_a_command_line_ends_before_the_next_one(own_table, columns, run, capsys):
    """Whatever the parser wrote."""
    assert run("audit", own_table, columns.replace("--resamples 100", "--resamples 1.5")) == 2

    assert "got '1.5'. See cxraudit audit --help." in capsys.readouterr().err


def test_too_few_resamples_for_a_verdict_are_stated(own_table, columns, run, capsys):
    """Above all statements."""
    flags_of_audit = columns.replace("--resamples 100", "--resamples 0 --operating-point none")

    assert run("audit", own_table, flags_of_audit) == 0

    assert "0 resamples: no intervals and no verdicts, which take 100." in capsys.readouterr().out


def test_messages_and_help_name_no_file_of_the_documentation():
    """An installed package has none of them."""
    import ast
    from pathlib import Path

    import cxraudit

    found = []
    for file in sorted(Path(cxraudit.__file__).parent.rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        module = ast.get_docstring(tree, clean=False)
        found += [
            f"{file.name}: {node.value[:80]}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and "docs/" in node.value
            and node.value != module
        ]
    assert found == []
