"""What every command takes: ``--json``, ``--quiet``, ``--verbose`` and ``--log``."""

import inspect
import logging
import os
import platform
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from functools import wraps
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Group, Parameter

from cxraudit.cli._failures import sentence_of
from cxraudit.cli._output import Answer, as_json, say
from cxraudit.cli._progress import MESSAGES, show_stage
from cxraudit.errors import ConfigError, one_line
from cxraudit.progress import shown_by

_EVERY = Group("Every command", sort_key=99)


def _switch(*names: str, text: str) -> Any:
    return Annotated[bool, Parameter(name=names, negative="", help=text, group=_EVERY)]


_FLAGS: dict[str, tuple[Any, Any]] = {
    "json": (
        _switch("--json", text="Print the answer as one JSON document; all else goes to stderr."),
        False,
    ),
    "quiet": (
        _switch("--quiet", "-q", text="No progress, and no warnings of other libraries."),
        False,
    ),
    "verbose": (
        _switch("--verbose", "-v", text="Also print steps, durations and versions on stderr."),
        False,
    ),
    "log": (
        Annotated[
            Path | None,
            Parameter(
                help="Append steps, durations, versions and messages to this file.", group=_EVERY
            ),
        ],
        None,
    ),
}
"""Parameter → annotation and default."""
SHARED = tuple(_FLAGS)

_QUIET = {
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TQDM_DISABLE": "1",
    "TRANSFORMERS_VERBOSITY": "error",
}
"""What keeps other libraries quiet."""
_SHOWN_VERSIONS = ("numpy", "pandas", "scipy", "torch", "transformers")
_LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S* [A-Z]+ ")
"""What a line of our log begins with."""


def shared(name: str) -> Callable[[Callable[..., Answer | None]], Callable[..., int]]:
    """Let a command take what every command takes; it returns its exit code then.

    Parameters
    ----------
    name : str
        The command as it is typed, for the document that ``--json`` prints.
    """

    def decorated(command: Callable[..., Answer | None]) -> Callable[..., int]:
        signature = inspect.signature(command)
        own = signature.parameters

        @wraps(command)
        def with_shared(*args: Any, **kwargs: Any) -> int:
            flags = {
                one: kwargs.get(one, default) if one in own else kwargs.pop(one, default)
                for one, (_, default) in _FLAGS.items()
            }
            with reported(name, flags["quiet"], flags["verbose"], flags["log"]):
                if flags["json"]:
                    return _as_document(name, lambda: command(*args, **kwargs))
                answer = command(*args, **kwargs)
                return 0 if answer is None else answer.exit_code

        added = [
            inspect.Parameter(
                one, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
            )
            for one, (annotation, default) in _FLAGS.items()
        ]
        kept = [one for one in own.values() if one.name not in _FLAGS]
        for_cyclopts: Any = with_shared
        for_cyclopts.__signature__ = inspect.Signature([*kept, *added])
        for_cyclopts.__annotations__ = {
            **command.__annotations__,
            **{one: annotation for one, (annotation, _) in _FLAGS.items()},
            "return": int,
        }
        return for_cyclopts

    return decorated


def _as_document(name: str, command: Callable[[], Answer | None]) -> int:
    """Run a command with its text on stderr, and print its answer, or its error, as JSON."""
    try:
        with redirect_stdout(sys.stderr):
            answer = command() or Answer()
    except Exception as error:
        if not isinstance(error, BrokenPipeError) and (sentence := sentence_of(error)):
            print(as_json(name, {"error": sentence, "exit_code": 2}))
        raise
    say(as_json(name, answer.document))
    return answer.exit_code


@contextmanager
def reported(name: str, quiet: bool, verbose: bool, log: Path | None) -> Iterator[None]:
    """Report as much as the flags require while a command runs: on stderr, and in a file."""
    from cxraudit.files import command_line

    logger = logging.getLogger("cxraudit")
    with ExitStack() as stack:
        stack.enter_context(_warnings(quiet))
        if not quiet:
            stack.enter_context(shown_by(show_stage))
        handlers: list[logging.Handler] = []
        if verbose:
            on_terminal = logging.StreamHandler(sys.stderr)
            on_terminal.addFilter(lambda record: record.name != MESSAGES)  # are there already
            on_terminal.setFormatter(_OneLine("%(message)s"))
            handlers.append(on_terminal)
        if log is not None:
            handlers.append(_log_file(log))
        if not handlers:
            yield
            return
        stack.callback(logger.setLevel, logger.level)
        logger.setLevel(logging.INFO)
        for handler in handlers:
            logger.addHandler(handler)
            stack.callback(handler.close)
            stack.callback(logger.removeHandler, handler)
        begun = time.monotonic()
        logger.info("%s", command_line())
        logger.info("%s", _versions())
        try:
            yield
        except BaseException as error:
            logger.error("%s: stopped after %.1f s: %r", name, time.monotonic() - begun, error)
            raise
        logger.info("%s: done in %.1f s", name, time.monotonic() - begun)


class _OneLine(logging.Formatter):
    """Every record is one line, whatever names it holds."""

    def format(self, record: logging.LogRecord) -> str:
        return one_line(super().format(record))


def _log_file(path: Path) -> logging.Handler:
    """Open a log to append to; a file that is something else is refused."""
    if path.is_dir():
        raise ConfigError(f"{path} is a folder. Name a file with --log.")
    if not path.parent.is_dir():
        raise ConfigError(f"the folder {path.parent} is not there. Make it, or name another log.")
    if path.is_file() and path.stat().st_size:
        with path.open("rb") as file:
            begin = file.read(200).decode("utf-8", "replace")
        if not _LINE.match(begin):
            raise ConfigError(
                f"{path} is there already and is no log of cxraudit. Name another file with --log."
            )
    if not path.exists():
        path.touch(mode=0o600)
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(
        _OneLine("%(asctime)s %(levelname)s %(message)s", datefmt="%Y-%m-%dT%H:%M:%S%z")
    )
    return handler


def _versions() -> str:
    found = [f"cxraudit {_version('cxraudit')}", f"Python {platform.python_version()}"]
    found += [f"{name} {known}" for name in _SHOWN_VERSIONS if (known := _version(name))]
    return ", ".join(found)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@contextmanager
def _warnings(quiet: bool) -> Iterator[None]:
    """Keep progress bars and warnings of other libraries off the terminal, if it is to be quiet."""
    if not quiet:
        yield
        return
    before = {name: os.environ.get(name) for name in _QUIET}
    os.environ.update(_QUIET)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
