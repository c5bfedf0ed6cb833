"""What follows from the published numbers, and what does not.

A difference is taken between two published AUROCs. Its standard error is derived from the widths of their
intervals and the error of rounding to two decimals. Published intervals resample images, each group apart;
where a patient has several images, intervals over patients are about twice as wide (see
docs/concepts/methods.md), so every conclusion is given for the intervals as published and for intervals
twice as wide.
"""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from cxraudit.formatting import bounds, decimal, listed, signed
from cxraudit.schema import WITH, WITHOUT, records
from cxraudit.stats.estimate import WITHIN_MARGIN, Verdict

MARGIN = 0.05
"""Largest difference in AUROC that would not matter."""
ROUNDING = 0.01 / 12**0.5
"""Standard deviation of the error of rounding to two decimals."""
WIDTH_FACTORS = (1.0, 2.0)
"""Factors on the published intervals: as published, and about as wide as intervals over patients."""
Z95, Z90 = 1.959964, 1.644854

GROUPS = {
    "drain": (WITH, WITHOUT),
    "sex": ("male", "female"),
    "race": ("white", "black", "asian"),
    "age_group": ("18-25", "25-50", "50-65", "65-80", "80+"),
}
"""Groups of the study by attribute, in the order in which differences are taken."""


def judge_published(numbers: pd.DataFrame, attribute: str) -> pd.DataFrame:
    """Compare every two groups of an attribute, from AUROCs and intervals alone.

    Parameters
    ----------
    numbers : pandas.DataFrame
        From `cxraudit.paper.numbers.published`.
    attribute : {"drain", "sex", "race", "age_group"}
        Attribute to compare by.

    Returns
    -------
    pandas.DataFrame
        One row per data set, model, finding, two groups and ``width_factor`` (one of `WIDTH_FACTORS`):
        ``gap`` (AUROC of ``first`` − of ``second``), ``low`` and ``high`` (95 % interval), and
        ``verdict``, a `Verdict`: disparity (interval without 0, gap beyond `MARGIN`), difference of
        unclear size (interval without 0), small difference (interval without 0, 90 % interval inside
        the margin), equivalent (90 % interval inside the margin) or inconclusive. Not adjusted for the
        number of comparisons.
    """
    rows = []
    of_attribute = numbers[numbers["attribute"] == attribute]
    for (dataset, model, finding), part in of_attribute.groupby(
        ["dataset", "model", "finding"], sort=False
    ):
        row_of = {row["group"]: row for row in records(part)}
        groups = [group for group in GROUPS[attribute] if group in row_of]
        for first, second in combinations(groups, 2):
            gap = float(row_of[first]["auroc"] - row_of[second]["auroc"])
            for factor in WIDTH_FACTORS:
                error = _standard_error((row_of[first], row_of[second]), factor)
                rows.append(
                    {
                        "dataset": dataset,
                        "model": model,
                        "finding": finding,
                        "first": first,
                        "second": second,
                        "width_factor": factor,
                        "gap": gap,
                        "low": gap - Z95 * error,
                        "high": gap + Z95 * error,
                        "verdict": _verdict(gap, error).value,
                    }
                )
    return pd.DataFrame(rows)


def _standard_error(sides: tuple[Mapping[str, Any], Mapping[str, Any]], factor: float) -> float:
    """Return that of a difference of two independent, rounded AUROCs."""
    variances = [
        (factor * (row["auroc_high"] - row["auroc_low"]) / (2 * Z95)) ** 2 for row in sides
    ]
    return float(np.sqrt(sum(variances) + 2 * ROUNDING**2))


def _verdict(gap: float, error: float) -> Verdict:
    """Judge a difference by its interval and the margin."""
    differs = abs(gap) > Z95 * error
    if abs(gap) + Z90 * error < MARGIN:
        return Verdict.SMALL if differs else Verdict.EQUIVALENT
    if differs:
        return Verdict.DISPARITY if abs(gap) > MARGIN else Verdict.UNCLEAR_SIZE
    return Verdict.INCONCLUSIVE


def sentences(numbers: pd.DataFrame) -> list[str]:
    """State which published conclusions follow from the published numbers and which do not.

    Parameters
    ----------
    numbers : pandas.DataFrame
        From `cxraudit.paper.numbers.published`.
    """
    return [
        *_by_drain(numbers),
        *(text for attribute in ("sex", "race") for text in _by_group(numbers, attribute)),
        _by_age(numbers),
        *_uninformative(numbers),
    ]


def _by_drain(numbers: pd.DataFrame) -> list[str]:
    """Say for which models pneumothorax with a drain is recognised better, and for which worse."""
    rows = judge_published(numbers, "drain")
    rows = rows[rows["width_factor"] == 1.0]
    higher = rows[rows["low"] > 0]
    texts = [
        f"AUROC for pneumothorax is higher with a drain for {len(higher)} of {len(rows)} models "
        f"(gaps {signed(higher['gap'].min())} to {signed(higher['gap'].max())})."
    ]
    for row in records(rows[rows["high"] < 0]):
        of_model = numbers[
            (numbers["model"] == row["model"]) & (numbers["attribute"] == "drain")
        ].set_index("group")["auroc"]
        texts.append(
            f"For {row['model']} it is lower: AUROC {decimal(of_model[WITHOUT])} without and "
            f"{decimal(of_model[WITH])} with a drain (gap {signed(row['gap'])}, "
            f"{bounds(row['low'], row['high'], signed=True)}). That all models rely on drains does not "
            "follow."
        )
    return texts


def _by_group(numbers: pd.DataFrame, attribute: str) -> list[str]:
    """Count verdicts by an attribute, for each width of the intervals."""
    rows = judge_published(numbers, attribute)
    texts = []
    for factor in WIDTH_FACTORS:
        part = rows[rows["width_factor"] == factor]
        within = int(part["verdict"].isin(WITHIN_MARGIN).sum())
        disparities = int((part["verdict"] == Verdict.DISPARITY).sum())
        width = "as published" if factor == 1 else "twice as wide (patients, not images)"
        texts.append(
            f"By {attribute}, with intervals {width}: of {len(part)} comparisons, {within} lie within "
            f"±{MARGIN} (equivalent or small difference), {disparities} are disparities, and "
            f"{len(part) - within - disparities} are not settled (inconclusive or difference of unclear "
            "size). “Equitable” follows for the first only."
        )
    return texts


def _by_age(numbers: pd.DataFrame) -> str:
    """Count disparities to the disadvantage of the oldest patients."""
    rows = judge_published(numbers, "age_group")
    part = rows[(rows["width_factor"] == 2.0) & (rows["second"] == "80+")]
    worse = int(((part["low"] > 0) & (part["verdict"] == Verdict.DISPARITY)).sum())
    return (
        f"Every younger group against 80+, intervals twice as wide: {worse} of {len(part)} comparisons are "
        "disparities to the disadvantage of the oldest. AUROC is compared, because adjusted AUPRC depends "
        "on prevalence, which differs most by age."
    )


def _uninformative(numbers: pd.DataFrame) -> list[str]:
    """Count intervals that span every possible value."""
    whole = numbers[(numbers["auroc_low"] == 0) & (numbers["auroc_high"] == 1)]
    if whole.empty:
        return []
    return [
        f"{len(whole)} published intervals of AUROC are exactly 0 to 1 (group "
        f"{listed(list(dict.fromkeys(whole['group'])))}): nothing can be concluded about these patients."
    ]
