"""One model and one shortcut: scores, AUROCs of finding × shortcut, prevalence, gaps, and subgroups."""

from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cxraudit.audits.groups import is_intersection
from cxraudit.figures.prevalence import draw_prevalence
from cxraudit.figures.style import (
    BLUE,
    COLOURS,
    DARK_GREY,
    GREY,
    INK,
    MUTED,
    PALE_GREY,
    RED,
    WORSE,
    colour_of,
    despine,
    house_style,
    interval_label,
    kind_of,
    margin_of,
    mark_difference,
    missing_because,
    new_figure,
    shade_margin,
    thin_label,
    vertical_lines,
)
from cxraudit.formatting import column_name, decimal, signed
from cxraudit.schema import (
    ANNOTATED,
    CHANCE,
    COMPLEMENT,
    NEGATIVES,
    POSITIVES,
    Analysis,
    is_level,
    records,
)
from cxraudit.stats.estimate import Verdict
from cxraudit.vocabulary import attribute_name, shortcut_name

Row = dict[str, Any]

_FILLS = {
    ("yes", True): RED,
    ("no", True): BLUE,
    ("yes", False): "#e3a48f",
    ("no", False): "#9fc3d8",
    ("unknown", True): GREY,
    ("unknown", False): PALE_GREY,
}


def shortcut_summary(
    results: pd.DataFrame, score_percentiles: pd.DataFrame, shortcut: str
) -> Figure:
    """Draw everything scores alone say about one model and one shortcut.

    Parameters
    ----------
    results : pandas.DataFrame
        Results of one data set and model.
    score_percentiles : pandas.DataFrame
        Of the same model; see `cxraudit.audits.result.Audit.score_percentiles`.
    shortcut : str
        Which shortcut.

    Returns
    -------
    matplotlib.figure.Figure
        Four panels, and a fifth where subgroup gaps were standardised by the shortcut.
    """
    rows = results[results["attribute"] == shortcut]
    finding = str(rows["finding"].iloc[0])
    name = shortcut_name(shortcut)
    groups = _subgroups(results, finding, shortcut)
    with house_style():
        figure = new_figure(10.4, 6.6 + 0.22 * len(groups) + (0.9 if groups else 0))
        ratios = [2.5, 2.7] + ([0.4 + 0.17 * len(groups)] if groups else [])
        # Subfigures, so that long labels of one panel do not narrow the panels below it.
        bands = figure.subfigures(len(ratios), 1, height_ratios=ratios, squeeze=False)[:, 0]
        top, bottom = (band.subfigures(1, 2, width_ratios=[1, 1.1]) for band in bands[:2])
        percentiles = score_percentiles[score_percentiles["shortcut"] == shortcut]
        _distributions(top[0].subplots(), percentiles, name)
        _areas(top[1].subplots(), rows, finding, name)
        prevalence = bottom[0].subplots()
        draw_prevalence(prevalence, rows, name)
        _title(prevalence, "AUROC by prevalence of the shortcut")
        _gaps(bottom[1].subplots(), rows, name)
        if groups:
            _raw_and_standardised(bands[2].subplots(), groups, name)
    return figure


def _title(axes: Axes, text: str, loc: Literal["left", "right"] = "left") -> None:
    axes.set_title(text, loc=loc, fontsize=9.5, fontweight="bold", color=INK)


