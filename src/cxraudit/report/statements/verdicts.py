"""What the comparisons by one attribute settle besides disparities, each counted by its verdict.

Every sentence names the metric that it is about: equal AUROCs do not exclude unequal rates at a threshold.
"""

from dataclasses import dataclass
from typing import Self

import pandas as pd

from cxraudit.audits.result import Audit
from cxraudit.formatting import counted, decimal, in_sentence, listed, percent
from cxraudit.metrics import METRICS, Family, with_margin
from cxraudit.report.statements import rows as find
from cxraudit.report.statements.statement import Statement, Tone
from cxraudit.schema import COMPLEMENT, NO_FINDING, Analysis, Reason, has_reason, records
from cxraudit.stats.estimate import WITHIN_MARGIN, Verdict
from cxraudit.stats.verdict import POWER
from cxraudit.vocabulary import attribute_name, group_phrase

RATES = with_margin(Family.DECISION)
"""Metrics at a threshold whose differences are judged."""
_RENAMED_FOR_NO_FINDING = ("tpr", "fpr")
"""Rates that mean their opposite for No Finding, where they have names of their own."""


def auroc_gaps(audit: Audit, model: str) -> pd.DataFrame:
    """Return the AUROC of each group less that of all other groups."""
    return find.of(audit, model, analysis=Analysis.SUBGROUPS, metric="auroc", reference=COMPLEMENT)


def rate_gaps(audit: Audit, model: str) -> pd.DataFrame:
    """Return the rates of each group at the threshold, less those of all other groups."""
    gaps = find.of(
        audit, model, analysis=Analysis.OPERATING_POINT, metric=RATES, reference=COMPLEMENT
    )
    renamed = gaps["metric"].isin(_RENAMED_FOR_NO_FINDING) & (gaps["finding"] == NO_FINDING)
    return gaps[~renamed]


def has_disparity(gaps: pd.DataFrame, attribute: str) -> bool:
    """Tell whether a disparity by an attribute was found, whomever it is to the disadvantage of."""
    return bool((find.where(gaps, attribute=attribute)["verdict"] == Verdict.DISPARITY).any())


@dataclass(frozen=True, slots=True)
class Counts:
    """How many comparisons have which verdict."""

    compared: int
    disparities: int
    within: int
    """Shown to lie within the margin."""
    small: int
    """Of these, those that differ from zero."""
    unclear_size: int
    inconclusive: int
    undefined: int

    @classmethod
    def of(cls, judged: pd.DataFrame) -> Self:
        """Count comparisons; of two groups that mirror each other, one."""
        verdicts = find.without_mirrors(judged[judged["verdict"] != ""])["verdict"]
        n = {verdict: int((verdicts == verdict).sum()) for verdict in Verdict}
        return cls(
            compared=len(verdicts),
            disparities=n[Verdict.DISPARITY],
            within=sum(n[verdict] for verdict in WITHIN_MARGIN),
            small=n[Verdict.SMALL],
            unclear_size=n[Verdict.UNCLEAR_SIZE],
            inconclusive=n[Verdict.INCONCLUSIVE],
            undefined=n[Verdict.UNDEFINED],
        )

    @property
    def not_settled(self) -> int:
        """Neither shown to lie beyond the margin, nor within it."""
        return self.unclear_size + self.inconclusive

    @property
    def words(self) -> str:
        """The counts: ``1 of 3 comparisons within the margin, 2 not settled``."""
        parts = [f"{self.within} of {counted(self.compared, 'comparison')} within the margin"]
        parts += [f"{self.not_settled} not settled"]
        parts += [f"{self.undefined} undefined"] if self.undefined else []
        return ", ".join(parts)


def metrics_of(gaps: pd.DataFrame) -> str:
    """Name the metrics of some differences: ``TPR and FPR``."""
    return listed([METRICS[str(name)].label for name in dict.fromkeys(gaps["metric"])])


