"""The words that are compared, each with the others of its attribute or topic."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import helmert

from cxraudit.audits.wordings.sources import WordedScores
from cxraudit.prompts.wordings import DEMOGRAPHIC, NEUTRAL, Phrase
from cxraudit.schema import WORDS_FOR_GROUPS

SAME = 1e-4
"""Standard deviations of the score: scores that differ by no more, image by image, are the same."""


@dataclass(frozen=True, slots=True)
class Word:
    """One group or neutral word, in one or more texts."""

    kind: str
    attribute: str
    name: str
    """Of the group, or the neutral word; of a wording without either its own name."""
    places: tuple[int, ...]
    """Its texts among the phrases."""


class Distinguished(NamedTuple):
    """Words that scores distinguish, and the topics whose words they do not."""

    words: tuple[Word, ...]
    alike: tuple[tuple[str, str], ...]
    """Kind and attribute or topic of words that all have the same scores."""
    unchanged: int
    """Phrases with which all scores are those without them."""
    single: tuple[tuple[str, str], ...] = ()
    """Kind and attribute or topic of one word alone, which there is nothing to compare with."""
    furthest: tuple[float, str] = (0.0, "")
    """Of the words for groups: the largest mean change of the score of an image, in its standard deviations,
    and the word."""


def words_of(phrases: Sequence[Phrase]) -> list[Word]:
    """Join the texts of each word; sorted, so that nothing depends on the order of a file."""
    places: dict[tuple[str, str, str], list[int]] = {}
    for place, phrase in enumerate(phrases):
        key = phrase.kind, phrase.attribute, phrase.group or phrase.name
        places.setdefault(key, []).append(place)
    return [Word(*key, tuple(places[key])) for key in sorted(places)]


def distinguish(scores: WordedScores, known: NDArray[np.bool_]) -> Distinguished:
    """Leave out topics of which no two words have different scores.

    A text side that has none of the words, or takes all unknown words for one, makes no difference between
    them, so that nothing follows about what the words would do.
    """
    base = scores.base[known]
    worded = scores.worded[:, known]
    tolerance = SAME * (base.std() or 1.0)
    unchanged = int((np.abs(worded - base).max(axis=1, initial=0.0) <= tolerance).sum())
    words: list[Word] = []
    alike: list[tuple[str, str]] = []
    single: list[tuple[str, str]] = []
    changes = [(0.0, "")]
    for topic in _topics(words_of(scores.phrases)):
        if len(topic) < 2:
            single.append((topic[0].kind, topic[0].attribute))
            continue
        means = np.stack([worded[list(word.places)].mean(axis=0) for word in topic])
        apart = np.abs(means - means[0]).max(initial=0.0) > tolerance
        if apart:
            words += topic
            changes += [
                (float(np.abs(row - base).mean() / (base.std() or 1.0)), word.name)
                for word, row in zip(topic, means, strict=True)
                if word.kind == DEMOGRAPHIC
            ]
        else:
            alike.append((topic[0].kind, topic[0].attribute))
    return Distinguished(tuple(words), tuple(alike), unchanged, tuple(single), max(changes))


def _topics(words: Sequence[Word]) -> Iterator[list[Word]]:
    for key in dict.fromkeys((word.kind, word.attribute) for word in words):
        yield [word for word in words if (word.kind, word.attribute) == key]


def contrasts(
    words: Sequence[Word], kind: str, attribute: str | None = None
) -> NDArray[np.float64]:
    """Return orthonormal contrasts of words of a kind, within each attribute or topic.

    Their squares sum to the sum of squares around the mean of each topic: what mentioning the topic at all
    does is in none of them.

    Returns
    -------
    numpy.ndarray, shape (n_contrasts, n_words)
        Of n words of a topic there are n − 1.
    """
    rows = [np.empty((0, len(words)))]
    for topic in _topics(words):
        if topic[0].kind == kind and attribute in (None, topic[0].attribute):
            places = [words.index(word) for word in topic]
            own = np.zeros((len(topic) - 1, len(words)))
            own[:, places] = helmert(len(topic))
            rows.append(own)
    return np.vstack(rows)


def demographic_attributes(words: Sequence[Word]) -> list[str]:
    """Return the attributes that words for groups are about."""
    return list(dict.fromkeys(word.attribute for word in words if word.kind == DEMOGRAPHIC))


def compared_words(words: Sequence[Word], about: str = "") -> dict[str, str | None]:
    """Return the words for groups that are compared: all, and those for each attribute if there are several.

    Parameters
    ----------
    words : sequence of Word
        Of both kinds.
    about : str
        Attribute of a gap, which only words for this attribute are compared by.

    Returns
    -------
    dict of str to str or None
        Condition of the rows → attribute of the words, None of all.
    """
    attributes = demographic_attributes(words)
    own = [name for name in attributes if not about or name == about]
    return {WORDS_FOR_GROUPS: None, **({one: one for one in own} if len(attributes) > 1 else {})}


def both_kinds(words: Sequence[Word]) -> bool:
    """Tell whether words of both kinds are left to compare."""
    return {DEMOGRAPHIC, NEUTRAL} <= {word.kind for word in words}
