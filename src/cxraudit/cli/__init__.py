"""The command line: one module per group of commands, each a thin view of the Python functions.

Commands are registered by their import path and import what they need when they run, so that ``--help``
loads no scientific package.
"""

import os
import sys
from collections.abc import Callable

from cyclopts import App, CycloptsError, Group
from cyclopts.exceptions import MissingArgumentError

from cxraudit.cli import (
    audit,
    datasets,
    detector,
    encode,
    models,
    paper,
    perturb,
    phantom,
    report,
)
from cxraudit.errors import CxrAuditError

app = App(
    name="cxraudit",
    help="Audit the fairness and robustness of image-text models for chest X-rays: in which groups of "
    "patients a model performs worse, which shortcuts it relies on, and how certain both are.\n\n"
    "Start with `cxraudit demo`. To audit scores you have, see `cxraudit audit --help`; to begin with "
    "images and a model, use `encode`, `score` and `audit`, or `run` to do all of it from one file.",
    help_format="markdown",
    version_flags=["--version"],
    suppress_keyboard_interrupt=False,
)

_COMMANDS: dict[str, list[App | Callable[..., None]]] = {
    "First steps": [phantom.demo],
    "Audit": [audit.audit, report.report, report.run],
    "From images to scores": [
        datasets.app,
        models.app,
        encode.prepare,
        encode.encode,
        encode.score,
        perturb.perturb,
    ],
    "Shortcut labels and synthetic radiographs": [detector.app, phantom.phantom],
    "The published study": [paper.app],
}
"""Panel of the help → its commands, both in the order shown."""


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
        The exit code: 0; 2 for what a user can correct, after one sentence on stderr; 130 for Ctrl-C.
    """
    try:
        app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except CxrAuditError as error:
        return _failed(str(error))
    except CycloptsError as error:
        return _failed(_usage(error))
    except BrokenPipeError:
        # The reader of our output (head, less) has gone; nothing is left to print.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.strerror is None:
            raise
        place = f"{error.filename}: " if error.filename else ""
        return _failed(f"{place}{error.strerror}. Check the path, its permissions and the disk.")
    except KeyboardInterrupt:
        _failed("stopped. Finished work is kept; the same command continues from here.")
        return 130
    return 0


def _failed(sentence: str) -> int:
    sys.stderr.write(f"cxraudit: {sentence}\n")
    return 2


def _usage(error: CycloptsError) -> str:
    """Return what is wrong with a command line, and where its help is."""
    command = " ".join(error.command_chain or ())
    argument = error.argument
    if type(error) is MissingArgumentError and argument and not argument.tokens:
        positional = argument.field_info.is_positional
        wanted = argument.name.lstrip("-").upper() if positional else argument.name
        sentence = f"{command} needs {wanted}."
    else:
        sentence = str(error)
    return f"{sentence} See {' '.join(filter(None, ('cxraudit', command)))} --help."
