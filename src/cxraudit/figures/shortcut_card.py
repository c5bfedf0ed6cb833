"""The shortcut card: where scores lie, what they see, what AUROC owes to it, and whose gap it is."""

from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cxraudit.audits.shortcuts.prevalence_shift import (
    AMONG,
    COIN_TOSS,
    DETECTABILITY,
    INDEPENDENT,
    OBSERVED,
)
from cxraudit.figures.style import (
    COLOURS,
    INK,
    LINE,
    MUTED,
    WORSE,
    house_style,
    mark,
    new_figure,
    quiet,
    shown_as,
)
from cxraudit.schema import (
    ANNOTATED_ONLY,
    AT_EQUAL,
    DOSE,
    REST,
    WITHOUT,
    WITHOUT_AT_EQUAL,
    records,
)
from cxraudit.vocabulary import attribute_name, shortcut_name, with_article

FILLS = {
    ("yes", True): "#c8451b",
    ("no", True): "#0b6fa4",
    ("yes", False): "#e3a48f",
    ("no", False): "#9fc3d8",
    ("unknown", True): "#7b8794",
    ("unknown", False): "#b4bcc5",
}


def shortcut_card(results: pd.DataFrame, places: pd.DataFrame, shortcut: str) -> Figure:
    """Draw everything scores alone say about one model and one shortcut.

    Parameters
    ----------
    results : pandas.DataFrame
        Results of one data set and model.
    places : pandas.DataFrame
        From `cxraudit.audits.shortcuts.score_places`; rows of the same model.
    shortcut : str
        Which shortcut.
    """
    own = [shortcut, shortcut + DOSE, shortcut + ANNOTATED_ONLY]
    rows = results[results["attribute"].isin(own)]
    finding = str(rows["finding"].iloc[0])
    name = shortcut_name(shortcut)
    groups = _subgroups(results, finding, name)
    with house_style():
        figure = new_figure(10.4, 6.6 + 0.22 * len(groups) + (0.9 if len(groups) else 0))
        ratios = [2.5, 2.7] + ([0.4 + 0.17 * len(groups)] if len(groups) else [])
        # Subfigures, so that long labels of one panel do not narrow the panels below it.
        bands = figure.subfigures(len(ratios), 1, height_ratios=ratios, squeeze=False)[:, 0]
        top, bottom = (band.subfigures(1, 2, width_ratios=[1, 1.1]) for band in bands[:2])
        _densities(top[0].subplots(), places[places["shortcut"] == shortcut], name)
        _areas(top[1].subplots(), rows, finding, name)
        _doses(bottom[0].subplots(), rows, name)
        _gaps(bottom[1].subplots(), rows, name)
        if len(groups):
            _raw_and_even(bands[2].subplots(), groups, name)
    return figure


def _title(axes: Axes, text: str, loc: Literal["left", "right"] = "left") -> None:
    axes.set_title(text, loc=loc, fontsize=9.5, fontweight="bold", color=INK)


def _densities(axes: Axes, places: pd.DataFrame, name: str) -> None:
    """One ridge per kind of image, on the scale of images that have neither."""
    finding = str(places["finding"].iloc[0]).lower()
    kinds = [
        (has, positive, part)
        for positive in (True, False)
        for has in ("yes", "no", "unknown")
        for part in [places[(places["has_shortcut"] == has) & (places["has_finding"] == positive)]]
        if len(part)
    ]
    top = max(part["share"].max() for _, _, part in kinds)
    for number, (has, positive, part) in enumerate(kinds):
        base = len(kinds) - 1 - number
        height = part["share"].to_numpy() / top * 0.9
        axes.fill_between(
            part["place"], base, base + height, step="mid", lw=0, color=FILLS[has, positive]
        )
        mean = float((part["place"] * part["share"]).sum())
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
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    quiet(axes)
    axes.set_xlabel("place of the score among images with neither (line: mean)")
    _title(axes, "Where the scores lie")


