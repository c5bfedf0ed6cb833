"""What the command line says of an exception, and which ones it leaves as they are."""

import errno
import os
import subprocess
import sys
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
import torch

from command_tree import commands
from cxraudit.cli import app, main
from cxraudit.cli._options import whole_number
from cxraudit.errors import CxrAuditError, DataError, one_line

CORRECTABLE = [
    DataError("the table has no rows."),
    OSError(errno.ENOSPC, "No space left on device", "/data/out.parquet"),
    OSError(errno.EROFS, "Read-only file system", "/data"),
    OSError(errno.EIO, "Input/output error"),
    OSError("Error writing bytes to file"),  # as pyarrow raises it: no number, no file
    OSError(),
    PermissionError(errno.EACCES, "Permission denied", "/data/a.csv"),
    IsADirectoryError(errno.EISDIR, "Is a directory", "/data"),
    NotADirectoryError(errno.ENOTDIR, "Not a directory", "/data/a.csv/b"),
    FileNotFoundError(errno.ENOENT, "No such file or directory", "/gone"),
    OSError(errno.ENAMETOOLONG, "File name too long", "x" * 300),
    MemoryError(),
    MemoryError("Unable to allocate 745. GiB for an array"),
    BrokenProcessPool("A process in the process pool was terminated abruptly"),
    torch.OutOfMemoryError("CUDA out of memory"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates not allowed"),
]

FAULTS = [
    TypeError("no"),
    KeyError("column"),
    AttributeError("no"),
    IndexError("no"),
    AssertionError(),
    RecursionError("too deep"),
    ValueError("lengths differ"),
    RuntimeError("no"),
    ZeroDivisionError(),
]


@pytest.fixture
def raising(monkeypatch):
    """Let a command raise what it is given."""

    def prepared(error: BaseException) -> None:
        def fail(*args, **kwargs):
            raise error

        monkeypatch.setattr("cxraudit.datasets.module", fail)

    return prepared


@pytest.mark.parametrize("error", CORRECTABLE, ids=repr)
def test_what_a_user_can_correct_is_one_sentence(error, raising, capsys):
    """On stderr, with exit code 2."""
    raising(error)

    assert main(["datasets", "table"]) == 2

    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("cxraudit: ")
    assert printed.err.count("\n") == 1
    assert printed.err.rstrip().endswith(".")
    assert len(printed.err) > 30


@pytest.mark.parametrize("error", FAULTS, ids=repr)
def test_a_fault_of_the_program_keeps_its_traceback(error, raising):
    """Whoever reports it needs the lines it happened in."""
    raising(error)

    with pytest.raises(type(error)):
        main(["datasets", "table"])


@pytest.mark.parametrize(
    "name",
    [
        "a\nb",
        "a\r\nb",
        "\x1b[2J\x1b]0;title\x07",
        "\u202egnp.exe",
        "a\x00b",
        "\x9b31m",
        "a\u2028b",
        "\u200b",
        "a\u200db",
        "\ufeff",
        "a\u00ad",
        "\ue000",
        "\ud800",
    ],
    ids=ascii,
)
def test_a_name_cannot_steer_the_terminal(name, raising, capsys):
    """Line breaks, control sequences and marks of direction in a user's data are shown, not obeyed."""
    raising(CxrAuditError(f"no column named '{name}'."))

    assert main(["datasets", "table"]) == 2

    assert capsys.readouterr().err.rstrip("\n").isprintable()


def test_names_in_other_scripts_stay():
    """And joined pictographs."""
    text = "Lungenödem, 肺炎, التهاب, 👩🏽\u200d⚕️"

    assert one_line(text) == text


def test_a_sentence_of_any_length_is_cut(raising, capsys):
    """A table may have a thousand columns to name."""
    raising(CxrAuditError("x" * 100_000))

    main(["datasets", "table"])

    assert len(capsys.readouterr().err) < 3000


def arguments(command):
    """Return the arguments of a command as cyclopts has them."""
    found = app
    for name in command:
        found = found[name]
    return found.assemble_argument_collection() if found.default_command else ()


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_flag_of_a_whole_number_is_bounded_and_not_rounded(command):
    """A count of 10³⁰ would keep the machine busy forever; cyclopts alone rounds 2.5."""
    whole = [one for one in arguments(command) if one.hint in (int, int | None)]

    assert [one.name for one in whole if one.parameter.converter is not whole_number] == []
    assert [one.name for one in whole if not one.parameter.validator] == []


@pytest.mark.parametrize("value", ["2.5", "1e3", "nan", "", "1,000", "0x10", "9" * 5000, "ten"])
@pytest.mark.parametrize(
    "line", ["perturb x --images", "audit x --resamples", "phantom x --workers"]
)
def test_what_is_no_whole_number_is_refused(line, value, capsys):
    """With the flag and what was found."""
    *command, flag = line.split()

    assert main([*command, f"{flag}={value}"]) == 2

    assert f"{flag}: must be a whole number" in capsys.readouterr().err


@pytest.mark.parametrize(
    "line",
    [
        "audit x --resamples 1000001",
        "audit x --threads 100000",
        "encode table --root x --model random --out y --batch-size 10000000",
        "encode table --root x --model random --out y --readers 1000000000000",
        "phantom x --patients 1000000000000000000000000000000",
        "phantom x --images-per-patient 1e300",
        "phantom x --images-per-patient nan",
        "phantom x --contrast female=inf",
        "phantom x --prevalence Pneumonia=nan",
        "phantom x --drain-visibility nan",
        "audit x --margin nan",
    ],
)
def test_a_setting_that_would_hang_the_machine_is_refused(line, tmp_path, monkeypatch, capsys):
    """Before anything is written."""
    monkeypatch.chdir(tmp_path)

    assert main(line.split()) == 2

    assert capsys.readouterr().err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def started(command: str, **kwargs) -> subprocess.CompletedProcess[str]:
    """Run a shell command with `cxraudit` in it."""
    program = f"{sys.executable} -m cxraudit.cli"
    return subprocess.run(
        ["bash", "-c", command.replace("cxraudit", program)],
        capture_output=True,
        text=True,
        check=False,
        **kwargs,
    )


def test_a_closed_pipe_ends_quietly():
    """The reader of a list had enough after its first line."""
    done = started("cxraudit datasets | true; echo ${PIPESTATUS[0]}")

    assert (done.stdout, done.stderr) == ("0\n", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_output_that_cannot_be_written_is_one_sentence():
    """Also if it is noticed only when the buffer is written."""
    done = started("cxraudit datasets > /dev/full")

    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "No space left on device" in done.stderr


def test_without_stdout_and_stderr_a_command_still_ends():
    """As a service is started."""
    assert started("cxraudit datasets >&- 2>&-").returncode == 0
    assert started("cxraudit datasets nonsense >&- 2>&-").returncode == 2


def test_a_name_that_is_no_text_is_reported(tmp_path):
    """File names are bytes, of any kind, and terminals show a few of them."""
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii"}

    done = started(f"cxraudit audit $'{tmp_path}/f\\xff.csv'", env=ascii_only)

    assert done.returncode == 2
    assert done.stderr.startswith("cxraudit: ")


def test_a_fault_as_a_program_is_no_outcome_of_a_gate(monkeypatch, capsys):
    """Exit code 70 after the traceback: 1 would say that a policy is not met."""
    from cxraudit import cli

    def broken(arguments=None):
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(cli, "main", broken)

    assert cli.entry() == cli.FAULT == 70
    printed = capsys.readouterr().err
    assert "planted" in printed
    assert "Please report it" in printed
