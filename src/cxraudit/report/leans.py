"""What shortcuts and edited images say, in sentences."""

from typing import Any

import numpy as np
import pandas as pd

from cxraudit.audits.perturbations import CALLED, CHANGE, MEAN, NEGATIVES, SHAM, UNEDITED
from cxraudit.audits.shortcuts.prevalence_shift import AMONG, COIN_TOSS, DETECTABILITY, INDEPENDENT
from cxraudit.report.words import Statement, interval, signed
from cxraudit.schema import ALL, DOSE, WITHOUT_AT_EQUAL, records
from cxraudit.stats.estimate import Verdict
from cxraudit.vocabulary import shortcut_name, with_article

SMALL = (Verdict.EQUIVALENT, Verdict.WITHIN_MARGIN)
SHOWN = (Verdict.DISPARITY, Verdict.UNCLEAR_SIZE)


def sees(results: pd.DataFrame, model: str) -> list[Statement]:
    """Say of every shortcut whether the score sees it, and what AUROC owes to it."""
    mine = results[results["model"] == model]
    seen = mine[mine["reference"] == COIN_TOSS]
    return [
        _seen(mine, str(shortcut), part) for shortcut, part in seen.groupby("attribute", sort=False)
    ]


def _seen(rows: pd.DataFrame, shortcut: str, seen: pd.DataFrame) -> Statement:
    name = shortcut_name(shortcut)
    finding = str(seen["finding"].iloc[0]).lower()
    levels = rows[
        (rows["attribute"] == shortcut)
        & (rows["metric"] == DETECTABILITY)
        & (rows["reference"] == "")
    ]
    told = "; ".join(
        f"{row['group']}, {with_article(name)} is told with AUROC {row['value']:.2f} ({interval(row)})"
        for row in records(levels.dropna(subset=["value"]))
    )
    detail = f"From the score alone, {told}.{_owed(rows, shortcut, name)}{_matched(rows, shortcut)}"
    by_kind = {row["group"]: row for row in records(seen)}
    # Among positives a drain also goes with how large the pneumothorax is; among negatives with nothing.
    without = by_kind.get("among negatives")
    if without is not None and without["verdict"] == Verdict.UNCLEAR_SIZE:
        return Statement(
            "unsure",
            f"The score for {finding} differs with {with_article(name)}; whether by more than the "
            "margin the data cannot tell",
            detail,
        )
    if without is not None and without["verdict"] == Verdict.DISPARITY:
        if without["value"] > 0:
            return Statement("bad", f"The score for {finding} sees the {name}", detail)
        return Statement(
            "bad", f"The score for {finding} is lower with {with_article(name)}", detail
        )
    if len(by_kind) == len(AMONG) and all(row["verdict"] in SMALL for row in by_kind.values()):
        return Statement("good", f"The score for {finding} does not see the {name}", detail)
    if any(row["verdict"] in SHOWN and row["value"] > 0 for row in by_kind.values()):
        return Statement(
            "unsure",
            f"Among images with {finding}, the score is higher with {with_article(name)}",
            f"{detail} That may be the {name}, or how severe the finding is where there is one.",
        )
    return Statement(
        "unsure", f"Cannot tell whether the score for {finding} sees the {name}", detail
    )


def _owed(rows: pd.DataFrame, shortcut: str, name: str) -> str:
    found = rows[(rows["attribute"] == shortcut + DOSE) & (rows["reference"] == INDEPENDENT)]
    for row in records(found):
        if not np.isfinite(row["p_adjusted"]):
            return f" How much of the AUROC is owed to the {name} cannot be told: {row['note']}."
        return (
            f" {signed(row['value'])} ({interval(row, '+.2f')}) of the AUROC is owed to the {name} going "
            "with the finding."
        )
    return ""


def _matched(rows: pd.DataFrame, shortcut: str) -> str:
    found = rows[
        (rows["attribute"] == shortcut)
        & rows["reference"].str.startswith(WITHOUT_AT_EQUAL)
        & (rows["metric"] == "auroc")
        & rows["value"].notna()
    ]
    if found.empty:
        return ""
    row = records(found.iloc[[-1]])[0]
    mix = row["reference"].removeprefix(WITHOUT_AT_EQUAL)
    return f" At equal {mix}, the gap with − without is {signed(row['value'])} ({interval(row, '+.2f')})."


