"""Whether attributes are decodable from the embeddings, and associated with the score given the label."""

import math
from dataclasses import replace

import pandas as pd

from cxraudit.audits.embeddings.cohort import SPACES_2D
from cxraudit.audits.embeddings.probes import (
    CHANCE_AUROC,
    CONTROL_METRIC,
    DECODABLE,
    IMAGE,
    LITTLE,
    METRIC,
    NOT_DECODABLE,
    UNCLEAR,
)
from cxraudit.audits.embeddings.score_direction import (
    ASSOCIATED,
    ASSOCIATED_UNCLEAR_SIZE,
    ERASED,
    LABEL_ERROR_RATE,
    NOT_ASSOCIATED,
    NOT_HELD,
    ONLY_ASSOCIATED,
    ONLY_ASSOCIATED_UNCLEAR_SIZE,
    ROBUSTNESS,
    SHIFT,
    UNKNOWN_SEVERITY,
)
from cxraudit.audits.result import Audit
from cxraudit.figures.words import missing_because
from cxraudit.formatting import (
    bounds,
    column_name,
    counted,
    decimal,
    in_sentence,
    listed,
    sentence_case,
    whole_percent,
)
from cxraudit.metrics import METRICS, SHIFT_MARGIN
from cxraudit.report.statements import rows as find
from cxraudit.report.statements.rows import Row
from cxraudit.report.statements.statement import Statement, Tone
from cxraudit.schema import BEFORE_ERASURE, Analysis, Reason, has_reason, records
from cxraudit.vocabulary import group_phrase

LINEAR = METRIC["linear"]
PCA, _ = SPACES_2D
_ANALYSES = (Analysis.PROBE, Analysis.SCORE_DIRECTION, Analysis.ERASURE, Analysis.ENCODING_USE)


def statements(audit: Audit, model: str) -> list[Statement]:
    """State of every attribute whether it is decodable, and whether it is associated with the score."""
    rows = find.of(audit, model, analysis=_ANALYSES)
    probes = find.where(rows, analysis=Analysis.PROBE, condition=IMAGE)
    return [
        _statement(
            rows,
            str(attribute),
            {row["metric"]: row for row in records(part)},
            audit.facts["settings"].get("severity", ""),
        )
        for attribute, part in probes.groupby("attribute", sort=False)
    ]


def _statement(
    rows: pd.DataFrame, attribute: str, probes: dict[str, Row], severity: str
) -> Statement:
    linear = probes[LINEAR]
    name = sentence_case(column_name(attribute))
    if not math.isfinite(linear["value"]):
        why = linear["note"] or missing_because(str(linear["reasons"]))
        return Statement(
            Tone.UNCLEAR, f"{name}: not probed", f"{sentence_case(why)}." if why else ""
        )
    numbers = (
        f"{sentence_case(METRICS[LINEAR].label)} {decimal(linear['value'])} "
        f"({bounds(linear['low'], linear['high'])}) on held-out patients, fitted to "
        f"{_patients(linear)}{_from_axes(rows, attribute)}."
    )
    stated = _answer(rows, attribute, name, probes, numbers, severity)
    return replace(stated, detail=f"{stated.detail}{_left_out(rows, attribute)}")


