"""CXA009: images without content, as a wrong conversion leaves them."""

from typing import Any

from cxraudit.audits.result import Audit
from cxraudit.formatting import counted
from cxraudit.images import ImageNote
from cxraudit.report.checks.check import Check, State, attention_if

_STATES = {
    ImageNote.NEARLY_BLACK: "nearly black",
    ImageNote.NEARLY_WHITE: "nearly white",
    ImageNote.NO_CONTRAST: "without contrast",
}


def check(audit: Audit) -> Check:
    """Count the images that are nearly black, nearly white or without contrast, and name the first."""
    code, title = "CXA009", "Images that are nearly black or white"
    noted = audit.facts.get("image_notes")
    if noted is None:
        detail = "The scores were not computed from images by this package."
        return Check(code, title, State.NOT_APPLICABLE, detail)
    by_note = {fact["note"]: fact for fact in noted if fact["count"] != 0}
    found = "; ".join(
        f"{_images(by_note[note])} {state}{_first(by_note[note])}"
        for note, state in _STATES.items()
        if note in by_note
    )
    return attention_if(
        found,
        code,
        title,
        detail=f"{found}. Look at them: the file may be damaged, or converted with the wrong range.",
        otherwise="No image is nearly black, nearly white or without contrast.",
    )


def _images(fact: dict[str, Any]) -> str:
    return "some images" if fact["count"] is None else counted(fact["count"], "image")


def _first(fact: dict[str, Any]) -> str:
    """Return the ids that the fact names, and how many more there are; nothing if it names none."""
    if not fact["images"]:
        return ""
    more = fact["count"] - len(fact["images"])
    return f" ({', '.join(fact['images'])}{f' and {more:,} more' if more > 0 else ''})"