def _areas(axes: Axes, rows: pd.DataFrame, finding: str, name: str) -> None:
    """The four areas of shortcut × finding, and how well the score tells the shortcut itself."""
    levels = rows[(rows["reference"] == "") & rows["metric"].isin(["auroc", DETECTABILITY])]
    by_group = {row["group"]: row for row in records(levels)}
    judged = {row["group"]: row for row in records(rows[rows["reference"] == COIN_TOSS])}
    short = finding.lower()
    wanted = [
        ("bnsp", f"{short} + {name}  against  neither"),
        ("subgroup", f"{short} or not, all with {name}"),
        ("background", f"{short} or not, none with {name}"),
        ("bpsn", f"{short} alone  against  {name} alone"),
        *((group, f"{name} or not, {group.replace('among', 'all')}") for group in AMONG),
    ]
    shown = [(group, label) for group, label in wanted if group in by_group]
    for y, (group, _) in enumerate(shown):
        row = by_group[group]
        colour = "#444f5a"
        if group in AMONG:
            colour = (
                COLOURS[WORSE]
                if judged[group]["verdict"] == "disparity"
                else COLOURS[judged[group]["verdict"] or "inconclusive"]
            )
        if np.isfinite(row["low"]):
            axes.plot([row["low"], row["high"]], [y, y], color=colour, lw=4, alpha=0.3)
        axes.plot([row["value"]], [y], "o" if group not in AMONG else "D", color=colour, ms=6)
        if np.isfinite(row["value"]):
            axes.annotate(
                f"{row['value']:.2f}",
                (row["value"], y),
                xytext=(0, 6),
                ha="center",
                textcoords="offset points",
                fontsize=8,
                color=colour,
            )
    axes.axvline(0.5, color=MUTED, lw=1, ls=(0, (3, 3)))
    axes.set_yticks(range(len(shown)), [label for _, label in shown], fontsize=8)
    axes.set_ylim(len(shown) - 0.4, -0.7)
    low = min([0.42, *(by_group[g]["low"] - 0.03 for g, _ in shown if by_group[g]["low"] > 0)])
    axes.set_xlim(low, 1.02)
    quiet(axes)
    axes.grid(axis="x", color=LINE, lw=0.6)
    axes.set_axisbelow(True)
    _title(axes, "What outranks what (diamonds: is it seen?)", "right")


def _doses(axes: Axes, rows: pd.DataFrame, name: str) -> None:
    """AUROC against the share of the shortcut among positives."""
    dose = rows[rows["attribute"].str.endswith(DOSE) & (rows["reference"] == "")]
    fixed = dose[dose["group"].str.endswith("%")]
    share = fixed["group"].str.rstrip("%").astype(float).to_numpy() / 100
    order = np.argsort(share)
    value, low, high = (fixed[c].to_numpy()[order] for c in ("value", "low", "high"))
    axes.fill_between(share[order], low, high, color="#0b6fa4", alpha=0.16, lw=0)
    axes.plot(share[order], value, color="#0b6fa4", lw=1.8)
    for row in records(dose[dose["group"].str.startswith(OBSERVED)]):
        at = float(row["group"].removeprefix(OBSERVED).strip(" (%)")) / 100
        axes.errorbar(
            [at],
            [row["value"]],
            [[row["value"] - row["low"]], [row["high"] - row["value"]]],
            fmt="o",
            color=INK,
            ms=6,
            elinewidth=1.4,
        )
        axes.annotate(
            "as observed",
            (at, row["value"]),
            xytext=(8, -12),
            fontsize=8,
            textcoords="offset points",
            color=INK,
        )
    for row in records(dose[dose["group"] == INDEPENDENT]):
        axes.axhline(row["value"], color=COLOURS[WORSE], lw=1.2, ls=(0, (4, 3)))
        axes.text(
            1.0,
            row["value"],
            f"independent of the finding: {row['value']:.2f}",
            fontsize=8,
            color=COLOURS[WORSE],
            ha="right",
            va="bottom",
        )
    axes.set_xlabel(f"share of positives with {with_article(name)}")
    axes.set_ylabel("AUROC")
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    quiet(axes, keep="bottom left")
    axes.grid(color=LINE, lw=0.6)
    _title(axes, "AUROC, were it in more or fewer positives")


