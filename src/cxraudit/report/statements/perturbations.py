"""Whether scores follow an inserted device or own edits, and which image degradation costs AUROC."""

from typing import Any

import pandas as pd

from cxraudit.audits.perturbations.counterfactual import FALSE_POSITIVE_RATE
from cxraudit.audits.result import Audit
from cxraudit.audits.shortcuts import DEFAULT_SHORTCUTS
from cxraudit.edits import DEVICE
from cxraudit.formatting import in_sentence, listed, percent, sentence_case, signed, whole_percent
from cxraudit.report.statements import own_edits
from cxraudit.report.statements import rows as find
from cxraudit.report.statements.rows import Row
from cxraudit.report.statements.statement import Statement, Tone
from cxraudit.schema import (
    CONTROL_EDGE,
    CONTROL_OUTSIDE,
    CONTROLS,
    MEAN_FINDING,
    NEGATIVES,
    OVERALL,
    UNEDITED,
    Analysis,
    Reason,
    has_reason,
    records,
)
from cxraudit.stats.estimate import SHOWN, WITHIN_MARGIN, Verdict

CONTROL_MEANING = {
    CONTROL_OUTSIDE: "the same tube outside the lungs",
    CONTROL_EDGE: "an edge within a lung that is no device",
}
"""What each control is, in a sentence."""


def statements(audit: Audit, model: str) -> list[Statement]:
    """State whether scores follow an inserted drain and own edits, and what image degradation costs."""
    finding = followed_finding(audit)
    return [
        *(_inserted(audit, model, finding) if finding else []),
        *own_edits.statements(audit, model),
        *_corruptions(audit, model),
    ]


def followed_finding(audit: Audit) -> str | None:
    """Return the finding whose score an inserted drain may raise; None if it was not perturbed."""
    finding = audit.facts["shortcuts"].get(DEVICE, DEFAULT_SHORTCUTS[DEVICE])
    rows = find.where(audit.results, analysis=Analysis.COUNTERFACTUAL, finding=finding)
    built_in = ~rows["condition"].isin(list(own_edits.own_edits(audit)))
    return str(finding) if built_in.any() else None


def _inserted(audit: Audit, model: str, finding: str) -> list[Statement]:
    rows = find.of(
        audit, model, analysis=Analysis.COUNTERFACTUAL, finding=finding, attribute=OVERALL
    )
    rows = rows[~rows["condition"].isin(list(own_edits.own_edits(audit)))]
    changes = find.where(rows, metric="score_change", group=OVERALL)
    by_key = {(row["condition"], row["reference"]): row for row in records(changes)}
    needed = {
        (DEVICE, UNEDITED),
        *((c, UNEDITED) for c in CONTROLS),
        *((DEVICE, c) for c in CONTROLS),
    }
    if not needed <= set(by_key):
        return []
    change = by_key[DEVICE, UNEDITED]
    controls = {name: by_key[name, UNEDITED] for name in CONTROLS}
    beyond = [by_key[DEVICE, name] for name in CONTROLS]
    of_controls = "; ".join(
        f"{CONTROL_MEANING[name]}, by {find.difference(row)}" for name, row in controls.items()
    )
    detail = (
        f"A chest drain inserted into images without one changes the score by {find.difference(change)} "
        f"standard deviations; its controls, which change the images by as much: {of_controls}."
        f"{_flagged(rows)}"
    )
    score = f"score for {in_sentence(finding)}"
    verdict = change["verdict"]
    flagged = find.where(rows, condition=DEVICE, metric="fpr", reference=UNEDITED)
    if verdict in WITHIN_MARGIN and flagged["verdict"].isin(SHOWN).any():
        headline = (
            f"The {score} changes within the margin with an inserted drain; more images are flagged"
        )
        return [Statement(Tone.INCONCLUSIVE, headline, detail)]
    if verdict in WITHIN_MARGIN:
        tone = Tone.EQUIVALENT if verdict == Verdict.EQUIVALENT else Tone.SMALL
        headline = f"The {score} does not change beyond the margin when a chest drain is inserted"
        return [Statement(tone, headline, detail)]
    exceeds_both = all(
        row["verdict"] in SHOWN and change["value"] * row["value"] > 0 for row in beyond
    )
    if verdict in SHOWN and exceeds_both:
        way = "raises" if change["value"] > 0 else "lowers"
        tone = Tone.DISPARITY if verdict == Verdict.DISPARITY else Tone.UNCLEAR_SIZE
        headline = f"The {score} relies on the chest drain: inserting one {way} it"
        return [Statement(tone, headline, detail)]
    moved = [CONTROL_MEANING[name] for name, row in controls.items() if row["verdict"] in SHOWN]
    if verdict in SHOWN and moved:
        headline = f"The {score} changes with an inserted drain, and with {listed(moved)} as well"
        return [Statement(Tone.INCONCLUSIVE, headline, detail)]
    headline = f"Reliance of the {score} on the chest drain: inconclusive"
    return [Statement(Tone.INCONCLUSIVE, headline, detail)]


