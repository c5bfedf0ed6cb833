"""Whether a finding is recognised better with a shortcut, and what scores alone say of why."""

import math
from collections.abc import Mapping

import pandas as pd

from cxraudit.audits.result import Audit
from cxraudit.formatting import bounds, column_name, decimal, in_sentence, sentence_case, signed
from cxraudit.report.statements import rows as find
from cxraudit.report.statements.rows import Row
from cxraudit.report.statements.statement import Statement, Tone
from cxraudit.schema import (
    ANNOTATED,
    BOUNDS,
    CHANCE,
    CORRECTED,
    INDEPENDENT,
    NEGATIVES,
    NEGATIVES_REWEIGHTED,
    POSITIVES,
    REWEIGHTED,
    WITH,
    WITHOUT,
    Analysis,
    Reason,
    has_reason,
    is_level,
    records,
)
from cxraudit.stats.estimate import SHOWN, WITHIN_MARGIN, Verdict
from cxraudit.vocabulary import shortcut_name, with_article


def statements(audit: Audit, model: str) -> list[Statement]:
    """State, per shortcut, the gap with − without, and whether the score separates the shortcut.

    Where a detector gave labels, all labels and those by annotators have rows, of which one is judged.
    """
    arms = find.of(audit, model, analysis=Analysis.SHORTCUT, metric="auroc")
    gaps = arms[(arms["reference"] == WITHOUT) & (arms["verdict"] != "")]
    found = [_gap(arms, gap) for gap in records(gaps)]
    separation = find.of(audit, model, analysis=Analysis.SHORTCUT_SEPARATION, reference=CHANCE)
    judged = separation[separation["verdict"] != ""]
    for shortcut, part in judged.groupby("attribute", sort=False):
        found.append(_separation(audit, model, str(shortcut), part))
    return found


def _gap(arms: pd.DataFrame, gap: Row) -> Statement:
    """State the gap between positives with and without a shortcut."""
    name = shortcut_name(gap["attribute"], gap["label_source"])
    a_shortcut = with_article(name)
    finding = in_sentence(gap["finding"])
    levels = find.where(
        arms[is_level(arms)],
        attribute=gap["attribute"],
        finding=gap["finding"],
        label_source=gap["label_source"],
    )
    value = levels.set_index("group")["value"]
    numbers = (
        f"AUROC {decimal(value.get(WITH, math.nan))} with {a_shortcut} in the image, "
        f"{decimal(value.get(WITHOUT, math.nan))} without: gap {find.difference(gap)}."
    )
    auroc = f"AUROC for {finding}"
    verdict = gap["verdict"]
    if verdict == Verdict.DISPARITY:
        way = "higher" if gap["value"] > 0 else "lower"
        headline = f"{auroc} is {way} with {a_shortcut} in the image"
        return Statement(Tone.DISPARITY, headline, numbers)
    if verdict in WITHIN_MARGIN:
        tone = Tone.EQUIVALENT if verdict == Verdict.EQUIVALENT else Tone.SMALL
        headline = f"{auroc} with and without {a_shortcut}: gap within ±{gap['margin']:g}"
        return Statement(tone, headline, numbers)
    if verdict == Verdict.UNDEFINED:
        why = gap["note"] or "no positives with it, or none without it"
        return Statement(
            Tone.UNDEFINED,
            f"{auroc} with and without {a_shortcut}: gap undefined",
            f"{sentence_case(why)}.",
        )
    if verdict == Verdict.UNCLEAR_SIZE:
        headline = f"{auroc} differs with and without {a_shortcut}; the size is not settled"
        return Statement(Tone.UNCLEAR_SIZE, headline, numbers)
    headline = f"{auroc} with and without {a_shortcut}: inconclusive"
    return Statement(
        Tone.INCONCLUSIVE, headline, f"{numbers}{_no_verdict(pd.DataFrame([gap]), name)}"
    )


def _no_verdict(judged: pd.DataFrame, name: str) -> str:
    """Say why a comparison by labels of a detector has no verdict; empty if none is."""
    if not has_reason(judged, Reason.PREDICTED_LABELS).any():
        return ""
    return (
        f" There is no verdict by labels of a detector of the {name}: errors that depend on the score can "
        "produce such a difference, and too few patients have labels by annotators."
    )