def _gaps(axes: Axes, rows: pd.DataFrame, name: str) -> None:
    """Every gap of the card with its verdict."""
    gaps = rows[(rows["metric"] == "auroc") & (rows["reference"] != "")]
    lines = []
    for row in records(gaps):
        people = row["attribute"].endswith(ANNOTATED_ONLY)
        if row["reference"] == WITHOUT:
            label = "with − without" + (", labels by people" if people else "")
        elif row["reference"].startswith(WITHOUT_AT_EQUAL):
            label = "… at " + row["reference"].removeprefix("without at ")
        elif row["reference"] == "bpsn":
            label = "BNSP − BPSN"
        else:
            label = f"owed to {name} going\nwith the finding"
        lines.append((label, row))
    order = ("with", "…", "BNSP", "owed")
    lines.sort(key=lambda item: [item[0].startswith(start) for start in order].index(True))
    for y, (_, row) in enumerate(lines):
        kind = WORSE if row["verdict"] == "disparity" else shown_as(row["verdict"], row["value"])
        mark(axes, y, row["value"], row["low"], row["high"], kind, why=row["note"][:40])
        if np.isfinite(row["value"]):
            axes.text(
                1.01,
                y,
                f"{row['value']:+.2f}  {row['verdict']}".replace("-", "−"),
                fontsize=8,
                transform=axes.get_yaxis_transform(),
                va="center",
                color=COLOURS[kind],
            )
    axes.axvline(0, color=MUTED, lw=0.8)
    axes.axvspan(-_margin(gaps), _margin(gaps), color="#eef2f6", zorder=0)
    axes.set_yticks(range(len(lines)), [label for label, _ in lines], fontsize=8)
    axes.set_ylim(len(lines) - 0.5, -0.5)
    quiet(axes)
    axes.set_xlabel("gap of AUROC (band: margin)")
    _title(axes, "Gaps")


def _margin(gaps: pd.DataFrame) -> float:
    return float(gaps["margin"].dropna().iloc[0]) if gaps["margin"].notna().any() else 0.0


def _subgroups(
    results: pd.DataFrame, finding: str, name: str
) -> list[tuple[str, list[dict[str, Any]]]]:
    """Gaps of groups raw and at equal shortcut, one entry per group; of two groups only one."""
    rows = results[
        (results["finding"] == finding)
        & (results["metric"] == "auroc")
        & results["reference"].isin([REST, AT_EQUAL + name])
        & ~results["attribute"].str.contains("*", regex=False)
    ]
    found = []
    for attribute, part in rows.groupby("attribute", sort=False):
        groups = list(dict.fromkeys(part["group"]))
        for group in groups[:1] if len(groups) == 2 else groups:
            mine = records(part[part["group"] == group])
            if len(mine) == 2:
                found.append((f"{attribute_name(str(attribute))}: {group}", mine))
    return found


def _raw_and_even(axes: Axes, groups: list[tuple[str, list[dict[str, Any]]]], name: str) -> None:
    for y, (_, pair) in enumerate(groups):
        for row, offset in zip(pair, (-0.17, 0.17), strict=True):
            raw = row["reference"] == REST
            colour = "#7b8794" if raw else "#0b6fa4"
            if np.isfinite(row["low"]):
                axes.plot([row["low"], row["high"]], [y + offset] * 2, color=colour, lw=1.6)
            axes.plot([row["value"]], [y + offset], "s" if raw else "o", color=colour, ms=4.8)
            if np.isfinite(row["value"]):
                axes.text(
                    1.005 if raw else 1.11,
                    y,
                    f"{row['value']:+.2f}".replace("-", "−"),
                    fontsize=8,
                    transform=axes.get_yaxis_transform(),
                    va="center",
                    color=colour,
                )
    axes.axvline(0, color=MUTED, lw=0.8)
    axes.set_yticks(range(len(groups)), [label for label, _ in groups], fontsize=8)
    axes.set_ylim(len(groups) - 0.4, -0.6)
    for x, text, colour in ((1.005, "raw", "#7b8794"), (1.11, f"at equal {name}", "#0b6fa4")):
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
    quiet(axes)
    axes.grid(axis="x", color=LINE, lw=0.6)
    axes.set_xlabel("gap of AUROC to the rest")
    _title(axes, f"Is a group's gap that of the {name}?")
