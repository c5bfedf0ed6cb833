"""Whether attributes are decodable from the embeddings, and associated with the score given the label."""

import math

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
    ROBUSTNESS,
)
from cxraudit.audits.result import Audit
from cxraudit.formatting import (
    bounds,
    column_name,
    counted,
    decimal,
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
    """State of every attribute whether it is decodable and, if so, associated with the score."""
    rows = find.of(audit, model, analysis=_ANALYSES)
    probes = find.where(rows, analysis=Analysis.PROBE, condition=IMAGE)
    return [
        _statement(rows, str(attribute), {row["metric"]: row for row in records(part)})
        for attribute, part in probes.groupby("attribute", sort=False)
    ]


def _statement(rows: pd.DataFrame, attribute: str, probes: dict[str, Row]) -> Statement:
    linear = probes[LINEAR]
    name = sentence_case(column_name(attribute))
    if not math.isfinite(linear["value"]):
        return Statement(Tone.UNCLEAR, f"{name}: not probed", f"{sentence_case(linear['note'])}.")
    numbers = (
        f"{sentence_case(METRICS[LINEAR].label)} {decimal(linear['value'])} "
        f"({bounds(linear['low'], linear['high'])}) on held-out patients, fitted to "
        f"{_patients(linear)}{_from_axes(rows, attribute)}."
    )
    if linear["verdict"] == NOT_DECODABLE:
        return _not_decodable(name, numbers, probes)
    if linear["verdict"] != DECODABLE:
        headline = (
            f"{name}: unclear whether decodable by a linear probe fitted to {_patients(linear)}"
        )
        detail = (
            f"{numbers} It is neither shown to exceed {CHANCE_AUROC:g}, with all attributes tested together, "
            f"nor shown to be below {LITTLE:g}."
        )
        return Statement(Tone.UNCLEAR, headline, detail)
    shifts = find.where(rows, analysis=Analysis.ENCODING_USE, attribute=attribute)
    for verdict in (ASSOCIATED, ASSOCIATED_UNCLEAR_SIZE):
        associated = records(shifts[shifts["verdict"] == verdict])
        if associated:
            return _associated(rows, name, numbers, associated, len(shifts))
    if shifts.empty:
        return Statement(
            Tone.UNCLEAR,
            f"{name}: decodable; association with the score not tested",
            f"{numbers} No finding has enough patients with and without it in two groups.",
        )
    unsettled = shifts[shifts["verdict"] != NOT_ASSOCIATED]
    if len(unsettled):
        of_all = f"{len(unsettled)} of {counted(len(shifts), 'finding')}"
        headline = f"{name}: decodable; association with the score unclear for {of_all}"
        return Statement(Tone.UNCLEAR, headline, f"{numbers}{_why_unclear(rows, unsettled)}")
    return Statement(
        Tone.NOT_ASSOCIATED,
        f"{name}: decodable, not associated with the score given the label",
        f"{numbers} Among images with and among images without each finding, the score shifts with it by "
        f"less than {SHIFT_MARGIN:g} standard deviations.",
    )


def _not_decodable(name: str, numbers: str, probes: dict[str, Row]) -> Statement:
    linear = probes[LINEAR]
    not_decoded = (
        f"not decoded by a linear probe fitted to {_patients(linear)} "
        f"(an AUROC of {_excluded(linear)} is excluded)"
    )
    others = [row for metric, row in probes.items() if metric not in (LINEAR, CONTROL_METRIC)]
    decoding = [row for row in others if row["verdict"] == DECODABLE]
    if decoding:
        best = max(decoding, key=lambda row: row["value"])
        return Statement(
            Tone.UNCLEAR,
            f"{name}: {not_decoded}, but by another probe",
            f"{numbers} {METRICS[best['metric']].label} {decimal(best['value'])}. Zero-shot scores are "
            "linear in the embedding, so they cannot depend on it this way; another classifier could.",
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


def _patients(probe: Row) -> str:
    """Return the number of patients that a probe was fitted to."""
    return counted(int(probe["at"]), "patient")


def _excluded(probe: Row) -> str:
    """Return the AUROCs that lie above the interval of a probe, rounded up to two digits."""
    return f"{decimal(math.ceil(100 * probe['high'] - 1e-9) / 100)} or more"


def _associated(
    rows: pd.DataFrame, name: str, numbers: str, associated: list[Row], n_findings: int
) -> Statement:
    row = find.largest(associated)
    of_all = f"{len(associated)} of {counted(n_findings, 'finding')}"
    of_size = "" if row["verdict"] == ASSOCIATED else ", by an unclear size,"
    tone = Tone.ASSOCIATED if row["verdict"] == ASSOCIATED else Tone.ASSOCIATED_UNCLEAR_SIZE
    return Statement(
        tone,
        f"{name}: decodable, and associated{of_size} with the score for {of_all}",
        f"{numbers} Among {row['condition']} the score shifts most for {row['finding'].lower()}: "
        f"{find.difference(row)} standard deviations in {_images(row['attribute'], row['group'])}, at equal "
        f"labels of other findings. {_explanations(rows, row)}{_after_erasure(rows, row)}",
    )


def _of_shift(rows: pd.DataFrame, shift: Row, metric: str) -> float:
    """Return what else is known of a shift; NaN if nothing is."""
    keys = {name: shift[name] for name in ("attribute", "group", "finding", "condition")}
    found = find.where(rows, analysis=Analysis.SCORE_DIRECTION, metric=metric, **keys)
    return float(found["value"].iloc[0]) if len(found) else math.nan


def _explanations(rows: pd.DataFrame, shift: Row) -> str:
    """State what else would explain a shift: wrong labels, or something unmeasured."""
    rate = _of_shift(rows, shift, LABEL_ERROR_RATE)
    strength = _of_shift(rows, shift, ROBUSTNESS)
    labels = (
        f"Label errors of {whole_percent(rate)} would explain it"
        if math.isfinite(rate)
        else "No rate of label errors would explain it"
    )
    if not math.isfinite(strength):
        return f"{labels}."
    return (
        f"{labels}; so would something unmeasured, such as severity, that explains "
        f"{whole_percent(strength)} of the remaining variance of both attribute and score."
    )


def _why_unclear(rows: pd.DataFrame, unsettled: pd.DataFrame) -> str:
    """State of a shift that label errors could explain how large it is, and how many it takes."""
    doubtful = records(unsettled[has_reason(unsettled, Reason.LABEL_ERRORS)])
    if doubtful:
        row = find.largest(doubtful)
        return (
            f" Among {row['condition']} the score for {row['finding'].lower()} shifts by "
            f"{find.difference(row)} standard deviations in {_images(row['attribute'], row['group'])}. "
            f"{_explanations(rows, row)}"
        )
    if has_reason(unsettled, Reason.TOO_FEW_PATIENTS).all():
        return " Too few patients with, or without, a finding are in one of the groups."
    return ""


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
    """State the change of AUROC when the attribute is erased; excluding zero, the score relies on it."""
    found = find.where(
        rows,
        analysis=Analysis.ERASURE,
        reference=BEFORE_ERASURE,
        metric="auroc",
        attribute=shift["attribute"],
        finding=shift["finding"],
    )
    left = _decodable_after(rows, shift["attribute"])
    for row in records(found):
        if row["low"] > 0 or row["high"] < 0:
            return (
                f" The score relies on it: erasure from the embedding (LEACE) changes AUROC by "
                f"{find.difference(row)}.{left}"
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
