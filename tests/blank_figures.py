"""Whole runs in which nothing is drawn, for tests that are not about figures: drawing takes half the time."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import pytest
from matplotlib.figure import Figure

BLANK = {"svg": b'<svg xmlns="http://www.w3.org/2000/svg"></svg>', "png": b"\x89PNG\r\n\x1a\n"}


def _save_blank(figure: Figure, file: IO[Any], *, format: str, **options: Any) -> None:
    text = BLANK[format]
    file.write(text.decode() if format == "svg" else text)


@contextmanager
def blank_figures() -> Iterator[None]:
    """Save blank figures; they are made and titled as usual."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "draw_without_rendering", lambda figure: None)
        patch.setattr(Figure, "savefig", _save_blank)
        yield