def follows(edits: pd.DataFrame, model: str, finding: str) -> list[Statement]:
    """Say whether the score follows a drain that was drawn in, and nothing else."""
    rows = edits[
        (edits["model"] == model) & (edits["finding"] == finding) & (edits["attribute"] == ALL)
    ]
    changes = rows[(rows["metric"] == CHANGE) & (rows["group"] == ALL)]
    by_key = {(row["edit"], row["reference"]): row for row in records(changes)}
    if ("drain", SHAM) not in by_key:
        return []
    more, drain, sham = by_key["drain", SHAM], by_key["drain", UNEDITED], by_key[SHAM, UNEDITED]
    numbers = (
        f"A chest drain drawn into images without one moves the score by {signed(drain['value'])} standard "
        f"deviations ({interval(drain, '+.2f')}); as many pixels changed by as much elsewhere, by "
        f"{signed(sham['value'])} ({interval(sham, '+.2f')}).{_called(rows)}"
    )
    name = finding.lower()
    moves, beyond = drain["verdict"] in SHOWN, more["verdict"] in SHOWN
    called = rows[(rows["edit"] == "drain") & (rows["metric"] == "fpr")]
    if drain["verdict"] in SMALL and called["verdict"].isin([*SHOWN]).any():
        return [
            Statement(
                "unsure",
                f"The score for {name} moves little with a drain, but more images are called",
                numbers,
            )
        ]
    if drain["verdict"] in SMALL:
        return [
            Statement("good", f"The score for {name} does not follow a drain drawn in", numbers)
        ]
    if moves and beyond and drain["value"] * more["value"] > 0:
        way = "rises" if drain["value"] > 0 else "falls"
        return [Statement("bad", f"The score for {name} {way} when a drain is drawn in", numbers)]
    if moves and sham["verdict"] in SHOWN:
        return [
            Statement(
                "unsure",
                f"The score for {name} moves with a drain, and with the sham, too",
                numbers,
            )
        ]
    return [
        Statement("unsure", f"Cannot tell whether the score for {name} follows a drain", numbers)
    ]


def _called(rows: pd.DataFrame) -> str:
    part = rows[
        (rows["edit"] == "drain") & (rows["metric"] == "fpr") & (rows["group"] == NEGATIVES)
    ]
    for row in records(part[part["reference"] == UNEDITED]):
        after = float(part.loc[part["reference"] == "", "value"].iloc[0])
        return (
            f" At the threshold that calls {CALLED:.0%} of all unedited images without the finding, "
            f"{after - row['value']:.0%} of these are called before and {after:.0%} after."
        )
    return ""


def wears(edits: pd.DataFrame, model: str, margin: float) -> list[Statement]:
    """Say which wear and tear costs AUROC, and from which severity on."""
    rows = edits[(edits["model"] == model) & (edits["severity"] > 0) & (edits["metric"] == "auroc")]
    overall = rows[(rows["attribute"] == ALL) & (rows["reference"] == UNEDITED)]
    names = [f for f in dict.fromkeys(overall["finding"]) if f != MEAN]
    several = len(names) > 1
    averaged = overall[overall["finding"] == (MEAN if several else (names or [MEAN])[0])]
    what = "mean AUROC" if several else "AUROC"
    few = averaged["note"].str.contains("too few|fewer than").any()
    if averaged.empty:
        return []
    costs, safe, unsure = [], [], []
    for name, part in averaged.groupby("edit", sort=False):
        ordered = records(part.sort_values("severity"))
        large = [r for r in ordered if r["verdict"] == Verdict.DISPARITY and r["value"] < 0]
        if large:
            costs.append(
                f"{name} from severity {large[0]['severity']} ({signed(large[0]['value'])})"
            )
        elif all(r["verdict"] in SMALL for r in ordered):
            safe.append(str(name))
        else:
            unsure.append(str(name))
    said = []
    if costs:
        listed = ", ".join(text.split(" from ")[0] for text in costs)
        said.append(
            Statement(
                "bad",
                f"Loses AUROC with {listed}",
                f"{what[0].upper()}{what[1:]}: {'; '.join(costs)}. "
                f"{_worst(overall[overall['finding'] != MEAN])}",
            )
        )
    if safe:
        said.append(
            Statement(
                "good",
                f"Withstands {', '.join(safe)} up to severity 5",
                f"The {what} is shown to change by less than {margin:.2f}.",
            )
        )
    if unsure:
        said.append(
            Statement(
                "unsure",
                f"Cannot tell how much {', '.join(unsure)} cost",
                "There are too few patients with or without a finding."
                if few
                else f"At some severity, that the {what} changes by more than {margin:.2f} is neither shown "
                "nor ruled out.",
            )
        )
    return said


def _worst(rows: pd.DataFrame) -> str:
    row: dict[str, Any] = records(rows.loc[[rows["value"].idxmin()]])[0]
    return (
        f"Most for {row['finding'].lower()} with {row['edit']} at severity {row['severity']}: "
        f"{signed(row['value'])} ({interval(row, '+.2f')})."
    )
