"""The command line: one module per group of commands, each a thin view of the Python functions.

Commands are registered by their import path and import what they need when they run, so that ``--help``
loads no scientific package.
"""

import io
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress

from cyclopts import App, Group

from cxraudit.cli import (
    audit,
    card,
    checklist,
    cluster,
    completion,
    datasets,
    detector,
    diff,
    encode,
    figures,
    gate,
    init,
    models,
    paper,
    perturb,
    phantom,
    plan,
    report,
)
from cxraudit.cli._failures import sentence_of
from cxraudit.cli._output import discard_output

app = App(
    name="cxraudit",
    help="Audit the fairness and robustness of image-text models for chest X-rays: in which groups of "
    "patients a model performs worse, which shortcuts it relies on, and how certain both are.\n\n"
    "Start with `cxraudit demo`. To audit scores you have, let `cxraudit init TABLE` write a run file, or "
    "see `cxraudit audit --help`; to begin with images and a model, "
    "use `encode`, `score` and `audit`, or `run` to do all of it from one file.",
    help_format="markdown",
    version_flags=["--version"],
    suppress_keyboard_interrupt=False,
)

_COMMANDS: dict[str, list[App | Callable[..., int | None]]] = {
    "First steps": [phantom.demo, init.init, completion.completion],
    "Audit": [
        plan.plan,
        audit.audit,
        report.report,
        figures.figures,
        card.card,
        checklist.checklist,
        diff.diff,
        gate.gate,
        report.run,
    ],
    "From images to scores": [
        datasets.app,
        models.app,
        encode.prepare,
        encode.encode,
        cluster.submit,
        cluster.status,
        encode.score,
        perturb.perturb,
    ],
    "Shortcut labels and synthetic radiographs": [detector.app, phantom.phantom],
    "The published study": [paper.app],
}
"""Panel of the help → its commands, both in the order shown."""


FAULT = 70
"""Exit code of a fault of ours: not 1, which says that a policy is not met."""


def _register() -> None:
    for panel, (title, commands) in enumerate(_COMMANDS.items()):
        group = Group(title, sort_key=panel)
        for place, command in enumerate(commands):
            if isinstance(command, App):
                command.group, command.sort_key = group, place
                app.command(command)
            else:
                app.command(command, group=group, sort_key=place)
    app.command(perturb.perturb, name="stress", show=False)


_register()


def main(arguments: list[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : list of str, optional
        What follows the name of the program. Default: that of this process.

    Returns
    -------
    int
        The exit code: 0; 2 for what a user can correct, after one sentence on stderr; 130 for Ctrl-C; that
        of ``cxraudit gate`` if a policy is not passed.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A file name need not be valid text, and a terminal may not be able to show all of it.
            stream.reconfigure(errors="backslashreplace")
    code = None
    try:
        code = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
        _flush()
    except BrokenPipeError:
        # The reader of our output (head, less) has gone; nothing is left to print. The code stays.
        discard_output()
    except KeyboardInterrupt:
        _print("stopped. Finished work is kept; the same command continues from here.")
        return 130
    except Exception as error:
        sentence = sentence_of(error)
        if sentence is None:
            raise
        _print(sentence)
        try:
            _flush()
        except OSError:
            discard_output()
        return 2
    return code if isinstance(code, int) else 0


def entry() -> int:
    """Run the command line as a program: a fault of ours ends with its traceback and `FAULT`."""
    try:
        return main()
    except Exception:
        traceback.print_exc()
        _print("this is a fault of cxraudit, not of what it was given. Please report it.")
        return FAULT


def _print(sentence: str) -> None:
    if sys.stderr is not None:
        with suppress(OSError):
            sys.stderr.write(f"cxraudit: {sentence}\n")


def _flush() -> None:
    """Write what is printed now, where a full disk or a closed pipe can still be reported."""
    if sys.stdout is not None:
        sys.stdout.flush()