def in_favour(gaps: pd.DataFrame, better: "pd.Series[bool]", *, where: str = "") -> list[Statement]:
    """State disparities in favour of groups; of two groups, one is better where the other is worse.

    Parameters
    ----------
    gaps : pandas.DataFrame
        Differences by one attribute, each of a group against all others.
    better : pandas.Series of bool
        Which of them are in favour of the group.
    where : str
        What the sentence begins with, such as ``At one threshold, ``.
    """
    shown = gaps[(gaps["verdict"] == Verdict.DISPARITY) & better]
    if shown.empty or gaps["group"].nunique() <= 2:
        return []
    by = f"by {attribute_name(str(gaps['attribute'].iloc[0]))}"
    return [
        Statement(
            Tone.IN_FAVOUR,
            f"{_beginning(where, by)}: {metrics_of(shown)} better than in all other groups in "
            f"{counted(len(shown), 'comparison')}",
            f"{listed(list(dict.fromkeys(shown['group'])))}. All other groups include any that is worse, so "
            "that this can be the same gap from the other side.",
        )
    ]


def not_disparities(gaps: pd.DataFrame, *, elsewhere: bool, where: str = "") -> list[Statement]:
    """State differences of unclear size, what is inconclusive or undefined, and what is within the margin.

    Parameters
    ----------
    gaps : pandas.DataFrame
        Differences by one attribute, each of a group against all others; those without a verdict are
        left out.
    elsewhere : bool
        Whether a disparity by the same attribute was found in another metric: that there is none in this
        one is not stated beside it.
    where : str
        What sentences begin with, such as ``At one threshold, ``.
    """
    judged = find.without_mirrors(gaps[gaps["verdict"] != ""])
    if judged.empty:
        return []
    begin = _beginning(where, f"by {attribute_name(str(judged['attribute'].iloc[0]))}")
    what = metrics_of(judged)
    margin = f"±{judged['margin'].iloc[0]:g}"
    n = Counts.of(judged)
    summary = f"Within {margin}: {n.within} of {counted(n.compared, 'comparison')}"
    if n.small:
        summary += f" ({counted(n.small, 'small difference')} among them)"
    if n.undefined:
        summary += f"; {n.undefined} undefined (no positives or no negatives)"
    found = _unclear_size(judged, begin, what)
    if n.inconclusive:
        inconclusive = judged[judged["verdict"] == Verdict.INCONCLUSIVE]
        of_all = f"{n.inconclusive} of {counted(n.compared, 'comparison')}"
        headline = f"{begin}: {of_all} in {what} inconclusive"
        if not (n.disparities or n.unclear_size or elsewhere):
            headline = f"{begin}: no disparity in {what} found, {of_all} inconclusive"
        detail = f"{summary}. {_detectable(inconclusive)}"
        found.append(Statement(Tone.INCONCLUSIVE, headline, detail))
    elif n.within:
        tone = Tone.SMALL if n.small else Tone.EQUIVALENT
        others = "the other gaps" if n.disparities or n.unclear_size else "gaps"
        found.append(Statement(tone, f"{begin}: {others} in {what} within {margin}", f"{summary}."))
    elif n.undefined == n.compared:
        headline = f"{begin}: no gap in {what} is defined"
        found.append(Statement(Tone.UNDEFINED, headline, f"{summary}."))
    return found


def _beginning(where: str, by: str) -> str:
    return f"{where}{by}" if where else f"{by[0].upper()}{by[1:]}"


def _unclear_size(judged: pd.DataFrame, begin: str, what: str) -> list[Statement]:
    unclear = records(judged[judged["verdict"] == Verdict.UNCLEAR_SIZE])
    if not unclear:
        return []
    row = find.largest(unclear)
    count = counted(len(unclear), "difference", "differences")
    return [
        Statement(
            Tone.UNCLEAR_SIZE,
            f"{begin}: {count} in {what} of unclear size",
            f"Largest: {METRICS[row['metric']].label} for {in_sentence(row['finding'])} in "
            f"{group_phrase(row['attribute'], row['group'])}, {find.difference(row)}. It differs from zero; "
            "whether it exceeds the margin is not settled.",
        )
    ]


def _detectable(inconclusive: pd.DataFrame) -> str:
    """State which gaps the inconclusive comparisons would have detected, or why none."""
    known = inconclusive["detectable_gap"].dropna()
    if known.empty:
        reasons = sorted({row["note"] or row["method"] for row in records(inconclusive)})
        runs = has_reason(inconclusive, Reason.TOO_FEW_RUNS).all()
        what = "training runs" if runs else "patients or resamples"
        return f"Too few {what} for a verdict: {'; '.join(reasons)}."
    return (
        f"In {len(known)} of the inconclusive ones, a gap of about {decimal(known.median())} (at most "
        f"{decimal(known.max())}) is detected with {percent(POWER)} power."
    )