def _flagged(rows: pd.DataFrame) -> str:
    """State the share of images without the finding that are flagged before and after."""
    part = find.where(rows, condition=DEVICE, metric="fpr", group=NEGATIVES)
    levels = find.where(part, reference="")
    for row in records(find.where(part, reference=UNEDITED)):
        after = float(levels["value"].iloc[0])
        return (
            f" At the threshold that flags {percent(FALSE_POSITIVE_RATE)} of all unedited images without the "
            f"finding, {whole_percent(after - row['value'])} of these images are flagged before and "
            f"{whole_percent(after)} after."
        )
    return ""


def _corruptions(audit: Audit, model: str) -> list[Statement]:
    """State which corruptions cost AUROC beyond the margin, which do not, and which are not settled."""
    rows = find.of(audit, model, analysis=Analysis.CORRUPTION, metric="auroc")
    changes = find.where(rows, attribute=OVERALL, reference=UNEDITED)
    if changes.empty:
        return []
    findings = [name for name in dict.fromkeys(changes["finding"]) if name != MEAN_FINDING]
    several = len(findings) > 1
    averaged = changes[changes["finding"] == (MEAN_FINDING if several else findings[0])]
    averaged = averaged[averaged["value"].notna() | ~has_reason(averaged, Reason.NOT_APPLIED)]
    what = "mean AUROC" if several else "AUROC"
    costs: dict[str, Row] = {}
    robust: list[str] = []
    unsettled: list[str] = []
    for name, part in averaged.groupby("condition", sort=False):
        ordered = records(part.sort_values("at"))
        losses = [r for r in ordered if r["verdict"] == Verdict.DISPARITY and r["value"] < 0]
        if losses:
            costs[str(name)] = losses[0]
        elif all(row["verdict"] in WITHIN_MARGIN for row in ordered):
            robust.append(str(name))
        else:
            unsettled.append(str(name))
    margin = f"±{audit.facts['settings']['margin']:g}"
    found = []
    if costs:
        of_findings = changes[changes["finding"] != MEAN_FINDING]
        found.append(_costly(costs, what, find.where(of_findings, condition=tuple(costs))))
    if robust:
        headline = f"{sentence_case(what)} robust to {listed(robust)} up to severity {averaged['at'].max():g}"
        own = find.where(changes, condition=tuple(robust)) if several else changes.iloc[:0]
        detail = f"The change of the {what} lies within {margin}.{_single_losses(own)}"
        found.append(Statement(Tone.EQUIVALENT, headline, detail))
    if unsettled:
        few = has_reason(averaged, Reason.TOO_FEW_PATIENTS).any()
        found.append(
            Statement(
                Tone.INCONCLUSIVE,
                f"Effect of {listed(unsettled)} on {what}: inconclusive",
                "There are too few patients with or without a finding."
                if few
                else f"At some severity, a change of the {what} beyond {margin} is neither detected nor "
                "ruled out.",
            )
        )
    return found


def _single_losses(changes: pd.DataFrame) -> str:
    """Name the findings that lose AUROC although the mean over findings does not."""
    losses = changes[
        (changes["finding"] != MEAN_FINDING)
        & (changes["verdict"] == Verdict.DISPARITY)
        & (changes["value"] < 0)
    ]
    if losses.empty:
        return ""
    row = records(losses.loc[[losses["value"].idxmin()]])[0]
    findings = listed([in_sentence(str(name)) for name in losses["finding"].unique()])
    return (
        f" Single findings lose more ({findings}): most for {in_sentence(row['finding'])} with "
        f"{row['condition']} at severity {row['at']:g}, {find.difference(row)}."
    )


def _costly(costs: dict[str, Row], what: str, changes: pd.DataFrame) -> Statement:
    first = "; ".join(
        f"{name} from severity {row['at']:g} ({signed(row['value'])})"
        for name, row in costs.items()
    )
    row: dict[str, Any] = records(changes.loc[[changes["value"].idxmin()]])[0]
    return Statement(
        Tone.DISPARITY,
        f"AUROC falls with {listed(list(costs))}",
        f"{sentence_case(what)}: {first}. Most for {in_sentence(row['finding'])} with {row['condition']} at "
        f"severity {row['at']:g}: {find.difference(row)}.",
    )
