"""One model and one shortcut: scores, AUROCs of finding × shortcut, prevalence, gaps, and subgroups."""

from dataclasses import replace
from typing import Any

import pandas as pd

from cxraudit.audits.groups import is_intersection
from cxraudit.charts.look import KINDS, WORSE, Look, kind_of
from cxraudit.charts.scale import axis
from cxraudit.charts.spec import Axis, Chart, Column, Guide, Histogram, Mark, Part, Row, Rows
from cxraudit.figures.forest import gap_axis, legend_of
from cxraudit.figures.prevalence import prevalence_plane
from cxraudit.figures.words import (
    difference_mark,
    interval_label,
    level_mark,
    margin_of,
    numbers,
    thin_label,
)
from cxraudit.formatting import column_name, in_sentence, whole_percent
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

_Row = dict[str, Any]

_FILLS = {
    ("yes", True): "red",
    ("no", True): "blue",
    ("yes", False): "pale-red",
    ("no", False): "pale-blue",
    ("unknown", True): "grey",
    ("unknown", False): "pale-grey",
}


def shortcut_summary(
    results: pd.DataFrame, score_percentiles: pd.DataFrame, shortcut: str
) -> Chart:
    """Show everything scores alone say about one model and one shortcut.

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
    cxraudit.charts.Chart
        Four panels, and a fifth where subgroup gaps were standardised by the shortcut.
    """
    rows = results[results["attribute"] == shortcut]
    finding = str(rows["finding"].iloc[0])
    name = shortcut_name(shortcut)
    groups = _subgroups(results, finding, shortcut)
    percentiles = score_percentiles[score_percentiles["shortcut"] == shortcut]
    gaps = _gaps(rows)
    return Chart(
        title=f"{finding} and {name}",
        bands=(
            (_distributions(percentiles, name), prevalence_plane(rows, name)),
            (_areas(rows, finding, name),),
            (gaps,),
            *([(_raw_and_standardised(groups, name),)] if groups else []),
        ),
        legend=legend_of(_kind(row) for row in records(_gap_rows(rows))),
        note=f"Bars: {interval_label(rows)}{thin_label(_gap_rows(rows))}; shaded: margin.",
        attribute=name,
    )


def _distributions(percentiles: pd.DataFrame, name: str) -> Rows:
    """One row per kind of image, on the scale of images with neither finding nor shortcut."""
    finding = in_sentence(str(percentiles["finding"].iloc[0]))
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
    return Rows(
        title="Distribution of scores",
        names="images",
        columns=(
            Column(
                title="percentile of the score among images with neither (mark: mean)",
                axis=Axis("percentile", 0, 1, ((0, "0 %"), (0.5, "50 %"), (1, "100 %"))),
            ),
        ),
        parts=(
            Part(
                title="",
                rows=tuple(
                    Row(
                        name=f"{finding if positive else f'no {finding}'}, "
                        f"{ {'yes': name, 'no': f'no {name}', 'unknown': f'{name} unknown'}[has] }",
                        note=f"{int(part['n'].iloc[0]):,}",
                        cells=(_distribution(part, top, _FILLS[has, positive]),),
                    )
                    for has, positive, part in kinds
                ),
            ),
        ),
    )


def _distribution(part: pd.DataFrame, top: float, colour: str) -> Mark:
    at, share = (part[column].to_numpy(dtype="float64") for column in ("percentile", "share"))
    middle = (at[:-1] + at[1:]) / 2
    mean = float((at * share).sum())
    return Mark(
        value=mean,
        look=Look(colour),
        text=whole_percent(mean),
        hover="mean percentile",
        histogram=Histogram(
            (float(2 * at[0] - middle[0]), *middle.tolist(), float(2 * at[-1] - middle[-1])),
            tuple((share / top).tolist()),
        ),
    )


