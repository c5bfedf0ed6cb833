"""In short: the disparities of all audits, and the attributes without one."""

from collections.abc import Iterator, Sequence

import pandas as pd
from markupsafe import Markup

from cxraudit.audits.result import Audit
from cxraudit.formatting import counted, listed
from cxraudit.report.anchors import Anchor
from cxraudit.report.blocks import Block, Listing, Paragraph, Section
from cxraudit.report.sections.context import Context
from cxraudit.report.statements import STATEMENTS, Statement, Tone, embeddings, of_model
from cxraudit.report.statements.rows import of, where
from cxraudit.report.statements.verdicts import (
    Counts,
    auroc_gaps,
    has_disparity,
    metrics_of,
    rate_gaps,
)
from cxraudit.schema import Analysis, Reason, has_reason, is_level
from cxraudit.stats.estimate import Verdict
from cxraudit.vocabulary import attribute_name

ABOUT_SCORES = tuple(one for one in STATEMENTS if one is not embeddings)


MOST = 6
"""Statements under the verdicts; all of them stand under the main results."""
_NOT_SETTLED = (Tone.UNCLEAR_SIZE, Tone.INCONCLUSIVE)


def build(audits: Sequence[Audit], contexts: Sequence[Context]) -> Section:
    """State the disparities, what is not settled, and by what no disparity was found."""
    stated = list(_stated(audits, contexts))
    shown = [
        Markup("{} {}").format(headline, one.detail)
        for one, headline in stated
        if one.tone in (Tone.DISPARITY, Tone.IN_FAVOUR)
    ]
    by_labels = [
        Markup("{} {}").format(headline, one.detail)
        for one, headline in stated
        if one.tone == Tone.BY_LABELS
    ]
    open_ = [headline for one, headline in stated if one.tone in _NOT_SETTLED]
    blocks: list[Block] = [_first(shown)] if shown else [_nothing(audits)]
    blocks += _more(shown, "disparity", "disparities")
    if by_labels:
        blocks += [Paragraph(_BY_LABELS_IS), _first(by_labels), *_more(by_labels, "such gap")]
    if open_:
        blocks += [Paragraph(_NOT_SETTLED_IS), _first(open_), *_more(open_, "such answer")]
    for beginning, texts in (
        ("No disparity was found by", _without_disparity),
        ("A disparity was found in further comparisons only by", _in_further),
    ):
        found = [
            text
            for audit, context in zip(audits, contexts, strict=True)
            for model in context.tested
            for text in texts(audit.without_hidden(), model, context.name)
        ]
        blocks += [Paragraph(f"{beginning} {'; '.join(found)}.")] if found else []
    return Section("In short", Anchor.IN_SHORT, blocks)


_BY_LABELS_IS = Markup(
    "<b>What errors of the labels change.</b> By reference labels of a part of the images, these gaps in "
    "AUROC are other ones than the verdicts say, which are by working labels; see the section Labels. Rates "
    "at a threshold are by working labels only."
)
_NOT_SETTLED_IS = Markup(
    "<b>What these data do not settle.</b> Not settled is not the same as equal: more patients may show a "
    "difference, or that there is none."
)


def _stated(
    audits: Sequence[Audit], contexts: Sequence[Context]
) -> Iterator[tuple[Statement, Markup]]:
    """Yield all statements on scores, each with its headline, model and data set."""
    for audit, context in zip(audits, contexts, strict=True):
        for model in context.tested:
            for statement in of_model(audit, model, about=ABOUT_SCORES):
                headline = Markup("<b>{}: {}</b> ({}).")
                yield statement, headline.format(model, statement.headline, context.name)


def _first(items: Sequence[Markup]) -> Listing:
    return Listing(items[:MOST])


def _more(items: Sequence[Markup], noun: str, plural: str = "") -> list[Block]:
    """Count the statements that are not listed."""
    n = len(items) - MOST
    return (
        [
            Paragraph(
                f"{counted(n, f'more {noun}', plural and f'more {plural}')} under Main results."
            )
        ]
        if n > 0
        else []
    )


def _nothing(audits: Sequence[Audit]) -> Paragraph:
    compared = pd.concat([audit.results[~is_level(audit.results)] for audit in audits])
    if len(compared) and has_reason(compared, Reason.SUPPRESSED).all():
        return Paragraph(
            "All comparisons are hidden, since cells of few patients are: nothing can be concluded of groups."
        )
    if len(compared):
        further = [
            what
            for what, fact in (("a shortcut", "shortcuts"), ("a perturbation", "perturbed"))
            if any(audit.facts.get(fact) for audit in audits)
        ]
        nor = f", nor by {' or '.join(further)}" if further else ""
        return Paragraph(
            f"No disparity was found between groups in AUROC or in rates at a threshold{nor}. That is not "
            "the same as none: see what is inconclusive."
        )
    return Paragraph(
        "Nothing was compared: there is no attribute with two groups, and no shortcut."
    )


def _without_disparity(audit: Audit, model: str, name: str) -> Iterator[str]:
    """Name the attributes without any disparity, with how many comparisons by each metric settle it."""
    by_metric = (auroc_gaps(audit, model), rate_gaps(audit, model))
    for attribute in _without_main(audit, model):
        if not _further(audit, model, attribute):
            own = [where(gaps, attribute=attribute) for gaps in by_metric]
            judged = [gaps for one in own if len(gaps := one[one["verdict"] != ""])]
            counts = "; ".join(f"in {metrics_of(one)}, {Counts.of(one).words}" for one in judged)
            yield f"{attribute_name(attribute)} ({model} on {name}: {counts})"


def _in_further(audit: Audit, model: str, name: str) -> Iterator[str]:
    """Name the attributes by which only comparisons that no sentence is about show a disparity."""
    for attribute in _without_main(audit, model):
        if further := _further(audit, model, attribute):
            yield f"{attribute_name(attribute)} ({model} on {name}: {listed(further)})"


def _without_main(audit: Audit, model: str) -> list[str]:
    """Return the attributes without a disparity between groups in AUROC or in rates at a threshold."""
    main = (auroc_gaps(audit, model), rate_gaps(audit, model))
    judged = [gaps.loc[gaps["verdict"] != "", "attribute"] for gaps in main]
    return [
        attribute
        for attribute in dict.fromkeys(str(one) for names in judged for one in names)
        if not any(has_disparity(gaps, attribute) for gaps in main)
    ]


_FURTHER = {
    Analysis.STANDARDISED: "in standardised AUROC",
    Analysis.REFERENCE_GROUP: "against the reference group",
    Analysis.GROUP_PAIRS: "between pairs of groups",
}


def _further(audit: Audit, model: str, attribute: str) -> list[str]:
    """Say in which further comparisons of groups a disparity by an attribute was found."""
    rows = of(audit, model, attribute=attribute, verdict=Verdict.DISPARITY)
    return [words for analysis, words in _FURTHER.items() if (rows["analysis"] == analysis).any()]
