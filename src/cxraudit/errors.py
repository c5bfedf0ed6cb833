"""The exceptions cxraudit raises for mistakes that a user can correct.

.. code-block:: text

    CxrAuditError
    ├── DataError                 a file, table or value is not valid
    │   ├── MissingColumnsError   a table lacks columns it must have
    │   └── ImageError            one image cannot be read
    ├── ConfigError               an option or a configuration file is wrong
    │   └── UnknownNameError      a model, data set, finding … that does not exist
    └── MissingExtraError         an optional dependency is not installed

Each message states the problem, what was found and what to do. The command line prints it without a
traceback and exits with code 2. Misuse of a function raises `ValueError`.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class CxrAuditError(Exception):
    """Base of all errors that cxraudit raises deliberately."""


class DataError(CxrAuditError):
    """A file, a table or a value is not valid."""


class MissingColumnsError(DataError):
    """A table lacks columns it must have."""

    def __init__(self, table: str, missing: Iterable[str], present: Iterable[str]) -> None:
        missing, present = sorted(missing), [str(name) for name in present]
        more = f" and {len(present) - 20} more" if len(present) > 20 else ""
        super().__init__(
            f"{table} lacks the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}; "
            f"it has {', '.join(present[:20]) or 'none'}{more}. Name the right columns or add them."
        )


class ImageError(DataError):
    """One image cannot be read."""


class ConfigError(CxrAuditError):
    """An option or a configuration file is wrong."""


class UnknownNameError(ConfigError):
    """A name that is not registered."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        known = sorted(map(str, known))
        lowered = {candidate.lower(): candidate for candidate in known}
        close = get_close_matches(name.lower(), lowered, n=1)
        hint = f" Did you mean '{lowered[close[0]]}'?" if close else ""
        super().__init__(f"no {kind} named '{name}'.{hint} Known: {', '.join(known) or 'none'}.")


class MissingExtraError(CxrAuditError):
    """An optional dependency is not installed."""

    def __init__(self, purpose: str, extra: str) -> None:
        super().__init__(f"{purpose} needs the extra: pip install 'cxraudit[{extra}]'.")
