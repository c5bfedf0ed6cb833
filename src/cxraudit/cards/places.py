"""Where an answer is in the report and in the audit: only sections that the report of this audit has."""

from collections.abc import Iterator
from urllib.parse import quote

from cxraudit.cards.answers.answer import Answer
from cxraudit.cards.subject import Subject
from cxraudit.report.anchors import Anchor, place_of
from cxraudit.schema import COMPLEMENT, Analysis

_SHOWS = {
    Anchor.OPERATING_POINT: (Analysis.OPERATING_POINT, Analysis.CALIBRATION),
    Anchor.SHORTCUTS: (Analysis.SHORTCUT,),
    Anchor.SLICES: (Analysis.SLICES,),
    Anchor.PERTURBATIONS: (Analysis.COUNTERFACTUAL, Analysis.CORRUPTION),
    Anchor.REGIONS: (Analysis.REGION,),
    Anchor.EMBEDDINGS: (Analysis.PROBE,),
    Anchor.MODELS: (Analysis.MODELS,),
    Anchor.HETEROGENEITY: (Analysis.HETEROGENEITY,),
}
"""Section → the analyses of which one has to be there for the report to have it."""


def places(subject: Subject, answer: Answer, page: str | None) -> Iterator[tuple[str, str]]:
    """Yield words and target of each place; the target is empty where there is nothing to link to.

    Parameters
    ----------
    subject : Subject
        A model and its audit.
    answer : Answer
        What the audit contains.
    page : str, optional
        Address of the report.
    """
    for place in answer.places:
        if not isinstance(place, Anchor):
            yield place, ""
        elif in_report(subject, place):
            target = quote(place_of(subject.facts.dataset, place))
            words = f"report: {place.value.replace('-', ' ')}"
            yield words, "" if page is None else f"{page}#{target}"


def in_report(subject: Subject, anchor: Anchor) -> bool:
    """Tell whether the report on an audit has a section."""
    rows = subject.audit.results
    if anchor == Anchor.SUBGROUPS:
        rows = rows[rows["reference"] == COMPLEMENT]
        return bool((rows["analysis"] == Analysis.SUBGROUPS).any())
    if anchor == Anchor.NOTICES:
        return bool(subject.audit.facts["notices"])
    if anchor == Anchor.CALIBRATION_CHECK:
        return subject.synthetic
    shown = _SHOWS.get(anchor)
    return shown is None or bool(rows["analysis"].isin(list(shown)).any())