def _answer(
    rows: pd.DataFrame,
    attribute: str,
    name: str,
    probes: dict[str, Row],
    numbers: str,
    severity: str,
) -> Statement:
    """State what the linear probe and the shifts of the score answer together."""
    linear = probes[LINEAR]
    shifts = find.where(rows, analysis=Analysis.ENCODING_USE, attribute=attribute)
    for verdict in _SHOWN:
        associated = records(shifts[shifts["verdict"] == verdict])
        if associated:
            n_shown = int(shifts["verdict"].isin(list(_SHOWN)).sum())
            return _associated(
                rows, name, linear, numbers, associated, n_shown, len(shifts), severity
            )
    unsettled = shifts[shifts["verdict"] != NOT_ASSOCIATED]
    doubtful = shifts[has_reason(shifts, Reason.LABEL_ERRORS)]
    if linear["verdict"] == NOT_DECODABLE:
        stated = _not_decodable(name, numbers, probes)
        return replace(stated, detail=f"{stated.detail}{_doubtful(rows, doubtful, severity)}")
    if linear["verdict"] != DECODABLE:
        headline = f"{name}: {_unclear_whether_decodable(linear)}"
        detail = (
            f"{numbers} It is neither shown to exceed {CHANCE_AUROC:g}, with all attributes tested together, "
            f"nor shown to be below {LITTLE:g}.{_doubtful(rows, doubtful, severity)}"
        )
        return Statement(Tone.UNCLEAR, headline, detail)
    if shifts.empty:
        return Statement(
            Tone.UNCLEAR,
            f"{name}: decodable; association with the score not tested",
            f"{numbers} There are no prompts for a finding of the data set.",
        )
    if len(unsettled):
        of_all = f"{len(unsettled)} of {counted(len(shifts), 'finding')}"
        headline = f"{name}: decodable; association with the score unclear for {of_all}"
        why = (
            _doubtful(rows, doubtful, severity)
            or _why_not_judged(unsettled)
            or _too_wide(rows, unsettled, severity)
        )
        return Statement(Tone.UNCLEAR, headline, f"{numbers}{why}")
    adjusted = _adjusted(rows, find.largest(records(shifts)), severity)
    return Statement(
        Tone.NOT_ASSOCIATED,
        f"{name}: decodable, not associated with the score given the label",
        f"{numbers} Among images with and among images without each finding, the score shifts with it by "
        f"less than {SHIFT_MARGIN:g} standard deviations{f', {adjusted}' if adjusted else ''}.",
    )


def _left_out(rows: pd.DataFrame, attribute: str) -> str:
    """Name the groups that have too few patients to be compared; empty if there are none."""
    found = find.where(
        rows, analysis=Analysis.SCORE_DIRECTION, metric=SHIFT, attribute=attribute, condition=""
    )
    groups = list(dict.fromkeys(map(str, found["group"])))
    return f" Not compared, for few patients: {listed(groups)}." if groups else ""


def _not_decodable(name: str, numbers: str, probes: dict[str, Row]) -> Statement:
    linear = probes[LINEAR]
    not_decoded = _not_decoded(linear)
    others = [row for metric, row in probes.items() if metric not in (LINEAR, CONTROL_METRIC)]
    decoding = [row for row in others if row["verdict"] == DECODABLE]
    if decoding:
        best = max(decoding, key=lambda row: row["value"])
        return Statement(
            Tone.UNCLEAR,
            f"{name}: {not_decoded}, but by another probe",
            f"{numbers} {METRICS[best['metric']].label} {decimal(best['value'])}.",
        )
    unclear = [METRICS[row["metric"]].label for row in others if row["verdict"] == UNCLEAR]
    neither = [
        f"{METRICS[row['metric']].label} of {_excluded(row)}"
        for row in others
        if row["verdict"] == NOT_DECODABLE
    ]
    sentences = [numbers]
    if neither:
        sentences.append(f"Excluded, too: {listed(neither)}.")
    if unclear:
        sentences.append(f"Whether another probe decodes it is unclear ({listed(unclear)}).")
    return Statement(Tone.NOT_DECODABLE, f"{name}: {not_decoded}", " ".join(sentences))


def _not_decoded(linear: Row) -> str:
    return (
        f"not decoded by a linear probe fitted to {_patients(linear)} "
        f"(an AUROC of {_excluded(linear)} is excluded)"
    )


def _unclear_whether_decodable(linear: Row) -> str:
    return f"unclear whether decodable by a linear probe fitted to {_patients(linear)}"


def _patients(probe: Row) -> str:
    """Return the number of patients that a probe was fitted to."""
    return counted(int(probe["at"]), "patient")


def _excluded(probe: Row) -> str:
    """Return the AUROCs that lie above the interval of a probe, rounded up to two digits."""
    return f"{decimal(math.ceil(100 * probe['high'] - 1e-9) / 100)} or more"


