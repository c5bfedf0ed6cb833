"""Colours and shapes of marks, for page and files; colour-blind readers distinguish them."""

from dataclasses import dataclass

from cxraudit.stats.estimate import Verdict

COLOURS: dict[str, str] = {
    "ink": "#1d2733",
    "muted": "#66727f",
    "line": "#cdd5de",
    "red": "#c8451b",
    "violet": "#6a4c93",
    "brown": "#8f5a3c",
    "ochre": "#b07a00",
    "blue": "#0b6fa4",
    "green": "#2f7d4f",
    "grey": "#7b8794",
    "pale-grey": "#b4bcc5",
    "dark-grey": "#444f5a",
    "pale-red": "#e3a48f",
    "pale-blue": "#9fc3d8",
    "band": "#eef2f6",
}
"""Name → colour. Names are classes of the page's style."""

PALETTE = ("blue", "red", "ochre", "violet", "green", "brown", "dark-grey")
"""Of groups, models and findings, in this order."""

SHAPES: dict[str, str] = {
    "circle": "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0-9 0z",
    "square": "M-4-4H4V4H-4z",
    "diamond": "M0-5.5L5.5 0L0 5.5L-5.5 0z",
    "narrow diamond": "M0-6L3.6 0L0 6L-3.6 0z",
    "triangle": "M0-5.5L5 4H-5z",
    "triangle down": "M0 5.5L5-4H-5z",
    "plus": "M-1.5-5H1.5V-1.5H5V1.5H1.5V5H-1.5V1.5H-5V-1.5H-1.5z",
    "none": "M0 0z",
    "cross": "M-4-4L4 4M-4 4L4-4",
}
"""Name → outline around (0, 0), in CSS pixels; ``none`` draws an interval without a value."""


@dataclass(frozen=True, slots=True)
class Look:
    """Colour and shape of a mark."""

    colour: str = "ink"
    """A key of `COLOURS`."""
    shape: str = "circle"
    """A key of `SHAPES`."""
    hollow: bool = False


PLAIN = Look()
WORSE, BETTER = "disparity: worse", "disparity: better"
"""A disparity is drawn by its direction."""

KINDS: dict[str, Look] = {
    WORSE: Look("red", "diamond"),
    BETTER: Look("violet", "triangle"),
    Verdict.UNCLEAR_SIZE: Look("brown", "narrow diamond", hollow=True),
    Verdict.SMALL: Look("ochre", "square"),
    Verdict.EQUIVALENT: Look("blue"),
    Verdict.INCONCLUSIVE: Look("grey", hollow=True),
    Verdict.UNDEFINED: Look("pale-grey", "cross"),
    "": PLAIN,
}
"""Kind of mark → its look; a kind is a verdict, `WORSE`, `BETTER`, or nothing where none was given."""


def kind_of(verdict: str, value: float) -> str:
    """Return the kind of mark for a verdict on a difference that is better above zero."""
    if verdict == Verdict.DISPARITY:
        return WORSE if value < 0 else BETTER
    return verdict


def palette(number: int) -> str:
    """Return the colour of the group, model or finding at a place."""
    return PALETTE[number % len(PALETTE)]
