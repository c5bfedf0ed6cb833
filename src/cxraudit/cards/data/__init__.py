"""Items of guidelines and fields of cards: number or path, a short topic of our own, and what answers it."""

from importlib.resources import files


def text_of(name: str) -> str:
    """Return a file of this folder."""
    return (files(__name__) / name).read_text(encoding="utf-8")
