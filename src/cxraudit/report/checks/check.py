"""One check of an audit, and what it can find."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """What a check found."""

    OK = "ok"
    ATTENTION = "attention"
    """Something limits what the audit can show; readers should know it."""
    UNKNOWN = "unknown"
    """What would have to be compared is not known."""
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, slots=True)
class Check:
    """What a check found in one audit; codes are stable, so that they can be cited."""

    code: str
    title: str
    state: State
    detail: str
    """One sentence or more."""


def attention_if(found: object, code: str, title: str, *, detail: str, otherwise: str) -> Check:
    """Return a check that needs attention if something was found."""
    if found:
        return Check(code, title, State.ATTENTION, detail)
    return Check(code, title, State.OK, otherwise)
