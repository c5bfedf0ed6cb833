"""Groups of an attribute."""

from collections import Counter
from collections.abc import Iterable

import pandas as pd

from cxraudit.datasets.values.text import Values, is_missing, plain, texts, unknown_notice
from cxraudit.errors import DataError
from cxraudit.notices import Notice, named
from cxraudit.schema import CONFLICTING, UNKNOWN

RESERVED = (CONFLICTING,)
"""Words for images that are never compared. All other words of our own results may be groups, since results
distinguish them by their columns."""

MOST_NUMBERS = 10
"""Different numbers an attribute may have without bins."""


def groups(values: pd.Series, about: str, name: str) -> Values:
    """Return the group of each image.

    Parameters
    ----------
    values : pandas.Series
        Cells of any type.
    about : str
        What a message calls the column.
    name : str
        Name of the attribute.

    Returns
    -------
    Values
        Text. Usual words for missing are ``unknown``; groups that differ only in case, blanks or a final
        ``.0`` are one, by their most frequent spelling; a group with a name of `RESERVED` gets another one.

    Raises
    ------
    DataError
        If the attribute is a number with more than `MOST_NUMBERS` values.
    """
    text = texts(values, about)
    counts: dict[str, int] = {str(word): int(n) for word, n in text.value_counts().items()}
    missing = {word: n for word, n in counts.items() if is_missing(word)}
    if blank := int(text.isna().sum()):
        missing[""] = blank
    present = {word: n for word, n in counts.items() if word not in missing}
    _refuse_numbers(present, about, name)
    spelling, merged = _one_spelling(present, about)
    renamed = {group: f"{group} (group)" for group in spelling.values() if group in RESERVED}
    stated = [
        Notice(about=about, count=present[old], sentence=f"The group '{old}' is shown as '{new}'.")
        for old, new in renamed.items()
    ]
    final = {word: renamed.get(group, group) for word, group in spelling.items()}
    named_groups = text.map(final).astype("str").fillna(UNKNOWN)
    return Values(named_groups, (*unknown_notice(about, missing), *merged, *stated))


def _refuse_numbers(present: dict[str, int], about: str, name: str) -> None:
    if len(present) <= MOST_NUMBERS:
        return
    numeric = pd.to_numeric(pd.Series(list(present)).str.replace(",", "."), errors="coerce")
    if numeric.notna().all():
        middle = numeric.quantile([0.25, 0.5, 0.75])
        digits = next(n for n in range(3, 20) if middle.map(f"{{:.{n}g}}".format).is_unique)
        edges = ",".join(f"{float(f'{edge:.{digits}g}'):.15g}" for edge in middle)
        raise DataError(
            f"{about} is a number with {len(present):,} values, not a group. Give bins, for instance "
            f"--bins {name}={edges}; write numbers that are codes with a letter in front."
        )


def _difference(several: Iterable[str]) -> str:
    return "a final '.0'" if any(word.endswith(".0") for word in several) else "case or blanks"


def _one_spelling(present: dict[str, int], about: str) -> tuple[dict[str, str], list[Notice]]:
    """Return spelling → the most frequent one that differs in case and blanks only."""
    alike: dict[str, Counter[str]] = {}
    for word, count in present.items():
        whole = word.removesuffix(".0")
        alike.setdefault(plain(whole if whole in present else word), Counter())[word] = count
    spelling: dict[str, str] = {}
    notices = []
    for several in alike.values():
        chosen = min(several, key=lambda word: (-several[word], word))
        spelling |= dict.fromkeys(several, chosen)
        if len(several) > 1:
            stated = f"{named(several)} differ in {_difference(several)} only and are one group, '{chosen}'."
            notices.append(Notice(about=about, count=several.total(), sentence=stated))
    return spelling, notices