def _separation(audit: Audit, model: str, shortcut: str, judged: pd.DataFrame) -> Statement:
    """State whether the score of the finding separates images with and without the shortcut."""
    name = shortcut_name(shortcut)
    finding = in_sentence(str(judged["finding"].iloc[0]))
    levels = find.of(
        audit, model, analysis=Analysis.SHORTCUT_SEPARATION, attribute=shortcut, reference=""
    ).dropna(subset=["value"])
    by_detector = has_reason(levels, Reason.PREDICTED_LABELS)
    numbers = "; ".join(
        f"{decimal(row['value'])} ({bounds(row['low'], row['high'])}) among {row['group']}"
        f"{_by(row, predicted=predicted)}"
        for row, predicted in zip(records(levels), by_detector, strict=True)
    )
    detail = (
        f"AUROC of the score for the {name}: {numbers}."
        f"{_no_verdict(judged, name)}"
        f"{_reweighted(audit, model, shortcut)}{_standardised(audit, model, shortcut)}"
    )
    by_kind = {row["group"]: row for row in records(judged)}
    headline, tone = _separates(f"The score for {finding}", finding, name, by_kind)
    if tone == Tone.INCONCLUSIVE and _way(by_kind.get(POSITIVES)):
        detail += (
            f" Among images with {finding}, this may come from the {name}, from the severity of the finding "
            "in images with it, or from anything else that goes with it."
        )
    return Statement(tone, headline, detail)


def _separates(score: str, finding: str, name: str, by_kind: Mapping[str, Row]) -> tuple[str, Tone]:
    """Put the results among images with and without the finding together; the latter decide.

    Among positives a drain also goes with how large the pneumothorax is, among negatives with nothing.
    """
    positives, negatives = by_kind.get(POSITIVES), by_kind.get(NEGATIVES)
    with_it, without_it = _way(positives), _way(negatives)
    a_shortcut = with_article(name)
    images = f"images with and without {a_shortcut}"
    if negatives is not None and without_it:
        if with_it and with_it != without_it:
            headline = (
                f"{score} is {without_it} with {a_shortcut} among images without {finding}, and {with_it} "
                "among images with it"
            )
        elif with_it:
            headline = (
                f"{score} separates {images}"
                if with_it == "higher"
                else f"{score} is lower with {a_shortcut}"
            )
        else:
            headline = (
                f"{score} is {without_it} with {a_shortcut} among images without {finding}"
                f"{_of_others(positives)}"
            )
        if negatives["verdict"] == Verdict.DISPARITY:
            return headline, Tone.DISPARITY
        beyond = f"whether beyond the margin among images without {finding} is not settled"
        return f"{headline}; {beyond}", Tone.UNCLEAR_SIZE
    if with_it:
        return (
            f"{score} is {with_it} with {a_shortcut} among images with {finding}{_of_others(negatives)}",
            Tone.INCONCLUSIVE,
        )
    if len(by_kind) == 2 and all(row["verdict"] in WITHIN_MARGIN for row in by_kind.values()):
        return f"{score} does not separate {images} beyond the margin", Tone.EQUIVALENT
    return f"Separation of {images} by the score for {finding}: inconclusive", Tone.INCONCLUSIVE


def _way(row: Row | None) -> str:
    """Return in which direction a score is shown to differ; empty if it is not."""
    if row is None or row["verdict"] not in SHOWN:
        return ""
    return "higher" if row["value"] > 0 else "lower"


def _of_others(row: Row | None) -> str:
    """Say what is known of the other images."""
    return (
        "; there is no verdict on the others" if row is None else f"; the others: {row['verdict']}"
    )


def _by(row: Row, *, predicted: bool) -> str:
    """Say whose labels a row rests on; empty if annotators gave all."""
    if row["label_source"] == ANNOTATED:
        return " by annotated labels"
    return " by all labels, some of them those of a detector" if predicted else ""


def _reweighted(audit: Audit, model: str, shortcut: str) -> str:
    """State what AUROC would be if the shortcut did not go with the finding: an association, no cause."""
    name = shortcut_name(shortcut)
    rows = find.of(
        audit,
        model,
        analysis=Analysis.SHORTCUT_PREVALENCE,
        attribute=shortcut,
        reference=REWEIGHTED,
    ).dropna(subset=["value"])
    by = {row["reference"]: row for row in records(rows)}
    whole, of_negatives = by.get(INDEPENDENT), by.get(NEGATIVES_REWEIGHTED)
    if whole is None:
        return ""
    text = (
        f" AUROC would be {_lower(whole)} if images with and without the finding had "
        f"{with_article(name)} equally often; whatever goes with the {name}, such as severity, is "
        "reweighted with it."
    )
    if has_reason(rows, Reason.PREDICTED_LABELS).any():
        text += (
            " This rests on labels of a detector and is not corrected for its errors, which can make up all "
            "of it."
        )
    if of_negatives is None:
        return text
    return (
        f"{text} If only images without the finding were reweighted, where severity of the finding has no "
        f"part, it would be {_lower(of_negatives)}."
    )


