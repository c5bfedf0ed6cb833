"""What a reader of an audit has to know of its inputs: values that were unknown, converted or left out.

Nothing is dropped, filled in or guessed in silence: whoever does it returns a `Notice`, which the terminal
prints and the report lists.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cxraudit.errors import short

SHOWN = 5
"""Different values, or images, that a notice names; more are counted."""
PERTURBED_IMAGES = "perturbed images"
"""What notices on images that perturbations do not apply to, or on their masks, are about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing that was found in the inputs, how often, and what was done."""

    about: str
    """What it is about: ``column 'sex'``, ``images``, ``scores.csv``."""
    count: int
    """Values, rows, columns or images concerned."""
    sentence: str
    """A whole sentence: what was found, and what was done."""
    hidden: str = ""
    """The same where small cells are hidden: without counts, and without names of images or of what few
    images have. Empty: worked out from the sentence, in which every small number counts something."""


def as_records(notices: Iterable[Notice]) -> list[dict[str, Any]]:
    """Return notices as plain data, each once, as manifests and facts keep them."""
    records = [asdict(notice) for notice in dict.fromkeys(notices)]
    return [
        {name: value for name, value in one.items() if name != "hidden" or value} for one in records
    ]


def from_records(records: Iterable[Mapping[str, Any]]) -> tuple[Notice, ...]:
    """Return the notices that `as_records` wrote."""
    return tuple(Notice(**record) for record in records)


def about_images(sentence: str, image_ids: Sequence[str], about: str = "images") -> Notice:
    """Return a notice on some images; the first `SHOWN` are named.

    The sentence says nothing that few images have, since it is shown where small cells are hidden.

    Examples
    --------
    >>> about_images("The image is black.", ["a", "b"]).sentence
    'The image is black. (2 images: a, b)'
    """
    count = len(image_ids)
    names = ", ".join(image_ids[:SHOWN])
    which = (
        f"{count:,} image{'s' if count > 1 else ''}{', such as' if count > SHOWN else ':'} {names}"
    )
    return Notice(about=about, count=count, sentence=f"{sentence} ({which})", hidden=sentence)


def named(values: Mapping[Any, int]) -> str:
    """List values with their counts, the most frequent first: ``'u' (12), '1*' (3) and 4 others``."""
    ordered = sorted(values.items(), key=lambda item: (-item[1], str(item[0])))
    shown = ", ".join(f"'{short(value)}' ({count:,})" for value, count in ordered[:SHOWN])
    more = len(ordered) - SHOWN
    return f"{shown} and {more:,} other{'s' if more > 1 else ''}" if more > 0 else shown


def counted(number: int, what: str) -> str:
    """Return a number with what it counts: ``1 value``, ``1,200 values``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


Tell = Callable[[Notice], None]
"""Called with a notice as soon as something is found."""


def logged(notice: Notice) -> None:
    """Give a notice to the logger ``cxraudit``, as functions do that were given no other `Tell`."""
    logging.getLogger("cxraudit").warning("%s: %s", notice.about, notice.sentence)
