"""Progress and messages, on stderr: stdout holds results alone."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Literal

from cxraudit.errors import one_line

if TYPE_CHECKING:
    from rich.progress import ProgressColumn

    from cxraudit.notices import Notice


def message(text: str) -> None:
    """Print one line on stderr."""
    sys.stderr.write(one_line(text) + "\n")


def tell(notice: "Notice") -> None:
    """Print a notice on stderr."""
    message(f"cxraudit: {notice.about}: {notice.sentence}")


def tracker(quiet: bool) -> Callable[[str, int], AbstractContextManager[Callable[[int], None]]]:
    """Return what opens a progress bar, or what does nothing: (description, total) → context."""
    return lambda description, total: progress_bar(quiet, description, total)


@contextmanager
def progress_bar(
    quiet: bool, description: str, total: int, *, unit: Literal["images", "bytes"] = "images"
) -> Iterator[Callable[[int], None]]:
    """Show a progress bar; yields what to call with the number of items done since the last call."""
    if quiet:
        yield lambda n: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(*_columns(unit), console=Console(stderr=True)) as progress:
        task = progress.add_task(description, total=total or None)
        yield lambda n: progress.advance(task, n)


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

    return [
        TextColumn("{task.description}"),
        BarColumn(),
        *(
            (DownloadColumn(), TransferSpeedColumn())
            if unit == "bytes"
            else (MofNCompleteColumn(), Rate())
        ),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    ]
