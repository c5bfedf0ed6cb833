"""Images on two axes of their embeddings, beside the AUROC of probes."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxraudit.audits.embeddings.probes import (
    CONTROL_METRIC,
    DECODABLE,
    IMAGE,
    METRIC,
    NOT_DECODABLE,
)
from cxraudit.audits.embeddings.projections import groups_column
from cxraudit.charts.look import Look, palette
from cxraudit.charts.scale import axis
from cxraudit.charts.spec import (
    Axis,
    Chart,
    Cloud,
    Column,
    Guide,
    Line,
    Mark,
    Part,
    Plane,
    Row,
    Rows,
)
from cxraudit.datasets.base import NO_GROUP, ordered_groups
from cxraudit.figures.words import interval_label, missing_because, numbers, of_whom
from cxraudit.formatting import column_name, decimal
from cxraudit.metrics import METRICS
from cxraudit.schema import Analysis, records

_COLOURS = {DECODABLE: "red", NOT_DECODABLE: "blue"}
_UNCLEAR = "grey"
_PROBES = {
    metric: (name, shape)
    for (name, metric), shape in zip(METRIC.items(), ("circle", "square", "triangle"), strict=True)
}
_SPACES = {IMAGE: "whole embedding"}
_STRIP = 0.14
"""Share of a plane that densities take at its upper and right end."""
_STEPS = 120
_FINE = 480
"""Points at which a density is known, and cells that it is computed from."""


def projections_and_probes(results: pd.DataFrame, points: pd.DataFrame) -> Chart:
    """Show, per attribute, images on two axes and beside them the AUROC of probes.

    Parameters
    ----------
    results : pandas.DataFrame
        A results table of one model.
    points : pandas.DataFrame
        Of the same model; see `cxraudit.audits.result.Audit.points`.

    Returns
    -------
    cxraudit.charts.Chart
        One row of panels per attribute; a first one for the modality, where reports were embedded.
    """
    probes = results[
        (results["analysis"] == Analysis.PROBE) & (results["metric"] != CONTROL_METRIC)
    ]
    images = points[points["modality"] == "image"]
    bands: list[tuple[Plane | Rows, ...]] = []
    if "joint_x" in points:
        bands.append(
            (_scatter("modality: PCA of both", points, "joint", "modality", ["image", "report"]),)
        )
    for attribute in dict.fromkeys(probes["attribute"]):
        column, name = groups_column(attribute), column_name(attribute)
        groups = [g for g in ordered_groups(attribute, images[column]) if g not in NO_GROUP]
        bands.append(
            (
                _scatter(f"{name}: PCA, two axes", images, "pca", column, groups),
                _scatter(f"{name}: t-SNE", images, "tsne", column, groups),
                _probe_aurocs(probes[probes["attribute"] == attribute], name),
            )
        )
    return Chart(
        title="Projections and probes",
        bands=tuple(bands),
        note=f"{_modality_gap(results)}Bars: {interval_label(probes)} on held-out patients; dashed: chance "
        "level.",
    )


def _modality_gap(results: pd.DataFrame) -> str:
    gap = results.loc[results["metric"] == "modality_gap", "value"]
    if gap.empty:
        return ""
    return (
        f"Modality gap: the means of images and reports are {decimal(gap.iloc[0])} of at most 2 apart (unit "
        "embeddings). "
    )


def _scatter(title: str, points: pd.DataFrame, name: str, column: str, groups: list[str]) -> Plane:
    """Show images in the order of the table, which is random: no group lies on top of another."""
    x, y = (points[f"{name}_{end}"].to_numpy(dtype="float64") for end in "xy")
    number = points[column].map({group: k for k, group in enumerate(groups)})
    known = number.notna().to_numpy()
    colours = tuple(palette(k) for k in range(len(groups)))
    across, up = _axis(x), _axis(y)
    values = points[column].to_numpy(dtype=object)
    densities = [
        *_densities(x, values, groups, across, up, upright=False),
        *_densities(y, values, groups, up, across, upright=True),
    ]
    return Plane(
        title=title,
        x=across,
        y=up,
        lines=tuple(densities),
        cloud=Cloud(
            x=x[known], y=y[known], colours=colours, number=number[known].to_numpy(dtype="int64")
        ),
        names=tuple((Look(colour), group) for colour, group in zip(colours, groups, strict=True)),
    )


def _axis(values: NDArray[np.float64]) -> Axis:
    """Return an axis without ticks that leaves room for densities; few points lie beyond it."""
    low, high = (float(end) for end in np.quantile(values, [0.002, 0.998]))
    return Axis("", low - 0.05 * (high - low), high + 0.22 * (high - low))


def _densities(
    values: NDArray[np.float64],
    group_of: NDArray[np.object_],
    groups: list[str],
    along: Axis,
    across: Axis,
    *,
    upright: bool,
) -> list[Line]:
    """Return the density of every group along an axis, on one scale, at the far end of the other."""
    curves = {
        number: _density(own, along)
        for number, group in enumerate(groups)
        for own in [values[group_of == group]]
        if len(own) > 5 and np.ptp(own) > 0
    }
    top = max((curve.max() for curve in curves.values()), default=1.0)
    at = tuple(np.linspace(along.low, along.high, _STEPS).tolist())
    room = _STRIP * (across.high - across.low)
    lines = []
    for number, curve in curves.items():
        height = tuple((across.high - room * (1 - curve / top)).tolist())
        x, y = (height, at) if upright else (at, height)
        lines.append(
            Line(name=groups[number], x=x, y=y, colour=palette(number), width=1.1, counted=False)
        )
    return lines


def _density(values: NDArray[np.float64], along: Axis) -> NDArray[np.float64]:
    """Return a Gaussian kernel density with the width of Scott's rule, from fine counts."""
    from scipy.ndimage import gaussian_filter1d

    counts = np.histogram(values, _FINE, (along.low, along.high))[0] / len(values)
    width = values.std(ddof=1) * len(values) ** -0.2 * _FINE / (along.high - along.low)
    smooth = gaussian_filter1d(counts, width, mode="constant", truncate=5.0)
    return smooth[np.linspace(0, _FINE - 1, _STEPS).round().astype(int)]


def _probe_aurocs(probes: pd.DataFrame, name: str) -> Rows:
    """Show the AUROC of every probe in every space, with the chance level as a line."""
    parts = tuple(
        Part(
            title=_SPACES.get(str(space), str(space)),
            rows=tuple(_probe(row) for row in records(own)),
        )
        for space, own in probes.groupby("condition", sort=False)
    )
    return Rows(
        title=f"{name}: AUROC of probes",
        names="probe",
        columns=(
            Column(
                title="AUROC",
                axis=axis("AUROC on held-out patients", 0.38, 1.02, most=4),
                guides=(Guide(0.5, dashed=True),),
            ),
        ),
        parts=parts,
    )


def _probe(row: dict[str, Any]) -> Row:
    name, shape = _PROBES.get(row["metric"], (METRICS[row["metric"]].label, "plus"))
    colour = _COLOURS.get(row["verdict"], _UNCLEAR)
    mark = Mark(
        value=row["value"],
        low=row["low"],
        high=row["high"],
        look=Look(colour, shape, hollow=row["verdict"] not in _COLOURS),
        text=numbers(row, signed=False),
        words=str(row["verdict"]),
        why=missing_because(str(row["reasons"])) or "not probed",
        hover=of_whom(row),
    )
    return Row(name=name, cells=(mark,), verdict=str(row["verdict"]))
