"""What follows from the published numbers, and what does not.

Differences are taken between published areas; the error of each is read from its interval, plus that of
rounding to two decimals. Published intervals resample images, each group apart; where a patient has several
images honest ones are about twice as wide (see docs/concepts/methods.md), so every answer is given for
the intervals as published and for intervals twice as wide.
"""

from itertools import combinations

import numpy as np
import pandas as pd

from cxraudit.stats.estimate import Verdict

MARGIN = 0.05
ROUNDING = 0.01 / 12**0.5
"""Standard deviation of what rounding to two decimals does."""
WIDER = (1.0, 2.0)
Z95, Z90 = 1.959964, 1.644854

GROUPS = {
    "drain": ("with", "without"),
    "sex": ("male", "female"),
    "race": ("white", "black", "asian"),
    "age_group": ("18-25", "25-50", "50-65", "65-80", "80+"),
}


def judge_published(numbers: pd.DataFrame, attribute: str) -> pd.DataFrame:
    """Compare every two groups of an attribute, from areas and intervals alone.

    Parameters
    ----------
    numbers : pandas.DataFrame
        From `cxraudit.paper.numbers.published`.
    attribute : {"drain", "sex", "race", "age_group"}
        What to compare by.

    Returns
    -------
    pandas.DataFrame
        One row per data set, model, finding, two groups and ``wider`` (factor on the intervals): ``gap``
        (first − second), ``low``, ``high``, and ``verdict``: disparity (95 % interval without 0 and gap
        beyond the margin of 0.05), within margin, equivalent (90 % interval inside the margin),
        real, size unclear, or inconclusive. Not adjusted for the number of comparisons.
    """
    rows = []
    mine = numbers[numbers["attribute"] == attribute]
    for (dataset, model, finding), part in mine.groupby(
        ["dataset", "model", "finding"], sort=False
    ):
        of = part.set_index("group")
        for first, second in combinations([g for g in GROUPS[attribute] if g in of.index], 2):
            one, other = of.loc[first], of.loc[second]
            gap = float(one["auroc"] - other["auroc"])
            for factor in WIDER:
                spread = [
                    (factor * (r["auroc_high"] - r["auroc_low"]) / (2 * Z95)) ** 2
                    for r in (one, other)
                ]
                error = float(np.sqrt(sum(spread) + 2 * ROUNDING**2))
                rows.append(
                    {
                        "dataset": dataset,
                        "model": model,
                        "finding": finding,
                        "first": first,
                        "second": second,
                        "wider": factor,
                        "gap": gap,
                        "low": gap - Z95 * error,
                        "high": gap + Z95 * error,
                        "verdict": _verdict(gap, error).value,
                    }
                )
    return pd.DataFrame(rows)


def _verdict(gap: float, error: float) -> Verdict:
    differs = abs(gap) > Z95 * error
    inside = abs(gap) + Z90 * error < MARGIN
    if inside:
        return Verdict.WITHIN_MARGIN if differs else Verdict.EQUIVALENT
    if differs:
        return (
            Verdict.DISPARITY
            if abs(gap) - Z90 * error > MARGIN or abs(gap) > MARGIN
            else Verdict.UNCLEAR_SIZE
        )
    return Verdict.INCONCLUSIVE


def sentences(numbers: pd.DataFrame) -> list[str]:
    """Say where published conclusions follow from the published numbers and where they do not."""
    said = []
    drains = judge_published(numbers, "drain")
    published = drains[drains["wider"] == 1.0]
    better = published[published["low"] > 0]
    reversed_ = published[published["high"] < 0]
    said.append(
        f"Pneumothorax is recognised better with a drain by {len(better)} of {len(published)} models "
        f"(gaps {better['gap'].min():+.2f} to {better['gap'].max():+.2f})."
    )
    for row in reversed_.to_dict("records"):
        of = numbers[
            (numbers["model"] == row["model"]) & (numbers["attribute"] == "drain")
        ].set_index("group")
        said.append(
            f"For {row['model']} it is the other way round: AUROC {of.loc['without', 'auroc']:.2f} "
            f"without and {of.loc['with', 'auroc']:.2f} with a drain (gap {row['gap']:+.2f}, "
            f"{row['low']:+.2f} to {row['high']:+.2f}); that every model leans on drains does not follow."
        )
    for attribute in ("sex", "race"):
        rows = judge_published(numbers, attribute)
        for factor in WIDER:
            part = rows[rows["wider"] == factor]
            small = int(part["verdict"].isin(["equivalent", "within margin"]).sum())
            shown = int((part["verdict"] == "disparity").sum())
            unsure = len(part) - small - shown
            width = "as published" if factor == 1 else "twice as wide (patients, not images)"
            said.append(
                f"By {attribute}, with intervals {width}: {small} of {len(part)} comparisons are "
                f"shown to lie within ±{MARGIN}, {shown} are disparities, and for {unsure} "
                "the numbers cannot tell; “equitable” follows for the first only."
            )
    ages = judge_published(numbers, "age_group")
    part = ages[(ages["wider"] == 2.0) & (ages["second"] == "80+")]
    worse = int(((part["low"] > 0) & (part["verdict"] == "disparity")).sum())
    said.append(
        f"Every younger group against 80+, intervals twice as wide: {worse} of {len(part)} comparisons are "
        "disparities to the disadvantage of the oldest; adjusted AUPRC depends on prevalence, which "
        "differs most by age, so AUROC is compared here."
    )
    whole = numbers[(numbers["auroc_low"] == 0) & (numbers["auroc_high"] == 1)]
    if len(whole):
        groups = ", ".join(dict.fromkeys(whole["group"]))
        said.append(
            f"{len(whole)} published intervals of AUROC are exactly 0 to 1 (group {groups}): with them "
            "nothing can be concluded about these patients."
        )
    return [sentence.replace("-0.", "−0.") for sentence in said]
