"""The exceptions cxraudit raises for mistakes that a user can correct.

.. code-block:: text

    CxrAuditError
    ├── DataError                 a file, table or value is not valid
    │   ├── MissingColumnsError   a table lacks columns it must have
    │   ├── ImageError            one image cannot be read
    │   │   └── NotAppliedError   a perturbation does not apply to one image
    │   └── TextError             one text cannot be embedded
    ├── ConfigError               an option or a configuration file is wrong
    │   └── UnknownNameError      a model, data set, finding … that does not exist
    └── MissingExtraError         an optional dependency is not installed

Each message states the problem, what was found and what to do. The command line prints it without a
traceback and exits with code 2. Misuse of a function raises `ValueError`.
"""

from collections.abc import Iterable
from difflib import get_close_matches

LONGEST_NAME = 80
"""Characters of a name in a message; a table may have a column name of any length."""
MOST_NAMES = 40
"""Known names in a message."""

_JOINERS = "\u200c\u200d"
"""Between two letters of some scripts, and two pictographs, they change what is drawn."""


def one_line(text: str, longest: int | None = None) -> str:
    r"""Return text as one line of visible characters, which a terminal shows and does not obey.

    Line breaks become blanks. What is not drawn is written as escapes: control characters, marks of direction
    (behind one, the remainder of a line is shown in another order) and characters without any width.

    Parameters
    ----------
    text : str
        Any text, such as a message that repeats names of a user's table.
    longest : int, optional
        Number of characters to cut it to.

    Examples
    --------
    >>> one_line("two\nlines, \x1b[2J"), one_line("abcdef", 4)
    ('two lines, \\x1b[2J', 'abc…')
    """
    plain = " ".join(text.splitlines())
    line = "".join(
        char if char.isprintable() or _joins(plain, at) else char.encode("unicode_escape").decode()
        for at, char in enumerate(plain)
    )
    return line if longest is None or len(line) <= longest else f"{line[: longest - 1]}…"


def _joins(text: str, at: int) -> bool:
    """Tell whether a character joins its neighbours, which ASCII has no use for."""
    beside = text[max(at - 1, 0) : at] + text[at + 1 : at + 2]
    visible = len(beside) == 2 and beside.isprintable() and not beside.isascii()
    return text[at] in _JOINERS and visible


def short(name: object) -> str:
    """Return a name of a user's table as it is shown in a message."""
    return one_line(str(name), LONGEST_NAME)


def shown(value: object) -> str:
    """Return any value of a user's file as Python writes it, shortened; its kind if it cannot be written.

    Examples
    --------
    >>> shown("a"), shown(16**5000)
    ("'a'", 'a int that is too large to be shown')
    """
    try:
        return short(repr(value))
    except (ValueError, RecursionError):  # of 4,300 digits, or nested a thousand times
        return f"a {type(value).__name__} that is too large to be shown"


def _alike(name: str, known: Iterable[str]) -> str:
    """Return the known name that is spelled most like one, in any case; nothing if none is."""
    lowered = {candidate.lower(): candidate for candidate in known}
    close = get_close_matches(name.lower(), lowered, n=1)
    return lowered[close[0]] if close else ""


class CxrAuditError(Exception):
    """Base of all errors that cxraudit raises deliberately."""


class DataError(CxrAuditError):
    """A file, a table or a value is not valid."""


class MissingColumnsError(DataError):
    """A table lacks columns it must have."""

    def __init__(self, table: str, missing: Iterable[str], present: Iterable[str]) -> None:
        missing, present = sorted(map(short, missing)), [short(name) for name in present]
        more = f" and {len(present) - 20} more" if len(present) > 20 else ""
        close = [alike for name in missing if (alike := _alike(name, present))]
        hint = f" Did you mean '{close[0]}'?" if close else ""
        super().__init__(
            f"{table} lacks the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}; "
            f"it has {', '.join(present[:20]) or 'none'}{more}.{hint} Name the right columns or add them."
        )


class ImageError(DataError):
    """One image cannot be read."""


class NotAppliedError(ImageError):
    """A perturbation does not apply to one image."""

    PREFIX = "not applied: "
    """What the message begins with, where it is stored beside those of images that cannot be read."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{self.PREFIX}{reason}.")


class TextError(DataError):
    """One text cannot be embedded, for instance since it is longer than a model takes."""


class ConfigError(CxrAuditError):
    """An option or a configuration file is wrong."""


class UnknownNameError(ConfigError):
    """A name that is not registered."""

    def __init__(self, kind: str, name: object, known: Iterable[object]) -> None:
        name, known = short(name), sorted(map(short, known))
        close = _alike(name, known)
        hint = f" Did you mean '{close}'?" if close else ""
        more = f" and {len(known) - MOST_NAMES} more" if len(known) > MOST_NAMES else ""
        listed = ", ".join(known[:MOST_NAMES]) or "none"
        super().__init__(f"no {kind} named '{name}'.{hint} Known: {listed}{more}.")


class MissingExtraError(CxrAuditError):
    """An optional dependency is not installed."""

    def __init__(self, purpose: str, extra: str) -> None:
        super().__init__(f"{purpose} needs the extra: pip install 'cxraudit[{extra}]'.")
