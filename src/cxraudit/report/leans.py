"""What shortcuts and edited films say, in sentences."""

from typing import Any

import pandas as pd

from cxraudit.audits.edits import CHANGE, MEAN, NEGATIVES, SHAM, UNEDITED
from cxraudit.audits.shortcuts.card import COIN_TOSS, INDEPENDENT
from cxraudit.names import shortcut_name
from cxraudit.report.words import Statement, interval, signed
from cxraudit.schemas import ALL, DOSE, WITHOUT_AT_EQUAL, records
from cxraudit.stats.estimate import Verdict

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
    by_kind = {row["group"]: row for row in records(seen)}
    told = "; ".join(
        f"{kind}, a {name} is told with AUROC {0.5 + row['value']:.2f} "
        f"({interval({**row, 'low': 0.5 + row['low'], 'high': 0.5 + row['high']})})"
        for kind, row in by_kind.items()
        if row["value"] == row["value"]
    )
    detail = f"From the score alone, {told}.{_owed(rows, shortcut, name)}{_matched(rows, shortcut)}"
    # Among positives a drain also goes with the size of the pneumothorax; among negatives with nothing.
    verdicts = [row["verdict"] for row in by_kind.values()]
    above = any(row["verdict"] in SHOWN and row["value"] > 0 for row in by_kind.values())
    if above:
        return Statement("bad", f"The score for {finding} sees the {name}", detail)
    if verdicts and all(v in SMALL for v in verdicts):
        return Statement("good", f"The score for {finding} does not see the {name}", detail)
    if any(v in SHOWN for v in verdicts):
        return Statement("bad", f"The score for {finding} is lower where there is a {name}", detail)
    return Statement(
        "unsure", f"Cannot tell whether the score for {finding} sees the {name}", detail
    )


def _owed(rows: pd.DataFrame, shortcut: str, name: str) -> str:
    found = rows[(rows["attribute"] == shortcut + DOSE) & (rows["reference"] == INDEPENDENT)]
    for row in records(found):
        return (
            f" {signed(row['value'])} ({interval(row, '+.2f')}) of the AUROC is owed to the {name} going "
            "with the finding."
        )
    return ""


def _matched(rows: pd.DataFrame, shortcut: str) -> str:
    found = rows[
        (rows["attribute"] == shortcut) & rows["reference"].str.startswith(WITHOUT_AT_EQUAL)
        & (rows["metric"] == "auroc") & rows["value"].notna()
    ]  # fmt: skip
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
        f"A chest drain drawn into films without one moves the score by {signed(drain['value'])} standard "
        f"deviations ({interval(drain, '+.2f')}); as many pixels changed by as much elsewhere, by "
        f"{signed(sham['value'])} ({interval(sham, '+.2f')}).{_called(rows)}"
    )
    name = finding.lower()
    if sham["verdict"] in SHOWN:
        return [
            Statement(
                "unsure",
                f"The score for {name} moves with a drain, and with the sham, too",
                numbers,
            )
        ]
    if more["verdict"] in SHOWN:
        way = "rises" if more["value"] > 0 else "falls"
        return [Statement("bad", f"The score for {name} {way} when a drain is drawn in", numbers)]
    if more["verdict"] in SMALL:
        return [
            Statement("good", f"The score for {name} does not follow a drain drawn in", numbers)
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
            f" At one threshold, {after - row['value']:.0%} of films without the finding are called before "
            f"and {after:.0%} after."
        )
    return ""


def wears(edits: pd.DataFrame, model: str, margin: float) -> list[Statement]:
    """Say which wear and tear costs AUROC, and from which severity on."""
    rows = edits[(edits["model"] == model) & (edits["severity"] > 0) & (edits["metric"] == "auroc")]
    overall = rows[(rows["attribute"] == ALL) & (rows["reference"] == UNEDITED)]
    names = [f for f in dict.fromkeys(overall["finding"]) if f != MEAN]
    averaged = overall[overall["finding"] == (MEAN if len(names) > 1 else (names or [MEAN])[0])]
    if averaged.empty:
        return []
    costs, safe, unsure = [], [], []
    for name, part in averaged.groupby("edit", sort=False):
        ordered = records(part.sort_values("severity"))
        bad = [r for r in ordered if r["verdict"] in SHOWN and r["value"] < 0]
        if bad and bad[-1]["verdict"] == Verdict.DISPARITY:
            first = next(r for r in bad if r["verdict"] == Verdict.DISPARITY)
            costs.append((str(name), first, ordered[-1]))
        elif all(r["verdict"] in SMALL for r in ordered):
            safe.append(str(name))
        else:
            unsure.append(str(name))
    said = []
    if costs:
        worst = _worst(overall[overall["finding"] != MEAN])
        listed = "; ".join(
            f"{name} from severity {first['severity']} ({signed(first['value'])})"
            for name, first, _ in costs
        )
        said.append(
            Statement("bad", f"Loses AUROC with {', '.join(name for name, *_ in costs)}",
                      f"Mean over findings: {listed}. {worst}")
        )  # fmt: skip
    if safe:
        said.append(
            Statement("good", f"Withstands {', '.join(safe)} up to severity 5",
                      f"Mean AUROC is shown to change by less than {margin:.2f}.")
        )  # fmt: skip
    if unsure:
        said.append(
            Statement("unsure", f"Cannot tell what {', '.join(unsure)} cost",
                      "At some severity the change of the mean AUROC is neither shown nor shown to be small.")
        )  # fmt: skip
    return said


def _worst(rows: pd.DataFrame) -> str:
    row: dict[str, Any] = records(rows.loc[[rows["value"].idxmin()]])[0]
    return (
        f"Most for {row['finding'].lower()} with {row['edit']} at severity {row['severity']}: "
        f"{signed(row['value'])} ({interval(row, '+.2f')})."
    )
