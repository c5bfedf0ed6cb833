"""Progress and messages, on stderr: stdout holds results alone."""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Literal

from cxraudit.errors import one_line
from cxraudit.progress import logged_stage, nothing

if TYPE_CHECKING:
    from rich.progress import ProgressColumn

    from cxraudit.notices import Notice


Unit = Literal["images", "bytes", "parts"]
MESSAGES = "cxraudit.messages"
"""Logger of what is printed on stderr in any case."""


def message(text: str) -> None:
    """Print one line on stderr."""
    sys.stderr.write(one_line(text) + "\n")
    logging.getLogger(MESSAGES).info("%s", text.removeprefix("cxraudit: "))


def tell(notice: "Notice") -> None:
    """Print a notice on stderr."""
    message(f"cxraudit: {notice.about}: {notice.sentence}")


def tracker(quiet: bool) -> Callable[[str, int], AbstractContextManager[Callable[[int], None]]]:
    """Return what opens a progress bar, or what does nothing: (description, total) → context."""
    return lambda description, total: progress_bar(quiet, description, total)


@contextmanager
def progress_bar(
    quiet: bool, description: str, total: int, *, unit: Unit = "images"
) -> Iterator[Callable[[int], None]]:
    """Show a progress bar; yields what to call with the number of items done since the last call."""
    with (
        logged_stage(description),
        nullcontext(nothing) if quiet else _display(description, total, unit) as advance,
    ):
        yield advance


def show_stage(what: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
    """Show a stage of `cxraudit.progress`."""
    return _display(what, total, "parts")


@contextmanager
def _display(description: str, total: int, unit: Unit) -> Iterator[Callable[[int], None]]:
    """Show a bar on a terminal; elsewhere, plain lines say how far long work is."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield _PlainLines(description, total, unit).advance
        return
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(*_columns(unit), console=console, transient=unit == "parts") as progress:
        task = progress.add_task(one_line(description, 60), total=total or None)
        yield lambda n: progress.advance(task, n)


class _PlainLines:
    """How far work is, in lines: one after every `SECONDS` at most, so that short work has none."""

    SECONDS = 30.0

    def __init__(self, what: str, total: int, unit: Unit) -> None:
        self.what, self.total, self.unit, self.done = what, total, unit, 0
        self.begun = self.last = time.monotonic()

    def advance(self, number: int) -> None:
        """Count parts that are done."""
        self.done += number
        now = time.monotonic()
        if now - self.last < self.SECONDS or not self.total or self.done >= self.total:
            return
        self.last = now
        left = (now - self.begun) / self.done * (self.total - self.done) if self.done else 0
        message(
            f"cxraudit: {self.what}: {self.done:,} of {self.total:,} {self.unit}, about {left:,.0f} s left"
        )


def _columns(unit: str) -> "list[ProgressColumn]":
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:,.0f} images/s" if task.speed else "")

    done = {
        "images": (MofNCompleteColumn(), Rate()),
        "bytes": (DownloadColumn(), TransferSpeedColumn()),
        "parts": (MofNCompleteColumn(),),
    }

    return [
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        *done[unit],
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    ]