_SHOWN = {
    ASSOCIATED: Tone.ASSOCIATED,
    ONLY_ASSOCIATED: Tone.ONLY_ASSOCIATED,
    ASSOCIATED_UNCLEAR_SIZE: Tone.ASSOCIATED_UNCLEAR_SIZE,
    ONLY_ASSOCIATED_UNCLEAR_SIZE: Tone.ONLY_ASSOCIATED_UNCLEAR_SIZE,
}
"""Answers that a shift is shown, the largest claim first."""
_OF_UNCLEAR_SIZE = (ASSOCIATED_UNCLEAR_SIZE, ONLY_ASSOCIATED_UNCLEAR_SIZE)


def _associated(
    rows: pd.DataFrame,
    name: str,
    linear: Row,
    numbers: str,
    associated: list[Row],
    n_shown: int,
    n_findings: int,
    severity: str,
) -> Statement:
    row = find.largest(associated)
    adjusted = _adjusted(rows, row, severity)
    of_all = f"{n_shown} of {counted(n_findings, 'finding')}"
    if n_shown > len(associated):
        of_all += f" (of clear size for {len(associated)})"
    of_size = ", by an unclear size," if row["verdict"] in _OF_UNCLEAR_SIZE else ""
    with_score = f"associated{of_size} with the score for {of_all}"
    return Statement(
        _SHOWN[row["verdict"]],
        f"{name}: {_decoded_and(linear, with_score)}",
        f"{numbers} Among {row['condition']} the score shifts most for {in_sentence(row['finding'])}: "
        f"{find.difference(row)} standard deviations in {_images(row['attribute'], row['group'])}"
        f"{f', {adjusted}' if adjusted else ''}. {_explanations(rows, row, severity)}"
        f"{_after_erasure(rows, row)}",
    )


def _adjusted(rows: pd.DataFrame, shift: Row, severity: str) -> str:
    """Say what a shift is adjusted for, and of how many images that is not known; empty if for nothing."""
    names = []
    not_held = _of_shift(rows, shift, NOT_HELD)
    if math.isfinite(not_held):
        some = f" (labels unknown or in rare combinations in {whole_percent(not_held)} of images)"
        names.append(f"other findings{some if not_held else ''}")
    unknown = _of_shift(rows, shift, UNKNOWN_SEVERITY)
    if unknown < 1:
        some = f" (not known for {whole_percent(unknown)} of images)"
        names.append(f"{column_name(severity)}{some if unknown else ''}")
    return f"adjusted for {' and '.join(names)}" if names else ""


def _decoded_and(linear: Row, with_score: str) -> str:
    """Put the answer of the linear probe and a shown shift together."""
    if linear["verdict"] == DECODABLE:
        return f"decodable, and {with_score}"
    other = (
        _not_decoded(linear)
        if linear["verdict"] == NOT_DECODABLE
        else _unclear_whether_decodable(linear)
    )
    return f"{with_score}, but {other}"


def _of_shift(rows: pd.DataFrame, shift: Row, metric: str) -> float:
    """Return what else is known of a shift; NaN if nothing is."""
    keys = {name: shift[name] for name in ("attribute", "group", "finding", "condition")}
    found = find.where(rows, analysis=Analysis.SCORE_DIRECTION, metric=metric, **keys)
    return float(found["value"].iloc[0]) if len(found) else math.nan


def _explanations(rows: pd.DataFrame, shift: Row, severity: str) -> str:
    """State what else would explain a shift: wrong labels, or something unmeasured."""
    rate = _of_shift(rows, shift, LABEL_ERROR_RATE)
    strength = _of_shift(rows, shift, ROBUSTNESS)
    by_labels = math.isfinite(rate)
    labels = (
        f"Label errors of {whole_percent(rate)} would explain it"
        if by_labels
        else "No rate of label errors would explain it"
    )
    if not math.isfinite(strength):
        return f"{labels}."
    all_known = severity and not _of_shift(rows, shift, UNKNOWN_SEVERITY) > 0
    such_as = "" if all_known else ", such as severity,"
    return (
        f"{labels}, {'and so' if by_labels else 'but it'} would {'' if by_labels else 'be explained by '}"
        f"something unmeasured{such_as} that explains {whole_percent(strength)} of the remaining variance of "
        "both attribute and score."
    )