def _distributions(axes: Axes, percentiles: pd.DataFrame, name: str) -> None:
    """One ridge per kind of image, on the scale of images with neither finding nor shortcut."""
    finding = str(percentiles["finding"].iloc[0]).lower()
    kinds = [
        (has, positive, part)
        for positive in (True, False)
        for has in ("yes", "no", "unknown")
        for part in [
            percentiles[
                (percentiles["has_shortcut"] == has) & (percentiles["has_finding"] == positive)
            ]
        ]
        if len(part)
    ]
    top = max(part["share"].max() for _, _, part in kinds)
    for number, (has, positive, part) in enumerate(kinds):
        base = len(kinds) - 1 - number
        height = part["share"].to_numpy() / top * 0.9
        axes.fill_between(
            part["percentile"], base, base + height, step="mid", lw=0, color=_FILLS[has, positive]
        )
        mean = float((part["percentile"] * part["share"]).sum())
        axes.plot([mean, mean], [base, base + 0.5], color=INK, lw=1.4)
        first = finding if positive else f"no {finding}"
        second = {"yes": name, "no": f"no {name}", "unknown": f"{name} unknown"}[has]
        axes.text(
            -0.03,
            base + 0.3,
            f"{first},\n{second}  ({int(part['n'].iloc[0]):,})",
            ha="right",
            va="center",
            fontsize=8,
            transform=axes.get_yaxis_transform(),
        )
    axes.set_yticks([])
    axes.set_xlim(0, 1)
    axes.set_ylim(-0.05, len(kinds))
    axes.set_xticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
    despine(axes)
    axes.set_xlabel("percentile of the score among images with neither (line: mean)")
    _title(axes, "Distribution of scores")


def _areas(axes: Axes, rows: pd.DataFrame, finding: str, name: str) -> None:
    """The four areas of shortcut × finding, and how well the score separates the shortcut itself."""
    own = rows["analysis"].isin([Analysis.SHORTCUT_SUBSETS, Analysis.SHORTCUT_SEPARATION])
    of_chance = (rows["analysis"] == Analysis.SHORTCUT_SEPARATION) & (rows["reference"] == CHANCE)
    judged = {row["group"]: row for row in records(rows[of_chance & (rows["verdict"] != "")])}
    # Of all labels and those by annotators, what is judged is shown.
    levels = {
        row["group"]: row
        for row in records(rows[own & is_level(rows)])
        if row["group"] not in judged or row["label_source"] == judged[row["group"]]["label_source"]
    }
    short = finding.lower()
    wanted = [
        ("bnsp", f"{short} + {name}  against  neither"),
        ("subgroup", f"{short} or not, all with {name}"),
        ("background", f"{short} or not, none with {name}"),
        ("bpsn", f"{short} alone  against  {name} alone"),
        (POSITIVES, f"{name} or not, all with {short}"),
        (NEGATIVES, f"{name} or not, none with {short}"),
    ]
    shown = [(group, label) for group, label in wanted if group in levels]
    for y, (group, _) in enumerate(shown):
        row = levels[group]
        separation = group in judged
        colour = colour_of(judged[group]["verdict"]) if separation else DARK_GREY
        if np.isfinite(row["low"]):
            axes.plot([row["low"], row["high"]], [y, y], color=colour, lw=4, alpha=0.3)
        axes.plot([row["value"]], [y], "D" if separation else "o", color=colour, ms=6)
        if np.isfinite(row["value"]):
            axes.annotate(
                decimal(row["value"]),
                (row["value"], y),
                xytext=(0, 6),
                ha="center",
                textcoords="offset points",
                fontsize=8,
                color=colour,
            )
    axes.axvline(0.5, color=MUTED, lw=1, ls=(0, (3, 3)))
    names = [label + _source(levels[group]) for group, label in shown]
    axes.set_yticks(range(len(shown)), names, fontsize=8)
    axes.set_ylim(len(shown) - 0.4, -0.7)
    low = min([0.42, *(levels[g]["low"] - 0.03 for g, _ in shown if levels[g]["low"] > 0)])
    axes.set_xlim(low, 1.02)
    despine(axes)
    vertical_lines(axes)
    _title(axes, f"AUROC of one kind of image against another (diamonds: of the {name})", "right")


def _gaps(axes: Axes, rows: pd.DataFrame, name: str) -> None:
    """Every gap of the shortcut, with its verdict if it has one."""
    chosen = rows[(rows["metric"] == "auroc") & ~is_level(rows)]
    lines = [line for analysis in _GAP_NAMES for line in _gap_lines(chosen, analysis)]
    for y, (_, row) in enumerate(lines):
        verdict = row["verdict"]
        kind = WORSE if verdict == Verdict.DISPARITY else kind_of(verdict, row["value"])
        why = missing_because(row["reasons"])
        mark_difference(axes, y, row, kind, why=why)
        if np.isfinite(row["value"]):
            axes.text(
                1.01,
                y,
                f"{signed(row['value'])}  {verdict}",
                fontsize=8,
                transform=axes.get_yaxis_transform(),
                va="center",
                color=COLOURS[kind],
            )
    axes.axvline(0, color=MUTED, lw=0.8)
    shade_margin(axes, margin_of(chosen))
    axes.set_yticks(range(len(lines)), [label for label, _ in lines], fontsize=8)
    axes.set_ylim(len(lines) - 0.5, -0.5)
    despine(axes)
    axes.set_xlabel(f"gap of AUROC, {interval_label(chosen)}{thin_label(chosen)} (band: margin)")
    _title(axes, "Gaps")


