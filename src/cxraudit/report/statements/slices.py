"""Which slices are worse on patients they were not searched on; the others are counted, and not named."""

from collections.abc import Sequence

from cxraudit.audits.result import Audit
from cxraudit.formatting import counted, decimal, in_sentence
from cxraudit.report.slices import Examined, examined, searches
from cxraudit.report.statements import rows as find
from cxraudit.report.statements.statement import Statement, Tone
from cxraudit.stats.estimate import Verdict

_TONES = {
    Verdict.DISPARITY.value: Tone.DISPARITY,
    Verdict.UNCLEAR_SIZE.value: Tone.UNCLEAR_SIZE,
    Verdict.SMALL.value: Tone.SMALL,
}


def statements(audit: Audit, model: str) -> list[Statement]:
    """State each slice that was confirmed, and how many were not."""
    if not searches(audit, model):
        return []
    found = examined(audit, model)
    shown = [one for one in found if one.confirmed]
    others = [] if found and len(shown) == len(found) else [_others(audit, model, found, shown)]
    return [*(_confirmed(one, audit) for one in shown), *others]


def _confirmed(one: Examined, audit: Audit) -> Statement:
    return Statement(
        _TONES[one.gap["verdict"]],
        f"AUROC for {in_sentence(one.finding)} is lower in a slice: {one.phrase}",
        f"Searched on some patients{_patients(audit, 'search_patients')} and confirmed on the "
        f"others{_patients(audit, 'confirmation_patients')}: AUROC {decimal(one.auroc)}, "
        f"{decimal(abs(one.gap['value']))} below all other images (gap {find.interval(one.gap)}).",
    )


def _patients(audit: Audit, which: str) -> str:
    number = audit.facts["slices"][which]
    return "" if number is None else f" ({number:,})"


def _others(
    audit: Audit, model: str, found: Sequence[Examined], shown: Sequence[Examined]
) -> Statement:
    """Say how many slices were examined without being confirmed."""
    searched = searches(audit, model)
    large = sum(one["searched"] for one in searched)
    tested = audit.facts["settings"]["n_resamples"] > 0
    why = _NOT_NONE if tested else "Without resamples nothing is tested, nor confirmed."
    detail = f"{_large(large)} {why}"
    if not any(one["findings"] for one in searched):
        return Statement(Tone.INCONCLUSIVE, "No slices were searched", _TOO_FEW)
    if not found:
        hidden = any(one["slices"] or one.get("hidden") for one in searched)
        none = _HIDDEN if hidden else _NONE_WORSE if large else _NONE_LARGE
        return Statement(Tone.INCONCLUSIVE, "No slice was examined", f"{_large(large)} {none}")
    n = len(shown)
    headline = (
        f"{counted(len(found), 'slice')} {'was' if len(found) == 1 else 'were'} examined, "
        f"{n or 'none'} {'was' if n <= 1 else 'were'} confirmed"
    )
    return Statement(Tone.INCONCLUSIVE, headline, detail)


def _large(number: int) -> str:
    return f"{counted(number, 'slice')} large enough to be searched."


_NOT_NONE = "What was not confirmed is not shown to be there, nor to be absent."
_HIDDEN = "Those that seemed worst are hidden, since they have too few patients."
_NONE_WORSE = (
    "None of them was ranked worse than all other images, allowing for its size, on the patients who were "
    "searched: none was left to be compared on the others."
)
_NONE_LARGE = "A slice needs enough patients with, and without, a finding inside and outside of it."
_TOO_FEW = "There are too few patients, with and without a finding, for two sides of a slice."