def _doubtful(rows: pd.DataFrame, doubtful: pd.DataFrame, severity: str) -> str:
    """State the largest shift that label errors could explain, and how many it takes; empty if none is."""
    if doubtful.empty:
        return ""
    row = find.largest(records(doubtful))
    return (
        f" Among {row['condition']} the score for {in_sentence(row['finding'])} shifts by "
        f"{find.difference(row)} standard deviations in {_images(row['attribute'], row['group'])}"
        f"{f', {adjusted}' if (adjusted := _adjusted(rows, row, severity)) else ''}. "
        f"{_explanations(rows, row, severity)}"
    )


def _too_wide(rows: pd.DataFrame, unsettled: pd.DataFrame, severity: str) -> str:
    """State the largest shift that is not settled: neither different from 0 nor below the margin."""
    known = records(unsettled.dropna(subset=["value", "low"]))
    if not known:
        return ""
    row = find.largest(known)
    adjusted = _adjusted(rows, row, severity)
    return (
        f" The largest shift, for {in_sentence(row['finding'])} among {row['condition']}, is "
        f"{find.difference(row)} standard deviations in {_images(row['attribute'], row['group'])}"
        f"{f', {adjusted}' if adjusted else ''}. With all comparisons adjusted together, it is not settled "
        f"whether it differs from 0, or is below {SHIFT_MARGIN:g}."
    )


def _why_not_judged(unsettled: pd.DataFrame) -> str:
    """State why shifts are not judged, each reason once."""
    return "".join(
        f" {sentence}"
        for reason, sentence in _NOT_JUDGED.items()
        if has_reason(unsettled, reason).any()
    )


_NOT_JUDGED = {
    Reason.TOO_FEW_PATIENTS: "Too few patients with, or without, a finding can be compared.",
    Reason.UNDEFINED_VALUE: "What the scores are adjusted for determines the group.",
    Reason.CONSTANT_SCORES: "All scores are equal.",
    Reason.IDENTICAL_RESAMPLES: "The shift is the same in every resample, so that it has no interval.",
    Reason.TOO_FEW_RESAMPLES: "There are too few resamples for an interval.",
}
"""Why no shift is judged → the sentence that says so."""


def _from_axes(rows: pd.DataFrame, attribute: str) -> str:
    found = find.where(
        rows, analysis=Analysis.PROBE, attribute=attribute, condition=PCA, metric=LINEAR
    )
    return f"; from two axes of a PCA, {decimal(found['value'].iloc[0])}" if len(found) else ""


def _images(attribute: str, group: str) -> str:
    """Name the images of a group; of a shortcut, those with or without it."""
    return {"yes": "images with it", "no": "images without it"}.get(
        group, group_phrase(attribute, group)
    )


def _after_erasure(rows: pd.DataFrame, shift: Row) -> str:
    """State the change of AUROC when the attribute is erased, which also erases what goes with it."""
    found = find.where(
        rows,
        analysis=Analysis.ERASURE,
        reference=BEFORE_ERASURE,
        metric="auroc",
        attribute=shift["attribute"],
        finding=shift["finding"],
    )
    left = _decodable_after(rows, shift["attribute"])
    found = found.dropna(subset=["value", "low"])
    if found.empty:
        return left
    for row in records(found):
        if row["low"] > 0 or row["high"] < 0:
            return (
                f" Erasure from the embedding (LEACE) changes AUROC by {find.difference(row)}; it also "
                f"removes what goes with the attribute, such as severity.{left}"
            )
    return f" After erasure from the embedding (LEACE), no change of AUROC is detected.{left}"


def _decodable_after(rows: pd.DataFrame, attribute: str) -> str:
    """State what a linear probe of other patients than the eraser's still decodes."""
    found = find.where(
        rows, analysis=Analysis.ERASURE, attribute=attribute, condition=ERASED, metric=LINEAR
    )
    if found.empty or not math.isfinite(found["value"].iloc[0]):
        return ""
    [row] = records(found)
    return (
        f" After erasure a linear probe still decodes it with AUROC {decimal(row['value'])} "
        f"({bounds(row['low'], row['high'])})."
        if row["low"] > CHANCE_AUROC
        else f" After erasure the AUROC of a linear probe is {decimal(row['value'])} "
        f"({bounds(row['low'], row['high'])})."
    )
