"""What the command line says of an exception: one sentence where a user can correct its cause.

Everything else is a fault of cxraudit and keeps its traceback, which a report of the fault needs.
"""

import re
import sys
from collections.abc import Iterable
from concurrent.futures import BrokenExecutor
from difflib import get_close_matches
from importlib.metadata import requires

from cyclopts import CycloptsError
from cyclopts.exceptions import MissingArgumentError, UnknownOptionError

from cxraudit.errors import CxrAuditError, MissingExtraError, one_line

LONGEST = 2000
"""Characters of a sentence that are printed, for a table may have thousands of columns to name."""


def sentence_of(error: Exception) -> str | None:
    """Return the sentence to print for an exception; None if it is a fault of cxraudit.

    An error of the operating system, too little memory and text that cannot be encoded are causes
    outside the program, wherever they are raised.
    """
    if isinstance(error, CxrAuditError):
        sentence = str(error)
    elif isinstance(error, CycloptsError):
        sentence = _usage(error)
    elif isinstance(error, ModuleNotFoundError) and (extra := _extra_of(error.name or "")):
        sentence = str(MissingExtraError("this command", extra))
    elif isinstance(error, OSError):
        sentence = _of_system(error)
    elif isinstance(error, (MemoryError, BrokenExecutor)) or _is_out_of_memory(error):
        sentence = (
            f"not enough memory{_detail(error)}. Close other programs, or use fewer images at a time, "
            "threads or processes."
        )
    elif isinstance(error, UnicodeError):
        sentence = (
            f"a name or a text has characters that cannot be read or written{_detail(error)}. Rename the "
            "file, or save the text as UTF-8."
        )
    else:
        return None
    return one_line(sentence, LONGEST)


def _extra_of(module: str) -> str | None:
    """Return the extra that has the package of a module, by the metadata of cxraudit."""
    wanted = module.partition(".")[0]
    for line in requires("cxraudit") or ():
        name, _, marker = line.partition(";")
        package = re.split(r"[^\w.-]", name.strip())[0].replace("-", "_")
        if package == wanted and (match := re.search(r"extra == ['\"](\w+)['\"]", marker)):
            return match[1]
    return None


def _of_system(error: OSError) -> str:
    place = f"{error.filename}: " if error.filename else ""
    reason = error.strerror or str(error).strip() or type(error).__name__
    return f"{place}{reason.rstrip('.')}. Check the path, its permissions and the disk."


def _is_out_of_memory(error: Exception) -> bool:
    """Tell whether a graphics processor ran out of memory, without importing torch."""
    torch = sys.modules.get("torch")
    kind = getattr(torch, "OutOfMemoryError", None)
    return kind is not None and isinstance(error, kind)


def _detail(error: Exception) -> str:
    return f" ({text.rstrip('.')})" if (text := str(error).strip()) else ""


def _usage(error: CycloptsError) -> str:
    """Return what is wrong with a command line, and where its help is."""
    command = " ".join(error.command_chain or ())
    argument = error.argument
    if type(error) is MissingArgumentError and argument and not argument.tokens:
        positional = argument.field_info.is_positional
        wanted = argument.name.lstrip("-").upper() if positional else argument.name
        sentence = f"{command} needs {wanted}."
        if not positional and _was_given(argument.names, error.root_input_tokens or ()):
            sentence = f"{wanted} needs a value."
    elif isinstance(error, UnknownOptionError) and _option(error).startswith("--"):
        sentence = _unknown_option(error)
    else:
        sentence = f"{str(error).strip().rstrip('.')}."
    return f"{sentence} See {' '.join(filter(None, ('cxraudit', command)))} --help."


def _option(error: UnknownOptionError) -> str:
    return (error.token.keyword or error.token.value).partition("=")[0]


def _unknown_option(error: UnknownOptionError) -> str:
    """Name an option that is not there, and one that is spelled like it: both dashes are like any other's."""
    given = _option(error)
    known = {name.lstrip("-"): name for one in error.argument_collection for name in one.names}
    close = get_close_matches(given.lstrip("-"), known, n=1)
    hint = f" Did you mean {known[close[0]]}?" if close else ""
    return f"Unknown option: {given}.{hint}"


def _was_given(names: Iterable[str], tokens: Iterable[str]) -> bool:
    """Tell whether an option was named on a command line."""
    return not {*names}.isdisjoint(tokens)
