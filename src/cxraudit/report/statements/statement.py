"""One statement of the report, and what kind of statement it is."""

from dataclasses import dataclass
from enum import StrEnum

from cxraudit.audits.embeddings.probes import NOT_DECODABLE, UNCLEAR
from cxraudit.audits.embeddings.score_direction import (
    ASSOCIATED,
    ASSOCIATED_UNCLEAR_SIZE,
    NOT_ASSOCIATED,
    ONLY_ASSOCIATED,
    ONLY_ASSOCIATED_UNCLEAR_SIZE,
)
from cxraudit.schema import EXPLORATORY
from cxraudit.stats.estimate import Verdict


class Tone(StrEnum):
    """Kind of a statement: the verdict it reports; in the order statements are shown."""

    OVERALL = "overall"
    """How well the model ranks over all patients."""
    DISPARITY = "disparity"
    """A difference beyond the margin, to the disadvantage of a group or by a shortcut."""
    ASSOCIATED = "associated"
    """An attribute is decodable from the embedding, and associated with the score given the label."""
    ONLY_ASSOCIATED = "only-associated"
    """It is associated, though no linear probe is shown to decode it."""
    IN_FAVOUR = "in-favour"
    """A disparity in favour of a group."""
    BY_LABELS = "by-labels"
    """A gap is another one by reference labels than by working labels."""
    UNCLEAR_SIZE = "unclear-size"
    ASSOCIATED_UNCLEAR_SIZE = "associated-unclear-size"
    """It is associated, and whether by more than the margin is not settled."""
    ONLY_ASSOCIATED_UNCLEAR_SIZE = "only-associated-unclear-size"
    INCONCLUSIVE = "inconclusive"
    UNDEFINED = "undefined"
    UNCLEAR = "unclear"
    """It is not settled whether an attribute is decodable, or associated with the score."""
    SMALL = "small"
    EQUIVALENT = "equivalent"
    NOT_ASSOCIATED = "not-associated"
    NOT_DECODABLE = "not-decodable"
    EXPLORATORY = "exploratory"
    """An estimate without a verdict."""

    @property
    def word(self) -> str:
        """What readers see: the word of the verdict."""
        return _WORDS[self]

    @property
    def rank(self) -> int:
        """Place in the order statements are shown."""
        return list(Tone).index(self)


_WORDS = {
    Tone.OVERALL: "overall",
    Tone.DISPARITY: Verdict.DISPARITY.value,
    Tone.IN_FAVOUR: Verdict.DISPARITY.value,
    Tone.BY_LABELS: "label error",
    Tone.UNCLEAR_SIZE: Verdict.UNCLEAR_SIZE.value,
    Tone.SMALL: Verdict.SMALL.value,
    Tone.EQUIVALENT: Verdict.EQUIVALENT.value,
    Tone.INCONCLUSIVE: Verdict.INCONCLUSIVE.value,
    Tone.UNDEFINED: Verdict.UNDEFINED.value,
    Tone.ASSOCIATED: ASSOCIATED,
    Tone.ASSOCIATED_UNCLEAR_SIZE: ASSOCIATED_UNCLEAR_SIZE,
    Tone.ONLY_ASSOCIATED: ONLY_ASSOCIATED,
    Tone.ONLY_ASSOCIATED_UNCLEAR_SIZE: ONLY_ASSOCIATED_UNCLEAR_SIZE,
    Tone.NOT_ASSOCIATED: NOT_ASSOCIATED,
    Tone.NOT_DECODABLE: NOT_DECODABLE,
    Tone.UNCLEAR: UNCLEAR,
    Tone.EXPLORATORY: EXPLORATORY,
}


@dataclass(frozen=True, slots=True)
class Statement:
    """What the results support about one question."""

    tone: Tone
    headline: str
    """Without a full stop."""
    detail: str
    """Sentences with the numbers; empty if there is nothing to add."""
