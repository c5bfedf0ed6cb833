"""Change of AUROC and of gaps after an attribute is erased from the embeddings."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cxraudit.figures.style import (
    GREY,
    MUTED,
    RED,
    despine,
    house_style,
    interval_label,
    new_figure,
    vertical_lines,
)
from cxraudit.formatting import column_name
from cxraudit.schema import BEFORE_ERASURE, COMPLEMENT, Analysis, records


def erasure_changes(results: pd.DataFrame) -> Figure:
    """Draw what erasing each attribute does to AUROC, and to the gap of one group.

    Parameters
    ----------
    results : pandas.DataFrame
        A results table of one model; of its gaps, the largest of each finding says which group's
        change is drawn.

    Returns
    -------
    matplotlib.figure.Figure
        Filled: the interval excludes no change.
    """
    erasure = results[
        (results["analysis"] == Analysis.ERASURE) & (results["reference"] == BEFORE_ERASURE)
    ]
    attributes = list(dict.fromkeys(erasure["attribute"]))
    findings = list(dict.fromkeys(erasure["finding"]))
    gaps = _of_largest_gap(erasure[erasure["metric"] == "auroc_gap"], results)
    with house_style():
        height = 0.8 + 0.22 * len(findings) * len(attributes) + 0.3 * len(attributes)
        figure = new_figure(10.4, height)
        left, right = figure.subplots(1, 2, sharey=True)
        _changes(left, erasure[erasure["metric"] == "auroc"], attributes, findings)
        _changes(right, gaps, attributes, findings)
        for number, attribute in enumerate(attributes):
            left.text(
                0.0,
                _line(findings, number) - 0.75,
                f"{column_name(attribute)} erased",
                transform=left.get_yaxis_transform(),
                fontsize=9.5,
                fontweight="bold",
            )
        label = interval_label(erasure)
        left.set_xlabel(f"change of AUROC over all test patients, {label}")
        right.set_xlabel(f"change of the gap of the group with the largest gap, {label}")
        left.set_ylim(_line(findings, len(attributes)) - 1, -1.4)
    return figure


def _line(findings: list[str], attribute: int, finding: int = 0) -> float:
    """Return where the line of a finding stands below the heading of an attribute."""
    return attribute * (len(findings) + 1.4) + finding


def _of_largest_gap(changes: pd.DataFrame, results: pd.DataFrame) -> pd.DataFrame:
    """Keep, of each attribute and finding, the group whose gap is largest in the whole cohort."""
    raw = results[
        (results["analysis"] == Analysis.SUBGROUPS)
        & (results["metric"] == "auroc")
        & (results["reference"] == COMPLEMENT)
    ]
    key = ["attribute", "finding", "group"]
    size = raw.assign(size=raw["value"].abs())[[*key, "size"]]
    known = changes.merge(size, on=key, how="left")
    ordered = known.assign(size=known["size"].fillna(-1)).sort_values("size", ascending=False)
    return ordered.drop_duplicates(key[:2])


def _changes(axes: Axes, rows: pd.DataFrame, attributes: list[str], findings: list[str]) -> None:
    ticks = []
    for row in records(rows):
        y = _line(findings, attributes.index(row["attribute"]), findings.index(row["finding"]))
        ticks.append((y, row["finding"]))
        changed = not row["low"] <= 0 <= row["high"]
        colour = RED if changed else GREY
        axes.plot([row["low"], row["high"]], [y, y], color=colour, lw=1.5)
        axes.plot(
            [row["value"]],
            [y],
            "o",
            color=colour,
            ms=4.6,
            markerfacecolor=colour if changed else "white",
        )
    axes.axvline(0, color=MUTED, lw=0.8)
    axes.set_yticks([y for y, _ in ticks], [name for _, name in ticks], fontsize=7.8)
    despine(axes)
    vertical_lines(axes)