def _lower(row: Row) -> str:
    """Return how much lower, or higher, AUROC would be than it is observed to be."""
    value, low, high = row["value"], row["low"], row["high"]
    if value < 0:
        return f"{decimal(-value)} higher ({bounds(-high, -low, signed=True)})"
    return f"{decimal(value)} lower ({bounds(low, high, signed=True)})"


def _standardised(audit: Audit, model: str, shortcut: str) -> str:
    found = find.of(
        audit,
        model,
        analysis=Analysis.SHORTCUT_STANDARDISED,
        attribute=shortcut,
        metric="auroc",
    ).dropna(subset=["value"])
    if found.empty:
        return ""
    row = records(found)[-1]  # the last is standardised by the most
    mix = column_name(row["condition"])
    return f" Standardised by {mix}, the gap with − without is {find.difference(row)}."


def label_errors(audit: Audit, shortcut: str) -> list[str]:
    """State what the errors of a detector can do to gap and separation, one sentence each per model.

    Parameters
    ----------
    audit : Audit
        The audit.
    shortcut : str
        One of its shortcuts.

    Returns
    -------
    list of str
        Empty where no label is a detector's, or nothing is known of its errors.
    """
    results = audit.without_hidden().results
    rows = find.where(results, attribute=shortcut, metric=("auroc", "shortcut_auroc"))
    found = []
    for model, part in rows.groupby("model", sort=False):
        given = {
            (row["group"], row["reference"]): row
            for row in records(
                find.where(
                    part,
                    analysis=(Analysis.SHORTCUT, Analysis.SHORTCUT_SEPARATION),
                    label_source="",
                )
            )
        }
        errors = find.where(part, analysis=Analysis.SHORTCUT_LABEL_ERRORS)
        for place, both in errors.groupby(["group", "reference"], sort=False):
            by = {row["condition"]: row for row in records(both)}
            if place in given and CORRECTED in by:
                annotated = find.where(
                    part, label_source=ANNOTATED, group=place[0], reference=place[1]
                )
                sentence = _errors(
                    shortcut_name(shortcut),
                    given[place],
                    by[CORRECTED],
                    by.get(BOUNDS),
                    annotated=bool(annotated["value"].notna().any()),
                )
                found.append(f"{model}: {sentence}")
    return found


def _errors(name: str, given: Row, corrected: Row, bound: Row | None, *, annotated: bool) -> str:
    is_gap = given["reference"] == WITHOUT
    what = "the gap" if is_gap else f"the AUROC of the score for the {name} among {given['group']}"
    of = "positives" if is_gap else given["group"]
    beginning = f"some {name} labels of {of} are those of a detector."
    if bound is None:
        return (
            f"{beginning} Its error rates among {of} are not known: {what} can neither be corrected nor "
            "bounded."
        )
    if not all(map(math.isfinite, (corrected["value"], bound["low"], bound["high"]))):
        return (
            f"{beginning} Its known errors do not fit the number of images it flagged, or it has no skill: "
            f"{what} can neither be corrected nor bounded."
            f"{' See that of annotated labels.' if annotated else ''}"
        )
    sign = (
        "so its sign does not depend on them"
        if bound["low"] * bound["high"] > 0
        else "so its sign may depend on them"
    )
    if is_gap:
        numbers = f"{find.difference(corrected)} instead of {signed(given['value'])}"
        ends = f"{signed(bound['low'])} and {signed(bound['high'])}, {sign}"
    else:
        value, low, high = (0.5 + corrected[end] for end in ("value", "low", "high"))
        numbers = (
            f"{decimal(value)} ({bounds(low, high)}) instead of {decimal(0.5 + given['value'])}"
        )
        ends = f"{decimal(0.5 + bound['low'])} and {decimal(0.5 + bound['high'])}"
    return (
        f"{beginning} Corrected for its errors, if these do not depend on the score, {what} is {numbers}; "
        f"whatever images the errors fall on, it lies between {ends}."
    )
