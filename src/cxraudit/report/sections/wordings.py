"""Prompt wordings: what words for groups of patients do, beside neutral words."""

from typing import Any

import pandas as pd

from cxraudit import figures
from cxraudit.audits.result import Audit
from cxraudit.audits.wordings.outcomes import RATIOS, SDS
from cxraudit.figures.wordings import times, words_name
from cxraudit.figures.words import missing_because
from cxraudit.formatting import with_interval
from cxraudit.metrics import METRICS
from cxraudit.report.anchors import Anchor
from cxraudit.report.blocks import Block, Details, Section, Statements, muted, table
from cxraudit.report.sections.context import Context, of_model
from cxraudit.report.statements import of_model as statements_on
from cxraudit.report.statements import wordings
from cxraudit.schema import Analysis, records
from cxraudit.vocabulary import group_phrase

_DRAWN = {
    "wording_gap": "AUROC gaps",
    "wording_score_gap": "score gaps",
    "wording_score": "mean scores",
}
"""What is drawn, as far as words move it: that which words for groups move furthest beside neutral words
openly, the others in what can be opened."""


def build(audit: Audit, context: Context) -> Section | None:
    """Show, per model, how far words for groups and neutral words move scores and gaps."""
    audit = audit.without_hidden()
    given = {one["model"] for one in audit.facts.get("wordings") or () if one["findings"]}
    models = [model for model in context.tested if model in given]
    if not models:
        return None
    parts = [(model, _model(audit, context, model)) for model in models]
    return Section(
        "Prompt wordings",
        Anchor.WORDINGS,
        [muted(_INTRODUCTION), *context.one_at_a_time("wordings", parts)],
    )


def _model(audit: Audit, context: Context, model: str) -> list[Block]:
    rows = of_model(audit.results, model)
    rows = rows[rows["analysis"] == Analysis.WORDING]
    changes = of_model(audit.wording_changes, model)
    blocks: list[Block] = [Statements(statements_on(audit, model, about=(wordings,)))]
    for place, metric in enumerate(_drawn(rows) if len(changes) else ()):
        what = _DRAWN[metric]
        picture = context.draw(
            figures.wording_changes(changes, rows, metric),
            f"{model}-{metric}",
            f"{model}: {what} by the words in the prompt",
        )
        blocks += [Details(f"Change of {what}", [picture])] if place else [picture]
    if len(rows):
        numbers = table(_numbers(rows), f"{model}: words for groups beside neutral words")
        blocks += [muted(_READING), Details("Numbers of the wordings", [numbers])]
    return blocks


def _drawn(rows: pd.DataFrame) -> list[str]:
    """Return what words move, the furthest beyond neutral words first."""

    def of(metric: str, column: str) -> float:
        return float(rows.loc[rows["metric"] == metric, column].fillna(0).max())

    moved = [one for one in _DRAWN if of(SDS[one], "value") > 0]
    return sorted(moved, key=lambda one: -max(1.0, of(RATIOS[one], "low")))


def _numbers(rows: pd.DataFrame) -> pd.DataFrame:
    ratios = {
        (_MOVED_BY[row["metric"]], *_place(row)): row
        for row in records(rows[rows["metric"].isin(list(RATIOS.values()))])
    }
    shown = records(rows[~rows["metric"].isin(list(RATIOS.values()))])
    return pd.DataFrame(
        {
            "finding": [row["finding"] for row in shown],
            "what": [METRICS[row["metric"]].label for row in shown],
            "group": [
                group_phrase(row["attribute"], row["group"]) if row["attribute"] else "all patients"
                for row in shown
            ],
            "words": [words_name(row["condition"]) for row in shown],
            "estimate": [with_interval(row["value"], row["low"], row["high"]) for row in shown],
            "beside neutral words": [
                _beside(ratios.get((_MOVED_BY.get(row["metric"], ""), *_place(row))))
                for row in shown
            ],
        }
    )


_MOVED_BY = {metric: name for named in (SDS, RATIOS) for name, metric in named.items()}
"""Metric → what words move."""


def _place(row: dict[str, Any]) -> tuple[str, str, str, str]:
    return row["finding"], row["attribute"], row["group"], row["condition"]


def _beside(ratio: dict[str, Any] | None) -> str:
    if ratio is None:
        return ""
    few = missing_because(str(ratio["reasons"]))
    return "; ".join(filter(None, (times(ratio), few))) or "none: neutral words move it no further"


_INTRODUCTION = (
    "The same images were scored with words for groups of patients in the prompts, and with neutral words. "
    "Any words move a score; what counts is whether words for different groups, each in place of another, do "
    "so further than neutral words of one topic in place of each other. These are exploratory."
)
_READING = (
    "The ratio of both standard deviations has an interval by exchanging words between both kinds: it holds "
    "for words like these, on patients like these. A ratio of which only a lower limit is given has no upper "
    "one: there are too few words for groups, or neutral words move nothing beyond sampling."
)