_GAP_NAMES = {
    Analysis.SHORTCUT: "with − without",
    Analysis.SHORTCUT_STANDARDISED: "… standardised by {condition}",
    Analysis.SHORTCUT_SUBSETS: "BNSP − BPSN",
    Analysis.SHORTCUT_PREVALENCE: "as observed − {reference}",
}
"""Analyses with a gap of the shortcut, in the order they are drawn, and what it is called."""


def _gap_lines(rows: pd.DataFrame, analysis: Analysis) -> list[tuple[str, Row]]:
    lines = []
    for row in records(rows[rows["analysis"] == analysis]):
        label = _GAP_NAMES[analysis].format(
            condition=column_name(row["condition"]), reference=row["reference"]
        )
        lines.append((label + _source(row), row))
    return lines


def _source(row: Row) -> str:
    return ", annotated labels only" if row["label_source"] == ANNOTATED else ""


def _subgroups(results: pd.DataFrame, finding: str, shortcut: str) -> list[tuple[str, list[Row]]]:
    """Gaps of groups raw and standardised by the shortcut, one entry per group; of two only one."""
    gaps = results[
        (results["finding"] == finding)
        & (results["metric"] == "auroc")
        & (results["reference"] == COMPLEMENT)
    ]
    raw = gaps[gaps["analysis"] == Analysis.SUBGROUPS]
    standardised = gaps[
        (gaps["analysis"] == Analysis.STANDARDISED) & (gaps["condition"] == shortcut)
    ]
    found = []
    for attribute, part in raw.groupby("attribute", sort=False):
        if is_intersection(str(attribute)):
            continue
        groups = list(dict.fromkeys(part["group"]))
        for group in groups[:1] if len(groups) == 2 else groups:
            pair = [
                row
                for table in (raw, standardised)
                for row in records(
                    table[(table["attribute"] == attribute) & (table["group"] == group)]
                )
            ]
            if len(pair) == 2:
                found.append((f"{attribute_name(str(attribute))}: {group}", pair))
    return found


def _raw_and_standardised(axes: Axes, groups: list[tuple[str, list[Row]]], name: str) -> None:
    looks = (("raw", GREY, "s", -0.17, 1.005), (f"standardised by {name}", BLUE, "o", 0.17, 1.07))
    for y, (_, pair) in enumerate(groups):
        for row, (_, colour, marker, offset, x) in zip(pair, looks, strict=True):
            if np.isfinite(row["low"]):
                axes.plot([row["low"], row["high"]], [y + offset] * 2, color=colour, lw=1.6)
            axes.plot([row["value"]], [y + offset], marker, color=colour, ms=4.8)
            if np.isfinite(row["value"]):
                axes.text(
                    x,
                    y,
                    signed(row["value"]),
                    fontsize=8,
                    transform=axes.get_yaxis_transform(),
                    va="center",
                    color=colour,
                )
    axes.axvline(0, color=MUTED, lw=0.8)
    axes.set_yticks(range(len(groups)), [label for label, _ in groups], fontsize=8)
    axes.set_ylim(len(groups) - 0.4, -0.6)
    for text, colour, _, _, x in looks:
        axes.text(
            x,
            1.01,
            text,
            transform=axes.transAxes,
            fontsize=8,
            color=colour,
            fontweight="bold",
            va="bottom",
        )
    despine(axes)
    vertical_lines(axes)
    rows = pd.DataFrame([row for _, pair in groups for row in pair])
    axes.set_xlabel(f"gap of AUROC to all other groups, {interval_label(rows)}")
    _title(axes, f"Gaps of subgroups, standardised by {name}")
