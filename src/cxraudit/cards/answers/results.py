"""What was found."""

from cxraudit.cards import evidence
from cxraudit.cards.answers.analysis import has
from cxraudit.cards.answers.answer import Answer, by_finding, rows_of, sentences
from cxraudit.cards.subject import Subject
from cxraudit.formatting import count_or_hidden, counted, decimal
from cxraudit.metrics import METRICS
from cxraudit.report.anchors import Anchor
from cxraudit.report.statements import (
    Statement,
    Tone,
    embeddings,
    operating_point,
    perturbations,
    shortcuts,
)
from cxraudit.report.statements import subgroups as subgroups_of
from cxraudit.schema import OVERALL, Analysis, is_level, records

_RATES = ("tpr", "fpr")
_CALIBRATION = ("calibration_slope", "calibration_intercept", "calibration_error")


def accuracy(subject: Subject) -> Answer | None:
    """Give AUROC, TPR and FPR of each finding over all patients, with intervals."""
    rows = evidence.overall(subject)
    if not rows:
        return None
    parts = [_levels(subject, metric) for metric in ("auroc", *_RATES)]
    analyses = [one for one in evidence.OF_GROUPS if has(subject, one)]
    places = (Anchor.ALL_PATIENTS, Anchor.OPERATING_POINT, rows_of(*analyses))
    return Answer(sentences(f"{subject.facts.interval}s.", *parts), places)


def _levels(subject: Subject, metric: str) -> str:
    rows = evidence.overall(subject, metric)
    parts = by_finding((row["finding"], evidence.value(row)) for row in rows)
    return f"{METRICS[metric].label}: {parts}." if parts else ""


def cross_tabulation(subject: Subject) -> Answer | None:
    """Give the share of positives and of negatives that are flagged, with numbers of images."""
    rates = {metric: evidence.overall(subject, metric) for metric in _RATES}
    if not rates["tpr"]:
        return None
    negatives = {row["finding"]: row for row in rates["fpr"]}
    parts = []
    for row in rates["tpr"]:
        other = negatives.get(row["finding"])
        flagged = f"{decimal(row['value'])} of {count_or_hidden(row['n_positive'])} positive"
        if other is not None:
            flagged += f" and {decimal(other['value'])} of the other images"
        parts.append((row["finding"], f"{flagged}, of {count_or_hidden(row['n'])} images"))
    text = (
        f"Flagged at the threshold: {by_finding(parts)}. Shares, of images that count as the audit weighs "
        "them; a table of counts follows from them."
    )
    places = (Anchor.OPERATING_POINT, rows_of(Analysis.OPERATING_POINT))
    return Answer(text, places, complete=False)


def subgroups(subject: Subject) -> Answer | None:
    """Give overall performance, and how groups compare with all others."""
    found = accuracy(subject)
    if found is None:
        return None
    n = len({(row["attribute"], row["group"]) for row in evidence.by_group(subject)})
    groups = f"By group: {counted(n, 'group')}, each with its interval." if n else ""
    text = sentences(found.text, groups, _verdicts(subject))
    places = (
        *found.places,
        Anchor.SUBGROUPS,
        Anchor.VERDICTS,
    )
    return Answer(text, places, complete=bool(n))


def _verdicts(subject: Subject) -> str:
    counts = evidence.verdict_counts(subject)
    return sentences(*(f"{question}: {words}" for question, words in counts))


def failures(subject: Subject) -> Answer | None:
    """State where the model fails: disparities between groups, by shortcuts and under perturbation."""
    found = evidence.in_sentences(evidence.statements(subject, evidence.SHOWN))
    counts = _verdicts(subject)
    if not found and not counts:
        return None
    text = sentences(*(found or ["No disparity was found."]), counts)
    return Answer(f"{text} Single images are not discussed.", (Anchor.RESULTS,), complete=False)


def calibration(subject: Subject) -> Answer | None:
    """Give how well probabilities agree with observed frequencies."""
    rows = subject.results
    rows = rows[
        (rows["analysis"] == Analysis.CALIBRATION)
        & (rows["attribute"] == OVERALL)
        & rows["metric"].isin(_CALIBRATION)
        & is_level(rows)
    ]
    if rows.empty:
        return None
    parts = [
        f"{METRICS[str(metric)].label}: "
        + by_finding((row["finding"], evidence.value(row)) for row in records(part))
        for metric, part in rows.groupby("metric", sort=False)
    ]
    return Answer(f"{'. '.join(parts)}.", (Anchor.OPERATING_POINT, rows_of(Analysis.CALIBRATION)))


def fairness_findings(subject: Subject) -> Answer | None:
    """State verdicts and disparities, for a discussion of fairness."""
    counts = _verdicts(subject)
    if not counts:
        return None
    found = evidence.in_sentences(evidence.statements(subject, evidence.SHOWN))
    text = sentences(counts, *(found or ["No disparity was found; that is not the same as none."]))
    return Answer(text, (Anchor.VERDICTS, Anchor.IN_SHORT, Anchor.RESULTS), complete=False)


def limitations(subject: Subject) -> Answer:
    """State what the audit does not settle, and the checks that need attention."""
    text = sentences(*evidence.limits(subject))
    return Answer(text, (Anchor.CHECKS, Anchor.IN_SHORT), complete=False)


def margin_goal(subject: Subject) -> Answer:
    """Give the margin of the audit; a goal is for the developer to state."""
    text = f"The audit regards differences within {subject.facts.margin} as irrelevant."
    return Answer(text, (Anchor.METHODS,), complete=False)


def overall_summary(subject: Subject) -> Answer:
    """State how well the model ranks."""
    found = evidence.in_sentences(evidence.statements(subject, (Tone.OVERALL,)))
    return Answer(sentences(*found), (Anchor.ALL_PATIENTS,))


def fairness_summary(subject: Subject) -> Answer:
    """State what the data show of groups, and what they do not settle."""
    found = [one for one in _about(subject, *_OF_GROUPS) if one.tone != Tone.OVERALL]
    text = sentences(
        _verdicts(subject) or "No groups were compared.", *evidence.in_sentences(found)
    )
    return Answer(text, (Anchor.VERDICTS, Anchor.RESULTS))


def safety_summary(subject: Subject) -> Answer:
    """State what the data show of shortcuts and perturbed images, and what they do not settle."""
    found = _about(subject, shortcuts, perturbations)
    if not found:
        return Answer("No shortcut was audited, and no image was perturbed.", (), complete=False)
    return Answer(sentences(*evidence.in_sentences(found)), (Anchor.RESULTS,))


_OF_GROUPS = (subgroups_of, operating_point, embeddings)


def _about(subject: Subject, *modules: object) -> list[Statement]:
    return evidence.statements(subject, about=modules)
