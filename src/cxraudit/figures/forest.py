"""The forest plot of one attribute: a metric in each group, and its difference from all other groups."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cxraudit.figures.style import (
    BLUE,
    COLOURS,
    GAP,
    HOLLOW,
    INK,
    MARKERS,
    MUTED,
    despine,
    heading,
    house_style,
    interval_label,
    kind_of,
    margin_of,
    mark,
    mark_difference,
    missing_because,
    new_figure,
    thin_label,
    vertical_lines,
)
from cxraudit.formatting import count_or_hidden, equivalence_level, percent
from cxraudit.metrics import METRICS, Metric
from cxraudit.schema import COMPLEMENT, OVERALL, Analysis, is_level
from cxraudit.vocabulary import attribute_name

ANALYSES = (Analysis.SUBGROUPS, Analysis.OPERATING_POINT, Analysis.CALIBRATION)


def forest(results: pd.DataFrame, attribute: str, *, metric: str = "auroc") -> Figure:
    """Draw level and difference of every group, finding by finding, for one model on one data set.

    Left: the metric in each group, over a line at the value of all patients. Right: the difference
    from all other groups, with the margin shaded; colour and shape are the verdict. A group for
    which nothing can be computed keeps its line and says why.

    Parameters
    ----------
    results : pandas.DataFrame
        A results table of one data set, model and prompt set; see `cxraudit.schema.RESULT_COLUMNS`.
    attribute : str
        Which attribute's groups to draw.
    metric : str
        Which metric to draw; a key of `cxraudit.metrics.METRICS`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    facts = METRICS[metric]
    chosen = results[(results["metric"] == metric) & results["analysis"].isin(ANALYSES)]
    here = chosen[chosen["attribute"] == attribute]
    levels, gaps = here[is_level(here)], here[here["reference"] == COMPLEMENT]
    everyone = chosen[(chosen["attribute"] == OVERALL) & is_level(chosen)]
    overall = everyone.set_index("finding")["value"]
    findings = [finding for finding in overall.index if finding in set(levels["finding"])]
    with house_style():
        n_lines = len(levels) + 1.1 * len(findings)
        figure = new_figure(9.2, max(2.4, 1.3 + 0.215 * n_lines))
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=[1.15, 1])
        y = 0.0
        names: list[tuple[float, str]] = []
        for finding in findings:
            left.text(
                -0.31,
                y,
                finding,
                transform=left.get_yaxis_transform(),
                fontweight="bold",
                va="center",
            )
            rows = levels[levels["finding"] == finding]
            top, y = y + 0.55, y + 1
            for row in rows.itertuples():
                names.append((y, f"{row.group}  ({count_or_hidden(row.n_positive_patients)})"))
                gap = gaps[(gaps["finding"] == finding) & (gaps["group"] == row.group)]
                kind = _kind(gap.iloc[0], facts) if len(gap) else ""
                why = missing_because(str(row.reasons))
                mark(left, y, row.value, row.low, row.high, kind, why=why)
                if len(gap):
                    mark_difference(right, y, gap.iloc[0].to_dict(), kind)
                y += 1
            if np.isfinite(overall[finding]):
                left.plot([overall[finding]] * 2, [top, y - 0.5], color=MUTED, lw=1, zorder=1)
            y += 0.1
        _finish(left, right, names, y, facts)
        _differences(right, gaps, facts)
        _legend(figure, right, {_kind(gap, facts) for _, gap in gaps.iterrows()})
        heading(figure, f"{facts.label} by {attribute_name(attribute)}")
    return figure


def _kind(gap: pd.Series, facts: Metric) -> str:
    lower_is_better = facts.better == "lower"
    return kind_of(gap["verdict"], -gap["value"] if lower_is_better else gap["value"])


def _finish(
    left: Axes, right: Axes, names: list[tuple[float, str]], bottom: float, facts: Metric
) -> None:
    left.set_ylim(bottom, -1.0)
    left.set_yticks([y for y, _ in names], [name for _, name in names], fontsize=8)
    for axes in (left, right):
        despine(axes)
        vertical_lines(axes)
    right.tick_params(labelleft=False)
    left.set_xlabel(f"{facts.label} (line: all patients)")
    if facts.scale == "logit":  # areas under curves are drawn up to their end
        left.set_xlim(max(min(left.get_xlim()[0], 0.6), facts.low), facts.high + 0.005)
    left.set_title("in the group (patients with the finding)", fontsize=9, color=MUTED, loc="left")


def _differences(axes: Axes, gaps: pd.DataFrame, facts: Metric) -> None:
    """Finish the panel of differences: margin, equal reach to both sides, and which side is worse."""
    axes.axvline(0, color=INK, lw=1)
    margin = margin_of(gaps)
    if np.isfinite(margin):
        axes.axvspan(-margin, margin, color=BLUE, alpha=0.08, lw=0)
    reach = max(0.12, *(abs(value) for value in axes.get_xlim()))
    axes.set_xlim(-reach, reach)
    ends = {
        "higher": ("worse for this group", "better"),
        "lower": ("better", "worse for this group"),
    }
    left_end, right_end = ends[facts.better] if facts.better else ("lower", "higher")
    axes.set_xlabel(
        f"group − all other groups{thin_label(gaps)}\n{interval_label(gaps)}{_equivalence(gaps)}\n"
        f"← {left_end}{GAP}{right_end} →"
    )


def _equivalence(gaps: pd.DataFrame) -> str:
    """Return which interval decides equivalence, where a margin was declared."""
    if gaps["margin"].isna().all():
        return ""
    levels = gaps["confidence_level"].dropna().unique()
    decides = " and ".join(percent(equivalence_level(level)) for level in sorted(levels))
    return f" (equivalence: {decides})" if decides else ""


def _legend(figure: Figure, axes: Axes, kinds: set[str]) -> None:
    handles = [
        axes.plot(
            [],
            [],
            ls="",
            marker=MARKERS[kind],
            color=COLOURS[kind],
            ms=5,
            markerfacecolor="white" if kind in HOLLOW else COLOURS[kind],
            label=kind,
        )[0]
        for kind in COLOURS
        if kind and kind in kinds
    ]
    if handles:
        figure.legend(
            handles=handles,
            loc="outside upper right",
            ncols=len(handles),
            frameon=False,
            fontsize=8,
            handletextpad=0.1,
            columnspacing=1.0,
            borderaxespad=0.1,
        )
