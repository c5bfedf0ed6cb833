"""How well a model ranks overall, and for which groups it is worse."""

import pandas as pd

from cxraudit.audits.result import Audit
from cxraudit.formatting import bounds, counted, decimal, listed, percent
from cxraudit.report.statements import rows as find
from cxraudit.report.statements.statement import Statement, Tone
from cxraudit.schema import COMPLEMENT, OVERALL, Analysis, records
from cxraudit.stats.estimate import WITHIN_MARGIN, Verdict
from cxraudit.stats.verdict import POWER
from cxraudit.vocabulary import attribute_name, group_phrase

FAR_BELOW_CHANCE = 0.4
"""An AUROC without an interval below this counts as below chance."""


def statements(audit: Audit, model: str) -> list[Statement]:
    """State the mean AUROC, and per attribute disparities, what is not settled, and equivalence."""
    auroc = find.of(audit, model, analysis=Analysis.SUBGROUPS, metric="auroc")
    gaps = auroc[auroc["reference"] == COMPLEMENT]
    found = [_overall(auroc)]
    for attribute, part in gaps.groupby("attribute", sort=False):
        levels = find.where(auroc, attribute=attribute, reference="")
        found += _disparities(part, levels)
        found += _in_favour(part)
        found += _not_disparities(find.without_mirrors(part[part["verdict"] != ""]))
    if gaps.empty and not audit.facts["shortcuts"]:
        text = "There is no attribute with two groups, and no shortcut."
        found.append(Statement(Tone.INCONCLUSIVE, "Nothing was compared", text))
    return found


def below_chance(levels: pd.DataFrame) -> "pd.Series[bool]":
    """Tell which AUROCs are below chance: the whole interval or, without an interval, by far."""
    without_interval = levels["high"].isna() & (levels["value"] < FAR_BELOW_CHANCE)
    return (levels["high"] < 0.5) | without_interval


def _overall(auroc: pd.DataFrame) -> Statement:
    overall = find.where(auroc, attribute=OVERALL, reference="").dropna(subset=["value"])
    if overall.empty:
        return Statement(Tone.OVERALL, "Overall: no finding could be evaluated", "")
    ordered = records(overall.sort_values("value"))
    worst, best = ordered[0], ordered[-1]
    sentences = []
    if len(ordered) > 1:
        sentences.append(
            f"Highest for {best['finding'].lower()} ({decimal(best['value'])}), lowest for "
            f"{worst['finding'].lower()} ({decimal(worst['value'])})."
        )
    inverted = overall.loc[below_chance(overall), "finding"].tolist()
    if inverted:
        sentences.append(
            f"Below chance for {listed(inverted).lower()}: the score may be inverted; check the prompts "
            "or the direction of the score."
        )
    mean = decimal(overall["value"].mean())
    headline = f"Mean AUROC {mean} over {counted(len(overall), 'finding')}"
    return Statement(Tone.OVERALL, headline, " ".join(sentences))


def _disparities(gaps: pd.DataFrame, levels: pd.DataFrame) -> list[Statement]:
    """State each group with a disparity to its disadvantage."""
    found = []
    disparities = gaps[(gaps["verdict"] == Verdict.DISPARITY) & (gaps["value"] < 0)]
    for group, part in disparities.groupby("group", sort=False):
        worst = records(part.sort_values("value"))[0]
        level = find.where(levels, group=group, finding=worst["finding"])["value"].iloc[0]
        n_findings = int((gaps["group"] == group).sum())
        found.append(
            Statement(
                Tone.DISPARITY,
                f"Worse for {group_phrase(worst['attribute'], str(group))}",
                f"Disparity for {len(part)} of {counted(n_findings, 'finding')}. Largest for "
                f"{worst['finding'].lower()}: AUROC {decimal(level)}, {decimal(abs(worst['value']))} below "
                f"all other groups (gap {bounds(worst['low'], worst['high'], signed=True)}).",
            )
        )
    return found


def _in_favour(gaps: pd.DataFrame) -> list[Statement]:
    """State disparities in favour of groups; of two groups, one is better where the other is worse."""
    better = gaps[(gaps["verdict"] == Verdict.DISPARITY) & (gaps["value"] > 0)]
    if better.empty or gaps["group"].nunique() <= 2:
        return []
    name = attribute_name(str(gaps["attribute"].iloc[0]))
    return [
        Statement(
            Tone.IN_FAVOUR,
            f"By {name}: better than all other groups in {counted(len(better), 'comparison')}",
            f"{listed(list(dict.fromkeys(better['group'])))}. All other groups include any with a lower "
            "AUROC, so that this can be the same gap from the other side.",
        )
    ]


def _not_disparities(judged: pd.DataFrame) -> list[Statement]:
    """State differences of unclear size, inconclusive comparisons, and equivalence."""
    if judged.empty:
        return []
    name = attribute_name(str(judged["attribute"].iloc[0]))
    margin = f"{judged['margin'].iloc[0]:g}"
    n = {verdict: int((judged["verdict"] == verdict).sum()) for verdict in Verdict}
    within = sum(n[verdict] for verdict in WITHIN_MARGIN)
    summary = f"Within ±{margin}: {within} of {counted(len(judged), 'comparison')}"
    if n[Verdict.SMALL]:
        summary += f" ({counted(n[Verdict.SMALL], 'small difference')} among them)"
    if n[Verdict.UNDEFINED]:
        summary += f"; {n[Verdict.UNDEFINED]} undefined (no positives or no negatives)"
    found = _unclear_size(judged, name)
    inconclusive = judged[judged["verdict"] == Verdict.INCONCLUSIVE]
    if len(inconclusive):
        open_questions = n[Verdict.DISPARITY] or n[Verdict.UNCLEAR_SIZE]
        of_all = f"{len(inconclusive)} of {counted(len(judged), 'comparison')}"
        headline = f"By {name}: {of_all} inconclusive"
        if not open_questions:
            headline = f"By {name}: no disparity found, {of_all} inconclusive"
        detail = f"{summary}. {_detectable(inconclusive)}"
        found.append(Statement(Tone.INCONCLUSIVE, headline, detail))
    elif within and within + n[Verdict.UNDEFINED] == len(judged):
        tone = Tone.SMALL if n[Verdict.SMALL] else Tone.EQUIVALENT
        found.append(Statement(tone, f"By {name}: no gap beyond ±{margin}", f"{summary}."))
    return found


def _unclear_size(judged: pd.DataFrame, name: str) -> list[Statement]:
    unclear = records(judged[judged["verdict"] == Verdict.UNCLEAR_SIZE])
    if not unclear:
        return []
    row = find.largest(unclear)
    count = counted(len(unclear), "difference of unclear size", "differences of unclear size")
    return [
        Statement(
            Tone.UNCLEAR_SIZE,
            f"By {name}: {count}",
            f"Largest: {row['finding'].lower()} in {group_phrase(row['attribute'], row['group'])}, "
            f"{find.difference(row)}. It differs from zero; whether it exceeds the margin is not settled.",
        )
    ]


def _detectable(inconclusive: pd.DataFrame) -> str:
    """State which gaps the inconclusive comparisons would have detected, or why none."""
    known = inconclusive["detectable_gap"].dropna()
    if known.empty:
        reasons = sorted({row["note"] or row["method"] for row in records(inconclusive)})
        return f"Too few patients or resamples for a verdict: {'; '.join(reasons)}."
    return (
        f"In {len(known)} of the inconclusive ones, a gap of about {decimal(known.median())} (at most "
        f"{decimal(known.max())}) is detected with {percent(POWER)} power."
    )