def _areas(rows: pd.DataFrame, finding: str, name: str) -> Rows:
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
    short = in_sentence(finding)
    wanted = [
        ("bnsp", f"{short} + {name} against neither"),
        ("subgroup", f"{short} or not, all with {name}"),
        ("background", f"{short} or not, none with {name}"),
        ("bpsn", f"{short} alone against {name} alone"),
        (POSITIVES, f"{name} or not, all with {short}"),
        (NEGATIVES, f"{name} or not, none with {short}"),
    ]
    low = min([0.42, *(row["low"] - 0.03 for row in levels.values() if row["low"] > 0)])
    shown = []
    for group, label in wanted:
        if group not in levels:
            continue
        verdict = str(judged[group]["verdict"]) if group in judged else ""
        look = KINDS[kind_of(verdict, -1)] if verdict else Look("dark-grey")
        mark = level_mark(levels[group], look)
        shown.append(
            Row(
                name=label + _source(levels[group]),
                cells=(replace(mark, words=verdict),),
                finding=finding,
                verdict=verdict,
            )
        )
    return Rows(
        title=f"AUROC of one kind of image against another; with a verdict: of the {name}",
        names="images compared",
        columns=(
            Column(title="AUROC", axis=axis("AUROC", low, 1.02), guides=(Guide(0.5, dashed=True),)),
        ),
        parts=(Part(title="", rows=tuple(shown)),),
    )


def _kind(row: _Row) -> str:
    """Return the kind of a gap of a shortcut, which has no better direction."""
    return WORSE if row["verdict"] == Verdict.DISPARITY else kind_of(row["verdict"], row["value"])


def _gap_rows(rows: pd.DataFrame) -> pd.DataFrame:
    chosen = rows[(rows["metric"] == "auroc") & ~is_level(rows)]
    return chosen[chosen["analysis"].isin(list(_GAP_NAMES))]


def _gaps(rows: pd.DataFrame) -> Rows:
    """Every gap of the shortcut, with its verdict if it has one."""
    chosen = _gap_rows(rows)
    lines = tuple(
        Row(
            name=label,
            cells=(difference_mark(row, KINDS[_kind(row)]),),
            finding=row["finding"],
            verdict=str(row["verdict"]),
        )
        for analysis in _GAP_NAMES
        for label, row in _gap_lines(chosen, analysis)
    )
    return Rows(
        title="Gaps",
        names="gap",
        columns=(
            Column(
                title="Gap of AUROC",
                axis=gap_axis("gap of AUROC", chosen),
                guides=(Guide(0),),
                margin=margin_of(chosen),
            ),
        ),
        parts=(Part(title="", rows=lines),),
    )


_GAP_NAMES = {
    Analysis.SHORTCUT: "with − without",
    Analysis.SHORTCUT_STANDARDISED: "… standardised by {condition}",
    Analysis.SHORTCUT_SUBSETS: "BNSP − BPSN",
    Analysis.SHORTCUT_PREVALENCE: "as observed − {reference}",
}
"""Analyses with a gap of the shortcut, in the order they are drawn, and what it is called."""


def _gap_lines(rows: pd.DataFrame, analysis: Analysis) -> list[tuple[str, _Row]]:
    lines = []
    for row in records(rows[rows["analysis"] == analysis]):
        label = _GAP_NAMES[analysis].format(
            condition=column_name(row["condition"]), reference=row["reference"]
        )
        lines.append((label + _source(row), row))
    return lines


def _source(row: _Row) -> str:
    return ", annotated labels only" if row["label_source"] == ANNOTATED else ""


def _subgroups(results: pd.DataFrame, finding: str, shortcut: str) -> list[tuple[str, list[_Row]]]:
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


def _raw_and_standardised(groups: list[tuple[str, list[_Row]]], name: str) -> Rows:
    rows = pd.DataFrame([row for _, pair in groups for row in pair])
    shared = gap_axis("gap of AUROC to all other groups", rows)
    looks = (Look("dark-grey", "square"), Look("blue"))
    return Rows(
        title=f"Gaps of subgroups in AUROC, standardised by {name}",
        columns=tuple(
            Column(title=title, axis=shared, guides=(Guide(0),))
            for title in ("raw", f"standardised by {name}")
        ),
        parts=(
            Part(
                title="",
                rows=tuple(
                    Row(
                        name=label,
                        cells=tuple(
                            replace(level_mark(row, look), text=numbers(row, signed=True))
                            for row, look in zip(pair, looks, strict=True)
                        ),
                        finding=pair[0]["finding"],
                    )
                    for label, pair in groups
                ),
            ),
        ),
    )
