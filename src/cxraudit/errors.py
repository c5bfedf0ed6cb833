"""The exceptions cxraudit raises for what a user can put right.

.. code-block:: text

    CxrAuditError
    ├── DataError                 a file, table or value is not what it should be
    │   ├── MissingColumnsError   a table lacks columns it must have
    │   └── ImageError            one image cannot be read
    ├── ConfigError               an option or a configuration file is wrong
    │   └── UnknownNameError      a model, data set, finding … that does not exist
    └── MissingExtraError         an optional dependency is not installed

Each message says what was wrong, what was found and what to do. The command line prints it
without a traceback and ends with exit code 2. Plain misuse of a function raises `ValueError`.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class CxrAuditError(Exception):
    """Base of every error that cxraudit raises on purpose."""


class DataError(CxrAuditError):
    """A file, a table or a value is not what it should be."""


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
    """A name that nothing is registered under."""

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
