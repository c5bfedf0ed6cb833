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
from cxraudit.audits.embeddings.score_direction import ASSOCIATED, NOT_ASSOCIATED
from cxraudit.audits.result import Audit
from cxraudit.formatting import bounds, column_name, counted, decimal, listed, sentence_case, signed
from cxraudit.metrics import METRICS, SHIFT_MARGIN
from cxraudit.report.statements import rows as find
from cxraudit.report.statements.rows import Row
from cxraudit.report.statements.statement import Statement, Tone
from cxraudit.schema import BEFORE_ERASURE, Analysis, records
from cxraudit.vocabulary import group_phrase

LINEAR = METRIC["linear"]
PCA, _ = SPACES_2D


def statements(audit: Audit, model: str) -> list[Statement]:
    """State of every attribute whether it is decodable and, if so, associated with the score."""
    rows = find.of(audit, model, analysis=(Analysis.PROBE, Analysis.ENCODING_USE, Analysis.ERASURE))
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
    associated = records(shifts[shifts["verdict"] == ASSOCIATED])
    if associated:
        return _associated(rows, name, numbers, associated, len(shifts))
    if shifts.empty:
        return Statement(
            Tone.UNCLEAR,
            f"{name}: decodable; association with the score not tested",
            f"{numbers} No finding has enough patients with and without it in two groups.",
        )
    unsettled = int((shifts["verdict"] != NOT_ASSOCIATED).sum())
    if unsettled:
        of_all = f"{unsettled} of {counted(len(shifts), 'finding')}"
        headline = f"{name}: decodable; association with the score unclear for {of_all}"
        return Statement(Tone.UNCLEAR, headline, numbers)
    return Statement(
        Tone.NOT_ASSOCIATED,
        f"{name}: decodable, not associated with the score given the label",
        f"{numbers} No score shifts with it by more than {SHIFT_MARGIN:g} standard deviations.",
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
    return Statement(
        Tone.ASSOCIATED,
        f"{name}: decodable, and associated with the score for {of_all}",
        f"{numbers} Among images with the same label, the score shifts most for "
        f"{row['finding'].lower()}: {signed(row['value'])} standard deviations in "
        f"{_images(row['attribute'], row['group'])}.{_after_erasure(rows, row)}",
    )


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
    for row in records(found):
        if row["low"] > 0 or row["high"] < 0:
            return (
                f" The score relies on it: after erasure from the embedding (LEACE), AUROC changes by "
                f"{find.difference(row)}."
            )
    return " After erasure from the embedding (LEACE), no change of AUROC is detected."
