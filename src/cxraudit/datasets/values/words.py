"""The words that tables use for a missing value, a label, a sex, and in an age; see ``words.toml``."""

import tomllib
from importlib import resources

_WORDS = {
    name: frozenset(several)
    for name, several in tomllib.loads(
        (resources.files("cxraudit.datasets.values") / "words.toml").read_text(encoding="utf-8")
    ).items()
}

MISSING = _WORDS["missing"]
POSITIVE, NEGATIVE, UNCERTAIN = _WORDS["positive"], _WORDS["negative"], _WORDS["uncertain"]
FEMALE, MALE, OTHER_SEX = _WORDS["female"], _WORDS["male"], _WORDS["other_sex"]
SPANISH = _WORDS["spanish"]
"""Where one of them occurs, M may mean *mujer*."""
VIEWS = _WORDS["views"]
YEARS, MONTHS, WEEKS, DAYS = (_WORDS[unit] for unit in ("years", "months", "weeks", "days"))
ANNOTATED, PREDICTED = _WORDS["annotated"], _WORDS["predicted"]
