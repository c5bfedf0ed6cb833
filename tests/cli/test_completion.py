"""Completion: the script names what there is, and a shell takes it."""

import shutil
import subprocess

import pytest

from command_tree import commands, flags

SHELLS = ("bash", "zsh", "fish")


@pytest.fixture(scope="module", params=SHELLS)
def script(request, run) -> tuple[str, str]:
    """The shell and its script."""
    import contextlib
    import io

    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        assert run("completion", request.param) == 0
    return request.param, text.getvalue()


def test_the_script_names_every_command_and_flag(script):
    """As the program has them."""
    shell, text = script

    assert [one for one in commands() if one[-1] not in text] == []
    long = {flag for one in commands() for flag in flags(one) if flag.startswith("--")}
    written = (lambda flag: flag[2:]) if shell == "fish" else (lambda flag: flag)
    assert [flag for flag in long if written(flag) not in text] == []


def test_a_shell_takes_the_script(script, tmp_path):
    """Without an error, where the shell is installed."""
    shell, text = script
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    file = tmp_path / "script"
    file.write_text(text)

    done = subprocess.run([program, "-n", str(file)], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_bash_completes_a_command(run, capsys, tmp_path):
    """After its first letters."""
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    run("completion bash")
    file = tmp_path / "script"
    file.write_text(capsys.readouterr().out)
    code = (
        f"source {file}; COMP_WORDS=(cxraudit aud); COMP_CWORD=1; _cxraudit; echo ${{COMPREPLY[@]}}"
    )

    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=False)

    assert done.stdout.split() == ["audit"]


def test_another_shell_is_refused(run, capsys):
    """With those there are."""
    assert run("completion csh") == 2
    assert "bash" in capsys.readouterr().err
