"""How far long work is: stages, with their durations for a log, and for whoever shows them.

A function that takes long opens a `stage`. Nothing is shown unless `shown_by` requires it, as
the command line does.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar

Advance = Callable[[int], None]
"""Called with the number of parts done since the last call."""
Show = Callable[[str, int], AbstractContextManager[Advance]]
"""Opens a display of a stage: (what is done, number of parts; 0 if there are none to count)."""

_SHOWN: ContextVar[Show | None] = ContextVar("shown", default=None)
_LOG = logging.getLogger("cxraudit.stages")


@contextmanager
def shown_by(show: Show) -> Iterator[None]:
    """Show the stages that are opened meanwhile."""
    token = _SHOWN.set(show)
    try:
        yield
    finally:
        _SHOWN.reset(token)


@contextmanager
def stage(what: str, total: int = 0) -> Iterator[Advance]:
    """Say that a stage of long work begins, and how far it is; a stage within another is only logged.

    Parameters
    ----------
    what : str
        What is done: ``audit scores``.
    total : int
        Number of parts; 0 if there are none to count.

    Yields
    ------
    callable
        To be called with the number of parts done since the last call.
    """
    show = _SHOWN.get()
    token = _SHOWN.set(None)
    try:
        with logged_stage(what), show(what, total) if show else nullcontext(nothing) as advance:
            yield advance
    finally:
        _SHOWN.reset(token)


@contextmanager
def logged_stage(what: str) -> Iterator[None]:
    """Log that a stage begins and, if it ends, how long it took."""
    _LOG.info("%s", what)
    begun = time.monotonic()
    yield
    _LOG.info("%s: done in %.1f s", what, time.monotonic() - begun)


def nothing(number: int) -> None:
    """Show nothing."""
