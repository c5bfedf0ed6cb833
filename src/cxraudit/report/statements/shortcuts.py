"""Whether a finding is recognised better with a shortcut, and what scores alone say of why."""

import math

import pandas as pd

from cxraudit.audits.result import Audit
from cxraudit.formatting import bounds, column_name, decimal, sentence_case, signed
from cxraudit.report.statements import rows as find
from cxraudit.report.statements.rows import Row
from cxraudit.report.statements.statement import Statement, Tone
from cxraudit.schema import (
    BOUNDS,
    CHANCE,
    CORRECTED,
    INDEPENDENT,
    NEGATIVES,
    POSITIVES,
    WITH,
    WITHOUT,
    Analysis,
    is_level,
    records,
)
from cxraudit.stats.estimate import SHOWN, WITHIN_MARGIN, Verdict
from cxraudit.vocabulary import shortcut_name, with_article


def statements(audit: Audit, model: str) -> list[Statement]:
    """State, per shortcut, the gap with − without, and whether the score separates the shortcut."""
    arms = find.of(audit, model, analysis=Analysis.SHORTCUT, metric="auroc")
    found = [_gap(arms, gap) for gap in records(arms[arms["reference"] == WITHOUT])]
    separation = find.of(audit, model, analysis=Analysis.SHORTCUT_SEPARATION, reference=CHANCE)
    for shortcut, part in separation.groupby("attribute", sort=False):
        found.append(_separation(audit, model, str(shortcut), part))
    return found


def _gap(arms: pd.DataFrame, gap: Row) -> Statement:
    """State the gap between positives with and without a shortcut."""
    name = shortcut_name(gap["attribute"], gap["label_source"])
    a_shortcut = with_article(name)
    finding = gap["finding"].lower()
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
    return Statement(Tone.INCONCLUSIVE, headline, numbers)


def _separation(audit: Audit, model: str, shortcut: str, judged: pd.DataFrame) -> Statement:
    """State whether the score of the finding separates images with and without the shortcut."""
    name = shortcut_name(shortcut)
    finding = str(judged["finding"].iloc[0]).lower()
    levels = find.of(
        audit, model, analysis=Analysis.SHORTCUT_SEPARATION, attribute=shortcut, reference=""
    )
    numbers = "; ".join(
        f"{decimal(row['value'])} ({bounds(row['low'], row['high'])}) among {row['group']}"
        for row in records(levels.dropna(subset=["value"]))
    )
    images = f"images with and without {with_article(name)}"
    detail = (
        f"AUROC of the score for the {name}: {numbers}."
        f"{_attributable(audit, model, shortcut, name)}{_standardised(audit, model, shortcut)}"
    )
    by_kind = {row["group"]: row for row in records(judged)}
    # Among positives a drain also goes with how large the pneumothorax is; among negatives with nothing.
    negatives = by_kind.get(NEGATIVES)
    if negatives is not None and negatives["verdict"] == Verdict.UNCLEAR_SIZE:
        headline = (
            f"The score for {finding} separates {images}; whether beyond the margin is not settled"
        )
        return Statement(Tone.UNCLEAR_SIZE, headline, detail)
    if negatives is not None and negatives["verdict"] == Verdict.DISPARITY:
        headline = f"The score for {finding} separates {images}"
        if negatives["value"] < 0:
            headline = f"The score for {finding} is lower with {with_article(name)}"
        return Statement(Tone.DISPARITY, headline, detail)
    if len(by_kind) == 2 and all(row["verdict"] in WITHIN_MARGIN for row in by_kind.values()):
        headline = f"The score for {finding} does not separate {images} beyond the margin"
        return Statement(Tone.EQUIVALENT, headline, detail)
    positives = by_kind.get(POSITIVES)
    if positives is not None and positives["verdict"] in SHOWN and positives["value"] > 0:
        return Statement(
            Tone.INCONCLUSIVE,
            f"The score is higher with {with_article(name)} among images with {finding} only",
            f"{detail} Either the {name} or the severity of the finding in images with it explains this.",
        )
    headline = f"Separation of {images} by the score for {finding}: inconclusive"
    return Statement(Tone.INCONCLUSIVE, headline, detail)


def _attributable(audit: Audit, model: str, shortcut: str, name: str) -> str:
    found = find.of(
        audit,
        model,
        analysis=Analysis.SHORTCUT_PREVALENCE,
        attribute=shortcut,
        reference=INDEPENDENT,
    )
    for row in records(found):
        if not math.isfinite(row["p_adjusted"]):
            return (
                f" How much of the AUROC is attributable to the association of the {name} with the "
                "finding is not settled."
            )
        return (
            f" {find.difference(row)} of the AUROC is attributable to the association of the {name} with "
            "the finding."
        )
    return ""


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
    """State what the errors of a detector can do to a shortcut's gap, one sentence per model.

    Parameters
    ----------
    audit : Audit
        The audit.
    shortcut : str
        One of its shortcuts.

    Returns
    -------
    list of str
        Empty where no label is a detector's, or its errors are not known.
    """
    rows = find.where(
        audit.without_hidden().results, attribute=shortcut, metric="auroc", reference=WITHOUT
    )
    found = []
    for model, part in rows.groupby("model", sort=False):
        gaps = records(find.where(part, analysis=Analysis.SHORTCUT, label_source=""))
        errors = {
            row["condition"]: row
            for row in records(part[part["analysis"] == Analysis.SHORTCUT_LABEL_ERRORS])
        }
        if gaps and {CORRECTED, BOUNDS} <= set(errors):
            sentence = _errors(shortcut_name(shortcut), gaps[0], errors[CORRECTED], errors[BOUNDS])
            found.append(f"{model}: {sentence}")
    return found


def _errors(name: str, gap: Row, corrected: Row, bound: Row) -> str:
    beginning = f"some {name} labels are those of a detector."
    if not all(map(math.isfinite, (corrected["value"], bound["low"], bound["high"]))):
        return (
            f"{beginning} Its known errors do not fit the number of images it flagged, or it has no skill: "
            "the gap can neither be corrected nor bounded. See the gap of annotated labels."
        )
    sign = (
        "so its sign does not depend on them"
        if bound["low"] * bound["high"] > 0
        else "so its sign may depend on them"
    )
    return (
        f"{beginning} Corrected for its errors, if these do not depend on the score, the gap is "
        f"{find.difference(corrected)} instead of {signed(gap['value'])}; whatever images the errors fall "
        f"on, it lies between {signed(bound['low'])} and {signed(bound['high'])}, {sign}."
    )
