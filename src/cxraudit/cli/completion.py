"""``cxraudit completion``: the script that completes commands and flags in a shell."""

from typing import Literal

from cyclopts import App

from cxraudit.cli._output import Answer
from cxraudit.cli._shared import shared


@shared("completion")
def completion(shell: Literal["bash", "zsh", "fish"]) -> Answer:
    """Print the script that completes commands and flags in a shell.

    For bash: `cxraudit completion bash > ~/.local/share/bash-completion/completions/cxraudit`. For zsh write
    it to a file `_cxraudit` in a folder of `fpath`, for fish to
    `~/.config/fish/completions/cxraudit.fish`.

    Parameters
    ----------
    shell
        bash, zsh or fish.
    """
    from cxraudit.cli import app

    script = script_of(app, shell)
    print(script)
    return Answer({"script": script})


def script_of(app: App, shell: Literal["bash", "zsh", "fish"]) -> str:
    """Return the script for the commands of a program."""
    return app.generate_completion(prog_name="cxraudit", shell=shell).rstrip()
