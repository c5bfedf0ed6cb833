"""What a reader must know about how one image was decoded."""

from enum import StrEnum


class ImageNote(StrEnum):
    """Code of a note on a decoded image; codes are stable, so that they can be stored and counted."""

    NEARLY_BLACK = "NEARLY_BLACK"
    NEARLY_WHITE = "NEARLY_WHITE"

    @property
    def sentence(self) -> str:
        """What the note means, in one sentence."""
        return _SENTENCES[self]


_SENTENCES = {
    ImageNote.NEARLY_BLACK: "Nearly all pixels are black.",
    ImageNote.NEARLY_WHITE: "Nearly all pixels are white.",
}
