"""How well a model ranks overall, and for which groups it is worse."""

import pandas as pd

from cxraudit.audits.result import Audit
from cxraudit.formatting import bounds, counted, decimal, in_sentence, listed
from cxraudit.report.statements import rows as find
from cxraudit.report.statements.statement import Statement, Tone
from cxraudit.report.statements.verdicts import (
    auroc_gaps,
    has_disparity,
    in_favour,
    not_disparities,
    rate_gaps,
)
from cxraudit.schema import OVERALL, Analysis, records
from cxraudit.stats.estimate import Verdict
from cxraudit.vocabulary import group_phrase

FAR_BELOW_CHANCE = 0.4
"""An AUROC without an interval below this counts as below chance."""


def statements(audit: Audit, model: str) -> list[Statement]:
    """State the mean AUROC, and per attribute disparities, what is not settled, and equivalence."""
    auroc = find.of(audit, model, analysis=Analysis.SUBGROUPS, metric="auroc")
    gaps, rates = auroc_gaps(audit, model), rate_gaps(audit, model)
    found = [_overall(auroc)]
    for attribute, part in gaps.groupby("attribute", sort=False):
        levels = find.where(auroc, attribute=attribute, reference="")
        found += _disparities(part, levels)
        found += in_favour(part, part["value"] > 0)
        found += not_disparities(part, elsewhere=has_disparity(rates, str(attribute)))
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
            f"Highest for {in_sentence(best['finding'])} ({decimal(best['value'])}), lowest for "
            f"{in_sentence(worst['finding'])} ({decimal(worst['value'])})."
        )
    inverted = overall.loc[below_chance(overall), "finding"].tolist()
    if inverted:
        sentences.append(
            f"Below chance for {listed([*map(in_sentence, inverted)])}: the score may be inverted; check the "
            "prompts or the direction of the score."
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
                f"AUROC is lower in {group_phrase(worst['attribute'], str(group))}",
                f"Disparity for {len(part)} of {counted(n_findings, 'finding')}. Largest for "
                f"{in_sentence(worst['finding'])}: AUROC {decimal(level)}, {decimal(abs(worst['value']))} "
                f"below all other groups (gap {bounds(worst['low'], worst['high'], signed=True)}).",
            )
        )
    return found
