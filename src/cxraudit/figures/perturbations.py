"""Scores of perturbed images: change by an inserted device, and AUROC under image degradation."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cxraudit.charts.look import Look, palette
from cxraudit.charts.scale import axis, limits, reach
from cxraudit.charts.spec import (
    Axis,
    Chart,
    Column,
    Guide,
    Histogram,
    Line,
    Mark,
    Part,
    Plane,
    Row,
    Rows,
)
from cxraudit.edits import DEVICE
from cxraudit.figures.words import from_to, interval_label, margin_of, missing_because, numbers
from cxraudit.formatting import in_sentence
from cxraudit.schema import (
    COMPLEMENT,
    CONTROL_EDGE,
    CONTROL_OUTSIDE,
    CONTROLS,
    MEAN_FINDING,
    NEGATIVES,
    OVERALL,
    POSITIVES,
    UNEDITED,
    Analysis,
    is_level,
    records,
)
from cxraudit.vocabulary import attribute_name

_Row = dict[str, Any]

_TITLES = {
    DEVICE: "chest drain inserted",
    CONTROL_OUTSIDE: "control: same tube outside the lungs",
    CONTROL_EDGE: "control: edge within a lung",
    "drain-added": "redrawn with a chest drain",
    "drain-removed": "redrawn without its chest drain",
}
_LOOKS = {
    DEVICE: Look("red", "diamond"),
    CONTROL_OUTSIDE: Look("grey"),
    CONTROL_EDGE: Look("ink", "square"),
    "drain-added": Look("brown", "triangle"),
    "drain-removed": Look("blue", "triangle down"),
}
_REACH = 0.005
"""Share of images beyond the axis on either side."""
_BINS = 60


@dataclass(frozen=True, slots=True)
class _Named:
    """How perturbations are called and drawn, in their order."""

    titles: Mapping[str, str]
    looks: Mapping[str, Look]
    together: Sequence[Sequence[str]]
    """Perturbations whose changes by group stand beside each other."""

    def title(self, condition: str) -> str:
        return self.titles.get(condition, condition)

    def look(self, condition: str) -> Look:
        return self.looks.get(condition, Look())


_BUILT_IN = _Named(_TITLES, _LOOKS, [(DEVICE, *CONTROLS)])
_OF_EDITS = ("diamond", "triangle", "triangle down", "narrow diamond")
"""Shapes of own edits; controls are circles and squares."""


def counterfactual(
    results: pd.DataFrame,
    image_changes: pd.DataFrame,
    finding: str,
    without: Iterable[str] = (),
) -> Chart:
    """Show the change of each image's score when only a device is inserted or removed.

    Parameters
    ----------
    results : pandas.DataFrame
        A results table of one model.
    image_changes : pandas.DataFrame
        Of the same model; see `cxraudit.audits.result.Audit.image_changes`.
    finding : str
        Whose score.
    without : iterable of str
        Perturbations that are not shown.

    Returns
    -------
    cxraudit.charts.Chart
        The changes of all images; the images flagged before and after; and the mean change by group.
    """
    rows = results[~results["condition"].isin(list(without))]
    return _counterfactual(rows, image_changes, finding, _BUILT_IN)


def own_edits(
    results: pd.DataFrame,
    image_changes: pd.DataFrame,
    finding: str,
    controls: Mapping[str, Sequence[str]],
) -> Chart:
    """Show the change of each image's score by edits that the user made, and by their controls.

    Parameters
    ----------
    results, image_changes, finding
        As in `counterfactual`.
    controls : mapping of str to sequence of str
        Edit → its controls.

    Returns
    -------
    cxraudit.charts.Chart
        As `counterfactual`.
    """
    titles: dict[str, str] = {}
    looks: dict[str, Look] = {}
    for number, (edit, own) in enumerate(controls.items()):
        titles.setdefault(edit, edit)
        shape = _OF_EDITS[number // 6 % len(_OF_EDITS)]
        looks.setdefault(edit, Look(palette(number % 6), shape))
        for place, control in enumerate(own):
            titles.setdefault(control, f"control: {control}")
            looks.setdefault(control, Look("grey" if place % 2 == 0 else "ink", "square"))
    rows = results[results["condition"].isin(list(titles))]
    together = [(edit, *own) for edit, own in controls.items()]
    return _counterfactual(rows, image_changes, finding, _Named(titles, looks, together))


def _counterfactual(
    results: pd.DataFrame, image_changes: pd.DataFrame, finding: str, named: _Named
) -> Chart:
    rows = results[
        (results["analysis"] == Analysis.COUNTERFACTUAL) & (results["finding"] == finding)
    ]
    images = image_changes[image_changes["finding"] == finding]
    conditions = [
        name for name in dict.fromkeys(rows["condition"]) if name in set(images["condition"])
    ]
    images = images[images["condition"].isin(conditions)]
    conditions.sort(key=lambda name: [*named.titles, name].index(name))
    changes = rows[(rows["metric"] == "score_change") & (rows["reference"] == UNEDITED)]
    overall = changes[(changes["attribute"] == OVERALL) & (changes["group"] == OVERALL)]
    of_groups = changes[changes["attribute"] != OVERALL]
    flagged = _flagged(rows, conditions, named)
    by_group = [_by_group(of_groups, names, named) for names in _together(of_groups, named)]
    return Chart(
        title=f"Change of the score for {in_sentence(finding)}",
        bands=(
            (_changes(overall, images, conditions, named),),
            *([(flagged,)] if flagged else []),
            *((one,) for one in by_group),
        ),
        note="Changes are in standard deviations of the unedited scores; marks: means; bars: "
        f"{interval_label(overall)}; shaded: margin.",
    )


def _together(changes: pd.DataFrame, named: _Named) -> list[list[str]]:
    """Return the perturbations whose changes by group stand beside each other; all, where none is named."""
    present = list(dict.fromkeys(changes["condition"]))
    found = [[name for name in names if name in present] for names in named.together]
    found = [names for names in found if names]
    return found or ([present] if present else [])


def _changes(
    means: pd.DataFrame, images: pd.DataFrame, conditions: list[str], named: _Named
) -> Rows:
    """One row per perturbation: the change of every image, and the mean with its interval."""
    low, high = np.quantile(np.asarray(images["change"], dtype=np.float64), [_REACH, 1 - _REACH])
    low, high = min(low, -0.3), max(high, 0.3)
    edges = np.linspace(low, high, _BINS)
    by_condition = {row["condition"]: row for row in records(means)}
    rows = []
    for name in conditions:
        change = images.loc[images["condition"] == name, "change"].clip(low, high)
        heights = np.histogram(change, edges)[0]
        row = by_condition[name]
        mark = Mark(
            value=row["value"],
            low=row["low"],
            high=row["high"],
            look=named.look(name),
            text=numbers(row, signed=True),
            words=str(row["verdict"]),
            why=missing_because(str(row["reasons"])),
            histogram=Histogram(tuple(edges.tolist()), tuple((heights / heights.max()).tolist())),
        )
        rows.append(Row(name=named.title(name), cells=(mark,), verdict=str(row["verdict"])))
    return Rows(
        title="All images",
        names="perturbation",
        columns=(
            Column(
                title="Change of each image's score (SD)",
                axis=axis("change of each image's score (SD)", low, high, signed=True),
                guides=(Guide(0),),
                margin=margin_of(means),
            ),
        ),
        parts=(Part(title="", rows=tuple(rows)),),
    )


def _flagged(rows: pd.DataFrame, conditions: list[str], named: _Named) -> Rows | None:
    """Share of images flagged before and after, as lines from one to the other."""
    parts = []
    for metric, group in (("fpr", NEGATIVES), ("tpr", POSITIVES)):
        chosen = rows[(rows["metric"] == metric) & (rows["group"] == group)]
        changed, levels = (
            {r["condition"]: r["value"] for r in records(chosen[chosen["reference"] == reference])}
            for reference in (UNEDITED, "")
        )
        shown = [(name, levels[name] - changed[name]) for name in conditions if name in changed]
        marks = tuple(
            Row(
                name=named.title(name),
                cells=(
                    Mark(
                        value=levels[name],
                        before=before,
                        look=named.look(name),
                        text=from_to(before, levels[name]) if np.isfinite(before) else "",
                    ),
                ),
            )
            for name, before in shown
        )
        if marks:
            parts.append(Part(title=group, rows=marks))
    if not parts:
        return None
    return Rows(
        title="Images flagged, before → after",
        names="perturbation",
        columns=(Column(title="Share flagged", axis=axis("share flagged", 0, 1, percent=True)),),
        parts=tuple(parts),
    )


def _by_group(changes: pd.DataFrame, inserted: Sequence[str], named: _Named) -> Rows:
    of_row = {(row["attribute"], row["group"], row["condition"]): row for row in records(changes)}
    far = reach(changes[["value", "low", "high"]].to_numpy("float64").ravel(), at_least=0.3)
    shared = axis("mean change (SD)", -far, far, most=4, signed=True)
    groups = dict.fromkeys(zip(changes["attribute"], changes["group"], strict=True))
    parts = tuple(
        Part(
            title=attribute_name(attribute),
            attribute=attribute_name(attribute),
            rows=tuple(
                Row(
                    name=group,
                    cells=tuple(
                        _change(of_row.get((attribute, group, name)), named.look(name))
                        for name in inserted
                    ),
                )
                for of, group in groups
                if of == attribute
            ),
        )
        for attribute in dict.fromkeys(attribute for attribute, _ in groups)
    )
    return Rows(
        title="Mean change by group",
        columns=tuple(
            Column(
                title=named.title(name),
                axis=shared,
                guides=(Guide(0),),
                margin=margin_of(changes),
            )
            for name in inserted
        ),
        parts=parts,
    )


def _change(row: _Row | None, look: Look) -> Mark | None:
    if row is None:
        return None
    return Mark(
        value=row["value"],
        low=row["low"],
        high=row["high"],
        look=look,
        text=numbers(row, signed=True),
        why=missing_because(str(row["reasons"])),
    )


def corruption_curves(results: pd.DataFrame) -> Chart:
    """Show AUROC by severity, one panel per corruption: every finding, and their mean.

    Parameters
    ----------
    results : pandas.DataFrame
        A results table of one model.

    Returns
    -------
    cxraudit.charts.Chart
    """
    rows = results[
        (results["analysis"] == Analysis.CORRUPTION)
        & (results["attribute"] == OVERALL)
        & (results["metric"] == "auroc")
    ]
    changes, levels = rows[rows["reference"] == UNEDITED], rows[is_level(rows)]
    findings = [f for f in dict.fromkeys(levels["finding"]) if f != MEAN_FINDING]
    lines = {}
    for name in dict.fromkeys(levels["condition"]):
        own_levels, own_changes = (t[t["condition"] == name] for t in (levels, changes))
        drawn = [
            _with_unedited(own_levels, own_changes, finding, palette(number % 6))
            for number, finding in enumerate(findings)
        ]
        mean = _with_unedited(own_levels, own_changes, MEAN_FINDING, "ink")
        lines[name] = tuple(line for line in (*drawn, mean) if line)
    return _by_severity(
        "AUROC by image degradation and severity",
        "AUROC",
        lines,
        first=0,
        note=f"Band: {interval_label(levels)} of the mean.",
    )


def _with_unedited(
    levels: pd.DataFrame, changes: pd.DataFrame, finding: str, colour: str
) -> Line | None:
    """Return severities and AUROC of a finding, from severity 0: the unedited images."""
    own, change = (
        table[table["finding"] == finding].sort_values("at") for table in (levels, changes)
    )
    if own.empty or (finding != MEAN_FINDING and change.empty):
        return None
    mean = finding == MEAN_FINDING
    before = (
        [own["value"].to_numpy()[0] - change["value"].to_numpy()[0]] if len(change) else [np.nan]
    )
    return Line(
        name="mean" if mean else finding,
        x=(0.0, *own["at"]),
        y=(*before, *own["value"]),
        low=tuple(own["low"]) if mean else (),
        high=tuple(own["high"]) if mean else (),
        colour=colour,
        width=2 if mean else 1.2,
    )


def corruption_gaps(results: pd.DataFrame) -> Chart | None:
    """Show gaps by severity, as the mean over findings, one panel per corruption.

    Parameters
    ----------
    results : pandas.DataFrame
        A results table of one model.

    Returns
    -------
    cxraudit.charts.Chart or None
        Of each attribute the group with the lowest gap at the highest severity; None without gaps.
    """
    rows = results[
        (results["analysis"] == Analysis.CORRUPTION) & (results["reference"] == COMPLEMENT)
    ]
    if rows.empty:
        return None
    several = (rows["finding"] == MEAN_FINDING).any()
    chosen = rows[rows["finding"] == (MEAN_FINDING if several else rows["finding"].iloc[0])]
    groups = _lowest(chosen)
    lines = {
        name: tuple(
            _gap_line(chosen, name, attribute, group, palette(number % 6))
            for number, (attribute, group) in enumerate(groups)
        )
        for name in dict.fromkeys(chosen["condition"])
    }
    return _by_severity(
        "Gaps in AUROC by image degradation and severity",
        "AUROC gap to all other groups",
        lines,
        first=1,
        note=f"Bands: {interval_label(chosen)}.",
    )


def _gap_line(rows: pd.DataFrame, name: str, attribute: str, group: str, colour: str) -> Line:
    part = rows[
        (rows["condition"] == name) & (rows["attribute"] == attribute) & (rows["group"] == group)
    ].sort_values("at")
    return Line(
        name=f"{attribute_name(attribute)}: {group}",
        x=tuple(part["at"]),
        y=tuple(part["value"]),
        low=tuple(part["low"]),
        high=tuple(part["high"]),
        colour=colour,
        dots=True,
    )


def _lowest(rows: pd.DataFrame) -> list[tuple[str, str]]:
    """Return the group of each attribute with the lowest gap at the highest severity, over corruptions."""
    last = rows[rows["at"] == rows["at"].max()]
    size = last.groupby(["attribute", "group"], sort=False)["value"].mean()
    return [
        (str(attribute), str(part.idxmin()[1]))
        for attribute, part in size.groupby(level=0, sort=False)
        if part.notna().any()
    ]


def _by_severity(
    title: str, label: str, lines: dict[str, tuple[Line, ...]], *, first: int, note: str
) -> Chart:
    drawn = [line for own in lines.values() for line in own]
    y = axis(label, *limits(value for line in drawn for value in (*line.y, *line.low, *line.high)))
    x = _severities(first, (value for line in drawn for value in line.x))
    zero = (Guide(0),) if y.low < 0 < y.high else ()
    planes = tuple(
        Plane(title=name, x=x, y=y, lines=own, across=zero) for name, own in lines.items()
    )
    names = {line.name: line for line in drawn}
    return Chart(
        title=title,
        bands=(planes,),
        legend=tuple((line, name) for name, line in names.items()),
        note=note,
    )


def _severities(first: int, values: Iterable[float]) -> Axis:
    last = max([first + 1, *(round(value) for value in values)])
    ticks = tuple((float(k), "none" if k == 0 else str(k)) for k in range(first, last + 1))
    return Axis("severity", first - 0.15, last + 0.15, ticks)
