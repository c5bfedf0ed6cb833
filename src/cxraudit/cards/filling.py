"""An item or a field with what the audit contains on it, and what the authors state of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from cxraudit.cards.answers import ANSWERS
from cxraudit.cards.answers.answer import Answer
from cxraudit.cards.subject import Subject


class Status(StrEnum):
    """How far an item is answered."""

    ANSWERED = "answered"
    PARTLY = "partly"
    """By the audit; the authors add what it does not contain."""
    OPEN = "open"
    """For the authors to complete."""


@dataclass(frozen=True, slots=True)
class Filled:
    """What is known of an item or a field."""

    stated: tuple[str, ...]
    """By the authors."""
    answer: Answer | None
    """By the audit."""

    @property
    def status(self) -> Status:
        """Answered if the authors state something, or the audit leaves nothing to them."""
        if self.stated or (self.answer is not None and self.answer.complete):
            return Status.ANSWERED
        return Status.OPEN if self.answer is None else Status.PARTLY


def filled(subject: Subject, facts: str, stated: Sequence[str]) -> Filled:
    """Return what the audit contains under a key of `ANSWERS`, and what is stated under keys of About.

    Parameters
    ----------
    subject : Subject
        A model and its audit.
    facts : str
        Key of `ANSWERS`; empty for none.
    stated : sequence of str
        Keys of `cxraudit.report.about.About`.
    """
    texts = tuple(text for key in stated if (text := subject.stated.of(key)))
    return Filled(texts, ANSWERS[facts](subject) if facts else None)
