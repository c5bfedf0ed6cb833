"""Numbers as text, for figures, tables and sentences: rounding happens here and nowhere before."""

import math
import re
from collections.abc import Sequence
from numbers import Integral

from cxraudit.vocabulary import attribute_name, shortcut_name

_NEVER_PRINTED = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)

MOST_LINES = 6
"""Lines of a text in a figure."""

UNDEFINED = "–"
"""Shown where there is no number."""


def decimal(value: float, places: int = 2, *, signed: bool = False) -> str:
    """Return a number with a fixed number of decimals and a true minus sign; what rounds to 0 has no sign.

    Examples
    --------
    >>> decimal(0.8512), decimal(-0.125, 3), decimal(0.1, signed=True), decimal(float("nan"))
    ('0.85', '−0.125', '+0.10', '–')
    >>> decimal(-0.0004), decimal(3.5e-18, signed=True)
    ('0.00', '0.00')
    """
    if not math.isfinite(value):
        return UNDEFINED
    if not float(f"{value:.{places}f}"):
        return f"{0:.{places}f}"
    return f"{value:{'+' if signed else ''}.{places}f}".replace("-", "−")


def signed(value: float, places: int = 2) -> str:
    """Return a difference with its sign.

    Examples
    --------
    >>> signed(-0.121), signed(0.05)
    ('−0.12', '+0.05')
    """
    return decimal(value, places, signed=True)


def bounds(low: float, high: float, places: int = 2, *, signed: bool = False) -> str:
    """Return the ends of an interval.

    Examples
    --------
    >>> bounds(0.8, 0.9), bounds(-0.2, 0.04, signed=True), bounds(float("nan"), float("nan"))
    ('0.80 to 0.90', '−0.20 to +0.04', 'no interval')
    >>> bounds(-0.08, -0.002, signed=True), bounds(-0.08, 0.002, signed=True)
    ('−0.08 to −0.002', '−0.08 to 0.00')
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        return "no interval"
    return " to ".join(_ends(low, high, places, signed=signed))


def _ends(low: float, high: float, places: int, *, signed: bool) -> tuple[str, str]:
    """Return both ends; one that would be shown as 0, of an interval that excludes 0, with more decimals."""
    if low > 0 or high < 0:
        near = min(abs(low), abs(high))
        needed = next((n for n in range(places, places + 3) if float(f"{near:.{n}f}")), places)
    else:
        needed = places
    first, second = (
        decimal(end, places if float(f"{end:.{places}f}") else needed, signed=signed)
        for end in (low, high)
    )
    return first, second


def with_interval(value: float, low: float, high: float, *, signed: bool = False) -> str:
    """Return an estimate with its interval, as tables show it; a dash where it is undefined.

    Examples
    --------
    >>> with_interval(0.8512, 0.8, 0.9)
    '0.851 (0.800–0.900)'
    >>> with_interval(-0.12, -0.2, -0.04, signed=True)
    '−0.120 (−0.200 to −0.040)'
    """
    text = decimal(value, 3, signed=signed)
    if not (math.isfinite(value) and math.isfinite(low)):
        return text
    ends = _ends(low, high, 3, signed=signed)
    return f"{text} ({(' to ' if signed else '–').join(ends)})"


def percent(share: float) -> str:
    """Return a share in percent, without zeros that say nothing.

    Examples
    --------
    >>> percent(0.95), percent(2 * 0.95 - 1), percent(0.125)
    ('95 %', '90 %', '12.5 %')
    """
    return f"{100 * share:g} %"


def whole_percent(share: float) -> str:
    """Return a share in whole percent.

    Examples
    --------
    >>> whole_percent(0.0712)
    '7 %'
    """
    return f"{100 * share:.0f} %"


def p_value(p: float) -> str:
    """Return a p-value with three decimals.

    Examples
    --------
    >>> p_value(0.0004), p_value(0.04), p_value(float("nan"))
    ('< 0.001', '0.040', '–')
    """
    return "< 0.001" if p < 0.001 else decimal(p, 3)


def counted(n: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> counted(1, "finding"), counted(1811, "image"), counted(2, "study", "studies")
    ('1 finding', '1,811 images', '2 studies')
    """
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def count_or_hidden(n: object) -> str:
    """Return a count, or a dash where it is hidden.

    Examples
    --------
    >>> count_or_hidden(1811), count_or_hidden(None)
    ('1,811', '–')
    """
    return f"{n:,}" if isinstance(n, Integral) else UNDEFINED


def listed(names: Sequence[str]) -> str:
    """Return names in a sentence.

    Examples
    --------
    >>> listed(["noise"]), listed(["noise", "blur", "contrast"])
    ('noise', 'noise, blur and contrast')
    """
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def interval_name(confidence_level: float) -> str:
    """Return what an interval of this level is called.

    Examples
    --------
    >>> interval_name(0.8)
    '80 % interval'
    """
    return f"{percent(confidence_level)} interval"


def equivalence_level(confidence_level: float) -> float:
    """Return the level of the interval that two one-sided tests compare with the margin: 1 − 2α.

    Examples
    --------
    >>> percent(equivalence_level(0.95))
    '90 %'
    """
    return 2 * confidence_level - 1


def sentence_case(text: str) -> str:
    """Return a text with its first letter in upper case and the others as they are.

    Examples
    --------
    >>> sentence_case("AUROC and AP view"), sentence_case("chest drain")
    ('AUROC and AP view', 'Chest drain')
    """
    return text[:1].upper() + text[1:]


def in_sentence(name: str) -> str:
    """Return a name as it is written within a sentence: abbreviations stay as they are.

    Examples
    --------
    >>> in_sentence("Pleural Effusion"), in_sentence("COPD"), in_sentence("F0")
    ('pleural effusion', 'COPD', 'F0')
    """
    return " ".join(word.lower() if word[1:].islower() else word for word in name.split(" "))


def printed(text: str) -> str:
    r"""Return a text for a page or a figure without characters that are never printed.

    Control characters are not valid in XML, and a mark of direction would reverse the remainder of a
    sentence. Line breaks stay.

    Examples
    --------
    >>> printed("a\x00b\n\u202egnp.exe")
    'a�b\n�gnp.exe'
    """
    return _NEVER_PRINTED.sub("\ufffd", text)


def fitted(text: str, longest: int) -> str:
    """Return a text with its lines, and the number of them, cut; both ends of a line stay.

    Examples
    --------
    >>> fitted("a" * 50 + " (n = 12)", 20)
    'aaaaaaaaaa… (n = 12)'
    """
    lines = printed(text).split("\n")
    lines = [*lines[:MOST_LINES], *(["…"] if len(lines) > MOST_LINES else [])]
    head, tail = (longest + 1) // 2, longest // 2 - 1
    return "\n".join(
        line if len(line) <= longest else f"{line[:head]}…{line[-tail:]}" for line in lines
    )


def column_name(column: str) -> str:
    """Return the display name of an attribute or a shortcut, whichever the column is.

    Examples
    --------
    >>> column_name("age_group*view_position"), column_name("drain"), column_name("view_position:AP")
    ('age × view', 'chest drain', 'AP view')
    """
    return shortcut_name(column) if ":" in column else shortcut_name(attribute_name(column))
